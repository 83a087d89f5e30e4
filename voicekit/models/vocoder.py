"""The neural vocoder: envelope, F0 and voicing in, waveform out.

A small convolutional network reads the envelope and decides, band by band, how much of it is periodic, how the
pulse is dispersed, and what to add to either part; `voicekit.models.source_filter` makes the sound.  Untrained it
is a plain source-filter vocoder, so training can only refine it, and it never sees F0: the pitch cannot leak.

Source
------
The idea of steering a differentiable source and filter by a small network follows Wang et al. 2019 (neural
source-filter) and Liu et al. 2020 (neural homomorphic vocoder); the residual around an analytic start, the exact
pulse placement and the envelope input are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from voicekit.features.frames import HOP_LENGTH
from voicekit.features.mel import N_BANDS, band_centres
from voicekit.models.blocks import ChannelNorm, GatedConv
from voicekit.models.source_filter import Pulses, harmonic_part, noise_part

ENVELOPE_MEAN = -5.5  #: of the log amplitude over the training data, to bring inputs near zero
ENVELOPE_SCALE = 2.0


@dataclass(frozen=True)
class VocoderConfig:
    """Sizes of the vocoder's network."""

    channels: int = 192
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2)
    phase_terms: int = 16
    reach: float = 2.5  #: largest change of the log amplitude, nepers


class Vocoder(nn.Module):
    """See the module's text."""

    def __init__(self, config: VocoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or VocoderConfig()
        c = self.config.channels
        self.enter = nn.Conv1d(N_BANDS + 1, c, 5, padding=2)
        self.blocks = nn.ModuleList(GatedConv(c, d) for d in self.config.dilations)
        self.norm = ChannelNorm(c)
        # harmonic change, two noise changes, periodicity, dispersion
        self.leave = nn.Conv1d(c, 4 * N_BANDS + self.config.phase_terms, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        # A voice is periodic below and breathy above: start from 4 nepers at 0 Hz down to -1 at 9 kHz.
        start = 4.0 - 5.0 * (band_centres().float() / 9000.0).clamp(max=1.0)
        with torch.no_grad():
            self.leave.bias[3 * N_BANDS : 4 * N_BANDS] = start

    def parameters_of(self, envelope: Tensor, vuv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the synthesiser needs, from what the acoustic side says.

        Parameters
        ----------
        envelope : Tensor
            (B, T, 80) natural log of amplitude.
        vuv : Tensor
            (B, T) 1 where voiced.

        Returns
        -------
        harmonic : Tensor
            (B, T, 80) log amplitude of the periodic part.
        noise : Tensor
            (B, 2 T, 80) log amplitude of the noise, two sub-frames a frame.
        phase : Tensor
            (B, T, K) dispersion.
        """
        x = torch.cat([(envelope - ENVELOPE_MEAN) / ENVELOPE_SCALE, vuv[..., None].to(envelope.dtype)], 2)
        h = self.enter(x.transpose(1, 2))  # (B, T, 81) -> (B, C, T)
        for block in self.blocks:
            h = block(h)
        out = self.leave(self.norm(h)).transpose(1, 2)  # -> (B, T, 4 * 80 + K)
        reach = self.config.reach
        change = reach * torch.tanh(out[..., : 3 * N_BANDS] / reach)
        periodicity = out[..., 3 * N_BANDS : 4 * N_BANDS]
        harmonic = envelope + change[..., :N_BANDS] + 0.5 * nn.functional.logsigmoid(periodicity)
        breath = torch.where(vuv[..., None] > 0.5, 0.5 * nn.functional.logsigmoid(-periodicity), 0.0)
        noise = (envelope + breath)[:, :, None] + change[..., N_BANDS:].unflatten(2, (2, N_BANDS))
        return harmonic, noise.flatten(1, 2), out[..., 4 * N_BANDS :]

    def forward(self, envelope: Tensor, vuv: Tensor, pulses: Pulses, noise: Tensor) -> Tensor:
        """Waveform (B, N) from the envelope (B, T, 80), voicing (B, T), pulses and white noise (B, N = 240 T)."""
        harmonic, noise_gain, phase = self.parameters_of(envelope, vuv)
        n_samples = envelope.shape[1] * HOP_LENGTH
        return harmonic_part(harmonic, phase, pulses, n_samples) + noise_part(noise_gain, noise)
