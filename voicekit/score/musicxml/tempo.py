"""Tempo marks of MusicXML as they are performed: steps, ramps, `a tempo`, metric modulation and fermatas."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from voicekit.score.inputs import Notices
from voicekit.score.musicxml.written import TempoMark
from voicekit.score.time_line import Tempo, TempoMap

__all__ = ["TempoReader", "hold_fermatas"]

#: A fermata holds its note half as long again.
FERMATA = 1.5
DEFAULT_BPM = 120.0


class TempoReader:
    """Turns marks, given in the order they are performed, into points of a tempo map."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self.points: list[Tempo] = []
        self._first: float | None = None
        self._steady = DEFAULT_BPM
        self._bpm = DEFAULT_BPM
        self._ramp: tuple[Fraction, int, str, str] | None = None

    @property
    def bpm(self) -> float:
        """Quarter notes a minute as last set."""
        return self._bpm

    @property
    def states_any(self) -> bool:
        """Whether any tempo was given."""
        return self._first is not None

    def read(self, beat: Fraction, mark: TempoMark, where: str) -> None:
        """One mark at a performed beat."""
        if mark.ramp_to is not None:
            self._put(Tempo(beat, self._bpm, mark.ramp_to))
            self._ramp = None
        elif mark.change:
            self._drop_ramp()
            self._ramp = (beat, mark.change, mark.words, where)
        elif mark.back:
            target = self._steady if mark.back == "a tempo" or self._first is None else self._first
            self._drop_ramp()
            if target != self._bpm:
                self._set(beat, target)
        elif mark.ratio is not None:
            self._set(beat, self._bpm * float(mark.ratio))
            self._steady = self._bpm
        elif mark.bpm is not None:
            self._set(beat, mark.bpm)
            if self._first is None:
                self._first = mark.bpm

    def jump(self, beat: Fraction, bpm: float) -> None:
        """The performance goes on elsewhere, where this tempo is in force."""
        self._drop_ramp()
        self._steady = bpm
        if bpm != self._bpm:
            self._bpm = bpm
            self._put(Tempo(beat, bpm))

    def finish(self) -> None:
        """No mark follows."""
        self._drop_ramp()

    def _put(self, point: Tempo) -> None:
        while self.points and self.points[-1].onset >= point.onset:
            self.points.pop()
        self.points.append(point)

    def _set(self, beat: Fraction, bpm: float) -> None:
        if self._ramp is not None:
            start, change, _, _ = self._ramp
            if start < beat and (bpm - self._bpm) * change > 0:
                self._put(Tempo(start, self._bpm, bpm))
                self._ramp = None
            elif start < beat:
                self._drop_ramp()
        if self._ramp is None:
            self._steady = bpm
        self._bpm = bpm
        self._put(Tempo(beat, bpm))

    def _drop_ramp(self) -> None:
        if self._ramp is not None:
            _, _, words, where = self._ramp
            self._notices.add(where, f"{words!r} is not sung: no tempo that it could lead to follows")
            self._ramp = None


def hold_fermatas(
    points: Sequence[Tempo], spans: Sequence[tuple[Fraction, Fraction]], notices: Notices
) -> list[Tempo]:
    """Slow the tempo to two thirds over each span, so that a note under a fermata lasts half as long again.

    Spans that overlap are one fermata of several parts: it is held where all of them sound.  Where the file itself
    changes the tempo within a span, its own way of holding the note is left alone.
    """
    held: list[tuple[Fraction, Fraction]] = []
    for start, end in sorted(set(spans)):
        if held and start < held[-1][1]:
            held[-1] = (start, min(end, held[-1][1]))
        elif end > start:
            held.append((start, end))
    found = list(points) or [Tempo(Fraction(0), DEFAULT_BPM)]
    for start, end in held:
        if any(start < point.onset < end for point in found):
            notices.add(f"beat {float(start):g}", "a fermata where the file changes the tempo is left to the file")
            continue
        own = TempoMap(found)
        before, after = own.bpm_at(start), own.bpm_at(end)
        inside = max((p for p in own.points if p.onset <= start), key=lambda p: p.onset)
        if inside.ramp_to is not None and own.points[-1].onset > start:
            notices.add(f"beat {float(start):g}", "a fermata within a change of tempo is not held")
            continue
        found = [point for point in found if point.onset != start]
        found.append(Tempo(start, before / FERMATA))
        if not any(point.onset == end for point in found):
            found.append(Tempo(end, after))
        found.sort(key=lambda point: point.onset)
    return found if held or points else []
