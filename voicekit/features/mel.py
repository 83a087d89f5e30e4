"""Mel-spaced bands on the linear frequency axis, and the way back."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from voicekit.features.frames import SAMPLE_RATE

N_BANDS = 80  #: bands of the envelope, 0 Hz to the Nyquist frequency


def hz_to_mel(hz: Tensor) -> Tensor:
    """Mel of a frequency in Hz.  Source: O'Shaughnessy 1987, 2595 log10(1 + f/700)."""
    return 2595.0 * torch.log10(1.0 + hz / 700.0)


def mel_to_hz(mel: Tensor) -> Tensor:
    """Frequency in Hz of a mel value."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept: whoever learns later needs it too
def band_centres(n_bands: int = N_BANDS) -> Tensor:
    """Centre frequencies in Hz, (M,), equally spaced in mel, the first and last half a step from the edges."""
    top = hz_to_mel(torch.tensor(SAMPLE_RATE / 2, dtype=torch.float64))
    steps = (torch.arange(n_bands, dtype=torch.float64) + 0.5) / n_bands
    return mel_to_hz(steps * top)


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept: whoever learns later needs it too
def analysis_matrix(n_bins: int, n_bands: int = N_BANDS) -> Tensor:
    """Matrix (F, M) that averages a (log) spectrum of F bins into M triangular bands; columns sum to one."""
    freqs = torch.linspace(0, SAMPLE_RATE / 2, n_bins, dtype=torch.float64)
    top = hz_to_mel(torch.tensor(SAMPLE_RATE / 2, dtype=torch.float64))
    step = top / n_bands
    distance = (hz_to_mel(freqs)[:, None] - hz_to_mel(band_centres(n_bands))[None, :]).abs() / step
    weight = (1.0 - distance).clamp(min=0.0)
    # A band narrower than the bin spacing would be empty: read it off the two bins around its centre instead.
    spacing = freqs[1]
    position = band_centres(n_bands) / spacing
    low = position.floor().long().clamp(max=n_bins - 2)
    fraction = position - low
    narrow = weight.sum(0) < 1.5
    for band in torch.nonzero(narrow).flatten().tolist():
        weight[:, band] = 0.0
        weight[low[band], band] = 1.0 - fraction[band]
        weight[low[band] + 1, band] = fraction[band]
    return (weight / weight.sum(0, keepdim=True)).float()


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)  # kept: whoever learns later needs it too
def synthesis_matrix(n_bins: int, n_bands: int = N_BANDS) -> Tensor:
    """Matrix (M, F) that interpolates M band values linearly in mel onto F bins, constant beyond the ends."""
    freqs = torch.linspace(0, SAMPLE_RATE / 2, n_bins, dtype=torch.float64)
    top = hz_to_mel(torch.tensor(SAMPLE_RATE / 2, dtype=torch.float64))
    position = (hz_to_mel(freqs) / (top / n_bands) - 0.5).clamp(0, n_bands - 1)
    low = position.floor().long().clamp(max=n_bands - 2)
    fraction = position - low
    matrix = torch.zeros(n_bands, n_bins, dtype=torch.float64)
    columns = torch.arange(n_bins)
    matrix[low, columns] = 1.0 - fraction
    matrix[low + 1, columns] += fraction
    return matrix.float()
