"""Dynamics and hairpins of MusicXML as a level at every performed beat."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from fractions import Fraction

from voicekit.score.musicxml.written import DynamicMark

__all__ = ["Levels"]

STEP = 0.15
#: A dynamic this close after a hairpin's end is what the hairpin leads to.
NEAR = Fraction(1)


class Levels:
    """Levels 0..1 over performed beats.

    A hairpin leads linearly to the dynamic that stands where it ends (or up to a quarter note later); without one it
    changes the level by 0.15, about one mark.

    Parameters
    ----------
    marks : sequence of (Fraction, DynamicMark)
        Performed beats, in order; a ``set`` mark also where the performance jumps.
    """

    def __init__(self, marks: Sequence[tuple[Fraction, DynamicMark]]) -> None:
        self._starts: list[Fraction] = [Fraction(0)]
        self._segments: list[tuple[Fraction, float, Fraction, float]] = [(Fraction(0), 0.5, Fraction(0), 0.5)]
        self.accents = {beat for beat, mark in marks if mark.kind == "accent"}
        #: Whether the level ever differs from what a voice sings by itself.
        self.says_any = any(mark.kind != "accent" for _, mark in marks)
        level, opened = 0.5, None
        for index, (beat, mark) in enumerate(marks):
            if mark.kind == "set":
                if opened is not None:
                    self._add(opened[0], level, beat, self._target(level, opened[1], mark.level))
                    opened = None
                level = mark.level
                self._add(beat, level, beat, level)
            elif mark.kind in ("louder", "softer"):
                if opened is not None:
                    reached = self._target(level, opened[1], None)
                    self._add(opened[0], level, beat, reached)
                    level = reached
                opened = (beat, 1 if mark.kind == "louder" else -1)
            elif mark.kind == "stop" and opened is not None:
                following = next((m for b, m in marks[index + 1 :] if m.kind == "set" and b <= beat + NEAR), None)
                reached = self._target(level, opened[1], following.level if following else None)
                self._add(opened[0], level, beat, reached)
                level, opened = reached, None

    @staticmethod
    def _target(level: float, direction: int, stated: float | None) -> float:
        if stated is not None and (stated - level) * direction > 0:
            return stated
        return min(0.98, max(0.05, level + STEP * direction))

    def _add(self, start: Fraction, level: float, end: Fraction, reached: float) -> None:
        self._starts.append(start)
        self._segments.append((start, level, end, reached))

    def at(self, beat: Fraction) -> float:
        """Level at a beat."""
        start, level, end, reached = self._segments[bisect.bisect_right(self._starts, beat) - 1]
        if beat >= end:
            return reached
        return level + (reached - level) * float((beat - start) / (end - start))

    def corners(self, start: Fraction, end: Fraction) -> list[Fraction]:
        """Beats between `start` and `end` (without them) at which a hairpin begins or ends."""
        found: set[Fraction] = set()
        for first, level, last, reached in self._segments[max(0, bisect.bisect_right(self._starts, start) - 1) :]:
            if first >= end:
                break
            if level != reached:
                found.update(beat for beat in (first, last) if start < beat < end)
        return sorted(found)

    def swells(self, start: Fraction, end: Fraction) -> bool:
        """Whether a hairpin changes the level between two beats."""
        for first, level, last, reached in self._segments[max(0, bisect.bisect_right(self._starts, start) - 1) :]:
            if first >= end:
                return False
            if level != reached and last > start:
                return True
        return False
