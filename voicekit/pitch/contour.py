"""F0 contours made fit to be commanded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voicekit.pitch.tracking import PitchTrack

MIN_VOICED_FRAMES = 4  #: a shorter voiced island holds too few periods to be a pitch
EDGE_FRAMES = 3  #: at the ends of a voiced stretch the tracker's window straddles silence
MAX_STEP_CENTS = 80.0  #: the fastest glide of a voice in 10 ms (a third in 50 ms)


def voiced_stretches(vuv: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of voiced frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], vuv, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[0::2], edges[1::2], strict=True)]


def _median(values: npt.NDArray[np.float64], width: int = 5) -> npt.NDArray[np.float64]:
    half = width // 2
    padded = np.pad(values, half, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)


def tidy(track: PitchTrack) -> PitchTrack:
    """Take a tracker's slips out of a contour, so that it can be commanded.

    Voiced islands below `MIN_VOICED_FRAMES` become unvoiced; single slips go by a median of five; jumps no voice
    makes (mostly octave errors) split a stretch, of which the parts are brought into the octave of the longest; the
    first and last `EDGE_FRAMES` of a stretch, where the tracker saw half of silence, may not leave the pitch beside
    them by more than `MAX_STEP_CENTS` a frame.

    Parameters
    ----------
    track : PitchTrack

    Returns
    -------
    PitchTrack
        Same length.
    """
    f0 = np.asarray(track.f0_hz, dtype=np.float64).copy()
    vuv = track.vuv.copy()
    for start, stop in voiced_stretches(vuv):
        if stop - start < MIN_VOICED_FRAMES:
            vuv[start:stop] = False
            continue
        cents = _median(1200.0 * np.log2(f0[start:stop]))
        jumps = np.flatnonzero(np.abs(np.diff(cents)) > 600.0) + 1
        parts = np.split(np.arange(len(cents)), jumps)
        longest = max(parts, key=len)
        home = float(np.median(cents[longest]))
        for part in parts:
            cents[part] -= 1200.0 * np.round((np.median(cents[part]) - home) / 1200.0)
        edge = min(EDGE_FRAMES, (len(cents) - 1) // 2)
        for inner, outer in [(edge - i, edge - i - 1) for i in range(edge)] + [
            (len(cents) - 1 - edge + i, len(cents) - edge + i) for i in range(edge)
        ]:
            cents[outer] = cents[inner] + np.clip(cents[outer] - cents[inner], -MAX_STEP_CENTS / 4, MAX_STEP_CENTS / 4)
        step = np.diff(cents)
        if (np.abs(step) > MAX_STEP_CENTS).any():
            forward = cents.copy()
            backward = cents.copy()
            for i in range(1, len(cents)):
                forward[i] = forward[i - 1] + np.clip(cents[i] - forward[i - 1], -MAX_STEP_CENTS, MAX_STEP_CENTS)
                j = len(cents) - 1 - i
                backward[j] = backward[j + 1] + np.clip(cents[j] - backward[j + 1], -MAX_STEP_CENTS, MAX_STEP_CENTS)
            cents = 0.5 * (forward + backward)
        f0[start:stop] = 2.0 ** (cents / 1200.0)
    return PitchTrack(np.where(vuv, f0, 0.0), vuv)
