"""Voices that a coqui model makes: which model and speaker a name stands for, and the grant behind it.

A name on the shelf is a voice file (speaker, languages, licences, hashes of the model's files) and a note where the
model lies.  The grant names the voice file and every file of the model by their hashes, so neither can be exchanged;
the note is trusted with nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consent import UNLIMITED, GrantDraft, Ledger, Operand, Permit
from voicekit.audio import io_error, settle_bytes
from voicekit.errors import UsageError
from voicekit.pipelines import Engine
from voicekit.studio.enrolled import EnrolledVoice, enrolled_voices, open_vault
from voicekit.studio.voices import ShippedVoice, VoiceSource

if TYPE_CHECKING:
    from voicekit.engines.coqui import CoquiModel
    from voicekit.engines.coqui_files import ModelFolder

__all__ = ["COQUI", "PERSON_SUFFIX", "ModelTerms", "Shelf", "adopt", "model_place", "with_coqui"]

COQUI = "coqui:"
PERSON_SUFFIX = ".coqui.safetensors"
_VOICE_SUFFIX, _PLACE_SUFFIX = ".voice.json", ".place"
_DAYS = 1_825
#: What a person who never consented to synthesis is not made to say, whoever asks.
_REFUSED = ("endorsement", "hate", "impersonation", "political", "sexual")
_NOTICE = (
    "This is the voice of a real person, learnt from recordings that were given to the public. Nobody consented to "
    "synthesis in particular. It is to be withdrawn as soon as that person asks for it."
)
Told = Callable[[str], None]


def _quiet(_text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class ModelTerms:
    """What the operator says about a model that coqui's own list does not say.

    Attributes
    ----------
    license : str
        Of the weights.
    recordings : str
        Whose recordings it was learnt from, in words.
    recordings_license : str
    """

    license: str = ""
    recordings: str = ""
    recordings_license: str = ""

    def given(self) -> dict[str, str]:
        """What was said."""
        return {key: value for key, value in self.__dict__.items() if value}


def model_place(engine: str) -> str:
    """``coqui:MODEL`` -> ``MODEL``.

    Raises
    ------
    UsageError
        Another engine.
    """
    if not engine.startswith(COQUI) or not engine.removeprefix(COQUI).strip():
        raise UsageError(f"there is no engine {engine!r}", "use house, or coqui:MODEL with a coqui name or a folder")
    return engine.removeprefix(COQUI).strip()


@dataclass(frozen=True)
class ModelVoice:
    """A voice on the shelf."""

    name: str
    folder: Path
    card: dict[str, Any]


class Shelf:
    """Which names stand for which models in a studio.

    Parameters
    ----------
    folder : Path
        Of the studio; the shelf is ``coqui`` in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "coqui"
        self._kept: tuple[Any, CoquiModel] | None = None

    def names(self) -> tuple[str, ...]:
        """Of the voices that have a voice file."""
        found = sorted(self.folder.glob(f"*{_VOICE_SUFFIX}")) if self.folder.is_dir() else []
        return tuple(path.name.removesuffix(_VOICE_SUFFIX) for path in found)

    def voice(self, name: str) -> ModelVoice:
        """What is known of a voice without loading anything."""
        from voicekit.engines.coqui_files import read_voice_file

        told = read_voice_file(self.data(name), f"{name}{_VOICE_SUFFIX}")
        speaker = f"speaker {told['speaker']} of " if told["speaker"] else ""
        card = {
            "basis": "dedication",
            "description": f"{speaker}{self.place(name) or 'a coqui model'}: {told['recordings']}",
            "engine": f"{COQUI}{self.place(name)}",
            "languages": [told["language"]] if told["language"] else ["those of the model"],
            "weights_license": told["license"],
            "recordings_license": told["recordings_license"],
            "weaknesses": ["a real person's voice: they gave their recordings away, and never consented to synthesis"],
        }
        return ModelVoice(name, self.folder, card)

    def data(self, name: str) -> bytes:
        """The voice file."""
        path = self.folder / f"{name}{_VOICE_SUFFIX}"
        try:
            return path.read_bytes()
        except OSError as problem:
            raise io_error(problem, path) from problem

    def place(self, name: str) -> str:
        """Where its model lies: a coqui name or a folder; empty where nobody noted it."""
        path = self.folder / f"{name}{_PLACE_SUFFIX}"
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def keep(self, name: str, place: str, data: bytes | None = None) -> None:
        """Note a voice; what was noted before is replaced."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if data is not None:
            settle_bytes(self.folder / f"{name}{_VOICE_SUFFIX}", data)
        settle_bytes(self.folder / f"{name}{_PLACE_SUFFIX}", f"{place}\n".encode())

    def model(self, found: ModelFolder) -> CoquiModel:
        """The model, loaded; the last one stays, as long as none of its files changes."""
        from voicekit.engines.coqui import CoquiModel  # loads torch and coqui

        stamp = (found.place, tuple((name, *_stamp(path)) for name, path in found.files))
        if self._kept is None or self._kept[0] != stamp:
            self._kept = None
            self._kept = (stamp, CoquiModel(found))
        return self._kept[1]


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError:
        return ()  # opening it will say what is wrong
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _find(place: str, fetch: bool, told: Told = _quiet) -> ModelFolder:
    from voicekit.engines.coqui import find_model  # loads torch

    return find_model(place, fetch=fetch, told=told)


def with_coqui(source: VoiceSource, ledger: Ledger, shelf: Shelf) -> VoiceSource:
    """A source of voices that knows those of coqui models too; a voice of the same name that was there wins."""

    def list_all() -> Sequence[ShippedVoice]:
        others = tuple(source.list_voices())
        taken = {one.name for one in others}
        return (*others, *(shelf.voice(name) for name in shelf.names() if name not in taken))

    def open_one(name: str) -> Engine:
        if (person := _person(ledger, name)) is not None:
            return _open_person(ledger, shelf, person)
        if name in shelf.names() and name not in {one.name for one in source.list_voices()}:
            from voicekit.engines.coqui_voice import CoquiEngine  # loads torch

            data, model = shelf.data(name), shelf.model(_find(_placed(shelf, name), fetch=False))
            return CoquiEngine(name, model, data, f"{name}{_VOICE_SUFFIX}")
        return source.open_engine(name)

    return replace(source, list_voices=list_all, open_engine=open_one)


def _placed(shelf: Shelf, name: str) -> str:
    place = shelf.place(name)
    if not place:
        raise UsageError(f"it is not noted where the model of {name} lies", "name it with --engine coqui:MODEL")
    return place


def _person(ledger: Ledger, name: str) -> EnrolledVoice | None:
    """A person whom a model learnt, and whose voice can still be opened."""
    built = [file for _digest, entry in ledger.enrolments(name) for file in entry.derived]
    if not any(item.name.endswith(PERSON_SUFFIX) for item in built):
        return None
    found = next((one for one in enrolled_voices(ledger) if one.name == name), None)
    mine = found is not None and any(item.name.endswith(PERSON_SUFFIX) for item in found.entry.derived)
    return found if mine else None


def _open_person(ledger: Ledger, shelf: Shelf, voice: EnrolledVoice) -> Engine:
    from voicekit.engines.coqui_voice import PersonEngine  # loads torch

    @contextlib.contextmanager
    def opener(permit: Permit) -> Iterator[Any]:
        with open_vault(ledger).unseal(permit, voice.name) as files:
            yield files

    def operands(files: Sequence[Any]) -> tuple[Operand, ...]:
        return tuple(Operand(one.name, one.sha256, "weights", one.license) for one in files)

    level = int(dict(voice.entry.measured).get("level_ppm", 0)) / 1_000_000
    model = shelf.model(_find(_placed(shelf, voice.name), fetch=False))
    return PersonEngine(voice.name, model, operands(voice.entry.base), operands(voice.entry.derived), opener, level)


def point(
    ledger: Ledger, shelf: Shelf, source: VoiceSource, name: str, engine: str | None, told: Told = _quiet
) -> None:
    """Heed the engine that a caller named for a voice: note where its model lies, and fetch it if it has a name.

    Raises
    ------
    UsageError
        The voice is not one of coqui's, or is, and another engine was named.
    """
    if engine is None:
        return
    mine = name in shelf.names() or _person(ledger, name) is not None
    if engine == "house":
        if mine:
            raise UsageError(f"{name} is a voice of a coqui model", "leave --engine away, or choose a house voice")
        return
    place = model_place(engine)
    if not mine:
        known = any(one.name == name for one in source.list_voices())
        what = f"{name} is no voice of a coqui model" if known else f"unknown voice: {name}"
        raise UsageError(what, f"adopt one: voicekit voices adopt V --engine {engine}")
    found = _find(place, fetch=True, told=told)
    if found.place != shelf.place(name):
        shelf.keep(name, found.place)


def with_terms(found: ModelFolder, terms: ModelTerms) -> ModelFolder:
    """A model under what the operator says; what coqui's own list says of a named model is not overruled."""
    from voicekit.engines.coqui_files import make_terms
    from voicekit.engines.coqui_table import UNSTATED, terms_of

    said = terms.given()
    listed = terms_of(found.place)
    for name in said if listed is not None else ():
        if getattr(listed, name) not in ("", UNSTATED):
            raise UsageError(f"the {name.replace('_', ' ')} of {found.place} is known: {getattr(listed, name)}")
    return found.under(make_terms(said, "the terms", found.terms))


def adopt(
    ledger: Ledger, shelf: Shelf, name: str, found: ModelFolder, *, speaker: str, language: str, taken: Sequence[str]
) -> str:
    """Sign, as the operator, the grant for a speaker of a model whose recordings were given to the public.

    Returns
    -------
    str
        Digest of the grant: one that says the same and still stands, else the new one.

    Raises
    ------
    UsageError
        A name that is taken; no such speaker; nobody says whose recordings they are.
    consent.ConsentError
        A name that the ledger does not take.
    """
    from voicekit.engines.coqui_files import voice_file

    if name in taken:
        raise UsageError(f"{name} is the name of another voice", "choose another name")
    if found.converts:
        remedy = f"enrol a person with it: voicekit voices enroll V --engine {COQUI}{found.place} --grant ID --audio F"
        raise UsageError(f"{found.place} turns takes into voices and has none of its own", remedy)
    terms = found.terms
    if not terms.recordings:
        raise UsageError(
            f"nobody says whose recordings {found.place} was learnt from, and so on what basis it may be used",
            "say it with --recordings and --recordings-license, or in license.toml beside config.json",
        )
    model = shelf.model(found)
    _check_speaker(model, speaker, language)
    data = voice_file(speaker, language, terms.license, (terms.recordings, terms.recordings_license), model.operands)
    own = Operand(f"{name}{_VOICE_SUFFIX}", _sha256(data), "weights", terms.recordings_license)
    files = [*(Operand(one.name, one.sha256, one.role, terms.license) for one in model.operands), own]
    languages = sorted({_tag(tag) for tag in ([language] if language else model.languages)})
    digest = _same(ledger, name, files) or ledger.add_grant(
        GrantDraft(_draft(name, found, speaker, languages, files), "", f"the grant for {name}", Path())
    )
    shelf.keep(name, found.place, data)
    return digest


def _check_speaker(model: CoquiModel, speaker: str, language: str) -> None:
    place = model.folder.place
    if speaker and speaker not in model.speakers:
        raise UsageError(f"{place} has no speaker {speaker}", f"choose from: {_some(model.speakers)}")
    if not speaker and len(model.speakers) > 1:
        remedy = f"name one with --speaker: {_some(model.speakers)}"
        raise UsageError(f"{place} has {len(model.speakers)} speakers", remedy)
    if not speaker and not model.speakers and model.folder.family == "xtts":
        remedy = f"enrol a person with it: voicekit voices enroll V --engine {COQUI}{place} --grant ID --audio F"
        raise UsageError(f"{place} comes without speakers", remedy)
    if language and language not in model.languages:
        raise UsageError(f"{place} does not speak {language}", f"choose from: {_some(model.languages)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") or "(none)"


def _tag(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _same(ledger: Ledger, name: str, files: Sequence[Operand]) -> str:
    wanted = {(one.sha256, one.license) for one in files}
    for info in ledger.grants():
        mine = info.voice == name and info.state == "active" and info.basis == "dedication"
        held = {(one.sha256, one.license) for one in ledger.grant_statement(info.digest).weights} if mine else set()
        if held == wanted:
            return str(info.digest)
    return ""


def _draft(
    name: str, found: ModelFolder, speaker: str, languages: Sequence[str], files: Sequence[Operand]
) -> Mapping[str, Any]:
    terms = found.terms
    whose = f"speaker {speaker} of the model {found.place}" if speaker else f"the model {found.place}"
    use = (
        f"Narration of books and other texts in this studio with the voice {name}: {whose}, learnt from "
        f"{terms.recordings} ({terms.recordings_license}; weights {terms.license}). {_NOTICE} Every file is marked as "
        "AI-generated speech, and sold only as far as both licences allow it."
    )
    now = int(time.time())
    return {
        "voice": name,
        "basis": "dedication",
        "intended_use": use,
        "subject": {"adult": True},
        "notice": {"text": _NOTICE, "language": "en", "version": "coqui-1"},
        "scope": {
            "modes": ["speech"],
            "purposes": ["any"],
            # What may be sold is for the licences to say, and the gate asks them file by file and names them.
            "commercial": True,
            "languages": list(languages),
            "territories": ["001"],
            "titles": ["any"],
            "content_refused": list(_REFUSED),
            "max_renders": UNLIMITED,
            "max_seconds": UNLIMITED,
        },
        "validity": {"not_before": now, "not_after": now + _DAYS * 86_400},
        "weights": [{"name": one.name, "sha256": one.sha256, "license": one.license} for one in files],
        "withdrawal": {"how": "The operator revokes it when the person asks.", "effect": "stop-new"},
        "disclosure": {"metadata": True, "watermark": False, "audible": "policy"},
    }
