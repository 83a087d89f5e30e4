"""Praat's autocorrelation peaks, every one of them, on the package's frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.audio import StreamResampler
from voicekit.features.frames import FRAME_RATE, frame_count

F64 = npt.NDArray[np.float64]

LOW_RATE = 8_000  #: Hz; F0 and its first harmonics lie below half of it
_BLUR_HZ = 1_200.0  #: standard deviation of the Gaussian that lets low harmonics weigh more
_PRAAT_CANDIDATES = 15
_CHUNK_FRAMES = 3_000
_MARGIN_FRAMES = 10


@dataclass(frozen=True, eq=False)
class Candidates:
    """What each frame's F0 may be.

    Attributes
    ----------
    hz : ndarray
        (T, K) float64, Hz; 0 where a frame has fewer candidates.
    strength : ndarray
        (T, K) height of the autocorrelation there, 0 to 1.
    """

    hz: F64
    strength: F64


def low_band(waveform: npt.NDArray[np.float32], sample_rate: int) -> F64:
    """The waveform (N,) at `LOW_RATE`; see `low_band_of_blocks`."""
    return low_band_of_blocks([waveform], sample_rate)


def low_band_of_blocks(blocks: Iterable[npt.NDArray[np.float32]], sample_rate: int) -> F64:
    """A recording, given in blocks (n,), at `LOW_RATE`, harmonics above some 2 kHz softened by a Gaussian.

    Noise and consonants live high, and so do formants that outweigh the fundamental: without them the
    autocorrelation at the period stands higher, and that at half of it lower.
    """
    moved = StreamResampler(sample_rate, LOW_RATE).run(blocks)
    low = np.concatenate([np.zeros(0, dtype=np.float32), *moved]).astype(np.float64)
    if not len(low):
        return low
    taps = np.arange(-8, 9)
    kernel = np.exp(-0.5 * (taps * (2 * np.pi * _BLUR_HZ / LOW_RATE)) ** 2)
    return np.convolve(low - low.mean(), kernel / kernel.sum(), mode="same")


def find_candidates(
    low: F64, n_frames: int, floor_hz: float, ceiling_hz: float, *, keep: int = 8, octave_cost: float = 0.01
) -> Candidates:
    """Autocorrelation peaks of each frame, strongest first.

    Parameters
    ----------
    low : ndarray
        (N,) at `LOW_RATE`, see `low_band`.
    n_frames : int
    floor_hz, ceiling_hz : float
        The window is three periods of the floor long.
    keep : int
        K, at most 14.
    octave_cost : float
        Advantage a peak an octave higher has where there are too many.

    Returns
    -------
    Candidates
        For exactly ``n_frames`` frames of 10 ms.

    Source
    ------
    P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
    sampled sound", IFA Proceedings 17 (1993), as in Praat; of its result we take the peaks and not the path.
    """
    hz = np.zeros((n_frames, keep))
    strength = np.zeros((n_frames, keep))
    for start in range(0, n_frames, _CHUNK_FRAMES):
        stop = min(start + _CHUNK_FRAMES, n_frames)
        found = _praat(low, start, stop, floor_hz, ceiling_hz, octave_cost)
        f, s = np.nan_to_num(found["frequency"].T), np.nan_to_num(found["strength"].T)  # (K, T) -> (T, K)
        real = (f > 0) & (f <= ceiling_hz)
        merit = np.where(real, s + octave_cost * np.log2(np.maximum(f, 1.0) / floor_hz), -np.inf)
        order = np.argsort(-merit, axis=1)[:, :keep]
        rows = np.arange(len(f))[:, None]
        usable = real[rows, order]
        count = order.shape[1]
        hz[start:stop, :count] = np.where(usable, f[rows, order], 0.0)
        strength[start:stop, :count] = np.where(usable, np.clip(s[rows, order], 0.0, 1.0), 0.0)
    return Candidates(hz, strength)


def _praat(
    low: F64, start: int, stop: int, floor_hz: float, ceiling_hz: float, octave_cost: float
) -> npt.NDArray[np.void]:
    """Candidates (K, T) of frames ``start`` to ``stop``, from a piece cut so that Praat's frames are ours."""
    import parselmouth  # heavy: only when something is tracked

    hop = round(LOW_RATE / FRAME_RATE)
    n_frames = stop - start
    window = 3.0 / floor_hz
    # Praat lays as many frames as fit and centres them: give it their windows and half a step, so that the
    # centre of the piece is the centre of our frames.
    total = 2 * ((round((window + (n_frames - 0.5) / FRAME_RATE) * LOW_RATE)) // 2)
    middle = (start + stop) * hop // 2
    left = middle - total // 2
    piece = np.zeros(total)
    a, b = max(left, 0), min(left + total, len(low))
    if b > a:
        piece[a - left : b - left] = low[a:b]
    sound = parselmouth.Sound(piece, sampling_frequency=LOW_RATE)
    pitch = sound.to_pitch_ac(
        time_step=1.0 / FRAME_RATE,
        pitch_floor=floor_hz,
        pitch_ceiling=min(ceiling_hz, 0.45 * LOW_RATE),
        max_number_of_candidates=_PRAAT_CANDIDATES,
        octave_cost=octave_cost,
        silence_threshold=0.0,
    )
    found = pitch.to_array()
    missing = n_frames - found.shape[1]
    if missing > 0:  # rounding took a frame: the ends hold nothing anyhow
        before = missing // 2
        found = np.pad(found, ((0, 0), (before, missing - before)))
    return found[:, :n_frames]


def frame_levels(low: F64, n_frames: int, width_s: float = 0.03) -> F64:
    """Level of each frame (T,) in dB, over a Hann window."""
    hop = round(LOW_RATE / FRAME_RATE)
    size = round(width_s * LOW_RATE) | 1
    window = np.hanning(size + 2)[1:-1]
    power = np.convolve(low**2, window / window.sum(), mode="same")
    centre = np.minimum(np.arange(n_frames) * hop + hop // 2, max(len(power) - 1, 0))
    return 10.0 * np.log10(power[centre] + 1e-12) if len(power) else np.zeros(n_frames)


def frames_of(n_samples: int, sample_rate: int) -> int:
    """Frames of a waveform of so many samples."""
    return frame_count(round(n_samples * 24_000 / sample_rate))
