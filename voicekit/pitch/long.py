"""F0 of a long recording in windows that overlap, so that memory does not grow with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE, frame_count
from voicekit.pitch.sung import track_sung_pitch
from voicekit.pitch.tracking import PitchTrack, track_pitch

__all__ = ["KINDS", "track_long"]

KINDS = ("speech", "song")
WINDOW_FRAMES = 24_000  #: four minutes
OVERLAP_FRAMES = 400


def track_long(
    read: Callable[[int, int], npt.NDArray[np.float32]],
    n_samples: int,
    kind: str,
    *,
    window_frames: int = WINDOW_FRAMES,
    told: Callable[[float], None] = lambda part: None,
) -> PitchTrack:
    """F0 of a recording, one value every 10 ms.

    Parameters
    ----------
    read : callable
        Samples (b - a,) from a up to b, mono at 24 kHz.
    n_samples : int
    kind : str
        ``speech`` or ``song``: which tracker.
    window_frames : int
        A recording up to this long is tracked as a whole; longer ones in windows that overlap by four seconds and are
        joined in the middle of the overlap.
    told : callable
        How much (0..1) is done, after each window.

    Returns
    -------
    PitchTrack
    """
    n_frames = frame_count(n_samples)
    f0 = np.zeros(n_frames)
    start = 0
    while True:
        stop = min(n_frames, start + window_frames)
        wave = np.ascontiguousarray(read(start * HOP_LENGTH, min(n_samples, stop * HOP_LENGTH)))
        found = track_sung_pitch(wave, SAMPLE_RATE) if kind == "song" else track_pitch(wave, SAMPLE_RATE)
        keep = start + OVERLAP_FRAMES // 2 if start else 0
        values = found.f0_hz[: stop - start]
        f0[keep : start + len(values)] = values[keep - start :]
        told(stop / max(1, n_frames))
        if stop >= n_frames:
            return PitchTrack(f0, f0 > 0)
        start = stop - OVERLAP_FRAMES
