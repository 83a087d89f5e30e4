"""What checks a spoken consent by machine: interfaces, and how programs that fill them are found.

This package recognises no speech itself. A program that can offers factories through the entry point group
`consent.engines` under the names `recogniser` and `speaker-check`; `voicekit` does. A factory that cannot
work here (a package is missing) raises ImportError and counts as absent.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from .errors import InvalidInputError

__all__ = ["Engines", "Recogniser", "SpeakerCheck", "find_engines"]

_GROUP = "consent.engines"


@runtime_checkable
class Recogniser(Protocol):
    """Understands words out of a vocabulary, without knowing which are expected."""

    name: str
    model_sha256: str

    def words(self, path: Path, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
        """Words of `vocabulary` heard in the recording, in order."""
        ...

    def pcm_sha256(self, path: Path) -> str:
        """SHA-256 of the recording's samples (16 bit, little endian, channels interleaved)."""
        ...


@runtime_checkable
class SpeakerCheck(Protocol):
    """Says how alike two recordings' voices are."""

    name: str
    model_sha256: str
    threshold_ppm: int

    def similarity_ppm(self, path_a: Path, path_b: Path) -> int:
        """Likeness in ppm; at `threshold_ppm` and above they count as one voice."""
        ...


class Engines:
    """A recogniser and a speaker check, either of which may be absent (None)."""

    def __init__(self, recogniser: Recogniser | None = None, speaker: SpeakerCheck | None = None) -> None:
        self.recogniser = recogniser
        self.speaker = speaker


def find_engines() -> Engines:
    """Engines of the programs installed here; importing them may take seconds.

    Raises
    ------
    InvalidInputError
        An installed engine does not have the parts it must have.
    """
    return Engines(
        cast("Recogniser | None", _find("recogniser", Recogniser)),
        cast("SpeakerCheck | None", _find("speaker-check", SpeakerCheck)),
    )


def _find(name: str, kind: type[Any]) -> object | None:
    for point in importlib.metadata.entry_points(group=_GROUP, name=name):
        try:
            engine = point.load()()
        except ImportError:
            continue
        if not isinstance(engine, kind):
            raise InvalidInputError(
                f"the engine {point.value} is no {kind.__name__}",
                remedy="Update the program it belongs to",
                reason="engine-invalid",
            )
        return cast("object", engine)
    return None
