"""The house engine: our acoustic model and vocoder, in voices that are nobody's."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from consent import Operand
from voicekit.audio import Audio
from voicekit.engines import convert, manner, singer, windows
from voicekit.engines.base import Engine, SingParams, SpeechParams
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.engines.neighbours import Neighbours
from voicekit.engines.prosody import phone_seconds, shape_melody, split_at_pauses
from voicekit.engines.stream import ConversionStream, StreamSettings
from voicekit.engines.voices import CONTENT_FILE, MODEL_FOLDER, WEIGHTS_LICENSE, VoiceInfo
from voicekit.errors import InputError
from voicekit.features.frames import FRAME_RATE, HOP_LENGTH, SAMPLE_RATE
from voicekit.features.mel import band_centres, hz_to_mel
from voicekit.models.acoustic import F0_REFERENCE_HZ, Acoustic, phone_positions
from voicekit.models.blocks import halve
from voicekit.models.content import Content
from voicekit.models.source_filter import batch_pulses
from voicekit.models.vocoder import Vocoder
from voicekit.models.weights import build_acoustic, build_content, build_vocoder, read_weights
from voicekit.pitch import PitchTrack
from voicekit.singing.line import SungLine
from voicekit.text.phonemise import phonemise_marked
from voicekit.text.phones import PHONE_ID, UNVOICED, VOWELS, Phone
from voicekit.units import hz_to_midi

VERSION = "house-3"
_MOST_AT_ONCE = 4  # beyond that the writing of takes and the memory of so many sentences outweigh it
FADING_PERIODS = 1.0  #: that pulses go on beyond what is voiced, where a recording is made again
CALM_LEVEL = -4.8  #: natural log of a frame's amplitude; speech at the working level lies near -1.5
_REFERENCE_MIDI = float(hz_to_midi(F0_REFERENCE_HZ))
_MUTE = torch.tensor([symbol in UNVOICED for symbol in PHONE_ID])
_SOUNDING = torch.tensor([symbol in VOWELS for symbol in PHONE_ID])

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class VoiceSettings:
    """What a voice file says beside its embedding.

    Attributes
    ----------
    pitch_level : float
        Mean F0 in octaves above 150 Hz.
    range_octaves : (float, float)
        Lowest and highest F0 the timbre was learnt for, in octaves above 150 Hz.
    liveliness : float
        Factor on the movement of the predicted F0.
    sharpness : float
        How far formants are drawn out of the smoothed prediction, see `sharpen`.
    formants : float
        Factor on every formant's frequency: a longer or shorter vocal tract than any reader's.
    calm : float
        How far frames near silence are quietened, see `calm`.
    rate : float
        Factor on the predicted speaking rate.
    gain : float
        Factor on the samples.
    """

    pitch_level: float
    range_octaves: tuple[float, float]
    liveliness: float = 1.0
    sharpness: float = 0.0
    formants: float = 1.0
    calm: float = 0.0
    rate: float = 1.0
    gain: float = 1.0


def _cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_vocoder() -> Vocoder:
    """The shipped vocoder, for measurement; it has no voice of its own."""
    return halve(build_vocoder(read_weights(MODEL_FOLDER / "vocoder.safetensors")))


def resynthesise(
    vocoder: Vocoder, envelope: F32, f0_hz: npt.NDArray[np.floating], seed: int, beyond: float = FADING_PERIODS
) -> F32:
    """Waveform (240 T,) from an envelope (T, 80) and F0 (T,) in Hz, 0 where unvoiced.

    Pulses go on a period beyond either end of what is voiced: a voice fades in and out, and an ear needs a whole period
    to hear what F0 it ends at (``bench.pitch_loss``).  A faint track (`voicekit.pitch.track_pitch`) goes on
    by itself, and needs none of it: `beyond` is 0 then.
    """
    vuv = np.asarray(f0_hz)[None] > 0
    noise = torch.randn((1, len(envelope) * HOP_LENGTH), generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        made = vocoder(
            torch.from_numpy(np.asarray(envelope, dtype=np.float32))[None],
            torch.from_numpy(vuv).float(),
            batch_pulses(np.asarray(f0_hz)[None], vuv, beyond=beyond),
            noise,
        )
    waveform: F32 = made[0].numpy()
    return waveform


def sharpen(envelope: Tensor, amount: float, width: int = 6) -> Tensor:
    """Draw peaks and valleys of an envelope (B, T, 80) away from its running mean over bands.

    Regression averages over what speakers might do, which flattens formants; this gives the contrast back.  The
    level of each frame is kept.
    """
    if amount == 0.0:
        return envelope
    smooth = envelope @ _running_mean(envelope.shape[2], width)
    sharp = envelope + amount * (envelope - smooth)
    level = (2 * envelope).exp().mean(2, keepdim=True).log() - (2 * sharp).exp().mean(2, keepdim=True).log()
    return sharp + 0.5 * level


def coloured(envelope: Tensor, colour: Tensor | None) -> Tensor:
    """Give each band of an envelope (B, T, 80) a speaker's mean and spread over time.

    Parameters
    ----------
    envelope : Tensor
    colour : Tensor or None
        (2, 80): factor and what is added, natural log of amplitude.

    Source
    ------
    T. Toda and K. Tokuda 2007 (global variance); ours is a fixed map of each band, measured on recordings of the
    speaker against what the model says in their place.
    """
    return envelope if colour is None else envelope * colour[0] + colour[1]


def calm(envelope: Tensor, amount: float) -> Tensor:
    """Lower the frames of an envelope (B, T, 80) that lie some 29 dB below the usual level of speech.

    The readers' rooms are learnt with their voices; an expander takes them back, `amount` nepers for each neper below.
    """
    if amount == 0.0:
        return envelope
    level = 0.5 * (2 * envelope).exp().mean(2, keepdim=True).log()
    return envelope - amount * torch.relu(CALM_LEVEL - level)


def move_formants(envelope: Tensor, ratio: float) -> Tensor:
    """Stretch an envelope (B, T, 80) along frequency: what was at f comes to lie at ``ratio * f``."""
    if ratio == 1.0:
        return envelope
    return envelope @ _warp(ratio)


@functools.lru_cache(maxsize=8)
def _running_mean(n_bands: int, width: int) -> Tensor:
    """(M, M): mean of the bands within `width` under a Hann window, the outermost ones repeated beyond the edges."""
    kernel = torch.hann_window(2 * width + 3, periodic=False)[1:-1]
    matrix = torch.zeros(n_bands, n_bands)
    columns = torch.arange(n_bands)
    for offset, weight in zip(range(-width, width + 1), kernel / kernel.sum(), strict=True):
        matrix[(columns + offset).clamp(0, n_bands - 1), columns] += weight
    return matrix


@functools.lru_cache(maxsize=8)
def _warp(ratio: float) -> Tensor:
    """(80, 80) linear interpolation between bands, constant beyond the last."""
    centres = band_centres().float()
    position = hz_to_mel(centres / ratio) / hz_to_mel(torch.tensor(SAMPLE_RATE / 2.0)) * len(centres) - 0.5
    position = position.clamp(0, len(centres) - 1)
    low = position.floor().long().clamp(max=len(centres) - 2)
    matrix = torch.zeros(len(centres), len(centres))
    columns = torch.arange(len(centres))
    matrix[low, columns] = 1 - (position - low)
    matrix[low + 1, columns] += position - low
    return matrix


class HouseEngine(Engine):
    """One house voice, loaded.

    Parameters
    ----------
    info : VoiceInfo

    Raises
    ------
    voicekit.errors.InputError
        A weight file is missing or damaged.
    """

    name = "house"
    version = VERSION
    sample_rate = SAMPLE_RATE
    content_file: Path = MODEL_FOLDER / CONTENT_FILE  #: read when first something is converted
    neighbours: Neighbours | None = None  #: frames of the voice's own recordings, where it has any
    colour: Tensor | None = None  #: (2, 80), see `coloured`; a house voice has none

    def __init__(self, info: VoiceInfo) -> None:
        self.voice = info.name
        self.content_file = info.weights[0].with_name(CONTENT_FILE)
        self.at_once = min(_cores(), _MOST_AT_ONCE)
        files = [read_weights(path) for path in info.weights]
        license_name = str(info.card.get("weights_license", WEIGHTS_LICENSE))
        self.operands = tuple(
            Operand(name=file.path.name, sha256=file.sha256, role="weights", license=license_name) for file in files
        )
        self.acoustic: Acoustic = build_acoustic(files[0])
        halve(self.acoustic.decoder)  # not what decides timing and melody: those are one on every processor
        self.vocoder: Vocoder = halve(build_vocoder(files[1]))
        try:
            self.embedding = files[2].tensors["embedding"][None]
            config: dict[str, Any] = dict(files[2].config)
            config["range_octaves"] = tuple(config["range_octaves"])
            self.settings = VoiceSettings(**config)
        except (KeyError, TypeError) as error:
            problem = f"this is not a voice ({error})"
            raise InputError(files[2].path, "header", problem, "install voicekit anew") from None

    def _speak(self, spoken: str, params: SpeechParams) -> Audio:
        return Audio(np.concatenate(list(self._stream(spoken, params))), SAMPLE_RATE)

    def _stream(self, spoken: str, params: SpeechParams) -> Iterator[F32]:
        # Convolutions this small gain little from a second thread, and how they are split changes the last bits:
        # one thread for each sentence is faster for a chapter, and gives the same samples on any number of cores.
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(params.seed)

        def phonemise(words: str) -> tuple[tuple[Phone, ...], tuple[str, ...]]:
            return phonemise_marked(words, params.language)

        marked = manner.mark(spoken, phonemise)
        for start, stop in split_at_pauses(marked.phones):
            # a piece of a very long sentence has only its own share of the paragraph's beginning and end
            place = params.place.replace(manner.FIRST, "") if start else params.place
            place = place.replace(manner.LAST, "") if stop < len(marked.phones) else place
            plan = self._plan(marked.part(start, stop), params, place, generator)
            yield from windows.render(self.acoustic, self.vocoder, self.embedding, plan, self._spoken)

    def _coloured(self, envelope: Tensor) -> Tensor:
        """The decoder's envelope (1, T, 80) as this voice has it, frame by frame."""
        voice = self.settings
        return move_formants(self._toned(envelope), voice.formants) + float(np.log(voice.gain))

    def _toned(self, envelope: Tensor) -> Tensor:
        """Contrast across bands as this voice has it, and then how strong each band is, and how lively."""
        return coloured(sharpen(envelope, self.settings.sharpness), self.colour)

    def _spoken(self, envelope: Tensor) -> Tensor:
        """`_coloured`, and calm; a song has its rests, and its soft consonants carry words."""
        return calm(self._coloured(envelope), self.settings.calm)

    @torch.inference_mode()
    def _plan(
        self, marked: manner.Marked, params: SpeechParams, place: str, generator: torch.Generator
    ) -> windows.Plan:
        """Timing, melody and level of phones that fit one pass."""
        phones, marks = marked.phones, marked.marks
        ids = torch.tensor([[(PHONE_ID[p.symbol], p.stress, p.word_start, p.word_end) for p in phones]])
        mask = torch.ones(1, len(phones))
        voice = self.settings
        encoded, log_frames = self.acoustic.encode(ids, phone_positions(ids[..., 0], mask), mask, self.embedding)
        predicted = log_frames[0].exp().numpy() / FRAME_RATE
        factor = manner.stretch(phones, marked.styles, place)
        seconds = phone_seconds(phones, marks, predicted, params.rate * voice.rate, factor)
        edges = np.round(np.concatenate([[0.0], np.cumsum(seconds)]) * FRAME_RATE).astype(np.int64)
        frames = torch.from_numpy(np.maximum(np.diff(edges), 1))[None]
        spread = self.acoustic.spread(encoded, frames)
        octaves, voiced = self.acoustic.predict_melody(spread, self.embedding)
        phone_of = torch.repeat_interleave(torch.arange(len(phones)), frames[0])
        symbol = ids[0, :, 0][phone_of]
        # A vowel sounds and an unvoiced consonant does not, unless the model is sure of the contrary.
        lean = torch.where(_SOUNDING[symbol], 2.0, torch.where(_MUTE[symbol], -2.0, 0.0))
        vuv = convert.without_islands((voiced[0] + lean > 0).numpy())
        curve = shape_melody(octaves[0].numpy(), vuv, phones, marks, frames[0].numpy(), voice.liveliness)
        curve = curve + voice.pitch_level + params.pitch_semitones / 12.0
        curve = (curve + manner.melody_octaves(marked, frames[0].numpy(), place)).astype(np.float32)
        low, high = voice.range_octaves
        # Timbre follows the register the voice was learnt in; the vocoder gets the true F0.
        timbre = torch.from_numpy(curve + _whole_octaves_into(curve, vuv, low, high)).float()[None]
        f0 = np.where(vuv, F0_REFERENCE_HZ * 2.0 ** curve.astype(np.float64), 0.0)
        noise = torch.randn((1, len(curve) * HOP_LENGTH), generator=generator)
        level = torch.from_numpy(manner.level_nepers(marked, frames[0].numpy(), place))[None, :, None]
        return windows.Plan(spread, timbre, f0, level, noise)

    @functools.cached_property
    def _content(self) -> tuple[Content, Operand]:
        """The content encoder, and the file it came from."""
        file = read_weights(self.content_file)
        operand = Operand(name=file.path.name, sha256=file.sha256, role="weights", license=WEIGHTS_LICENSE)
        return build_content(file), operand

    @property
    def has_recordings(self) -> bool:
        return self.neighbours is not None

    @property
    def listener(self) -> tuple[Operand, ...]:
        return (self._content[1],)

    def transposition(self, track: PitchTrack, *, octaves: bool = False) -> float:
        return convert.auto_transpose(track, self.settings.pitch_level, octaves=octaves)

    def _target(self) -> convert.TargetVoice:
        """What a conversion needs of this voice."""
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        voice = self.settings
        return convert.TargetVoice(
            self.acoustic,
            self.vocoder,
            self._content[0],
            self.embedding,
            voice.range_octaves,
            self._toned,
            lambda made: move_formants(made, voice.formants),
            self.neighbours,
        )

    def _convert(self, take: GuideTake, params: ConvertParams) -> Iterator[F32]:
        return convert.convert(self._target(), take, params)

    def _convert_live(
        self,
        calibration: GuideTake,
        params: ConvertParams,
        settings: StreamSettings | None,
        ask: Callable[[], None],
    ) -> ConversionStream:
        return ConversionStream(self._target(), calibration, params, settings or StreamSettings(), ask)

    def _sing(self, line: SungLine, params: SingParams) -> Audio:
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        waveform = np.zeros(line.n_frames * HOP_LENGTH, dtype=np.float32)
        generator = torch.Generator().manual_seed(params.seed)
        for phrase in singer.phrases_of(line):
            made = self._phrase(phrase, line, params, generator)
            begin = max(0, phrase.first_frame * HOP_LENGTH)
            made = made[begin - phrase.first_frame * HOP_LENGTH :][: len(waveform) - begin]
            waveform[begin : begin + len(made)] += made
        peak = float(np.abs(waveform).max(initial=0.0))
        if peak > windows.PEAK_LIMIT:
            waveform *= np.float32(windows.PEAK_LIMIT / peak)
        return Audio(waveform, SAMPLE_RATE)

    @torch.inference_mode()
    def _phrase(
        self, phrase: singer.Phrase, line: SungLine, params: SingParams, generator: torch.Generator
    ) -> F32:
        """Sing what lies between two rests."""
        voice = self.settings
        ids = phrase.tokens()
        mask = torch.ones(1, ids.shape[1])
        encoded, _ = self.acoustic.encode(ids, phone_positions(ids[..., 0], mask), mask, self.embedding)
        at = np.clip(phrase.first_frame + np.arange(phrase.n_frames), 0, line.n_frames - 1)
        octaves = (line.pitch_midi[at] - _REFERENCE_MIDI) / 12.0
        positions = singer.stretch(phrase)
        vuv = phrase.voicing(phrase.frames)
        low, high = voice.range_octaves
        spoken = np.interp(np.arange(int(phrase.natural.sum())), positions, octaves)
        register = spoken + _whole_octaves_into(spoken.astype(np.float32), phrase.voicing(phrase.natural), low, high)
        timbre = torch.from_numpy(np.clip(register, low, high)).float()[None]
        sounding = torch.from_numpy(phrase.voicing(phrase.natural))[None].float()
        spread = self.acoustic.spread(encoded, torch.from_numpy(phrase.natural)[None])
        envelope = self.acoustic.decode(spread, timbre, sounding, self.embedding)
        envelope = singer.clear_hiss(self._coloured(envelope), sounding)
        envelope = singer.hold(envelope, positions)
        envelope = singer.raise_first_formant(envelope, F0_REFERENCE_HZ * 2.0**octaves, vuv)
        envelope = envelope + torch.from_numpy(singer.gains(phrase, line, params.breath_db))[None, :, None]
        f0 = np.where(vuv, F0_REFERENCE_HZ * 2.0**octaves, 0.0)
        noise = torch.randn((1, envelope.shape[1] * HOP_LENGTH), generator=generator)
        made = self.vocoder(
            envelope, torch.from_numpy(vuv)[None].float(), batch_pulses(f0[None], vuv[None]), noise
        )
        waveform: F32 = made[0].numpy()
        return singer.shape_ends(waveform, phrase)


def _whole_octaves_into(curve: F32, vuv: npt.NDArray[np.bool_], low: float, high: float) -> float:
    """Whole octaves to add so that the median of a curve lies within the learnt range."""
    if not vuv.any():
        return 0.0
    median = float(np.median(curve[vuv]))
    if median > high:
        return float(-np.ceil(median - high))
    if median < low:
        return float(np.ceil(low - median))
    return 0.0
