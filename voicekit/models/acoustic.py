"""The acoustic model: phones, who speaks, how long, how high -> envelope.

Duration and F0 are predicted where the caller does not command them; either can be given for every phone or frame.
Voices are points in the space of speaker embeddings, so a blend of many speakers is a voice of nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from voicekit.features.mel import N_BANDS
from voicekit.models.blocks import ChannelNorm, GatedConv
from voicekit.models.vocoder import ENVELOPE_MEAN, ENVELOPE_SCALE
from voicekit.text.phones import INVENTORY, PAUSE, PHONE_ID, SILENCE

F0_REFERENCE_HZ = 150.0  #: octaves are counted from here
POSITION_FEATURES = 6
FRAME_FEATURES = 3


@dataclass(frozen=True)
class AcousticConfig:
    """Sizes of the acoustic model."""

    n_speakers: int
    speaker_channels: int = 64
    encoder_channels: int = 192
    encoder_dilations: tuple[int, ...] = (1, 2, 1, 2)
    melody_channels: int = 128
    melody_dilations: tuple[int, ...] = (1, 3, 9, 27, 1)
    decoder_channels: int = 256
    decoder_dilations: tuple[int, ...] = (1, 2, 4, 8)
    dropout: float = 0.05  #: at the rate of phones; frames are many enough without


def phone_positions(phone_ids: Tensor, mask: Tensor) -> Tensor:
    """Where each phone stands in its phrase and utterance.

    Parameters
    ----------
    phone_ids : Tensor
        (B, L) long.
    mask : Tensor
        (B, L) 1 for real phones.

    Returns
    -------
    Tensor
        (B, L, 4): log distance in phones from the last pause and to the next, whether the next pause closes the
        utterance, and how far through the utterance it is.
    """
    pause = ((phone_ids == PHONE_ID[PAUSE]) | (phone_ids == PHONE_ID[SILENCE])) | (mask == 0)
    n_batch, length = phone_ids.shape
    index = torch.arange(length, device=phone_ids.device).expand(n_batch, length)
    since = index - torch.where(pause, index, torch.full_like(index, -1)).cummax(1).values.clamp(min=0)
    ahead = torch.where(pause, index, torch.full_like(index, length)).flip(1).cummin(1).values.flip(1)
    until = ahead.clamp(max=length - 1) - index
    count = mask.sum(1, keepdim=True)
    final = (ahead >= count - 1).float()
    return torch.stack(
        [torch.log1p(since.float()) / 3, torch.log1p(until.float()) / 3, final, index.float() / count.clamp(min=1)], 2
    )


class Acoustic(nn.Module):
    """See the module's text."""

    def __init__(self, config: AcousticConfig) -> None:
        super().__init__()
        self.config = config
        e, s = config.encoder_channels, config.speaker_channels
        self.speakers = nn.Embedding(config.n_speakers, s)
        nn.init.normal_(self.speakers.weight, std=0.1)
        self.pitch_level = nn.Embedding(config.n_speakers, 1)  # each speaker's mean F0, octaves; set from the data
        self.phones = nn.Embedding(len(INVENTORY), e)
        self.stress = nn.Embedding(3, e)
        self.marks = nn.Linear(POSITION_FEATURES, e)
        self.encoder = nn.ModuleList(GatedConv(e, d, config.dropout, condition=s) for d in config.encoder_dilations)
        self.durations = nn.ModuleList(GatedConv(e, d, config.dropout, condition=s) for d in (1, 2))
        self.duration_out = nn.Sequential(ChannelNorm(e), nn.Conv1d(e, 1, 1))
        m = config.melody_channels
        self.melody_in = nn.Conv1d(e + FRAME_FEATURES, m, 3, padding=1)
        self.melody = nn.ModuleList(GatedConv(m, d, condition=s) for d in config.melody_dilations)
        self.melody_out = nn.Sequential(ChannelNorm(m), nn.Conv1d(m, 2, 1))
        c = config.decoder_channels
        self.decoder_in = nn.Conv1d(e + FRAME_FEATURES + 2, c, 3, padding=1)
        self.decoder = nn.ModuleList(GatedConv(c, d, condition=s) for d in config.decoder_dilations)
        self.decoder_out = nn.Sequential(ChannelNorm(c), nn.Conv1d(c, N_BANDS, 1))

    def encode(self, phones: Tensor, positions: Tensor, mask: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """Encode phones and predict their durations.

        Parameters
        ----------
        phones : Tensor
            (B, L, 4) long: id, stress, word start, word end.
        positions : Tensor
            (B, L, 4), see `phone_positions`.
        mask : Tensor
            (B, L) float, 1 for real phones.
        speaker : Tensor
            (B, S) embedding.

        Returns
        -------
        encoded : Tensor
            (B, E, L).
        log_frames : Tensor
            (B, L) natural log of the predicted duration in frames.
        """
        marks = torch.cat([phones[..., 2:4].float(), positions], 2)
        x = self.phones(phones[..., 0]) + self.stress(phones[..., 1]) + self.marks(marks)
        keep = mask[:, None]
        x = x.transpose(1, 2) * keep  # (B, L, E) -> (B, E, L)
        condition = speaker[..., None]
        for block in self.encoder:
            x = block(x, condition) * keep
        d = x
        for block in self.durations:
            d = block(d, condition) * keep
        return x, self.duration_out(d)[:, 0].float()

    @staticmethod
    def spread(encoded: Tensor, frames: Tensor, start: Tensor | None = None, count: int | None = None) -> Tensor:
        """Repeat each phone for its frames and add where in the phone a frame lies.

        Parameters
        ----------
        encoded : Tensor
            (B, E, L).
        frames : Tensor
            (B, L) long.
        start, count
            First frame (B,) and number of frames wanted; all of them by default.

        Returns
        -------
        Tensor
            (B, E + 3, T).
        """
        ends = frames.cumsum(1)
        total = int(ends[:, -1].max()) if count is None else count
        first = torch.zeros(len(frames), dtype=torch.long) if start is None else start
        time = first[:, None] + torch.arange(total)
        phone = torch.searchsorted(ends, time, right=True).clamp(max=frames.shape[1] - 1)
        taken = torch.gather(frames, 1, phone).float().clamp(min=1)
        inside = (time - torch.gather(ends - frames, 1, phone)).float()
        features = torch.stack(
            [(inside + 0.5) / taken, torch.log1p(inside) / 3, torch.log1p((taken - inside - 1).clamp(min=0)) / 3], 1
        )
        values = torch.gather(encoded, 2, phone[:, None].expand(-1, encoded.shape[1], -1))
        return torch.cat([values, features], 1)

    def predict_melody(self, spread: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """F0 in octaves around the speaker's mean (B, T), and the logit of being voiced (B, T)."""
        x = self.melody_in(spread)
        for block in self.melody:
            x = block(x, speaker[..., None])
        octaves, voiced = self.melody_out(x).float().unbind(1)
        return octaves, voiced

    def decode(self, spread: Tensor, octaves: Tensor, vuv: Tensor, speaker: Tensor) -> Tensor:
        """Envelope from spread phones.

        Parameters
        ----------
        spread : Tensor
            (B, E + 3, T).
        octaves : Tensor
            (B, T) F0 in octaves above `F0_REFERENCE_HZ`, bridged through unvoiced frames.
        vuv : Tensor
            (B, T) 1 where voiced.
        speaker : Tensor
            (B, S).

        Returns
        -------
        Tensor
            (B, T, 80) natural log of amplitude.
        """
        x = self.decoder_in(torch.cat([spread, octaves[:, None], vuv[:, None]], 1))
        for block in self.decoder:
            x = block(x, speaker[..., None])
        return self.decoder_out(x).float().transpose(1, 2) * ENVELOPE_SCALE + ENVELOPE_MEAN  # (B, M, T) -> (B, T, M)
