"""A person whom a coqui model learns: the same grant, checks, entry and vault as every enrolment; another builder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from consent import Operand
from consent.statements import Grant
from voicekit.studio.coqui import COQUI, PERSON_SUFFIX, Shelf
from voicekit.studio.enrol_state import StateFile
from voicekit.studio.enrolled import EnrolledVoice
from voicekit.studio.enrolment import Enrolled, Enrolment

if TYPE_CHECKING:
    from voicekit.engines.coqui_files import ModelFolder
    from voicekit.enrol.checks import Check
    from voicekit.enrol.recording import Recording

__all__ = ["CoquiEnrolment"]


@dataclass(frozen=True)
class _Learnt:
    """A person's voice, in memory."""

    data: bytes = field(repr=False)
    sha256: str
    base: tuple[Operand, ...]
    measured: dict[str, int | str]
    method: str = "embedding"


class CoquiEnrolment(Enrolment):
    """An enrolment in which a coqui model (XTTS, FreeVC, kNN-VC, OpenVoice) learns the person.

    Parameters
    ----------
    shelf : Shelf
        Notes where the model lies.
    model : ModelFolder
        Under its terms.
    """

    suffix = PERSON_SUFFIX

    def __init__(self, shelf: Shelf, model: ModelFolder, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shelf, self._model = shelf, model

    def run(self, *args: Any) -> Enrolled:
        made = super().run(*args)
        self._shelf.keep(self._voice, self._model.place)
        return made

    def _build(self, grant: Grant, recordings: Sequence[Recording], state: StateFile) -> tuple[Any, Check]:
        from voicekit.engines.coqui_voice import pack_person, speaking_level  # loads torch
        from voicekit.enrol.checks import Check

        with self._stage("embedding"):
            model = self._shelf.model(self._model)
            sounds = [one.audio for one in recordings]
            data = pack_person(model.learn(sounds), {"model": self._model.family})
            base = tuple(Operand(o.name, o.sha256, o.role, self._model.terms.license) for o in model.operands)
            measured: dict[str, int | str] = {
                "engine": f"{COQUI}{self._model.family}",
                "level_ppm": round(1_000_000 * speaking_level(sounds)),
            }
        self._still(grant)
        variety = Check("variety", "not looked at: the model needs no sounds of its own choice", None, 0)
        return _Learnt(data, hashlib.sha256(data).hexdigest(), base, measured), variety

    def _measure(
        self, voice: EnrolledVoice, grant: Grant, recordings: Sequence[Recording], engine: Any, measured: Any
    ) -> str:
        self._notices.append("likeness was not measured: a coqui model's voice is not compared here")
        return ""
