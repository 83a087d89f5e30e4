"""What every part of this room agrees on: pitch classes, scales, chord tones, metre and spelling."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from voicekit.errors import UsageError
from voicekit.score import Meter, Note, Score

__all__ = ["KINDS", "Grid", "chord_tones", "key_name", "nearest", "overlapping", "scale", "spell"]

KINDS: dict[str, tuple[int, ...]] = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
    "dominant-seventh": (0, 4, 7, 10),
    "major-seventh": (0, 4, 7, 11),
    "minor-seventh": (0, 3, 7, 10),
    "half-diminished": (0, 3, 6, 10),
    "diminished-seventh": (0, 3, 6, 9),
    "suspended-fourth": (0, 5, 7),
    "suspended-second": (0, 2, 7),
    "power": (0, 7),
    "none": (),
}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
LONGEST = 100_000  # beats
LETTERS = "FCGDAEB"  # the line of fifths


def nearest(pitch_midi: float) -> int:
    """The semitone a pitch is nearest to; a quarter tone goes up, always."""
    return math.floor(pitch_midi + 0.5)


def chord_tones(root: int, kind: str) -> tuple[int, ...]:
    """Pitch classes of a chord from its root up; none for "no chord".

    Raises
    ------
    UsageError
        A kind that `voicekit.score.Chord` does not list.
    """
    if kind not in KINDS:
        raise UsageError(f"an unknown kind of chord: {kind!r}", f"use one of {', '.join(KINDS)}")
    return () if root < 0 else tuple((root + step) % 12 for step in KINDS[kind])


def overlapping(notes: Sequence[Note], start: Fraction, end: Fraction) -> range:
    """Indices of the notes of a part that sound between two beats."""
    first = bisect.bisect_right(notes, start, key=lambda note: note.end)
    return range(first, bisect.bisect_left(notes, end, key=lambda note: note.onset))


def scale(tonic: int, mode: str) -> frozenset[int]:
    """Pitch classes of a major or natural minor scale."""
    return frozenset((tonic + step) % 12 for step in SCALES[mode])


def fifths(tonic: int, mode: str) -> int:
    """Sharps of a key's signature (flats negative), -5..6."""
    major = tonic if mode == "major" else (tonic + 3) % 12
    return (major * 7 + 5) % 12 - 5


def _letter(position: int) -> tuple[str, int]:
    """Letter and alteration of a place on the line of fifths (C is 0)."""
    return LETTERS[(position + 1) % 7], (position + 1) // 7


def _sign(alteration: int) -> str:
    return "#" * alteration if alteration >= 0 else "b" * -alteration


def key_name(tonic: int, mode: str) -> str:
    """``G major``, ``Eb minor``."""
    letter, alteration = _letter(fifths(tonic, mode) + (0 if mode == "major" else 3))
    return f"{letter}{_sign(alteration)} {mode}"


def spell(pitch: int, tonic: int, mode: str) -> str:
    """A note's name in a key, such as ``F#4``.

    Notes outside of the scale are spelled as its raised first, fourth and fifth and lowered third and seventh
    degree (major), which are those that secondary dominants, the raised leading tone and borrowed chords need.
    """
    home = fifths(tonic, mode)
    position = next(p for p in range(home - 3, home + 9) if p * 7 % 12 == pitch % 12)
    letter, alteration = _letter(position)
    return f"{letter}{_sign(alteration)}{(pitch - alteration) // 12 - 1}"


@dataclass(frozen=True)
class Grid:
    """Where beats and measures lie.

    Parameters
    ----------
    meters : tuple of Meter
    pickup : Fraction
        Beats before the first full measure.
    """

    meters: tuple[Meter, ...]
    pickup: Fraction = Fraction(0)

    @classmethod
    def of(cls, score: Score) -> Grid:
        """That of a score; 4/4 where none is given.

        Raises
        ------
        UsageError
            A metre without beats, or a pickup before the score.
        """
        for meter in score.meters:
            if meter.beats < 1 or meter.beat_type < 1:
                raise UsageError(f"a metre of {meter.beats}/{meter.beat_type} at beat {float(meter.onset):g}")
        if score.pickup < 0:
            raise UsageError(f"a pickup of {float(score.pickup):g} beats")
        return cls(score.meters or (Meter(Fraction(0), 4, 4),), score.pickup)

    def _meter(self, beat: Fraction) -> tuple[Meter, Fraction]:
        """The metre at a beat and a point where one of its measures begins."""
        index = max((i for i, meter in enumerate(self.meters) if meter.onset <= beat), default=0)
        meter = self.meters[index]
        return meter, meter.onset + self.pickup if index == 0 else meter.onset

    def unit(self, beat: Fraction) -> Fraction:
        """Length of the felt beat: a dotted one in compound time."""
        meter, _ = self._meter(beat)
        written = Fraction(4, meter.beat_type)
        return 3 * written if meter.beats % 3 == 0 and meter.beat_type >= 8 else written

    def strength(self, beat: Fraction) -> int:
        """3 on a downbeat, 2 in the middle of a measure of two halves, 1 on another beat, 0 between beats."""
        meter, start = self._meter(beat)
        unit, length = self.unit(beat), Fraction(4 * meter.beats, meter.beat_type)
        place = (beat - start) % length
        if place == 0:
            return 3
        if place % unit:
            return 0
        count = length / unit
        return 2 if count % 2 == 0 and count > 2 and place == length / 2 else 1

    def slots(self, start: Fraction, end: Fraction) -> list[Fraction]:
        """Felt beats from the one that holds `start` up to `end`; a change of metre begins one.

        Raises
        ------
        UsageError
            More beats than any song has.
        """
        if end - start > LONGEST:
            raise UsageError(f"a melody over {float(end - start):g} beats", f"at most {LONGEST} can be harmonised")
        found, beat = [], start
        _, zero = self._meter(start)
        beat = start - (start - zero) % self.unit(start)
        while beat < end:
            found.append(max(beat, Fraction(0)))
            following = beat + self.unit(beat)
            changes = [meter.onset for meter in self.meters if beat < meter.onset < following]
            beat = min([following, *changes])
        return found

    def place(self, beat: Fraction) -> str:
        """``measure 3, beat 2.5`` for people; the pickup is measure 0."""
        number, start = 0 if self.pickup else 1, Fraction(0)
        for index, meter in enumerate(self.meters):
            length = Fraction(4 * meter.beats, meter.beat_type)
            begin = meter.onset + (self.pickup if index == 0 else 0)
            if beat < begin:
                break
            if index:
                previous = self.meters[index - 1]
                number += math.ceil((begin - start) / Fraction(4 * previous.beats, previous.beat_type))
            elif self.pickup:
                number = 1
            start = begin
            following = self.meters[index + 1].onset if index + 1 < len(self.meters) else None
            if following is None or beat < following:
                whole = (beat - start) // length
                within = (beat - start - whole * length) * Fraction(meter.beat_type, 4) + 1
                return f"measure {number + whole}, beat {float(within):g}"
        return f"measure {number}, beat {float(beat) + 1:g}"
