"""How differently two sounds are heard: a distance of loudness in Bark bands, for training.

Source
------
ITU-T P.862 (2001): bands, Zwicker's law of loudness, masking, and the asymmetry (what is added is heard more than
what is missing); made differentiable as by J. M. Martin-Donas, A. M. Gomez, J. A. Gonzalez, A. M. Peinado, "A deep
learning loss function based on the perceptual evaluation of the speech quality", IEEE SPL 25 (2018).  The absolute
threshold is that of Terhardt (1979), the Bark scale Traunmueller's (1990).  Ours keeps the level and colour of the
sound as they are (nothing is equalised away), reads no file of tables, and stops at each recording's band limit.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from voicekit.features.frames import SAMPLE_RATE

FFT_SIZE = 768  #: 32 ms
N_BARK = 49
WORKING_RMS = 0.08  #: level of the training data ...
WORKING_DB = 79.0  #: ... and what it is taken to be heard at, dB SPL, as in P.862
_POWER = 0.23  # Zwicker's exponent
_ASYMMETRY = 0.309  # weight of what was added, P.862.2's 0.0309 over 0.1


def hz_to_bark(hz: Tensor) -> Tensor:
    """Bark of a frequency in Hz.  Source: Traunmueller 1990."""
    return 26.81 * hz / (1960.0 + hz) - 0.53


@functools.lru_cache(maxsize=2)
def _bands() -> tuple[Tensor, Tensor, Tensor]:
    """Matrix (F, 49) of power into bands, absolute threshold (49,) as power (1 is 0 dB SPL), tops (49,) Hz."""
    hz = torch.linspace(0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1, dtype=torch.float64)
    bark = hz_to_bark(hz).clamp(min=0.0)
    edges = torch.linspace(float(hz_to_bark(torch.tensor(60.0))), float(hz_to_bark(torch.tensor(11_000.0))), N_BARK + 1)
    centre = ((edges[1:] + edges[:-1]) / 2).double()
    step = float(edges[1] - edges[0])
    # triangles one and a half bands wide at least: the lowest bands are narrower than a bin
    spacing = (bark[1:] - bark[:-1]).max()
    weight = (1.0 - (bark[:, None] - centre).abs() / max(step, float(spacing))).clamp(min=0.0)
    weight = weight * (step / max(step, float(spacing)))
    khz = (1960.0 * (centre + 0.53) / (26.28 - centre)) / 1000.0
    threshold_db = 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    tops = 1960.0 * (edges[1:].double() + 0.53) / (26.28 - edges[1:].double())
    return weight.float(), (10.0 ** (threshold_db / 10.0)).float(), tops.float()


def bark_power(waveform: Tensor) -> Tensor:
    """Power (B, T, 49) of a waveform (B, N) in Bark bands, 1 being 0 dB SPL."""
    window = torch.hann_window(FFT_SIZE, device=waveform.device)
    spectrum = torch.stft(waveform, FFT_SIZE, FFT_SIZE // 2, FFT_SIZE, window, return_complex=True)
    # so scaled that all bins together hold the mean square
    scale = 2.0 / (FFT_SIZE * window.square().sum()) * 10.0 ** (WORKING_DB / 10.0) / WORKING_RMS**2
    power = (spectrum.real.square() + spectrum.imag.square()) * scale
    return power.transpose(1, 2) @ _bands()[0].to(waveform.device)


def loudness(power: Tensor) -> Tensor:
    """Specific loudness (B, T, 49) of powers in Bark bands, relative; nothing below the threshold of hearing."""
    threshold = _bands()[1].to(power.device)
    heard = (threshold / 0.5) ** _POWER * ((0.5 + 0.5 * power / threshold) ** _POWER - 1.0)
    return heard.clamp(min=0.0)


def loudness_loss(made: Tensor, real: Tensor, bandwidth_hz: Tensor) -> Tensor:
    """Distance in loudness of two waveforms (B, N), below each item's band limit (B,) in Hz.

    What differs by less than a quarter of the lesser loudness is masked; what the made sound adds counts more.
    Zero for equal sounds.
    """
    power, wanted = bark_power(made), bark_power(real)
    said, due = loudness(power + 1e-3), loudness(wanted + 1e-3)
    mask = (_bands()[2].to(made.device) <= bandwidth_hz[:, None]).float()[:, None]
    apart = torch.relu((said - due).abs() - 0.25 * torch.minimum(said, due)) * mask
    ratio = ((power.detach() + 50.0) / (wanted + 50.0)) ** 1.2
    factor = torch.where(ratio < 3.0, 0.0, ratio.clamp(max=12.0))
    count = mask.sum(2)
    symmetric = ((apart.square().sum(2) / count) + 1e-6).sqrt() - 1e-3
    added = (apart * factor).sum(2) / count
    # silence is forgiven less than sound: P.862 divides by a small power of the frame's own
    level = ((wanted * mask).sum(2) + 1e5).div(1e7) ** 0.04
    return ((symmetric + _ASYMMETRY * added) / level).mean()
