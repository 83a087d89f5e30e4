"""Building blocks of the networks."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class GatedConv(nn.Module):
    """Residual gated convolution: ``x + dropout(conv_a(norm x) * sigmoid(conv_b(norm x)))``.

    Source: Dauphin et al. 2017 (gated linear units).  Dense kernels of three are what general-purpose
    processors run fastest; depthwise ones are bound by memory there.

    Parameters
    ----------
    channels : int
    dilation : int
    dropout : float
    condition : int
        Channels of a condition added before the gate (0 for none).
    """

    def __init__(self, channels: int, dilation: int = 1, dropout: float = 0.0, condition: int = 0) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv = nn.Conv1d(channels, 2 * channels, 3, padding=dilation, dilation=dilation)
        self.condition = nn.Conv1d(condition, 2 * channels, 1) if condition else None
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, T) and optionally (B, K, T or 1) -> (B, C, T)."""
        # The wide convolution may be kept in fewer bits than the rest, see `halve`.
        h = self.conv(self.norm(x).to(self.conv.weight.dtype)).to(x.dtype)
        if self.condition is not None and condition is not None:
            h = h + self.condition(condition)
        value, gate = h.chunk(2, dim=1)
        return x + self.dropout(value * torch.sigmoid(gate))


class ChannelNorm(nn.Module):
    """Root-mean-square norm over the channels of each frame, (B, C, T) -> (B, C, T).

    Source: Zhang & Sennrich 2019.  Each frame is normalised on its own, so that a frame never depends on how long
    the utterance is.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, scale, shift."""
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5)
        return x * scale * self.weight + self.bias


def halve(model: M) -> M:
    """Keep the wide convolutions of a model in bfloat16, where the processor multiplies it natively; twice as fast.

    Norms, conditions, sums and the first and last layers stay in float32, and the products are summed in float32.  On
    other processors nothing changes.

    Parameters
    ----------
    model : nn.Module
        Changed in place.

    Returns
    -------
    nn.Module
        The same model.
    """
    able = torch.cpu.get_capabilities()
    if able.get("avx512_bf16") or able.get("amx_bf16"):
        for block in model.modules():
            if isinstance(block, GatedConv):
                block.conv.to(torch.bfloat16)
    return model
