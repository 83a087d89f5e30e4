"""A second pair of eyes: what a harmony textbook would mark in parts that anybody wrote.

This module shares no code with the generator: it looks at the finished notes alone, as a teacher would, and has its
own table of chords.  The rules are those of the common practice as any textbook gives them (e.g. W. Piston,
"Harmony", ch. 2-5).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from voicekit.score import Part

__all__ = ["ALL_RULES", "FORBIDDEN", "PAIR_RULES", "Fault", "check"]

FORBIDDEN = frozenset(("parallel-fifths", "parallel-octaves", "parallel-unisons", "range", "crossing", "chord-tone"))
PAIR_RULES = frozenset(("parallel-fifths", "parallel-octaves", "parallel-unisons", "range"))
ALL_RULES = FORBIDDEN | frozenset(
    ("hidden-fifths", "hidden-octaves", "overlap", "spacing", "doubled-leading-tone", "missing-third", "leap")
)

# Semitones over the root, written down here again on purpose.
SPELLED = {
    "major": "0 4 7",
    "minor": "0 3 7",
    "diminished": "0 3 6",
    "augmented": "0 4 8",
    "dominant-seventh": "0 4 7 10",
    "major-seventh": "0 4 7 11",
    "minor-seventh": "0 3 7 10",
    "half-diminished": "0 3 6 10",
    "diminished-seventh": "0 3 6 9",
    "suspended-fourth": "0 5 7",
    "suspended-second": "0 2 7",
    "power": "0 7",
}


class ChordLike(Protocol):
    """A chord from a beat on: `voicekit.score.Chord` and `ChordGuess` are such."""

    @property
    def onset(self) -> Fraction: ...
    @property
    def root(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def bass(self) -> int: ...


class KeyLike(Protocol):
    """A key that may change: `KeyGuess` is such."""

    def at(self, beat: Fraction) -> TonicLike: ...


class TonicLike(Protocol):
    """What a key is at a beat."""

    @property
    def tonic(self) -> int: ...


@dataclass(frozen=True)
class Fault:
    """A rule that is broken.

    Parameters
    ----------
    rule : str
        One of `ALL_RULES`.
    beat : Fraction
        Where, in beats from the start of the score.
    voices : tuple of str
        Names of the parts.
    text : str
        One clause for people.
    """

    rule: str
    beat: Fraction
    voices: tuple[str, ...]
    text: str

    @property
    def forbidden(self) -> bool:
        """Whether the rule is one that our own harmonies never break."""
        return self.rule in FORBIDDEN

    def __str__(self) -> str:
        return f"beat {float(self.beat):g}: {self.rule} ({', '.join(self.voices)}): {self.text}"


@dataclass(frozen=True)
class _Moment:
    """What sounds from a beat on: a semitone for each voice, None for rest."""

    beat: Fraction
    pitches: tuple[int | None, ...]


def _moments(parts: Sequence[Part], extra: Sequence[Fraction]) -> list[_Moment]:
    """Every point at which a voice begins or ends, or one of `extra` falls."""
    beats = {note.onset for part in parts for note in part.notes} | {n.end for part in parts for n in part.notes}
    beats |= set(extra)
    found = []
    places = [0] * len(parts)
    for beat in sorted(beats):
        row: list[int | None] = []
        for voice, part in enumerate(parts):
            while places[voice] < len(part.notes) and part.notes[places[voice]].end <= beat:
                places[voice] += 1
            here = part.notes[places[voice]] if places[voice] < len(part.notes) else None
            row.append(math.floor(here.pitch_midi + 0.5) if here and here.onset <= beat else None)
        found.append(_Moment(beat, tuple(row)))
    return found


def _motions(moments: Sequence[_Moment], v: int, w: int) -> Iterator[tuple[Fraction, int, int, int, int]]:
    """Each change from one time both voices sound to the next, also over rests: beat, old pair, new pair."""
    last: tuple[int, int] | None = None
    for moment in moments:
        a, b = moment.pitches[v], moment.pitches[w]
        if a is None or b is None:
            continue
        if last is not None and (a, b) != last:
            yield moment.beat, *last, a, b
        last = (a, b)


def _parallels(moments: Sequence[_Moment], names: Sequence[str]) -> Iterator[Fault]:
    for v, w in itertools.combinations(range(len(names)), 2):
        for beat, a, b, c, d in _motions(moments, v, w):
            if a == c or b == d:
                continue
            old, new = abs(a - b), abs(c - d)
            if old % 12 == 7 and new % 12 == 7:
                kind = "parallel-fifths"
            elif old % 12 == 0 and new % 12 == 0:
                kind = "parallel-unisons" if old == new == 0 else "parallel-octaves"
            else:
                continue
            how = "in the same direction" if (c > a) == (d > b) else "in contrary motion"
            yield Fault(kind, beat, (names[v], names[w]), f"{old} then {new} semitones {how}")


def _hidden(moments: Sequence[_Moment], names: Sequence[str]) -> Iterator[Fault]:
    """Outer voices in similar motion to a perfect interval while the upper one leaps."""
    top, low = 0, len(names) - 1
    for beat, a, b, c, d in _motions(moments, top, low):
        similar = (c > a and d > b) or (c < a and d < b)
        if not similar or abs(c - a) <= 2 or (a - b) % 12 == (c - d) % 12:
            continue
        if (c - d) % 12 in (0, 7):
            kind = "hidden-octaves" if (c - d) % 12 == 0 else "hidden-fifths"
            yield Fault(kind, beat, (names[top], names[low]), f"{names[top]} leaps {abs(c - a)} semitones into it")


def _verticals(moments: Sequence[_Moment], names: Sequence[str]) -> Iterator[Fault]:
    """Crossing, spacing and overlap between neighbours."""
    for v in range(len(names) - 1):
        pair = (names[v], names[v + 1])
        previous: tuple[int | None, int | None] = (None, None)
        for moment in moments:
            a, b = moment.pitches[v], moment.pitches[v + 1]
            new = (a, b) != previous
            if a is not None and b is not None and new:
                if b > a:
                    yield Fault("crossing", moment.beat, pair, f"{pair[1]} lies {b - a} semitones over {pair[0]}")
                if a - b > 12 and v + 2 < len(names):
                    yield Fault("spacing", moment.beat, pair, f"{a - b} semitones apart")
        for beat, a, b, c, d in _motions(moments, v, v + 1):
            if d > a or c < b:
                yield Fault("overlap", beat, pair, "one voice passes where the other has just been")


def _chord_at(chords: Sequence[ChordLike], beat: Fraction) -> ChordLike | None:
    found = None
    for chord in chords:
        if chord.onset <= beat:
            found = chord
    return found


def _chord_rules(
    moments: Sequence[_Moment],
    names: Sequence[str],
    chords: Sequence[ChordLike],
    key: KeyLike | None,
    melody: int | None,
) -> Iterator[Fault]:
    """Foreign notes, missing thirds, doubled leading tones."""
    seen: tuple[object, ...] = ()
    for moment in moments:
        chord = _chord_at(chords, moment.beat)
        if chord is None or chord.root < 0 or chord.kind not in SPELLED:
            continue
        if (chord, moment.pitches) == seen:
            continue
        seen = (chord, moment.pitches)
        tones = [(chord.root + int(step)) % 12 for step in SPELLED[chord.kind].split()]
        lowest = max((v for v, p in enumerate(moment.pitches) if p is not None), default=None)
        for voice, pitch in enumerate(moment.pitches):
            if pitch is None or voice == melody or pitch % 12 in tones:
                continue
            if voice == lowest and pitch % 12 == chord.bass:
                continue
            yield Fault("chord-tone", moment.beat, (names[voice],), f"pitch class {pitch % 12} is not in the chord")
        sounding = [pitch % 12 for pitch in moment.pitches if pitch is not None]
        if len(sounding) >= 3 and len(tones) >= 3 and tones[1] not in sounding:
            yield Fault("missing-third", moment.beat, tuple(names), "no voice has the chord's third")
        if key is not None:
            leading = (key.at(moment.beat).tonic + 11) % 12
            who = tuple(names[v] for v, p in enumerate(moment.pitches) if p is not None and p % 12 == leading)
            if leading in tones and chord.kind != "minor" and len(who) > 1:
                yield Fault("doubled-leading-tone", moment.beat, who, "the leading tone is in two voices")


def check(
    parts: Sequence[Part],
    chords: Sequence[ChordLike] = (),
    key: KeyLike | None = None,
    ranges: Mapping[str, tuple[int, int]] | None = None,
    melody: int | None = None,
    rules: frozenset[str] = ALL_RULES,
) -> tuple[Fault, ...]:
    """What is wrong with parts by the textbook.

    Parameters
    ----------
    parts : sequence of Part
        Highest voice first.
    chords : sequence
        Chords in order of onset; without them chord tones, thirds and leading tones are not looked at.
    key : KeyGuess, optional
        Without it leading tones are not looked at.
    ranges : mapping, optional
        Lowest and highest MIDI number by part name.
    melody : int, optional
        Which part may have notes foreign to the chords.
    rules : frozenset of str
        Which rules to look at; `PAIR_RULES` for voices that are no choir.

    Returns
    -------
    tuple of Fault
        In order of their beats.
    """
    names = [part.name for part in parts]
    moments = _moments(parts, [chord.onset for chord in chords])
    found = [*_parallels(moments, names), *_hidden(moments, names), *_verticals(moments, names)]
    found += _chord_rules(moments, names, chords, key, melody)
    for part in parts:
        low, high = (ranges or {}).get(part.name, (-math.inf, math.inf))
        for note in part.notes:
            pitch = math.floor(note.pitch_midi + 0.5)
            if not low <= pitch <= high:
                found.append(Fault("range", note.onset, (part.name,), f"{pitch} lies outside of {low}..{high}"))
        for a, b in itertools.pairwise(part.notes):
            if abs(b.pitch_midi - a.pitch_midi) > 12.5:
                found.append(Fault("leap", b.onset, (part.name,), "a leap of more than an octave"))
    return tuple(sorted((f for f in found if f.rule in rules), key=lambda f: (f.beat, f.rule, f.voices)))
