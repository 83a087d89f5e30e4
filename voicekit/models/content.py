"""The content encoder: what is said, and how it is articulated, without who says it.

It reads the F0-free envelope of any speaker and gives, frame by frame, phone posteriors and a narrow bottleneck.  From
those and a voice's embedding an adapter makes what `Acoustic.decode` takes in place of spread phones, so that one
decoder serves narration, singing and conversion.

Source
------
Phone posteriors as what passes between speakers follow Sun et al. 2016 (phonetic posteriorgrams), the narrow
bottleneck Qian et al. 2019 (AutoVC).  Ours differs in reading an envelope without F0, and in that the acoustic model
itself, which says any aligned sentence in any voice at any pace, is the teacher.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from voicekit.features.mel import N_BANDS, band_centres
from voicekit.models.acoustic import FRAME_FEATURES, AcousticConfig
from voicekit.models.blocks import ChannelNorm, GatedConv
from voicekit.models.vocoder import ENVELOPE_SCALE
from voicekit.text.phones import INVENTORY

HEARD_HZ = 7600.0  #: nothing above is looked at, so a recording at 16 kHz is as good as one at 48 kHz
N_HEARD = int((band_centres(N_BANDS) < HEARD_HZ).sum())
ACTIVE_NEPERS = 4.0  #: frames within 35 dB of the loud ones count for the statistics
LOUD_QUANTILE = 0.95
QUIET_FLOOR = -10.0  #: digital silence and a quiet room are the same thing to hear


@dataclass(frozen=True)
class ContentConfig:
    """Sizes of the content encoder."""

    channels: int = 160
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4)
    bottleneck: int = 24
    adapter_channels: int = 160
    adapter_dilations: tuple[int, ...] = (1, 2)
    speaker_channels: int = AcousticConfig.speaker_channels
    spread_channels: int = AcousticConfig.encoder_channels + FRAME_FEATURES
    dropout: float = 0.05


@dataclass(frozen=True)
class SpeakerStatistics:
    """What is taken off a speaker's envelope before it is listened to.

    Attributes
    ----------
    mean : Tensor
        (`N_HEARD`,) of the log envelope over active frames.
    level : Tensor
        () mean `frame_level` of those frames.
    """

    mean: Tensor
    level: Tensor


def frame_level(envelope: Tensor) -> Tensor:
    """Level of each frame up to `HEARD_HZ`, natural log of amplitude: (..., 80) -> (...)."""
    weight = band_widths()
    return 0.5 * torch.log(((2.0 * envelope[..., :N_HEARD]).exp() * weight).sum(-1))


def band_widths() -> Tensor:
    """Share of `HEARD_HZ` that each heard band covers, (`N_HEARD`,)."""
    centres = band_centres(N_BANDS).float()
    edges = torch.cat([torch.zeros(1), 0.5 * (centres[1:] + centres[:-1])])
    widths = (edges[1:] - edges[:-1])[:N_HEARD]
    return widths / widths.sum()


def active_frames(level: Tensor) -> Tensor:
    """Which frames (T,) hold speech or song rather than the room."""
    return level > torch.quantile(level, LOUD_QUANTILE) - ACTIVE_NEPERS


def statistics_of(envelope: Tensor) -> SpeakerStatistics:
    """Statistics of a recording from its envelope (T, 80), or from frames picked evenly from it."""
    heard = envelope.clamp(min=QUIET_FLOOR)
    level = frame_level(heard)
    active = active_frames(level)
    return SpeakerStatistics(heard[active, :N_HEARD].mean(0), level[active].mean())


def content_features(envelope: Tensor, vuv: Tensor, statistics: SpeakerStatistics) -> Tensor:
    """What the encoder reads.

    Parameters
    ----------
    envelope : Tensor
        (B, T, 80) natural log of amplitude.
    vuv : Tensor
        (B, T) 1 where voiced.
    statistics : SpeakerStatistics
        Of the whole recording; batched ones have (B, 1, N) and (B, 1).

    Returns
    -------
    Tensor
        (B, `N_HEARD` + 2, T).
    """
    heard = envelope.clamp(min=QUIET_FLOOR)
    shape = (heard[..., :N_HEARD] - statistics.mean) / ENVELOPE_SCALE
    level = (frame_level(heard) - statistics.level) / ENVELOPE_SCALE
    return torch.cat([shape, level[..., None], vuv[..., None]], 2).transpose(1, 2)  # (B, T, F) -> (B, F, T)


class Content(nn.Module):
    """See the module's text."""

    def __init__(self, config: ContentConfig | None = None) -> None:
        super().__init__()
        self.config = config or ContentConfig()
        c, a, s = self.config.channels, self.config.adapter_channels, self.config.speaker_channels
        self.enter = nn.Conv1d(N_HEARD + 2, c, 3, padding=1)
        self.blocks = nn.ModuleList(GatedConv(c, d, self.config.dropout) for d in self.config.dilations)
        self.norm = ChannelNorm(c)
        self.phones = nn.Conv1d(c, len(INVENTORY), 1)
        self.narrow = nn.Conv1d(c, self.config.bottleneck, 1)
        self.adapter_in = nn.Conv1d(len(INVENTORY) + self.config.bottleneck, a, 1)
        self.adapter = nn.ModuleList(GatedConv(a, d, condition=s) for d in self.config.adapter_dilations)
        self.adapter_out = nn.Sequential(ChannelNorm(a), nn.Conv1d(a, self.config.spread_channels, 1))

    @property
    def reach(self) -> int:
        """Frames on either side that a frame of `encode` and `spread` together depends on."""
        return 1 + sum(self.config.dilations) + sum(self.config.adapter_dilations)

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Listen.

        Parameters
        ----------
        features : Tensor
            (B, `N_HEARD` + 2, T), see `content_features`.

        Returns
        -------
        logits : Tensor
            (B, P, T) of the phones of `INVENTORY`.
        bottleneck : Tensor
            (B, K, T) within -1 .. 1.
        """
        h = self.enter(features)
        for block in self.blocks:
            h = block(h)
        h = self.norm(h)
        return self.phones(h), torch.tanh(self.narrow(h))

    def spread(self, logits: Tensor, bottleneck: Tensor, speaker: Tensor) -> Tensor:
        """What the decoder takes in place of spread phones.

        Parameters
        ----------
        logits, bottleneck : Tensor
            (B, P, T) and (B, K, T).
        speaker : Tensor
            (B, S) embedding of the voice that shall say it.

        Returns
        -------
        Tensor
            (B, E + 3, T).
        """
        h = self.adapter_in(torch.cat([logits.softmax(1), bottleneck], 1))
        for block in self.adapter:
            h = block(h, speaker[..., None])
        out: Tensor = self.adapter_out(h)
        return out
