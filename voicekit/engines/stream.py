"""Conversion while somebody speaks: samples in, samples out, a stated time later.

The same networks as in `voicekit.engines.convert`; what differs is that F0 is tracked on the last seconds alone, that
less of what comes is looked at, and that the speaker's means come from a calibration take made before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from voicekit.engines.convert import CONTEXT_FRAMES, Job, TargetVoice
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.errors import UsageError
from voicekit.features.frames import FRAME_RATE, HOP_LENGTH, SAMPLE_RATE
from voicekit.pitch import PitchTrack, track_pitch

__all__ = ["ConversionStream", "StreamSettings"]

LEAST_CALIBRATION_S = 3.0

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class StreamSettings:
    """How much a stream waits.

    Attributes
    ----------
    hop_frames : int
        Frames made at a time, 10 ms each.
    ahead_frames : int
        Frames that must have been heard beyond those that are made; with fewer than `CONTEXT_FRAMES` the networks look
        at silence instead.
    memory_frames : int
        Frames that F0 is tracked on.
    """

    hop_frames: int = 20
    ahead_frames: int = 30
    memory_frames: int = 250

    def __post_init__(self) -> None:
        """Refuse what cannot be tracked."""
        if self.hop_frames < 1 or not 6 <= self.ahead_frames <= CONTEXT_FRAMES:
            raise UsageError("a stream needs a hop of 1 frame or more, and 6 to 56 frames ahead")
        if self.memory_frames < self.hop_frames + self.ahead_frames + CONTEXT_FRAMES:
            raise UsageError("a stream must remember more than it looks at", "raise memory_frames")

    @property
    def latency_s(self) -> float:
        """Algorithmic latency: from a sample going in to the latest moment at which it comes out."""
        return (self.hop_frames + self.ahead_frames) / FRAME_RATE


class ConversionStream:
    """One running conversion.

    Parameters
    ----------
    voice : TargetVoice
    calibration : GuideTake
        Three seconds or more of the same speaker at the same microphone.
    params : ConvertParams
        ``source_sha256`` is the calibration take's.
    settings : StreamSettings
    ask : callable
        Asks the permit; called before each block.

    Raises
    ------
    voicekit.errors.UsageError
        Too little calibration.
    """

    def __init__(
        self,
        voice: TargetVoice,
        calibration: GuideTake,
        params: ConvertParams,
        settings: StreamSettings,
        ask: Callable[[], None],
    ) -> None:
        if calibration.n_samples < LEAST_CALIBRATION_S * SAMPLE_RATE or not calibration.track.vuv.any():
            raise UsageError("the calibration take is too short or has no voice", "give three seconds of speech")
        self.settings = settings
        self._known = Job(voice, calibration, params)
        self._voice, self._params, self._ask = voice, params, ask
        self._heard = np.zeros(0, dtype=np.float32)
        self._dropped = 0  # frames that have left the memory
        self._made = 0  # frames that came out
        self._phase = 0.0

    @property
    def latency_s(self) -> float:
        """Algorithmic latency in seconds."""
        return self.settings.latency_s

    def push(self, samples: F32) -> F32:
        """Give samples (n,) at 24 kHz, mono; take those (m,) that are ready.

        Raises
        ------
        consent.ConsentRefusedError
            The permit does not allow it any more.
        """
        self._heard = np.concatenate([self._heard, samples.astype(np.float32, copy=False)])
        return self._ready(self.settings.ahead_frames)

    def close(self) -> F32:
        """What is left: as many samples in all as went in, up to a frame."""
        return self._ready(0)

    def _ready(self, ahead: int) -> F32:
        parts = []
        while True:
            held = self._dropped + len(self._heard) // HOP_LENGTH
            stop = held if not ahead else self._made + self.settings.hop_frames
            if self._made >= stop or held - stop < ahead:
                return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
            self._ask()
            parts.append(self._block(self._made - self._dropped, min(stop, held) - self._dropped))
            self._made = min(stop, held)
            self._forget()

    @torch.inference_mode()
    def _block(self, start: int, stop: int) -> F32:
        count = len(self._heard) // HOP_LENGTH
        wave = self._heard[: count * HOP_LENGTH]
        track = track_pitch(wave, SAMPLE_RATE, adapt=False)
        job = self._known.of(GuideTake(lambda a, b: wave[a:b], len(wave), PitchTrack(track.f0_hz, track.vuv)))
        job.clock.begin(start, self._phase)
        self._phase = job.clock.phase(stop)
        job.noise_at = self._dropped
        return job.block(start, stop)

    def _forget(self) -> None:
        """Keep what F0 is tracked on."""
        spare = self._made - self._dropped - (self.settings.memory_frames - self.settings.ahead_frames)
        if spare > 0:
            self._heard = self._heard[spare * HOP_LENGTH :]
            self._dropped += spare
