"""A voice that was built from a person: opened in memory, for the holder of a permit, and forgotten after.

The general model lies on the disk for everybody. What makes it this person's voice lies sealed in the vault; the engine
knows its hashes from the ledger, which is enough to ask for a permit, and gets the bytes for that permit alone.
"""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from consent import Operand, Permit
from voicekit.audio import Audio, resample
from voicekit.engines.base import SingParams, SpeechParams
from voicekit.engines.convert import own_frames
from voicekit.engines.guide import PERSON_DETAIL, ConvertParams, GuideTake
from voicekit.engines.house import HouseEngine, VoiceSettings
from voicekit.engines.neighbours import USUAL, Neighbours
from voicekit.engines.stream import ConversionStream, StreamSettings
from voicekit.engines.voices import CONTENT_FILE
from voicekit.errors import InputError, UsageError
from voicekit.features.frames import SAMPLE_RATE, pad_to_frames
from voicekit.models.acoustic import Acoustic
from voicekit.models.blocks import halve
from voicekit.models.weights import WeightFile, build_acoustic, build_vocoder, read_weights
from voicekit.pitch import track_pitch
from voicekit.singing.line import SungLine

__all__ = [
    "EnrolledEngine",
    "VoiceFile",
    "low_rank_layers",
    "merge_low_rank",
    "offset_places",
    "pack_voice",
    "unpack_voice",
]

MOST_RECORDINGS = 180  #: that a conversion draws on: a permit names each, and no more than 200 files
RANK_PREFIX, OFFSET_PREFIX, COLOUR = "low_rank/", "offset/", "colour"
VERSION = "enrolled-2"

#: Gives the plaintext of a sealed voice to the holder of a permit, by file name; wiped at the end of its block.
Opener = Callable[[Permit], Any]
#: Gives what is found in the sealed recordings to the holder of a permit that names them, in memory: from the permit,
#: the hash of what listens, and how it is found.
Listener = Callable[[Permit, str, Callable[[Sequence[Audio]], bytes]], bytes]


def low_rank_layers(model: Acoustic) -> Iterator[tuple[str, nn.Conv1d]]:
    """The layers of the decoder that a low-rank part changes, by name."""
    for number, block in enumerate(model.decoder):
        conv = block.conv
        if isinstance(conv, nn.Conv1d):
            yield f"decoder.{number}.conv", conv


def offset_places(model: Acoustic) -> Iterator[tuple[str, Tensor]]:
    """Where the embedding reaches the decoder: biases to which a voice adds offsets of its own, by name."""
    yield "decoder_in", model.decoder_in.bias  # type: ignore[misc]
    for number, block in enumerate(model.decoder):
        condition = block.condition
        if isinstance(condition, nn.Conv1d):
            yield f"decoder.{number}.condition", condition.bias  # type: ignore[misc]
    yield "decoder_out", model.decoder_out[1].bias  # type: ignore[misc]


@dataclass(frozen=True)
class VoiceFile:
    """What a person's voice is made of, beside the general models.

    Attributes
    ----------
    embedding : Tensor
        (S,).
    settings : VoiceSettings
    low_rank : mapping
        Layer's name and ``.down`` or ``.up`` -> Tensor; empty where the grant allows an embedding alone.
    offsets : mapping
        See `offset_places`: what the embedding cannot say at each place where it is heard.
    colour : Tensor or None
        (2, 80), see `voicekit.engines.house.coloured`.
    """

    embedding: Tensor
    settings: VoiceSettings
    low_rank: Mapping[str, Tensor] = field(default_factory=dict)
    offsets: Mapping[str, Tensor] = field(default_factory=dict)
    colour: Tensor | None = None


def pack_voice(voice: VoiceFile) -> bytes:
    """A voice as one safetensors file, in memory."""
    from safetensors.torch import save

    config = asdict(voice.settings)
    config["range_octaves"] = list(voice.settings.range_octaves)
    tensors = {"embedding": voice.embedding}
    tensors |= {RANK_PREFIX + k: v for k, v in voice.low_rank.items()}
    tensors |= {OFFSET_PREFIX + k: v for k, v in voice.offsets.items()}
    if voice.colour is not None:
        tensors[COLOUR] = voice.colour
    halved = {name: value.detach().to(torch.float16).contiguous() for name, value in tensors.items()}
    return bytes(save(halved, metadata={"config": json.dumps(config, sort_keys=True)}))


def unpack_voice(data: bytes, name: str) -> VoiceFile:
    """What `pack_voice` gave.

    Raises
    ------
    voicekit.errors.InputError
        It is something else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = {key: value.float() for key, value in load(data).items()}
        (size,) = struct.unpack("<Q", data[:8])
        config = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["config"])
        config["range_octaves"] = tuple(config["range_octaves"])
        settings = VoiceSettings(**config)
        embedding, colour = tensors.pop("embedding"), tensors.pop(COLOUR, None)
        parts = {prefix: _under(tensors, prefix) for prefix in (RANK_PREFIX, OFFSET_PREFIX)}
    except (SafetensorError, KeyError, TypeError, ValueError, struct.error):
        raise InputError(name, "", "this is not a voice", "enrol it anew") from None
    return VoiceFile(embedding, settings, parts[RANK_PREFIX], parts[OFFSET_PREFIX], colour)


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


class EnrolledEngine(HouseEngine):
    """A person's voice, shut until a permit opens it.

    Parameters
    ----------
    voice : str
    model_folder : Path
        Where the general models lie.
    base, derived : sequence of Operand
        As the enrolment's entry has them: files on the disk, files in the vault.
    opener : callable
        From a permit to a context manager that gives file name -> bytes; it asks the ledger.
    settings : VoiceSettings
        What may be known before it is open: where the voice lies.
    references : sequence of Operand
        The recordings it was built from; a conversion that draws on them needs a permit that names them.
    recordings : callable, optional
        From such a permit to what is found in the recordings.
    at_hand : bool
        Whether they are still sealed: then a conversion draws on them where nothing else was chosen.

    Raises
    ------
    voicekit.errors.InputError
        A model file is missing, or not the one the voice was built on.
    """

    name = "house"
    version = VERSION
    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        voice: str,
        model_folder: Path,
        base: Sequence[Operand],
        derived: Sequence[Operand],
        opener: Opener,
        settings: VoiceSettings,
        references: Sequence[Operand] = (),
        recordings: Listener | None = None,
        at_hand: bool = False,
    ) -> None:
        self.voice = voice
        self.at_once = 1
        self.content_file = model_folder / CONTENT_FILE
        self.settings = settings
        self._opener, self._recordings, self._at_hand = opener, recordings, at_hand
        self._references = tuple(references) if recordings is not None else ()
        self._derived = tuple(derived)
        self._lock = threading.Lock()
        self._open_for = ""
        by_name = {item.name: item for item in base}
        paths = [model_folder / name for name in ("acoustic.safetensors", "vocoder.safetensors")]
        files = [_same(read_weights(path), by_name) for path in paths]
        self._shared = files[0]
        self.vocoder = halve(build_vocoder(files[1]))
        names = {file.path.name for file in files}
        self.operands = (*(by_name[name] for name in sorted(names)), *self._derived)

    def speak(self, permit: Permit, spoken: str, params: SpeechParams) -> Audio:
        permit.require(mode="speech", operands=self.operands)
        self._prepare(permit)
        return super().speak(permit, spoken, params)

    def stream(self, permit: Permit, spoken: str, params: SpeechParams) -> Iterator[npt.NDArray[np.float32]]:
        permit.require(mode="speech", operands=self.operands)
        self._prepare(permit)
        yield from super().stream(permit, spoken, params)

    def sing(self, permit: Permit, line: SungLine, params: SingParams) -> Audio:
        permit.require(mode="singing", operands=self.operands)
        self._prepare(permit)
        return super().sing(permit, line, params)

    def convert(self, permit: Permit, take: GuideTake, params: ConvertParams) -> Iterator[npt.NDArray[np.float32]]:
        permit.require(mode="conversion", operands=self.operands_for(params), params_sha256=params.digest())
        self._prepare(permit)
        self._listen(permit, params)
        yield from super().convert(permit, take, params)

    def convert_live(
        self, permit: Permit, calibration: GuideTake, params: ConvertParams, settings: StreamSettings | None = None
    ) -> ConversionStream:
        permit.require(mode="conversion", operands=self.operands_for(params), params_sha256=params.digest())
        self._prepare(permit)
        self._listen(permit, params)
        return super().convert_live(permit, calibration, params, settings)

    @property
    def usual_neighbours(self) -> int:
        return USUAL if self._at_hand and 0 < len(self._references) <= MOST_RECORDINGS else 0

    @property
    def usual_detail(self) -> float:
        return PERSON_DETAIL

    @property
    def has_recordings(self) -> bool:
        return 0 < len(self._references) <= MOST_RECORDINGS

    def operands_for(self, params: ConvertParams) -> tuple[Operand, ...]:
        files = super().operands_for(params)
        return (*files, *self._references) if params.neighbours else files

    def _listen(self, permit: Permit, params: ConvertParams) -> None:
        """Take the frames of the recordings that this permit names, where it is for a conversion that wants them."""
        self.neighbours = None
        if not params.neighbours or self._recordings is None:
            return
        found = self._recordings(permit, self._content[1].sha256, self._frames)
        self.neighbours = Neighbours.from_bytes(found)

    def _frames(self, recordings: Sequence[Audio]) -> bytes:
        takes, heard_hz = [], SAMPLE_RATE / 2
        for one in recordings:
            heard_hz = min(heard_hz, one.sample_rate / 2)
            wave = pad_to_frames(resample(one, SAMPLE_RATE).samples)
            track = track_pitch(wave, SAMPLE_RATE)
            takes.append(GuideTake(lambda a, b, w=wave: w[a:b], len(wave), track))  # type: ignore[misc]
        return own_frames(self._content[0], takes, heard_hz).to_bytes()

    def _prepare(self, permit: Permit) -> None:
        """Open the voice for this permit; what was open for another is opened anew."""
        with self._lock:
            if self._open_for != permit.intent:
                self._open(permit)

    def _open(self, permit: Permit) -> None:
        self.forget()
        with self._opener(permit) as files:
            data = {name: bytes(files[name]) for name in files}
        wanted = {item.name: item.sha256 for item in self._derived}
        for name, digest in wanted.items():
            if hashlib.sha256(data.get(name, b"")).hexdigest() != digest:
                raise InputError(name, "", "the vault gave another file than the ledger names", "enrol the voice anew")
        acoustic: Acoustic = build_acoustic(self._shared)
        for name in wanted:
            voice = unpack_voice(data[name], name)
            self.embedding, self.settings, self.colour = voice.embedding[None], voice.settings, voice.colour
            _shift(acoustic, voice.offsets, name)
            merge_low_rank(acoustic, voice.low_rank, name)
        halve(acoustic.decoder)  # after the low-rank parts, whose sums need all digits
        self.acoustic = acoustic
        self._open_for = permit.intent

    def forget(self) -> None:
        """Drop what was opened; the numbers are overwritten as far as they can be reached."""
        self._open_for = ""
        embedding = self.__dict__.pop("embedding", None)
        if isinstance(embedding, Tensor):
            embedding.zero_()
        acoustic = self.__dict__.pop("acoustic", None)
        if isinstance(acoustic, Acoustic):
            with torch.no_grad():
                for _name, conv in low_rank_layers(acoustic):
                    conv.weight.zero_()
                for _name, bias in offset_places(acoustic):
                    bias.zero_()
        self.colour = None
        if self.neighbours is not None:
            with torch.inference_mode():
                self.neighbours.envelopes.zero_()
                self.neighbours.keys.zero_()
        self.neighbours = None

    def __reduce__(self) -> str:
        raise UsageError("an enrolled voice is not pickled; open it where it is needed")


def _same(file: WeightFile, base: Mapping[str, Operand]) -> WeightFile:
    known = base.get(file.path.name)
    if known is None or known.sha256 != file.sha256:
        problem = "the voice was built on another release of this model"
        raise InputError(file.path, "", problem, "enrol the voice again: `voicekit voices enroll V --grant ID`")
    return file


@torch.no_grad()
def _shift(model: Acoustic, offsets: Mapping[str, Tensor], name: str) -> None:
    """Add a voice's offsets where they belong."""
    places = dict(offset_places(model))
    for place, offset in offsets.items():
        if place not in places or places[place].shape != offset.shape:
            raise InputError(name, place, "its offsets do not fit the model", "enrol the voice anew")
        places[place] += offset


@torch.no_grad()
def merge_low_rank(model: Acoustic, parts: Mapping[str, Tensor], name: str) -> None:
    """Add low-rank parts to the layers they are for."""
    layers = dict(low_rank_layers(model))
    for layer in {key.rsplit(".", 1)[0] for key in parts}:
        conv = layers.get(layer)
        down, up = parts.get(f"{layer}.down"), parts.get(f"{layer}.up")
        if conv is None or down is None or up is None or up.shape[0] * down.shape[1] != conv.weight.numel():
            raise InputError(name, layer, "its low-rank part does not fit the model", "enrol the voice anew")
        conv.weight += (up @ down).view_as(conv.weight)
