"""The F0-free spectral envelope: what the mouth does, without what the vocal folds do.

A mel spectrogram of a voiced sound still shows its harmonics, so a vocoder fed with one cannot follow another
F0.  This envelope cannot: the window is three periods long, the power is smoothed over two thirds of F0, and
what ripple is left is liftered out at the period.

Source
------
M. Morise, "CheapTrick, a spectral envelope estimator for high-quality speech synthesis", Speech Communication
67 (2015).  Ours differs in being batched torch code (one fixed FFT size, the window drawn per frame), in that
gradients flow through it to the waveform, and in that the result is read off in mel-spaced bands.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import N_BANDS, analysis_matrix

FFT_SIZE = 2048
UNVOICED_F0_HZ = 200.0  #: stands in where there is no F0: a window of 15 ms
F0_FLOOR_HZ = 45.0  #: below this three periods no longer fit the FFT
LOG_FLOOR = -12.0  #: natural log of amplitude: about -104 dB
_Q1 = -0.15  # Morise's compensation for the smoothing of the smoothed spectrum


@functools.lru_cache(maxsize=4)
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    offsets = torch.arange(-FFT_SIZE // 2, FFT_SIZE // 2, dtype=torch.float32, device=device)
    bins = torch.arange(FFT_SIZE // 2 + 1, dtype=torch.float32, device=device)
    quefrency = bins / SAMPLE_RATE
    return offsets, bins, quefrency, analysis_matrix(FFT_SIZE // 2 + 1).to(device)


def _interpolate(table: Tensor, position: Tensor) -> Tensor:
    """Read rows of `table` (T, K) at fractional positions (T, F)."""
    position = position.clamp(0, table.shape[1] - 1.0001)
    low = position.long()
    fraction = position - low
    return torch.gather(table, 1, low) * (1 - fraction) + torch.gather(table, 1, low + 1) * fraction


def log_spectrum(waveform: Tensor, f0_hz: Tensor) -> Tensor:
    """Smooth log-amplitude spectrum of each frame.

    Parameters
    ----------
    waveform : Tensor
        (N,), 24 kHz.
    f0_hz : Tensor
        (T,), Hz; 0 where unvoiced.  T frames of 240 samples, see `voicekit.features.frames`.

    Returns
    -------
    Tensor
        (T, 1025), natural log of amplitude, as the square root of a power density: white noise of standard
        deviation s gives ln s, and so does a train of pulses ``s * sqrt(period)`` apart by ``period`` samples.
    """
    offsets, bins, quefrency, _ = _constants(waveform.device)
    f0 = torch.where(f0_hz > 0, f0_hz, torch.full_like(f0_hz, UNVOICED_F0_HZ)).clamp(F0_FLOOR_HZ, 2000.0)[:, None]
    n_frames = f0.shape[0]
    half = FFT_SIZE // 2
    needed = n_frames * HOP_LENGTH + HOP_LENGTH // 2
    padded = torch.nn.functional.pad(waveform, (half, half + max(0, needed - waveform.shape[0])))
    # frame t is centred on sample 240 t + 120
    frames = padded[HOP_LENGTH // 2 :].unfold(0, FFT_SIZE, HOP_LENGTH)[:n_frames]
    reach = 1.5 * SAMPLE_RATE / f0
    window = torch.where(offsets.abs() < reach, 0.5 + 0.5 * torch.cos(math.pi * offsets / reach), 0.0)
    frames = frames * window
    frames = frames - window * (frames.sum(1, keepdim=True) / window.sum(1, keepdim=True))
    power = torch.fft.rfft(frames).abs().square() / window.square().sum(1, keepdim=True)
    f0_bins = f0 * (FFT_SIZE / SAMPLE_RATE)
    # Below F0 the window has no harmonic to see: mirror what lies above.
    mirrored = _interpolate(power, (f0_bins - bins).clamp(min=0.0))
    power = torch.where(bins < f0_bins, power + mirrored, power) + 1e-12
    # Box average over 2/3 F0 by differences of a running sum, mirrored at both ends.
    margin = math.ceil(2000.0 / 3.0 * FFT_SIZE / SAMPLE_RATE) + 2
    extended = torch.cat([power[:, 1 : margin + 1].flip(1), power, power[:, -margin - 1 : -1].flip(1)], 1)
    running = torch.nn.functional.pad(extended.double().cumsum(1), (1, 0))
    centre = bins + margin + 0.5
    width = (f0_bins * (2.0 / 3.0)).clamp(min=1.0)
    box = _interpolate(running, (centre + width / 2).double()) - _interpolate(running, (centre - width / 2).double())
    log_power = (box.float() / width).clamp(min=1e-13).log()
    cepstrum = torch.fft.irfft(log_power)[:, : half + 1]
    x = f0 * quefrency
    lifter = torch.sinc(x) * ((1 - 2 * _Q1) + 2 * _Q1 * torch.cos(2 * math.pi * x))
    cepstrum = cepstrum * lifter
    both = torch.cat([cepstrum, cepstrum[:, 1:-1].flip(1)], 1)
    return 0.5 * torch.fft.rfft(both).real


def envelope(waveform: Tensor, f0_hz: Tensor, *, chunk: int = 512) -> Tensor:
    """F0-free envelope in 80 mel-spaced bands.

    Parameters
    ----------
    waveform : Tensor
        (N,), 24 kHz.
    f0_hz : Tensor
        (T,), Hz, 0 where unvoiced.
    chunk : int
        Frames worked on at a time (memory).

    Returns
    -------
    Tensor
        (T, 80) natural log of amplitude, not below `LOG_FLOOR`.
    """
    matrix = _constants(waveform.device)[3]
    parts = []
    for start in range(0, f0_hz.shape[0], chunk):
        stop = min(start + chunk, f0_hz.shape[0])
        # A chunk needs half an FFT of context on both sides.
        left = max(0, start * HOP_LENGTH - FFT_SIZE)
        lead = left // HOP_LENGTH
        piece = waveform[lead * HOP_LENGTH : stop * HOP_LENGTH + FFT_SIZE]
        f0 = f0_hz[lead:stop]
        parts.append((log_spectrum(piece, f0) @ matrix)[start - lead :])
    if not parts:
        return waveform.new_zeros((0, N_BANDS))
    return torch.cat(parts).clamp(min=LOG_FLOOR)
