"""A piece of a recording made anew by the vocoder."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from voicekit.audio import Audio, resample
from voicekit.engines.house import resynthesise
from voicekit.features.envelope import envelope
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.models.vocoder import Vocoder

__all__ = ["VERSION", "VocoderLay"]

VERSION = "vocoder-lay-2"  #: 2: pulses go on a period beyond what is voiced

F64 = npt.NDArray[np.float64]


class VocoderLay:
    """Makes a piece anew by the vocoder: its envelope at the measured F0, sung at the commanded one.

    Unvoiced sound is the recording's (the caller fades it in), and so is what lies above the vocoder's band.

    Parameters
    ----------
    vocoder : Vocoder
    seed : int
        Of the noise; piece n takes ``seed + n``.
    band_hz : (float, float)
        Middle and width of the crossing between the vocoder's sound and the recording's.
    """

    def __init__(self, vocoder: Vocoder, seed: int = 0, band_hz: tuple[float, float] = (10_500.0, 800.0)) -> None:
        self.vocoder = vocoder
        self.seed = seed
        self.band_hz = band_hz

    def __call__(self, channels: F64, sample_rate: int, measured: F64, commanded: F64) -> F64:
        """See `voicekit.pitch.overlap_add.Lay`."""
        made = np.zeros_like(channels)
        wanted = len(measured) * HOP_LENGTH
        for number, channel in enumerate(channels):
            low = resample(Audio(channel.astype(np.float32), sample_rate), SAMPLE_RATE).samples
            low = np.pad(low[:wanted], (0, max(0, wanted - len(low))))
            with torch.inference_mode():
                seen = envelope(torch.from_numpy(low), torch.from_numpy(measured).float()).numpy()
            sung = resynthesise(self.vocoder, seen, commanded, self.seed)
            high = resample(Audio(sung, SAMPLE_RATE), sample_rate).samples[: channels.shape[1]]
            high = np.pad(high, (0, channels.shape[1] - len(high))).astype(np.float64)
            made[number] = self._with_air(high, channel, sample_rate)
        self.seed += 1
        return made

    def _with_air(self, made: F64, recorded: F64, sample_rate: int) -> F64:
        """What was made below the band, the recording above it."""
        middle, width = self.band_hz
        if sample_rate / 2 <= middle + width:
            return made
        freqs = np.fft.rfftfreq(len(made), 1.0 / sample_rate)
        share = 1.0 / (1.0 + np.exp(-(freqs - middle) / (width / 4.0)))
        return np.fft.irfft(np.fft.rfft(made) * (1.0 - share) + np.fft.rfft(recorded) * share, len(made))
