"""A score as it is performed: parts of notes on one time line of beats, with its tempo, metre, keys and chords.

Every reader of this room gives this one model.  Time is exact: onsets and durations are fractions of a quarter
note from the start of the score.  Repeats are unfolded, ties are joined, transposing parts are at sounding pitch,
and chords are split into parts, so what follows need not know any of them.  What a file asks for and we do not
honour stands in `Score.notices`.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field, replace
from fractions import Fraction

from voicekit.score.time_line import TempoMap

__all__ = ["DYNAMIC_RANGE_DB", "Chord", "Curve", "Key", "Lyric", "Meter", "Note", "Notice", "Part", "Score", "Vibrato"]

SYLLABICS = ("single", "begin", "middle", "end")
ELISION = "\u203f"
#: From dynamic 0 to dynamic 1; a swell within a note is written in `Part.loudness_curve` on this scale.
DYNAMIC_RANGE_DB = 30.0


@dataclass(frozen=True)
class Lyric:
    """What is sung on one note.

    Parameters
    ----------
    text : str
        One syllable, without hyphens; several for an elision are joined by U+203F (``th'_end`` -> ``th'‿end``).
        Empty, with ``middle`` or ``end``: the next syllable of a word that stands whole on its first note.
    syllabic : str
        ``single``, ``begin``, ``middle`` or ``end``: its place in its word.
    extend : bool
        Whether the file draws an extender line after it (the word goes on over the notes that follow).
    phonemes : tuple of str
        Phones the file itself prescribes, in the file's own alphabet; empty for none.
    style : str
        ``humming`` or ``laughing`` (its text is empty then), else empty.
    ends : str
        ``line`` or ``paragraph`` where the file says that one of the verse ends with it, else empty.
    """

    text: str
    syllabic: str = "single"
    extend: bool = False
    phonemes: tuple[str, ...] = ()
    style: str = ""
    ends: str = ""


@dataclass(frozen=True)
class Vibrato:
    """Vibrato of one note, as its file or an editor asks for it.

    Parameters
    ----------
    start_s : float
        Seconds from the note's onset; negative counts from its end.
    rate_hz : float
    extent_cents : float
        Half the distance between highest and lowest pitch.
    fade_in_s, fade_out_s : float
    phase : float
        0..1 of a cycle at its start.
    """

    start_s: float
    rate_hz: float
    extent_cents: float
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0
    phase: float = 0.0


@dataclass(frozen=True)
class Curve:
    """A drawn curve: values at points in time, linear in between, constant beyond.

    Parameters
    ----------
    times : tuple of Fraction
        Beats from the start of the score, rising; two points at one beat are a step.
    values : tuple of float
        As many; the unit is that of what the curve is about (cents, dB ...).
    """

    times: tuple[Fraction, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values) or any(b < a for a, b in zip(self.times, self.times[1:], strict=False)):
            raise ValueError("a curve has one value for each of its rising times")

    def at(self, beat: Fraction | float) -> float:
        """Value at a beat; at a step (two points at one time) the later one."""
        if not self.times:
            return 0.0
        after = bisect.bisect_right(self.times, beat)
        if after == 0 or after == len(self.times):
            return self.values[max(0, after - 1)]
        start, end = self.times[after - 1], self.times[after]
        share = float((beat - start) / (end - start))
        return self.values[after - 1] + share * (self.values[after] - self.values[after - 1])


@dataclass(frozen=True)
class Note:
    """One sung note.

    Parameters
    ----------
    onset, duration : Fraction
        Beats (quarter notes) from the start of the score; a duration is above 0.
    pitch_midi : float
        Sounding pitch; 69 is A4, fractions are microtones.
    lyric : Lyric or None
        None: the vowel before goes on (melisma), or there are no words.
    slurred : bool
        Joined to the note before by a slur.
    dynamic : float
        0..1, 0.5 as the voice sings by itself.
    accent : bool
    staccato : bool
    breath_after : bool
        The file asks for a breath or a comma after it.
    fermata : bool
    vibrato : Vibrato or None
        None: as the style says.
    portamento_s : float or None
        Seconds of the glide into this note; None: as the style says, 0: none.
    grace : bool
        Was a grace note; its time is taken as given here already.
    spelling : str
        Written name such as ``C#4`` (sounding octave), empty when the file has none.
    """

    onset: Fraction
    duration: Fraction
    pitch_midi: float
    lyric: Lyric | None = None
    slurred: bool = False
    dynamic: float = 0.5
    accent: bool = False
    staccato: bool = False
    breath_after: bool = False
    fermata: bool = False
    vibrato: Vibrato | None = None
    portamento_s: float | None = None
    grace: bool = False
    spelling: str = ""

    @property
    def end(self) -> Fraction:
        """Beats."""
        return self.onset + self.duration

    def moved(self, semitones: float) -> Note:
        """The same note at another pitch; a spelling does not survive that."""
        return replace(self, pitch_midi=self.pitch_midi + semitones, spelling="" if semitones else self.spelling)


@dataclass(frozen=True)
class Part:
    """One singer's line: notes in order of onset that never overlap.

    Parameters
    ----------
    name : str
    notes : tuple of Note
    ident : str
        The file's own name for it.
    pitch_curve : Curve or None
        Cents to add to the notes' pitch, where the file draws one.
    loudness_curve : Curve or None
        dB to add.
    language : str
        BCP 47 tag of its words, empty when the file does not say.
    """

    name: str
    notes: tuple[Note, ...]
    ident: str = ""
    pitch_curve: Curve | None = None
    loudness_curve: Curve | None = None
    language: str = ""

    def __post_init__(self) -> None:
        for before, after in zip(self.notes, self.notes[1:], strict=False):
            if after.onset < before.end:
                raise ValueError(f"part {self.name!r}: notes overlap at beat {float(after.onset):g}")
        if any(note.duration <= 0 or note.onset < 0 for note in self.notes):
            raise ValueError(f"part {self.name!r}: a note has no duration or begins before the score")

    @property
    def end(self) -> Fraction:
        """Beats; 0 for a part without notes."""
        return self.notes[-1].end if self.notes else Fraction(0)

    @property
    def has_words(self) -> bool:
        """Whether any note has a syllable."""
        return any(note.lyric is not None for note in self.notes)


@dataclass(frozen=True)
class Meter:
    """A time signature from a beat on."""

    onset: Fraction
    beats: int
    beat_type: int


@dataclass(frozen=True)
class Key:
    """A key signature from a beat on: sharps (flats negative) and mode (``major``, ``minor`` or empty)."""

    onset: Fraction
    fifths: int
    mode: str = ""


@dataclass(frozen=True)
class Chord:
    """A chord symbol from a beat on.

    Parameters
    ----------
    onset : Fraction
    root : int
        Pitch class 0..11; -1 for "no chord".
    kind : str
        ``major``, ``minor``, ``diminished``, ``augmented``, ``dominant-seventh``, ``major-seventh``, ``minor-seventh``,
        ``half-diminished``, ``diminished-seventh``, ``suspended-fourth``, ``suspended-second``, ``power`` or ``none``.
    bass : int
        Pitch class of the bass; the root's when left at -1.
    text : str
        As printed.
    """

    onset: Fraction
    root: int
    kind: str
    bass: int = -1
    text: str = ""


@dataclass(frozen=True)
class Notice:
    """Something the file asks for that was not honoured, or had to be guessed.

    Parameters
    ----------
    place : str
        Part and measure, or line, as the file's reader names it.
    text : str
    """

    place: str
    text: str


@dataclass(frozen=True)
class Score:
    """A whole score.

    Parameters
    ----------
    parts : tuple of Part
    tempo : TempoMap
    meters, keys, chords : tuple
        In order of onset; a score without any has none.
    title, composer, lyricist : str
    source : str
        File name it was read from.
    format : str
        ``musicxml``, ``midi``, ``ust``, ``ustx``, ``svp``, ``ds``, ``recording``, another format's suffix, or empty.
    notices : tuple of Notice
    pickup : Fraction
        Beats before the first full measure.
    """

    parts: tuple[Part, ...]
    tempo: TempoMap
    meters: tuple[Meter, ...] = ()
    keys: tuple[Key, ...] = ()
    chords: tuple[Chord, ...] = ()
    title: str = ""
    composer: str = ""
    lyricist: str = ""
    source: str = ""
    format: str = ""
    notices: tuple[Notice, ...] = field(default=())
    pickup: Fraction = Fraction(0)

    @property
    def end(self) -> Fraction:
        """Beats at which the last note ends."""
        return max((part.end for part in self.parts), default=Fraction(0))

    def part(self, name: str) -> Part:
        """A part by its name, its file's name for it, or its number from 1.

        Raises
        ------
        KeyError
            There is none.
        """
        for number, part in enumerate(self.parts, 1):
            if name in (part.name, part.ident, str(number)):
                return part
        raise KeyError(name)
