"""Notes that overlap, parted into lines that never do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from voicekit.score.model import Note

__all__ = ["part_lines", "trim_overlaps"]

#: A note held this long (in quarter notes) into the next, and no more than half of either, is legato, not harmony.
LEGATO = Fraction(1, 8)


def trim_overlaps(notes: Iterable[Note]) -> tuple[list[Note], int]:
    """Shorten notes that are held a little into the next one; the notes, and how many were shortened."""
    found: list[Note] = []
    trimmed = 0
    for note in sorted(notes, key=lambda n: (n.onset, -n.pitch_midi)):
        if found:
            before = found[-1]
            over = before.end - note.onset
            if 0 < over <= LEGATO and note.onset > before.onset and 2 * over <= min(before.duration, note.duration):
                found[-1] = replace(before, duration=note.onset - before.onset)
                trimmed += 1
        found.append(note)
    return found, trimmed


def part_lines(notes: Iterable[Note]) -> list[list[Note]]:
    """Lines without overlaps: each note goes to the free line whose last pitch is nearest, the highest note first.

    Unlike a printed chord, notes played together tell nothing of who sings what, so no note is doubled.
    """
    lines: list[list[Note]] = []
    for note in sorted(notes, key=lambda n: (n.onset, -n.pitch_midi)):
        free = [line for line in lines if line[-1].end <= note.onset]
        if not free:
            lines.append([note])
            continue
        min(free, key=lambda line: abs(line[-1].pitch_midi - note.pitch_midi)).append(note)
    return sorted(lines, key=lambda line: -sum(note.pitch_midi for note in line) / len(line))
