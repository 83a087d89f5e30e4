"""Beats to seconds and back: steps and linear ramps of tempo, exact at every point that is given."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Tempo", "TempoMap"]


@dataclass(frozen=True)
class Tempo:
    """A tempo from a beat on.

    Parameters
    ----------
    onset : Fraction
        Beats (quarter notes) from the start of the score.
    bpm : float
        Quarter notes a minute, above 0.
    ramp_to : float or None
        Reaches this tempo linearly (in beats) at the next point; None: stays.
    """

    onset: Fraction
    bpm: float
    ramp_to: float | None = None


class TempoMap:
    """Beats <-> seconds.

    Parameters
    ----------
    points : iterable of Tempo
        In any order; of several at one beat the last counts.  Before the first its tempo holds; without any, 120.

    Raises
    ------
    ValueError
        A tempo that is not above 0 and finite, or a negative onset.
    """

    def __init__(self, points: Iterable[Tempo] = ()) -> None:
        by_onset: dict[Fraction, Tempo] = {}
        for point in points:
            for bpm in (point.bpm, point.ramp_to if point.ramp_to is not None else point.bpm):
                if not (math.isfinite(bpm) and bpm > 0):
                    raise ValueError(f"a tempo of {bpm} at beat {float(point.onset):g}")
            if point.onset < 0:
                raise ValueError(f"a tempo before the score begins: {float(point.onset):g}")
            by_onset[Fraction(point.onset)] = point
        found = [by_onset[onset] for onset in sorted(by_onset)] or [Tempo(Fraction(0), 120.0)]
        if found[0].onset > 0:
            found.insert(0, Tempo(Fraction(0), found[0].bpm))
        self.points: tuple[Tempo, ...] = tuple(found)
        self._onsets = [point.onset for point in found]
        self._seconds = [0.0]
        for index in range(len(found) - 1):
            length = found[index + 1].onset - found[index].onset
            self._seconds.append(self._seconds[-1] + self._within(index, float(length)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TempoMap) and self.points == other.points

    def __hash__(self) -> int:
        return hash(self.points)

    def __repr__(self) -> str:
        return f"TempoMap({list(self.points)!r})"

    def _slope(self, index: int) -> float:
        """Change of the tempo a beat within a segment; 0 where it does not ramp (the last never does)."""
        point = self.points[index]
        if point.ramp_to is None or index + 1 == len(self.points):
            return 0.0
        return (point.ramp_to - point.bpm) / float(self.points[index + 1].onset - point.onset)

    def _within(self, index: int, beats: float) -> float:
        """Seconds from a segment's start to `beats` after it: the integral of 60 / tempo."""
        bpm, slope = self.points[index].bpm, self._slope(index)
        if abs(slope * beats) < 1e-9 * bpm:
            return 60.0 * beats / bpm
        return 60.0 / slope * math.log1p(slope * beats / bpm)

    def seconds(self, beat: Fraction | float) -> float:
        """Seconds from the start of the score to a beat."""
        index = max(0, bisect.bisect_right(self._onsets, beat) - 1)
        return self._seconds[index] + self._within(index, float(beat - self.points[index].onset))

    def beats(self, seconds: float) -> float:
        """Beats from the start of the score to a second; the inverse of `seconds`."""
        index = max(0, bisect.bisect_right(self._seconds, seconds) - 1)
        rest, bpm, slope = seconds - self._seconds[index], self.points[index].bpm, self._slope(index)
        onset = float(self.points[index].onset)
        if abs(slope * rest) < 1e-9 * bpm:
            return onset + rest * bpm / 60.0
        return onset + bpm / slope * math.expm1(slope * rest / 60.0)

    def bpm_at(self, beat: Fraction | float) -> float:
        """Quarter notes a minute at a beat."""
        index = max(0, bisect.bisect_right(self._onsets, beat) - 1)
        return self.points[index].bpm + self._slope(index) * float(beat - self.points[index].onset)
