"""One level and the same edges for everything that is compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

FRAME_S = 0.01
ACTIVE_BELOW_PEAK_DB = 30.0  #: frames within this of the loudest one count as speech
SILENT_BELOW_PEAK_DB = 50.0  #: edges quieter than this, against the loudest frame, are cut off


def _frame_energy(waveform: F32, sample_rate: int) -> npt.NDArray[np.float64]:
    size = max(1, round(FRAME_S * sample_rate))
    count = -(-len(waveform) // size)
    padded = np.pad(waveform.astype(np.float64), (0, count * size - len(waveform)))
    energy: npt.NDArray[np.float64] = (padded.reshape(count, size) ** 2).mean(1)
    return energy


def active_rms(waveform: F32, sample_rate: int) -> float:
    """Root mean square over the active 10 ms frames, those at most 30 dB below the loudest.

    A plainer rule than ITU-T P.56, enough to give systems compared with each other one level.

    Parameters
    ----------
    waveform : ndarray
        (N,) full scale 1.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        Full scale 1; 0 for silence.
    """
    energy = _frame_energy(waveform, sample_rate)
    if not len(energy) or energy.max() <= 0:
        return 0.0
    return float(np.sqrt(energy[energy >= energy.max() * 10 ** (-ACTIVE_BELOW_PEAK_DB / 10)].mean()))


def set_level(waveform: F32, sample_rate: int, *, rms: float = 0.05, peak: float = 0.99) -> F32:
    """Scale so that the active RMS is `rms`, or less where the peak would pass `peak`.

    Parameters
    ----------
    waveform : ndarray
        (N,) full scale 1.
    sample_rate : int
        Hz.
    rms : float
        0.05 is -26 dB of full scale.
    peak : float

    Returns
    -------
    ndarray
        (N,) float32; silence stays silence.
    """
    level = active_rms(waveform, sample_rate)
    if level == 0.0:
        return np.asarray(waveform, dtype=np.float32)
    gain = min(rms / level, peak / float(np.abs(waveform).max()))
    return (waveform * np.float32(gain)).astype(np.float32)


def trim_silence(waveform: F32, sample_rate: int, *, keep_s: float = 0.02) -> F32:
    """Cut edges that lie more than 50 dB below the loudest 10 ms, but for `keep_s` seconds.

    Parameters
    ----------
    waveform : ndarray
        (N,).
    sample_rate : int
        Hz.
    keep_s : float
        Seconds left before the first and after the last active frame, where there are so many.

    Returns
    -------
    ndarray
        A view of the waveform; all of it where nothing sounds.
    """
    energy = _frame_energy(waveform, sample_rate)
    if not len(energy) or energy.max() <= 0:
        return waveform
    active = np.flatnonzero(energy >= energy.max() * 10 ** (-SILENT_BELOW_PEAK_DB / 10))
    size = max(1, round(FRAME_S * sample_rate))
    keep = round(keep_s * sample_rate)
    return waveform[max(0, active[0] * size - keep) : (active[-1] + 1) * size + keep]
