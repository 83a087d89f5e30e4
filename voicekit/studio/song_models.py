"""What goes into a song and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consent import RenderReceipt
from voicekit.audio import Audio, read_audio
from voicekit.errors import UsageError
from voicekit.singing import SingStyle
from voicekit.text.languages import language_of

__all__ = ["SingOptions", "Song", "SungPart"]

FORMATS = ("wav", "flac")


@dataclass(frozen=True)
class SingOptions:
    """What is chosen for a song.

    Parameters
    ----------
    parts : tuple of str, optional
        Names or numbers of the score's parts; all when None.
    verse : int, optional
        Which verse of the words; the score's own order when None.
    harmony : str, optional
        ``satb``, ``third-above`` ... added to the first chosen part; see `voicekit.harmony`.
    doubles : int
        How many singers for each part, 1 to 8.
    transpose : float
        Semitones, -24 to 24.
    style : SingStyle
    seed : int
        The same seed gives the same bytes.
    format : str
        ``wav`` or ``flac``, 24 bits, 48 kHz.
    guide : bool
        Also a click and a guide tone.
    timelines, pitches : dict of str to str
        For a part (name or number) an edited TextGrid, or PitchTier (CSV too), to be sung instead of what is planned.
    purpose : str
    commercial : bool
    languages : tuple of str, optional
        Of the words: the first is that of parts which are marked with none of them.  The score's own when None, else
        English.  A grant has to cover what is stated here, what the score is marked with, and what is really sung.
    territories : tuple of str
    reviewed_content : tuple of str
        Classes of `consent.CONTENT_CLASSES` that the ledger's screen may find in the words although you have read them
        and they hold none; this declaration is signed into the ledger.
    title : str, optional
        The score's own when None.

    Raises
    ------
    UsageError
        A value outside its range.
    """

    parts: tuple[str, ...] | None = None
    verse: int | None = None
    harmony: str | None = None
    doubles: int = 1
    transpose: float = 0.0
    style: SingStyle = field(default_factory=SingStyle)
    seed: int = 0
    format: str = "wav"
    guide: bool = True
    purpose: str = "music"
    commercial: bool = False
    languages: tuple[str, ...] | None = None
    territories: tuple[str, ...] = ("001",)
    reviewed_content: tuple[str, ...] = ()
    title: str | None = None
    timelines: dict[str, str] = field(default_factory=dict)
    pitches: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if self.format not in FORMATS:
            raise UsageError(f"unknown format: {self.format}", f"use one of: {', '.join(FORMATS)}")
        if not 1 <= self.doubles <= 8:
            raise UsageError(f"{self.doubles} singers for a part are not possible", "give 1 to 8")
        if not -24.0 <= self.transpose <= 24.0:
            raise UsageError(f"{self.transpose:g} semitones are too far", "give -24 to 24")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"the seed must lie in 0 .. 2147483647, not {self.seed}")
        if self.verse is not None and self.verse < 1:
            raise UsageError("verses are numbered from 1")
        for tag in self.languages or ():
            language_of(tag)


@dataclass(frozen=True)
class SungPart:
    """One delivered stem.

    Parameters
    ----------
    name, voice : str
    file, timeline, pitch : pathlib.Path
        The stem, its TextGrid, and the commanded pitch as a PitchTier.
    receipt_id : str
    measured : dict
    """

    name: str
    voice: str
    file: Path
    timeline: Path
    pitch: Path
    receipt_id: str
    measured: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.name,
            "voice": self.voice,
            "file": str(self.file),
            "timeline": str(self.timeline),
            "pitch": str(self.pitch),
            "receipt": self.receipt_id,
            "measured": self.measured,
        }


@dataclass(frozen=True)
class Song:
    """What singing gave.

    Parameters
    ----------
    folder : pathlib.Path
    title : str
    parts : tuple of SungPart
    mix : pathlib.Path
    extras : tuple of pathlib.Path
        Click, guide, score as sung, report.
    measured : dict
        ``duration_s``, ``elapsed_s``, ``rtf``.
    notices : tuple of str
    receipts : tuple of RenderReceipt
        One for each voice and grant.
    """

    folder: Path
    title: str
    parts: tuple[SungPart, ...]
    mix: Path
    extras: tuple[Path, ...]
    measured: dict[str, Any]
    notices: tuple[str, ...]
    receipts: tuple[RenderReceipt, ...] = field(default=(), repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files with a voice in them: the mix and the stems."""
        return (self.mix, *(part.file for part in self.parts))

    @property
    def path(self) -> Path:
        """The mix."""
        return self.mix

    @property
    def audio(self) -> Audio:
        """The mix, decoded to one channel."""
        return read_audio(self.mix)

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "folder": str(self.folder),
            "title": self.title,
            "mix": str(self.mix),
            "parts": [part.to_json() for part in self.parts],
            "extras": [str(path) for path in self.extras],
            "measured": self.measured,
            "notices": list(self.notices),
            "receipts": [receipt.digest for receipt in self.receipts],
        }
