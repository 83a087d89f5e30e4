"""How the house engine converts a take: heard without its speaker, said again by the voice, block by block.

Words, timing, level, voicing and F0 are the take's, frame by frame; the spectral envelope is the voice's.  A block is
made with as much of the take on either side as the networks look at, the pulses follow one phase through the whole
take, and the noise of a moment does not depend on the block it lies in: so there are no seams, and memory does not
grow with the take.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.engines.neighbours import Neighbours
from voicekit.engines.singer import raise_first_formant
from voicekit.errors import UsageError
from voicekit.features.envelope import FFT_SIZE, envelope
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import band_centres
from voicekit.models.acoustic import F0_REFERENCE_HZ, Acoustic
from voicekit.models.content import Content, active_frames, content_features, frame_level, statistics_of
from voicekit.models.source_filter import Pulses
from voicekit.models.vocoder import Vocoder
from voicekit.pitch import PitchTrack

__all__ = [
    "BLOCK_FRAMES",
    "CONTEXT_FRAMES",
    "Job",
    "PulseClock",
    "TargetVoice",
    "auto_transpose",
    "convert",
    "own_frames",
    "take_envelope",
    "without_islands",
]

BLOCK_FRAMES = 800
CONTEXT_FRAMES = 56  #: content 18, decoder 16, vocoder 12, and the envelope's own window
_LEAD_FRAMES = -(-FFT_SIZE // HOP_LENGTH)
_STATISTICS_BLOCKS = 24
_STATISTICS_FRAMES = 500
_NOISE_FRAMES = 100
_CLOCK_FRAMES = 2_000

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def take_envelope(take: GuideTake, start: int, stop: int) -> Tensor:
    """Envelope (stop - start, 80) of some frames of a take, with the sound around them."""
    first = max(0, start - _LEAD_FRAMES)
    samples = take.read(first * HOP_LENGTH, min(take.n_samples, stop * HOP_LENGTH + FFT_SIZE))
    missing = (stop - first) * HOP_LENGTH - len(samples)
    if missing > 0:
        samples = np.pad(samples, (0, missing))
    f0 = torch.from_numpy(take.track.f0_hz[first:stop].astype(np.float32))
    return envelope(torch.from_numpy(np.ascontiguousarray(samples)), f0)[start - first :]


def sample_frames(n_frames: int) -> list[tuple[int, int]]:
    """Stretches of a take from which its statistics come: all of it, or two minutes picked evenly from a longer one."""
    count = -(-n_frames // _STATISTICS_FRAMES)
    if count <= _STATISTICS_BLOCKS:
        return [(s, min(n_frames, s + _STATISTICS_FRAMES)) for s in range(0, n_frames, _STATISTICS_FRAMES)]
    last = n_frames - _STATISTICS_FRAMES
    starts = [round(last * i / (_STATISTICS_BLOCKS - 1)) for i in range(_STATISTICS_BLOCKS)]
    return [(s, s + _STATISTICS_FRAMES) for s in starts]


@dataclass(frozen=True)
class TargetVoice:
    """What the conversion needs of a voice.

    Attributes
    ----------
    acoustic, vocoder, content
        The networks.
    embedding : Tensor
        (1, S).
    range_octaves : (float, float)
        F0 range its timbre was learnt in, octaves above the reference.
    sharpen, move_formants : callable
        Envelope (1, T, 80) of the decoder to that of the voice, in this order; the take's own articulation, which
        needs no sharpening, comes in between.
    neighbours : Neighbours, optional
        Frames of its own recordings.
    """

    acoustic: Acoustic
    vocoder: Vocoder
    content: Content
    embedding: Tensor
    range_octaves: tuple[float, float]
    sharpen: Callable[[Tensor], Tensor]
    move_formants: Callable[[Tensor], Tensor]
    neighbours: Neighbours | None = None


@torch.inference_mode()
def own_frames(content: Content, takes: Sequence[GuideTake], recorded_hz: float = SAMPLE_RATE / 2) -> Neighbours:
    """Frames of a voice's own recordings, for `ConvertParams.neighbours`.

    Parameters
    ----------
    content : Content
    takes : sequence of GuideTake
    recorded_hz : float
        Up to where all of them hold sound; nothing above is taken over.

    Raises
    ------
    voicekit.errors.UsageError
        Fewer than five seconds of sound.
    """
    logits, bottlenecks, envelopes = [], [], []
    for take in takes:
        heard = take_envelope(take, 0, take.n_frames)
        vuv = torch.from_numpy(without_islands(take.track.vuv))[None].float()
        seen = content.encode(content_features(heard[None], vuv, statistics_of(heard)))
        keep = active_frames(frame_level(heard))
        logits.append(seen[0][..., keep])
        bottlenecks.append(seen[1][..., keep])
        envelopes.append(heard[keep])
    if not envelopes:
        raise UsageError("no recording of the voice was given", "give a minute of it")
    bands = int((band_centres() < 0.97 * recorded_hz).sum())
    return Neighbours.of(torch.cat(logits, 2), torch.cat(bottlenecks, 2), torch.cat(envelopes)[:, :bands])


class PulseClock:
    """Where the pulses of a long take lie, found piece by piece on one phase.

    Parameters
    ----------
    f0_hz : ndarray
        (T,) Hz, bridged through unvoiced frames.
    vuv : ndarray
        (T,) bool.
    """

    def __init__(self, f0_hz: F64, vuv: Bools) -> None:
        self._log_f0 = np.log(np.maximum(f0_hz, 1.0))
        self._vuv = vuv
        self._phase = np.zeros(len(f0_hz) + 1)  # in periods, where each frame begins
        for start in range(0, len(f0_hz), _CLOCK_FRAMES):
            stop = min(start + _CLOCK_FRAMES, len(f0_hz))
            _, cycles = self._cycles(start, stop)
            self._phase[start + 1 : stop + 1] = cycles[HOP_LENGTH::HOP_LENGTH]

    def begin(self, frame: int, phase: float) -> None:
        """Let a frame begin at a phase in periods: where another clock left off."""
        self._phase += phase - self._phase[frame]

    def phase(self, frame: int) -> float:
        """Phase in periods where a frame begins."""
        return float(self._phase[frame])

    def _hertz(self, samples: F64, start: int, stop: int) -> F64:
        low, high = max(0, start - 1), min(len(self._log_f0), stop + 1)
        centres = (np.arange(low, high) + 0.5) * HOP_LENGTH
        return np.asarray(np.exp(np.interp(samples, centres, self._log_f0[low:high])))

    def _cycles(self, start: int, stop: int) -> tuple[F64, F64]:
        samples = np.arange(start * HOP_LENGTH, stop * HOP_LENGTH + 1, dtype=np.float64)
        f0 = self._hertz(samples, start, stop)
        steps = np.cumsum((f0[1:] + f0[:-1]) / (2 * SAMPLE_RATE))
        return samples, self._phase[start] + np.concatenate([[0.0], steps])

    def pulses(self, start: int, stop: int) -> Pulses:
        """Pulses of the frames from `start` up to `stop`, their times counted from `start`."""
        samples, cycles = self._cycles(start, stop)
        whole = np.arange(np.ceil(cycles[0]), np.floor(cycles[-1]) + 1)
        time = np.interp(whole, cycles, samples)
        frame = np.minimum((time / HOP_LENGTH).astype(int), stop - 1)
        time = time[self._vuv[frame]]
        period = SAMPLE_RATE / self._hertz(time, start, stop)
        return Pulses(
            torch.zeros(len(time), dtype=torch.long),
            torch.from_numpy(time - start * HOP_LENGTH),
            torch.from_numpy(period.astype(np.float32)),
        )


def auto_transpose(track: PitchTrack, pitch_level: float, *, octaves: bool = False) -> float:
    """Semitones that bring a take's median F0 to a voice's.

    Parameters
    ----------
    track : PitchTrack
    pitch_level : float
        Where the voice speaks, octaves above `F0_REFERENCE_HZ`.
    octaves : bool
        Whole octaves only: the take stays in its key, and in tune with whoever sings along.

    Returns
    -------
    float
        Whole semitones; 0 for a take without a voice.
    """
    if not track.vuv.any():
        return 0.0
    away = pitch_level - float(np.median(np.log2(track.f0_hz[track.vuv] / F0_REFERENCE_HZ)))
    return 12.0 * round(away) if octaves else float(round(12.0 * away))


def _noise(seed: int, start: int, stop: int) -> Tensor:
    """White noise (1, 240 (stop - start)) of some frames, the same whatever frames are asked for with them."""
    parts = []
    for chunk in range(start // _NOISE_FRAMES, -(-stop // _NOISE_FRAMES)):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + chunk) % 2**63)
        parts.append(torch.randn(_NOISE_FRAMES * HOP_LENGTH, generator=generator))
    first = start - start // _NOISE_FRAMES * _NOISE_FRAMES
    return torch.cat(parts)[None, first * HOP_LENGTH : (first + stop - start) * HOP_LENGTH]


class Job:
    """One take in one voice, with all that is settled before the first block."""

    noise_at = 0  #: frames before the take's first that its noise is counted from

    @torch.inference_mode()
    def __init__(self, voice: TargetVoice, take: GuideTake, params: ConvertParams) -> None:
        self.voice, self.params = voice, params
        self._command(take)
        places = sample_frames(take.n_frames)
        heard = [take_envelope(take, *place) for place in places]
        self._whole = torch.cat(heard) if places[-1][1] == sum(len(h) for h in heard) else None
        self.statistics = statistics_of(torch.cat(heard))
        self.between = self._between(places, heard)

    def _command(self, take: GuideTake, into: float | None = None) -> None:
        """Settle F0 and voicing of every frame."""
        self.take = take
        self.vuv = without_islands(take.track.vuv)
        self.f0_hz = np.maximum(take.track.continuous() * 2.0 ** (self.params.semitones / 12.0), 1.0)
        octaves = np.log2(self.f0_hz / F0_REFERENCE_HZ) if self.vuv.any() else np.zeros(len(self.vuv))
        low, high = self.voice.range_octaves
        middle = float(np.median(octaves[self.vuv])) if self.vuv.any() else 0.0
        if into is None:
            into = float(-np.ceil(middle - high) if middle > high else np.ceil(low - middle) if middle < low else 0.0)
        self.into = into  # whole octaves into the register the voice was learnt in
        self.timbre = np.clip(octaves + into, low, high)
        self.clock = PulseClock(self.f0_hz, self.vuv)

    def of(self, take: GuideTake) -> Job:
        """The same speaker, as known from this take, in another take."""
        other = copy.copy(self)
        other._whole = None
        other._command(take, self.into)
        return other

    def _heard(self, first: int, last: int) -> Tensor:
        if self._whole is not None:
            return self._whole[None, first:last]
        return take_envelope(self.take, first, last)[None]

    def _between(self, places: list[tuple[int, int]], heard: list[Tensor]) -> Tensor:
        """Mean envelope of the speaker over that of the voice, unvoiced and voiced: (2, 80)."""
        level = torch.cat([frame_level(h) for h in heard])
        active = active_frames(level)
        voiced = torch.from_numpy(np.concatenate([self.vuv[a:b] for a, b in places]))
        apart = torch.cat([h - self._said(h[None], a, b)[0] for h, (a, b) in zip(heard, places, strict=True)])
        rows = [apart[active & (voiced == flag)] for flag in (False, True)]
        return torch.stack([row.mean(0) if len(row) else torch.zeros(apart.shape[1]) for row in rows])

    def _said(self, heard: Tensor, first: int, last: int) -> Tensor:
        """Envelope (1, T, 80) as the voice would say what is heard in these frames."""
        voice = self.voice
        vuv = torch.from_numpy(self.vuv[first:last])[None].float()
        logits, bottleneck = voice.content.encode(content_features(heard, vuv, self.statistics))
        spread = voice.content.spread(logits, bottleneck, voice.embedding)
        timbre = torch.from_numpy(self.timbre[first:last]).float()[None]
        made = voice.acoustic.decode(spread, timbre, vuv, voice.embedding)
        if self.params.neighbours and voice.neighbours is not None:
            made = voice.neighbours.near(logits, bottleneck, made, self.params.neighbours)
        return voice.sharpen(made)

    @torch.inference_mode()
    def block(self, start: int, stop: int) -> F32:
        """Samples of the frames from `start` up to `stop`."""
        first = max(0, start - CONTEXT_FRAMES)
        last = min(self.take.n_frames, stop + CONTEXT_FRAMES)
        made = self.envelope(first, last)
        vuv = torch.from_numpy(self.vuv[first:last])[None].float()
        noise = _noise(self.params.seed, self.noise_at + first, self.noise_at + last)
        waveform = self.voice.vocoder(made, vuv, self.clock.pulses(first, last), noise)[0].numpy()
        piece: F32 = waveform[(start - first) * HOP_LENGTH : (stop - first) * HOP_LENGTH]
        return piece[: self.take.n_samples - start * HOP_LENGTH]

    def envelope(self, first: int, last: int) -> Tensor:
        """Envelope (1, T, 80) of what is to sound in these frames, at the take's level."""
        heard = self._heard(first, last)
        made = self._said(heard, first, last)
        if self.params.detail:
            usual = self.between[torch.from_numpy(self.vuv[first:last]).long()]
            made = made + self.params.detail * (heard - made - usual)
        made = self.voice.move_formants(made)
        made = raise_first_formant(made, self.f0_hz[first:last], self.vuv[first:last])
        return made + (frame_level(heard) - frame_level(made))[..., None]


def convert(
    voice: TargetVoice, take: GuideTake, params: ConvertParams, block_frames: int = BLOCK_FRAMES
) -> Iterator[F32]:
    """Convert a take; see `voicekit.engines.base.Engine.convert`.

    Parameters
    ----------
    voice : TargetVoice
    take : GuideTake
    params : ConvertParams
    block_frames : int
        Frames made at a time; the samples do not depend on it.

    Yields
    ------
    ndarray
        (n,) samples at 24 kHz, as many in all as the take has.
    """
    if params.neighbours and voice.neighbours is None:
        raise UsageError("this voice has no recordings to take neighbours from", "leave the neighbours away")
    job = Job(voice, take, params)
    for start in range(0, take.n_frames, block_frames):
        yield job.block(start, min(take.n_frames, start + block_frames))


def without_islands(vuv: Bools) -> Bools:
    """Remove voiced or unvoiced islands of one frame: nobody's folds move that fast."""
    result = vuv.copy()
    for t in range(1, len(vuv) - 1):
        if result[t - 1] == vuv[t + 1] != vuv[t]:
            result[t] = vuv[t + 1]
    return result
