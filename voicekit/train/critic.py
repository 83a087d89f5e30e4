"""Critics: small networks that learn to tell made from real, and so say what a distance cannot.

Regression gives the middle of what speakers might do, which is flatter than anything a speaker does.  A critic that
sees only patches asks for the texture of real ones.  What is learnt that way is kept only where held-out measures
improve (docs/training.md).

Source
------
Least-squares objective: Mao et al. 2017; judging spectra at several resolutions: Jang et al. 2021; feature matching:
Larsen et al. 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from voicekit.features.frames import SAMPLE_RATE

Steps = Sequence[tuple[int, tuple[int, int]]]


class PatchCritic(nn.Module):
    """Judges overlapping patches of an image.

    Parameters
    ----------
    inputs : int
        Channels of the image.
    layers : sequence of (channels, (stride over time, stride over frequency))
    """

    def __init__(self, inputs: int, layers: Steps) -> None:
        super().__init__()
        sizes = [inputs, *(channels for channels, _ in layers)]
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(a, b, (3, 5), stride, padding=(1, 2)))
            for a, (b, stride) in zip(sizes, layers, strict=False)
        )
        self.verdict = nn.Conv2d(sizes[-1], 1, 3, padding=1)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, T, F) -> verdict on each patch, about 1 for real and 0 for made, and what each layer saw."""
        seen = []
        for layer in self.layers:
            image = nn.functional.leaky_relu(layer(image), 0.1)
            seen.append(image)
        return self.verdict(image), seen


class EnvelopeCritic(nn.Module):
    """Judges envelopes (B, T, 80) together with the F0 and voicing they came with."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = PatchCritic(3, [(16, (1, 2)), (32, (2, 2)), (48, (2, 2)), (48, (1, 1))])

    def forward(self, envelope: Tensor, octaves: Tensor, vuv: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, T, 80) natural log of amplitude, (B, T), (B, T) -> see `PatchCritic`."""
        image = (envelope.clamp(min=-10.0) + 5.5) / 2.0
        extra = torch.stack([octaves, vuv], 1)[..., None].expand(-1, -1, -1, envelope.shape[2])
        verdict, seen = self.patches(torch.cat([image[:, None], extra], 1))
        return verdict, seen


class SpectrumCritic(nn.Module):
    """Judges waveforms (B, N) by their spectra at several window sizes, below each item's band limit."""

    sizes = (1024, 512, 256)

    def __init__(self) -> None:
        super().__init__()
        layers = [(12, (1, 2)), (16, (1, 2)), (24, (2, 2)), (32, (1, 2))]
        self.views = nn.ModuleList(PatchCritic(1, layers) for _ in self.sizes)

    def forward(self, waveform: Tensor, bandwidth_hz: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """(B, N), (B,) -> verdicts and what each layer saw, over all window sizes."""
        verdicts, seen = [], []
        for size, view in zip(self.sizes, self.views, strict=True):
            window = torch.hann_window(size, device=waveform.device)
            spectrum = torch.stft(waveform, size, size // 4, size, window, return_complex=True).abs() / size**0.5
            hertz = torch.linspace(0, SAMPLE_RATE / 2, size // 2 + 1, device=waveform.device)
            kept = (hertz[None, :] < bandwidth_hz[:, None]).float()
            # three hundredths of the working level and less count as silence
            image = ((spectrum + 1e-3).log() + 4.0) / 2.0 * kept[..., None]
            verdict, layers = view(image.transpose(1, 2)[:, None])
            verdicts.append(verdict)
            seen += layers
        return verdicts, seen


def persuasion(verdicts: Sequence[Tensor]) -> Tensor:
    """How far the critic is from taking what was made for real."""
    return torch.stack([(1 - verdict).square().mean() for verdict in verdicts]).mean()


def discernment(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """The critic's own loss."""
    terms = [(1 - r).square().mean() + m.square().mean() for r, m in zip(real, made, strict=True)]
    return torch.stack(terms).mean()


def likeness(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Distance between what the critic's layers see in both."""
    terms = [(r.detach() - m).abs().mean() / r.detach().abs().mean().clamp(min=1e-3)
             for r, m in zip(real, made, strict=True)]  # fmt: skip
    return torch.stack(terms).mean()
