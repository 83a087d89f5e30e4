"""What a melody shows without its chords: where its phrases end, and which notes only lead to others."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from voicekit.harmony.theory import Grid, nearest
from voicekit.score import Note, Part

__all__ = ["Ornaments", "foreign_name", "ornaments", "phrase_ends"]

STEP = 2  # semitones: up to a whole tone is a step


@dataclass(frozen=True)
class Ornaments:
    """How lightly each note of a part weighs.

    Parameters
    ----------
    light : tuple of float
        For each note 0 (stands by itself) to 1 (short, between beats, reached and left by step).
    """

    light: tuple[float, ...]


def _steps(notes: tuple[Note, ...], index: int) -> tuple[int | None, int | None]:
    """Semitones into and out of a note; None at an end or over a rest."""
    note = notes[index]
    before = notes[index - 1] if index and notes[index - 1].end == note.onset else None
    after = notes[index + 1] if index + 1 < len(notes) and notes[index + 1].onset == note.end else None
    here = nearest(note.pitch_midi)
    return (
        here - nearest(before.pitch_midi) if before else None,
        nearest(after.pitch_midi) - here if after else None,
    )


def ornaments(part: Part, grid: Grid) -> Ornaments:
    """How lightly each note weighs, by its length, place and the steps around it."""
    light = []
    for index, note in enumerate(part.notes):
        into, out = _steps(part.notes, index)
        unit = grid.unit(note.onset)
        value = 0.0
        leaves = out is not None and 0 < abs(out) <= STEP
        comes = into is not None and 0 < abs(into) <= STEP
        if (comes and leaves) or note.grace:
            value = 1.0
        elif leaves or comes:
            value = 0.35  # appoggiatura or escape tone: only if short
        if note.duration >= 2 * unit or note.fermata:
            value = 0.0
        elif note.duration >= unit:
            value *= 0.4 if grid.strength(note.onset) >= 2 else 0.7
        elif grid.strength(note.onset) >= 1:
            value *= 0.7
        light.append(value)
    return Ornaments(tuple(light))


def foreign_name(part: Part, index: int) -> str:
    """What a note that is foreign to its chord is: ``passing``, ``neighbour`` ..., empty for none of these."""
    into, out = _steps(part.notes, index)
    if into is not None and out is not None:
        if 0 < abs(into) <= STEP and 0 < abs(out) <= STEP:
            return "passing" if into * out > 0 else "neighbour"
        if into == 0 and 0 < abs(out) <= STEP:
            return "suspension" if out < 0 else "retardation"
        if out == 0 and 0 < abs(into) <= STEP:
            return "anticipation"
    if out is not None and 0 < abs(out) <= STEP:
        return "appoggiatura"
    if into is not None and 0 < abs(into) <= STEP and out is not None:
        return "escape"
    return ""


def phrase_ends(part: Part) -> frozenset[int]:
    """Indices of notes on which a phrase ends: before a rest, a breath or fermata, a long note, the last."""
    notes = part.notes
    if not notes:
        return frozenset()
    lengths = sorted(note.duration for note in notes)
    usual = lengths[len(lengths) // 2]
    found = {len(notes) - 1}
    since = Fraction(0)
    for index, note in enumerate(notes[:-1]):
        since += note.duration
        rest = notes[index + 1].onset - note.end
        long = note.duration >= 2 * usual and notes[index + 1].duration <= usual and since >= 6 * usual
        if note.fermata or note.breath_after or (rest >= usual / 2 and rest > 0) or long:
            found.add(index)
            since = Fraction(0)
    return frozenset(found)
