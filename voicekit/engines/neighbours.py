"""Any voice to one, by nearest neighbours: each frame is drawn towards frames of the voice's own recordings.

Source
------
The idea follows Baas et al. 2023 (kNN-VC), who replace features of a large self-supervised model.  Ours looks for
neighbours in the content encoder's own space, takes over the F0-free envelopes that belong to them, and leaves F0,
voicing and level to the take.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from voicekit.errors import InputError, UsageError

SHARE = 0.8  #: of the neighbours' envelope in the result; the rest is the decoder's
USUAL = 4  #: how many frames are averaged where nobody chose
LEAST_FRAMES = 500
_AT_ONCE = 256


@dataclass(frozen=True)
class Neighbours:
    """Frames of a voice's recordings.

    Attributes
    ----------
    keys : Tensor
        (R, D) unit vectors, see `keys_of`.
    envelopes : Tensor
        (R, M) natural log of amplitude, level taken off: those bands that were recorded.
    """

    keys: Tensor
    envelopes: Tensor

    @classmethod
    def of(cls, logits: Tensor, bottleneck: Tensor, envelopes: Tensor) -> Neighbours:
        """From what the content encoder gives for the recordings, (1, P, R) and (1, K, R), and their envelopes (R, M).

        Raises
        ------
        voicekit.errors.UsageError
            Fewer than five seconds.
        """
        if envelopes.shape[0] < LEAST_FRAMES:
            raise UsageError("there is too little of the voice to look for neighbours", "give a minute of it")
        return cls(keys_of(logits, bottleneck)[0], envelopes - envelopes.mean(1, keepdim=True))

    def to_bytes(self) -> bytes:
        """For keeping, encrypted, by the caller; all digits, so that nothing sounds different afterwards."""
        from safetensors.torch import save

        return bytes(save({"keys": self.keys.contiguous(), "envelopes": self.envelopes.contiguous()}))

    @classmethod
    def from_bytes(cls, data: bytes) -> Neighbours:
        """What `to_bytes` gave.

        Raises
        ------
        voicekit.errors.InputError
            It is something else.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            tensors = load(data)
            return cls(tensors["keys"], tensors["envelopes"])
        except (SafetensorError, KeyError, ValueError):
            raise InputError("frames", "", "these are no frames of recordings", "delete them") from None

    def near(self, logits: Tensor, bottleneck: Tensor, made: Tensor, count: int) -> Tensor:
        """Draw envelopes (1, T, 80) towards the mean of each frame's `count` nearest."""
        keys = keys_of(logits, bottleneck)[0]
        found = []
        for start in range(0, len(keys), _AT_ONCE):
            index = (keys[start : start + _AT_ONCE] @ self.keys.T).topk(count, dim=1).indices
            found.append(self.envelopes[index].mean(1))
        shape = torch.cat(found)[None]
        recorded, above = made[..., : shape.shape[2]], made[..., shape.shape[2] :]
        level = recorded.mean(2, keepdim=True)
        return torch.cat([(1 - SHARE) * recorded + SHARE * (shape + level), above], 2)


def keys_of(logits: Tensor, bottleneck: Tensor) -> Tensor:
    """Where a frame lies: (B, P, T) and (B, K, T) -> (B, T, P + K) of unit length."""
    posterior = logits.softmax(1).sqrt()
    keys = torch.cat([posterior, bottleneck / bottleneck.shape[1] ** 0.5], 1).transpose(1, 2)
    return torch.nn.functional.normalize(keys, dim=2)
