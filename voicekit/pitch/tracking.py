"""F0 tracking by Praat's autocorrelation method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import FRAME_RATE, frame_count, frame_times

SPEECH_RANGE_HZ = (60.0, 500.0)
SUNG_RANGE_HZ = (60.0, 1400.0)
#: Praat's options for what is faint: silence and voicing thresholds far below its own (0.03, 0.45), and a dearer change
#: between the two states (its own: 0.14), so that what is kept holds together.
_FAINT = {"silence_threshold": 0.003, "voicing_threshold": 0.2, "voiced_unvoiced_cost": 0.3}
FAINT_REACH = 1  #: frames that a faint voice may go on beyond what is plainly voiced


@dataclass(frozen=True)
class PitchTrack:
    """F0 on the package's frame grid.

    Attributes
    ----------
    f0_hz : ndarray
        (T,) float64, Hz; 0 where unvoiced.
    vuv : ndarray
        (T,) bool, voiced or not.
    """

    f0_hz: npt.NDArray[np.float64]
    vuv: npt.NDArray[np.bool_]

    def continuous(self) -> npt.NDArray[np.float64]:
        """F0 (T,) with the unvoiced stretches bridged in the log domain; all zeros if nothing is voiced."""
        if not self.vuv.any():
            return np.zeros_like(self.f0_hz)
        voiced = np.flatnonzero(self.vuv)
        return np.exp(np.interp(np.arange(len(self.f0_hz)), voiced, np.log(self.f0_hz[voiced])))


def _praat(
    waveform: npt.NDArray[np.float32], sample_rate: int, floor: float, ceiling: float, faint: bool = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    import parselmouth  # heavy: only when something is tracked

    sound = parselmouth.Sound(waveform.astype(np.float64), sampling_frequency=sample_rate)
    options = _FAINT if faint else {}
    pitch = sound.to_pitch_ac(time_step=1.0 / FRAME_RATE, pitch_floor=floor, pitch_ceiling=ceiling, **options)
    return np.asarray(pitch.xs()), np.asarray(pitch.selected_array["frequency"])


def with_faint(plain: npt.NDArray[np.float64], soft: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What is plainly voiced, (T,) Hz, carried on into what is faint, (T,) Hz; 0 where unvoiced.

    A stretch of `soft` is taken as far as `FAINT_REACH` frames from the plainly voiced frames in it, which stay.
    """
    result = plain.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], soft > 0, [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        voiced = np.flatnonzero(plain[start:stop] > 0)
        if len(voiced):
            away = np.abs(np.arange(stop - start)[:, None] - voiced).min(1)
            carried = np.where(away <= FAINT_REACH, soft[start:stop], 0.0)
            result[start:stop] = np.where(away == 0, plain[start:stop], carried)
    return result


def track_pitch(
    waveform: npt.NDArray[np.float32],
    sample_rate: int,
    *,
    range_hz: tuple[float, float] = SPEECH_RANGE_HZ,
    adapt: bool = True,
    faint: bool = False,
) -> PitchTrack:
    """F0 of a recording, one value every 10 ms.

    Parameters
    ----------
    waveform : ndarray
        (N,) mono.
    sample_rate : int
        Hz.
    range_hz : (float, float)
        Lowest and highest F0 looked for.
    adapt : bool
        Track twice, the second time within the range the first pass found.  Source: D. Hirst, "The analysis by
        synthesis of speech melody", 2011 (floor 0.75 q25, ceiling 1.5 q75; our ceiling is 2 q75, since a lively
        reader's questions rise above 1.5).
    faint : bool
        Follow a voice for `FAINT_REACH` frames into what is too soft or breathy to be called voiced: voices fade in
        and out.  For making a recording again, where the vocoder decides band by band what is periodic; not
        for saying what is voiced.

    Returns
    -------
    PitchTrack
        ``frame_count`` frames for the waveform at 24 kHz.
    """
    n_frames = frame_count(round(len(waveform) * 24_000 / sample_rate))
    empty = PitchTrack(np.zeros(n_frames), np.zeros(n_frames, dtype=bool))
    floor, ceiling = range_hz
    if len(waveform) < 3.2 * sample_rate / floor:  # shorter than Praat's own window
        return empty
    times, f0 = _praat(waveform, sample_rate, floor, ceiling)
    if adapt and (f0 > 0).sum() >= 10:
        low, high = np.quantile(f0[f0 > 0], [0.25, 0.75])
        floor, ceiling = max(floor, 0.75 * low), min(ceiling, 2.0 * high)
        if len(waveform) >= 3.2 * sample_rate / floor:
            times, f0 = _praat(waveform, sample_rate, floor, ceiling)
        else:
            floor, ceiling = range_hz
    if len(times) == 0:
        return empty
    if faint:
        f0 = with_faint(f0, _praat(waveform, sample_rate, floor, ceiling, faint=True)[1])
    wanted = frame_times(n_frames)
    position = np.interp(wanted, times, np.arange(len(times)))
    low_i = np.floor(position).astype(int)
    high_i = np.minimum(low_i + 1, len(times) - 1)
    nearest = np.where(position - low_i > 0.5, high_i, low_i)
    inside = (wanted >= times[0] - 0.005) & (wanted <= times[-1] + 0.005)
    vuv = (f0[nearest] > 0) & inside
    both = (f0[low_i] > 0) & (f0[high_i] > 0)
    fraction = position - low_i
    safe = np.maximum(f0, 1.0)
    between = np.exp(np.log(safe[low_i]) * (1 - fraction) + np.log(safe[high_i]) * fraction)
    value = np.where(both, between, f0[nearest])
    return PitchTrack(np.where(vuv, value, 0.0), vuv)
