"""Distance between the short-time spectra of two waveforms that lie sample upon sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

FFT_SIZES = (512, 1024, 2048)  #: at 24 kHz windows of 21, 43 and 85 ms
FLOOR_DB = 80.0  #: bins further below the reference's strongest are lifted to this before the logarithm


@dataclass(frozen=True)
class SpectralDistance:
    """Mean over the resolutions.

    Attributes
    ----------
    convergence : float
        Norm of the difference of magnitudes over the norm of the reference's; 0 for equal spectra.
    log_magnitude_db : float
        Mean absolute difference of log magnitudes, dB.
    """

    convergence: float
    log_magnitude_db: float


def magnitudes(waveform: F32, fft_size: int) -> F64:
    """Magnitudes (T, F) of Hann windows a quarter of their length apart; padded with zeros."""
    padded = np.pad(waveform.astype(np.float64), fft_size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft_size)[:: fft_size // 4]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(fft_size) / fft_size)
    return np.abs(np.fft.rfft(frames * window))


def spectral_distance(
    reference: F32,
    made: F32,
    sample_rate: int,
    *,
    top_hz: float | None = None,
    fft_sizes: tuple[int, ...] = FFT_SIZES,
) -> SpectralDistance:
    """Multi-resolution short-time spectral distance.

    Parameters
    ----------
    reference, made : ndarray
        (N,) each, aligned and of one level: delay and gain count as error.
    sample_rate : int
        Hz.
    top_hz : float, optional
        Bins from here on are left out (a recording's band may end below the Nyquist frequency).
    fft_sizes : tuple of int

    Returns
    -------
    SpectralDistance

    Raises
    ------
    ValueError
        The waveforms differ in length, or the reference is silent.

    Source
    ------
    R. Yamamoto, E. Song, J.-M. Kim, "Parallel WaveGAN", ICASSP 2020: spectral convergence and log magnitude.
    Ours gives the log part in dB, and lifts what lies 80 dB under the peak so that digital silence does not
    rule.
    """
    if reference.shape != made.shape:
        raise ValueError(f"waveforms must be equally long, not {reference.shape} and {made.shape}")
    if not np.any(reference):
        raise ValueError("the reference is silent: there is nothing to compare with")
    convergences, logs = [], []
    for size in fft_sizes:
        real, other = magnitudes(reference, size), magnitudes(made, size)
        if top_hz is not None:
            bins = int(np.ceil(top_hz * size / sample_rate))
            real, other = real[:, :bins], other[:, :bins]
        convergences.append(float(np.linalg.norm(real - other) / np.linalg.norm(real)))
        floor = real.max() * 10 ** (-FLOOR_DB / 20)
        logs.append(float(np.abs(20 * np.log10(np.maximum(real, floor) / np.maximum(other, floor))).mean()))
    return SpectralDistance(float(np.mean(convergences)), float(np.mean(logs)))
