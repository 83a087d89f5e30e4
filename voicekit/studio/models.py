"""What goes into the studio and what comes out, as plain frozen values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consent import RenderReceipt
from voicekit.audio import FORMATS, Audio, read_audio
from voicekit.errors import UsageError
from voicekit.master import PROFILES

__all__ = ["ChapterTake", "GrantStatus", "NarrateOptions", "Take", "VoiceStatus"]

_RATE_RANGE = (0.5, 2.0)
_PITCH_RANGE = (-12.0, 12.0)


@dataclass(frozen=True)
class NarrateOptions:
    """What is chosen for a narration.

    Parameters
    ----------
    chapters : tuple of int, optional
        Numbers from 1; all when None.
    formats : tuple of str
        Of ``mp3``, ``flac``, ``wav``.
    seed : int
        Of the production: the same seed gives the same bytes.
    rate : float
        0.5 .. 2.0; 1.0 is the voice's own pace.
    pitch_semitones : float
        -12 .. 12.
    purpose : str
        What the sound is for, as the grant names it.
    commercial : bool
    languages : tuple of str, optional
        The book's own when None.
    territories : tuple of str
        ISO 3166 codes, or ``001`` for the world.
    title : str, optional
        The book's own when None.
    reviewed_content : tuple of str
        Classes of `consent.CONTENT_CLASSES` that the ledger's screen may find in the text although you have read it
        and it holds none; this declaration is signed into the ledger.
    profile : str
        ``acx`` for chapters, ``clip`` for a paragraph.
    redo : (int, int), optional
        Say this sentence of this chapter (both from 1) once more, with another seed.
    redo_seed : int, optional
        The seed for it; the next one when None.

    Raises
    ------
    UsageError
        A value outside its range.
    """

    chapters: tuple[int, ...] | None = None
    formats: tuple[str, ...] = ("mp3", "flac")
    seed: int = 0
    rate: float = 1.0
    pitch_semitones: float = 0.0
    purpose: str = "audiobook"
    commercial: bool = False
    languages: tuple[str, ...] | None = None
    territories: tuple[str, ...] = ("001",)
    title: str | None = None
    reviewed_content: tuple[str, ...] = ()
    profile: str = "acx"
    redo: tuple[int, int] | None = None
    redo_seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown or not self.formats:
            raise UsageError(f"unknown format: {', '.join(unknown) or '(none)'}", f"use some of: {', '.join(FORMATS)}")
        if len(set(self.formats)) != len(self.formats):
            raise UsageError(f"a format is named twice: {', '.join(self.formats)}", "name each once")
        if self.profile not in PROFILES:
            raise UsageError(f"unknown profile: {self.profile}", f"use one of: {', '.join(PROFILES)}")
        _within("rate", self.rate, _RATE_RANGE)
        _within("pitch", self.pitch_semitones, _PITCH_RANGE)
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"the seed must lie in 0 .. 2147483647, not {self.seed}")
        if self.redo_seed is not None and not 0 <= self.redo_seed < 2**31:
            raise UsageError(f"the seed must lie in 0 .. 2147483647, not {self.redo_seed}")
        if self.chapters is not None and (not self.chapters or min(self.chapters) < 1):
            raise UsageError("chapters are numbered from 1", "for example --chapters 1-3")


def _within(name: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not (math.isfinite(value) and low <= value <= high):
        raise UsageError(f"the {name} must lie in {low:g} .. {high:g}, not {value:g}")


@dataclass(frozen=True)
class GrantStatus:
    """A grant, and what is left of it.

    Parameters
    ----------
    id : str
        Digest of the statement.
    voice, basis, tier : str
        ``basis`` is ``consent``, ``dedication`` or ``no-donor``.
    description : str
        The intended use, in its own words.
    modes, purposes, languages, territories : tuple of str
    commercial : bool
    renders_left, seconds_left : int or None
        None: no limit.
    not_after : str
        ISO date.
    state : str
        ``usable``, ``revoked``, ``expired``, ``not-yet-valid`` or ``used-up``.
    """

    id: str
    voice: str
    basis: str
    tier: str
    description: str
    modes: tuple[str, ...]
    purposes: tuple[str, ...]
    languages: tuple[str, ...]
    territories: tuple[str, ...]
    commercial: bool
    renders_left: int | None
    seconds_left: int | None
    not_after: str
    state: str

    @property
    def usable(self) -> bool:
        """Whether something may be asked for under it now."""
        return self.state == "usable"

    @property
    def line(self) -> str:
        """The grant in one line for people."""
        renders = "any number of renders" if self.renders_left is None else f"{self.renders_left} renders left"
        seconds = "" if self.seconds_left is None else f", {self.seconds_left // 60} min left"
        money = "commercial" if self.commercial else "non-commercial"
        return (
            f"{self.id[:12]} {self.voice} ({self.basis}): {', '.join(self.modes)} for "
            f"{', '.join(self.purposes)}, {money}, {', '.join(self.languages)} in "
            f"{', '.join(self.territories)}; {renders}{seconds}; until {self.not_after}; {self.state}"
        )


@dataclass(frozen=True)
class VoiceStatus:
    """A voice, and what may be done with it here.

    Parameters
    ----------
    name : str
    card : dict
        The voice card as it was read.
    basis : str
    description : str
    shipped : bool
        It came with voicekit.
    grants : tuple of GrantStatus
    """

    name: str
    card: dict[str, Any]
    basis: str
    description: str
    shipped: bool
    grants: tuple[GrantStatus, ...]

    @property
    def granted(self) -> bool:
        """Whether a usable grant is here."""
        return any(grant.usable for grant in self.grants)


@dataclass(frozen=True)
class ChapterTake:
    """One delivered chapter.

    Parameters
    ----------
    index : int
        In the book, from 1.
    title : str
    files, proofs : tuple of pathlib.Path
        The sound in each format, and the proof beside each.
    receipt_id : str
        Digest of the render receipt.
    duration_s : float
    measured : dict
        By file name: levels measured on the decoded file; ``master``: before encoding.
    sentences, takes_made, takes_reused : int
    skipped : bool
        It was there already, delivered from the same inputs.
    """

    index: int
    title: str
    files: tuple[Path, ...]
    proofs: tuple[Path, ...]
    receipt_id: str
    duration_s: float
    measured: dict[str, Any]
    sentences: int
    takes_made: int
    takes_reused: int
    skipped: bool

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "index": self.index,
            "title": self.title,
            "files": [str(file) for file in self.files],
            "proofs": [str(proof) for proof in self.proofs],
            "receipt": self.receipt_id,
            "duration_s": round(self.duration_s, 3),
            "measured": self.measured,
            "sentences": self.sentences,
            "takes_made": self.takes_made,
            "takes_reused": self.takes_reused,
            "skipped": self.skipped,
        }


@dataclass(frozen=True)
class Take:
    """What a narration gave.

    Parameters
    ----------
    folder : pathlib.Path
    title, voice : str
    grant : str
        Digest of the grant; empty when everything was there already.
    chapters : tuple of ChapterTake
    report, production : pathlib.Path
    measured : dict
        ``duration_s``, ``elapsed_s``, ``rendered_s`` (sound made now), ``rtf``.
    notices : tuple of str
        What in the text is not read as written, and other things worth knowing.
    receipt : RenderReceipt, optional
        Of the first chapter rendered in this run.
    """

    folder: Path
    title: str
    voice: str
    grant: str
    chapters: tuple[ChapterTake, ...]
    report: Path
    production: Path
    measured: dict[str, Any]
    notices: tuple[str, ...]
    receipt: RenderReceipt | None = field(default=None, repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """All sound files, in order."""
        return tuple(file for chapter in self.chapters for file in chapter.files)

    @property
    def path(self) -> Path:
        """The first sound file."""
        return self.files[0]

    @property
    def audio(self) -> Audio:
        """The first sound file, decoded."""
        return read_audio(self.path)

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "folder": str(self.folder),
            "title": self.title,
            "voice": self.voice,
            "grant": self.grant,
            "report": str(self.report),
            "production": str(self.production),
            "measured": self.measured,
            "notices": list(self.notices),
            "chapters": [chapter.to_json() for chapter in self.chapters],
        }
