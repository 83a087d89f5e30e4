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


def cepstral_distortion(
    reference: F32, made: F32, sample_rate: int, *, top_hz: float | None = None, order: int = 13, bands: int = 40
) -> float:
    """Mel-cepstral distortion of two aligned waveforms, dB, over frames that are not silent in the reference.

    Parameters
    ----------
    reference, made : ndarray
        (N,) each, aligned; the level (the zeroth coefficient) is left out.
    sample_rate : int
        Hz.
    top_hz : float, optional
        Highest band edge; half the sample rate when None.
    order : int
        Coefficients compared, from the first.
    bands : int
        Mel bands, triangular, even on the mel scale.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        The waveforms differ in length, or the reference is silent.

    Source
    ------
    R. Kubichek, "Mel-cepstral distance measure for objective speech quality assessment", PACRIM 1993. Ours takes the
    cepstrum of mel bands rather than of a mel-warped spectrum, and no time warping: the sounds lie sample upon sample.
    """
    if reference.shape != made.shape:
        raise ValueError(f"waveforms must be equally long, not {reference.shape} and {made.shape}")
    size = 1024
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(top_hz or sample_rate / 2), bands + 2))
    freqs = np.arange(size // 2 + 1) * sample_rate / size
    rise = (freqs - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - freqs) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.clip(np.minimum(rise, fall), 0.0, None).T
    basis = np.cos(np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(1, order + 1))) * np.sqrt(2.0 / bands)
    power = [np.square(magnitudes(wave, size)) @ bank for wave in (reference, made)]
    loud = power[0].sum(axis=1)
    if not loud.any():
        raise ValueError("the reference is silent: there is nothing to compare with")
    heard = loud > loud.max() * 1e-4
    floor = loud.max() * 1e-8
    logs = [np.log(np.maximum(one[heard], floor)) * 0.5 for one in power]
    distance = np.sqrt(2.0 * np.square((logs[0] - logs[1]) @ basis).sum(axis=1))
    return float(10.0 / np.log(10.0) * distance.mean())


def periodicity(waveform: F32, sample_rate: int, centres: npt.NDArray[np.integer]) -> F64:
    """How periodic a sound is around given samples: the highest normalised autocorrelation at 60 to 400 Hz.

    Parameters
    ----------
    waveform : ndarray
        (N,).
    sample_rate : int
        Hz.
    centres : ndarray
        (K,) samples, at least 25 ms from either end.

    Returns
    -------
    ndarray
        (K,), about 0.1 for white noise, 1 for a steady tone.
    """
    half, low, high = round(0.0167 * sample_rate), round(sample_rate / 400), round(sample_rate / 60)
    found = np.zeros(len(centres))
    for number, centre in enumerate(centres):
        part = waveform[centre - half : centre + half + high].astype(np.float64)
        still = part[: 2 * half]
        norm = np.linalg.norm(still)
        moved = np.lib.stride_tricks.sliding_window_view(part, 2 * half)[low : high + 1]
        norms = np.maximum(np.linalg.norm(moved, axis=1) * norm, 1e-12)
        found[number] = float((moved @ still / norms).max(initial=0.0))
    return found


def _hz_to_mel(hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hz / 700.0))


def _mel_to_hz(mel: F64) -> F64:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
