"""A voice made by a coqui model: one of the model's speakers, or a person whom it learnt from their recordings."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from consent import Operand, Permit
from voicekit.audio import Audio, resample
from voicekit.engines.base import Engine, SpeechParams
from voicekit.engines.convert import auto_transpose
from voicekit.engines.coqui import CoquiModel, trim
from voicekit.engines.coqui_files import VOICE_FORMAT, read_voice_file
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.errors import InputError, UsageError
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.models.acoustic import F0_REFERENCE_HZ
from voicekit.pitch import PitchTrack, track_pitch
from voicekit.pitch.told import follow_pitch, move_pitch
from voicekit.text.styles import plain

__all__ = ["CoquiEngine", "PersonEngine", "pack_person", "speaking_level"]

F32 = npt.NDArray[np.float32]
_LONGEST_S = 20.0  #: of a take in one piece
_CUT_S = 4.0  #: within so much of its end the quietest place is looked for
_MARKS = str.maketrans({"—": ",", "–": ",", "…": "."})


class CoquiEngine(Engine):
    """One of the speakers of a coqui model.

    Parameters
    ----------
    voice : str
    model : CoquiModel
    data : bytes
        The voice file; with the model's files it is what a grant must name.
    name : str
        Of the voice file.
    """

    at_once = 1
    sample_rate = SAMPLE_RATE

    def __init__(self, voice: str, model: CoquiModel, data: bytes, name: str) -> None:
        self.voice = voice
        self.name = f"coqui:{model.folder.place}"
        self.version = model.version
        self._model = model
        told = read_voice_file(data, name)
        self._speaker, self._language = told["speaker"], told["language"]
        own = Operand(name, hashlib.sha256(data).hexdigest(), "weights", told["recordings_license"])
        self.operands = (*(_under(one, told["license"]) for one in model.operands), own)
        self.native = tuple(map(_primary, (self._language,) if self._language else model.languages))

    def _known(self) -> Mapping[str, Any]:
        """What the model was taught of a person; nothing here."""
        return {}

    def _speak(self, spoken: str, params: SpeechParams) -> Audio:
        text = plain(spoken).translate(_MARKS).strip()
        language = self._said_in(params.language)
        if not any(sign.isalnum() for sign in text):
            raise InputError("the text", "", "nothing in it can be pronounced", "Give some words.")
        sound = self._model.say(
            text if text[-1] in ".?!" else f"{text}.",
            speaker=self._speaker,
            language=language,
            rate=params.rate,
            seed=params.seed,
            voice=self._known(),
        )
        return Audio(trim(move_pitch(sound, params.pitch_semitones)), SAMPLE_RATE)

    def _said_in(self, wanted: str) -> str:
        """The model's own name for a language."""
        if self._model.folder.converts:
            raise UsageError(f"{self.name} converts takes and speaks no text", "use `voicekit convert`")
        mine = (self._language,) if self._language else self._model.languages
        for tag in mine:
            if _primary(tag) == _primary(wanted):
                return tag
        raise UsageError(f"{self.name} speaks {', '.join(mine)}, and the text is in {wanted!r}", "choose another model")

    # -- conversion ---------------------------------------------------------------------------

    @property
    def listener(self) -> tuple[Operand, ...]:
        """A converter listens to the take itself: whose take it is must have granted these files."""
        known = {one.sha256 for one in self._model.operands}
        return tuple(one for one in self.operands if one.sha256 in known)

    @property
    def conversion_operands(self) -> tuple[Operand, ...]:
        return self.operands

    def transposition(self, track: PitchTrack, *, octaves: bool = False) -> float:
        return auto_transpose(track, self._pitch_level(), octaves=octaves)

    def _pitch_level(self) -> float:
        raise UsageError(f"{self.name} has no voice of its own to convert into", "enrol a person's voice with it")

    def _convert(self, take: GuideTake, params: ConvertParams) -> Iterator[F32]:
        if not self._model.folder.converts:
            raise UsageError(f"{self.name} cannot convert", "use FreeVC, kNN-VC or OpenVoice, or a house voice")
        if not self._known():
            self._pitch_level()  # says what to do
        for start, stop in _pieces(take):
            heard = np.ascontiguousarray(take.read(start, stop), dtype=np.float32)
            made = _levelled(self._model.turn(heard, self._known(), params.seed + start // HOP_LENGTH), heard)
            frames = slice(start // HOP_LENGTH, -(-stop // HOP_LENGTH))
            wanted = take.track.f0_hz[frames] * 2.0 ** (params.semitones / 12.0)
            yield follow_pitch(made, PitchTrack(wanted, take.track.vuv[frames]))


def _primary(tag: str) -> str:
    return tag.lower().replace("_", "-").split("-")[0]


def _under(operand: Operand, license_name: str) -> Operand:
    return Operand(operand.name, operand.sha256, operand.role, license_name)


def _levelled(made: F32, heard: F32) -> F32:
    """At the level of what was heard."""
    level = float(np.sqrt(np.mean(np.square(made, dtype=np.float64))))
    wanted = float(np.sqrt(np.mean(np.square(heard, dtype=np.float64))))
    return made * np.float32(wanted / level) if level > 1e-9 else made


def _pieces(take: GuideTake) -> Iterator[tuple[int, int]]:
    """Samples (start, stop) of a take, cut where it is quietest, on frames."""
    longest, look = (round(s * SAMPLE_RATE / HOP_LENGTH) for s in (_LONGEST_S, _CUT_S))
    start, frames = 0, take.n_frames
    while frames - start > longest:
        first = start + longest - look
        sound = take.read(first * HOP_LENGTH, (start + longest) * HOP_LENGTH).reshape(-1, HOP_LENGTH)
        cut = first + int(np.argmin(np.square(sound, dtype=np.float64).mean(axis=1)))
        yield start * HOP_LENGTH, cut * HOP_LENGTH
        start = cut
    if start < frames:
        yield start * HOP_LENGTH, take.n_samples


# -- people ---------------------------------------------------------------------------------------


def speaking_level(recordings: Sequence[Audio]) -> float:
    """Where somebody speaks: median F0 in octaves above the house voices' 150 Hz; 0 where nothing is voiced."""
    found = [track_pitch(resample(one, SAMPLE_RATE).samples, SAMPLE_RATE) for one in recordings]
    voiced = np.concatenate([track.f0_hz[track.vuv] for track in found])
    return float(np.median(np.log2(voiced / F0_REFERENCE_HZ))) if len(voiced) else 0.0


def pack_person(known: Mapping[str, Any], settings: Mapping[str, str]) -> bytes:
    """What a model remembers of a person, as one safetensors file in memory."""
    from safetensors.torch import save

    tensors = {key: value.detach().float().contiguous().clone() for key, value in known.items()}
    return bytes(save(tensors, metadata={"format": VOICE_FORMAT, **settings}))


def _unpack_person(data: bytes, name: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(load(data))
    except (SafetensorError, ValueError):
        raise InputError(name, "", "this is not a voice", "enrol it anew") from None


class PersonEngine(CoquiEngine):
    """A person's voice in a coqui model: what it remembers of them lies sealed, and a permit alone opens it.

    Parameters
    ----------
    voice : str
    model : CoquiModel
    base, derived : sequence of Operand
        As the enrolment's entry has them: the model's files, and the sealed one.
    opener : callable
        From a permit to a context manager that gives file name -> bytes.
    pitch_level : float
        Where the person speaks, octaves above 150 Hz.

    Raises
    ------
    voicekit.errors.InputError
        The model is not the one the voice was built on.
    """

    def __init__(
        self,
        voice: str,
        model: CoquiModel,
        base: Sequence[Operand],
        derived: Sequence[Operand],
        opener: Callable[[Permit], Any],
        pitch_level: float,
    ) -> None:
        self.voice = voice
        self.name = f"coqui:{model.folder.place}"
        self.version = model.version
        self._model, self._opener, self._level = model, opener, pitch_level
        self._speaker = self._language = ""
        self.native = tuple(map(_primary, model.languages))
        agreed = {one.name: one for one in base}
        # A file that is not the one agreed to keeps its own hash: the gate refuses it.
        self._base = tuple(_under(one, agreed.get(one.name, one).license) for one in model.operands)
        self._derived = tuple(derived)
        self.operands = (*self._base, *self._derived)
        self._lock = threading.Lock()
        self._open_for = ""
        self._tensors: dict[str, Any] = {}

    def _known(self) -> Mapping[str, Any]:
        return self._tensors

    def _pitch_level(self) -> float:
        return self._level

    def speak(self, permit: Permit, spoken: str, params: SpeechParams) -> Audio:
        permit.require(mode="speech", operands=self.operands, languages=(params.language,))
        self._open(permit)
        return super().speak(permit, spoken, params)

    def stream(self, permit: Permit, spoken: str, params: SpeechParams) -> Iterator[F32]:
        permit.require(mode="speech", operands=self.operands, languages=(params.language,))
        self._open(permit)
        yield from super().stream(permit, spoken, params)

    def convert(self, permit: Permit, take: GuideTake, params: ConvertParams) -> Iterator[F32]:
        permit.require(mode="conversion", operands=self.operands, params_sha256=params.digest())
        self._open(permit)
        yield from super().convert(permit, take, params)

    def _open(self, permit: Permit) -> None:
        with self._lock:
            if self._open_for == permit.intent:
                return
            self.forget()
            with self._opener(permit) as files:
                data = {name: bytes(files[name]) for name in files}
            for one in self._derived:
                if hashlib.sha256(data.get(one.name, b"")).hexdigest() != one.sha256:
                    problem = "the vault gave another file than the ledger names"
                    raise InputError(one.name, "", problem, "enrol the voice anew")
                self._tensors |= _unpack_person(data[one.name], one.name)
            self._open_for = permit.intent

    def forget(self) -> None:
        """Drop what was opened; the numbers are overwritten as far as they can be reached."""
        self._open_for = ""
        for tensor in self._tensors.values():
            tensor.zero_()
        self._tensors = {}

    def __reduce__(self) -> str:
        raise UsageError("a person's voice is not pickled; open it where it is needed")
