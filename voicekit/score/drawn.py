"""Drawn pitch of vocal editors: points with shapes, summed into one curve of cents."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from voicekit.score.model import Curve, Note
from voicekit.score.time_line import TempoMap

__all__ = ["Segment", "beat_after", "dynamic_of_gain", "note_pitch_segments", "segments_of", "sum_segments"]

#: A bent segment is drawn with this many straight ones: at most 0.3 % of its height beside the true curve.
STRAIGHT = 32
#: Times that come from seconds are put on this grid.
GRID = 61_440
SHAPES: dict[str, Callable[[float], float]] = {
    "l": lambda x: x,
    "io": lambda x: (1.0 - math.cos(math.pi * x)) / 2.0,
    "i": lambda x: 1.0 - math.cos(math.pi * x / 2.0),
    "o": lambda x: math.sin(math.pi * x / 2.0),
    "cubic": lambda x: (3.0 - 2.0 * x) * x * x,
}


@dataclass(frozen=True)
class Segment:
    """A straight piece of a curve; where there is none the value is 0."""

    start: Fraction
    from_value: float
    end: Fraction
    to_value: float


def beat_after(tempo: TempoMap, beat: Fraction, seconds: float) -> Fraction:
    """Beat that many seconds after (or before) another, not before the score begins."""
    found = tempo.beats(max(0.0, tempo.seconds(beat) + seconds))
    return Fraction(round(found * GRID), GRID)


def dynamic_of_gain(gain: float, range_db: float) -> float:
    """Dynamic of an amplitude ratio, 1 being 0.5, on a scale of `range_db` decibels."""
    if gain <= 0:
        return 0.0
    return round(min(1.0, max(0.0, 0.5 + 20.0 * math.log10(gain) / range_db)), 9)


def segments_of(points: Sequence[tuple[Fraction, float, str]]) -> list[Segment]:
    """Straight pieces through points of time, value, and shape of the piece that follows."""
    found = []
    for (start, low, shape), (end, high, _) in pairwise(points):
        if end <= start:
            continue
        bend = SHAPES.get(shape, SHAPES["l"])
        steps = 1 if shape == "l" or low == high else STRAIGHT
        for step in range(steps):
            a, b = Fraction(step, steps), Fraction(step + 1, steps)
            found.append(
                Segment(
                    start + (end - start) * a, low + (high - low) * bend(float(a)),
                    start + (end - start) * b, low + (high - low) * bend(float(b)),
                )
            )  # fmt: skip
    return found


def note_pitch_segments(
    note: Note, before: Note | None, points: Sequence[tuple[float, float, str]], tempo: TempoMap
) -> list[Segment]:
    """The deviation that one note's drawn points ask for.

    The first and the last point hold to the note's ends.  Points before the note's onset are measured from its own
    pitch; as the note before still sounds there, the interval between the two is added on that side.

    Parameters
    ----------
    before : Note or None
        The note that ends where this one begins, or later than the points begin.
    points : sequence of (float, float, str)
        Seconds from the note's onset, cents from its pitch, and the shape of what follows.
    """
    row = [(beat_after(tempo, note.onset, seconds), cents, shape) for seconds, cents, shape in points]
    if not row:
        return []
    if row[0][0] > note.onset:
        row.insert(0, (note.onset, row[0][1], "l"))
    if row[-1][0] < note.end:
        row.append((note.end, row[-1][1], "l"))
    found = []
    for piece in segments_of(row):
        for start, end in ((piece.start, min(piece.end, note.onset)), (max(piece.start, note.onset), piece.end)):
            end = min(end, note.end)
            if end <= start:
                continue
            low, high = _within(piece, start), _within(piece, end)
            if start < note.onset:
                if before is None or before.end <= start:
                    continue
                interval = 100.0 * (note.pitch_midi - before.pitch_midi)
                found.append(Segment(start, low + interval, end, high + interval))
            else:
                found.append(Segment(start, low, end, high))
    return found


def _within(piece: Segment, beat: Fraction) -> float:
    share = float((beat - piece.start) / (piece.end - piece.start))
    return piece.from_value + share * (piece.to_value - piece.from_value)


def sum_segments(segments: Iterable[Segment]) -> Curve | None:
    """One curve that is the sum of all pieces; None where it is 0 throughout.

    Steps, where pieces begin or end away from 0, are two points at one time.
    """
    row = sorted((s for s in segments if s.end > s.start), key=lambda s: (s.start, s.end))
    if not any(s.from_value or s.to_value for s in row):
        return None
    edges = sorted({time for s in row for time in (s.start, s.end)})
    times: list[Fraction] = []
    values: list[float] = []
    active: list[tuple[Fraction, int]] = []
    at = 0

    def put(beat: Fraction, value: float) -> None:
        value = round(value, 6)
        if times and times[-1] == beat and values[-1] == value:
            return
        times.append(beat)
        values.append(value)

    for edge, following in pairwise(edges):
        while active and active[0][0] <= edge:
            heapq.heappop(active)
        while at < len(row) and row[at].start <= edge:
            heapq.heappush(active, (row[at].end, at))
            at += 1
        sounding = [row[index] for _, index in active]
        put(edge, sum(_within(s, edge) for s in sounding))
        put(following, sum(_within(s, following) for s in sounding))
    # beyond its ends a curve is constant, so it has to come back to 0
    if values[0]:
        times.insert(0, times[0])
        values.insert(0, 0.0)
    if values[-1]:
        times.append(times[-1])
        values.append(0.0)
    return Curve(tuple(times), tuple(values))
