"""What one part of a MusicXML file writes, measure by measure, before anything is unfolded."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from voicekit.score.model import Chord, Key, Meter
from voicekit.score.musicxml.unfold import Marks

__all__ = ["DynamicMark", "TempoMark", "WrittenLyric", "WrittenMeasure", "WrittenNote", "WrittenPart"]


@dataclass(frozen=True)
class WrittenLyric:
    """One verse's syllable under a note; `text` empty and `style` empty: an extender alone."""

    verse: str
    name: str
    text: str
    syllabic: str
    extend: bool = False
    style: str = ""
    ends: str = ""
    language: str = ""
    passes: frozenset[int] = frozenset()


@dataclass(slots=True)
class WrittenNote:
    """A note or grace note; times in beats from the start of its measure, pitch as it sounds."""

    offset: Fraction
    duration: Fraction
    pitch_midi: float
    spelling: str
    voice: str
    staff: int
    in_chord: bool = False
    tie_start: bool = False
    tie_stop: bool = False
    lyrics: tuple[WrittenLyric, ...] = ()
    slurred: bool = False
    dynamic: float | None = None
    accent: bool = False
    staccato: bool = False
    breath_after: bool = False
    fermata: bool = False
    grace: bool = False
    slashed: bool = False
    steal_before: bool = False
    steal_part: Fraction | None = None
    passes: frozenset[int] = frozenset()
    slurs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TempoMark:
    """A tempo at an offset.

    Parameters
    ----------
    offset : Fraction
    bpm : float or None
        Quarter notes a minute.
    ratio : Fraction or None
        The new tempo is the old one times this.
    change : int
        -1 for rit., 1 for accel., 0 for neither.
    back : str
        ``a tempo`` or ``tempo primo``, else empty.
    ramp_to : float or None
        Said outright.
    words : str
        As printed.
    """

    offset: Fraction
    bpm: float | None = None
    ratio: Fraction | None = None
    change: int = 0
    back: str = ""
    ramp_to: float | None = None
    words: str = ""


@dataclass(frozen=True)
class DynamicMark:
    """A dynamic at an offset: ``set`` (with `level`), ``accent``, ``louder``, ``softer`` or ``stop`` (of a hairpin).

    `staff` is 0 where it holds for all staves.
    """

    offset: Fraction
    staff: int
    kind: str
    level: float = 0.5


@dataclass
class WrittenMeasure:
    """One measure of one part."""

    number: str
    implicit: bool
    length: Fraction = Fraction(0)
    sounding: Fraction = Fraction(0)
    notes: list[WrittenNote] = field(default_factory=list)
    fermata_rests: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    tempos: list[TempoMark] = field(default_factory=list)
    dynamics: list[DynamicMark] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    chords: list[Chord] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)


@dataclass
class WrittenPart:
    """A part: id, name, measures, number of staves, and whether it is percussion."""

    ident: str
    name: str
    measures: list[WrittenMeasure] = field(default_factory=list)
    staves: int = 1
    unpitched: bool = False
    transposes: bool = False
