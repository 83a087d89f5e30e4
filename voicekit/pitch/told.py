"""Telling a finished sound its pitch and pace, whatever made it, by overlap-add of its own periods: formants stay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import SAMPLE_RATE
from voicekit.pitch.overlap_add import overlap_add
from voicekit.pitch.tracking import PitchTrack, track_pitch

__all__ = ["follow_pitch", "move_pitch", "stretch"]

F32 = npt.NDArray[np.float32]
_STRETCH_RANGE_HZ = (60.0, 600.0)
_MOST_OCTAVES = 3.0  # beyond that the tracker was wrong


def move_pitch(waveform: F32, semitones: float) -> F32:
    """A sound moved by so many semitones.

    Parameters
    ----------
    waveform : ndarray
        (N,) mono at 24 kHz.
    semitones : float

    Returns
    -------
    ndarray
        (N,).
    """
    if not semitones:
        return waveform
    measured = track_pitch(waveform, SAMPLE_RATE)
    commanded = PitchTrack(measured.f0_hz * 2.0 ** (semitones / 12.0), measured.vuv)
    return overlap_add(waveform[None], SAMPLE_RATE, measured, commanded)[0]


def follow_pitch(waveform: F32, commanded: PitchTrack) -> F32:
    """A sound brought to a commanded F0 wherever it is voiced and so is the command.

    Parameters
    ----------
    waveform : ndarray
        (N,) mono at 24 kHz.
    commanded : PitchTrack
        (T,) of the same length.

    Returns
    -------
    ndarray
        (N,).
    """
    measured = track_pitch(waveform, SAMPLE_RATE)
    size = min(len(measured.vuv), len(commanded.vuv))
    wanted = np.zeros(len(measured.f0_hz))
    wanted[:size] = commanded.f0_hz[:size]
    vuv = measured.vuv & (wanted > 0)
    ratio = np.where(vuv, wanted / np.where(measured.vuv, measured.f0_hz, 1.0), 1.0)
    vuv &= np.abs(np.log2(ratio)) <= _MOST_OCTAVES
    if not vuv.any():
        return waveform
    both = PitchTrack(np.where(vuv, measured.f0_hz, 0.0), vuv)
    return overlap_add(waveform[None], SAMPLE_RATE, both, PitchTrack(np.where(vuv, wanted, 0.0), vuv))[0]


def stretch(waveform: F32, factor: float) -> F32:
    """A sound made longer (a factor above 1) or shorter, its pitch as it was.

    Parameters
    ----------
    waveform : ndarray
        (N,) mono at 24 kHz.
    factor : float
        0.34 to 3.

    Returns
    -------
    ndarray
        About (N factor,).
    """
    low, high = _STRETCH_RANGE_HZ
    if factor == 1.0 or len(waveform) < 4 * SAMPLE_RATE / low:
        return waveform
    import parselmouth  # heavy: only when something is stretched
    from parselmouth.praat import call, run

    sound = parselmouth.Sound(waveform.astype(np.float64), sampling_frequency=SAMPLE_RATE)
    # Praat scatters what is unvoiced by its own random numbers
    run("random_initializeWithSeedUnsafelyButPredictably (1)")
    try:
        made = call(sound, "Lengthen (overlap-add)", low, high, factor)
    finally:
        run("random_initializeSafelyAndUnpredictably ()")
    return np.ascontiguousarray(made.values[0], dtype=np.float32)
