"""Time for grace notes: whose it is, and how much."""

from __future__ import annotations

from fractions import Fraction

from voicekit.score.inputs import Notices, Place
from voicekit.score.musicxml.written import WrittenMeasure, WrittenNote

__all__ = ["give_time"]

QUICK = Fraction(1, 8)
LONGEST = Fraction(1)


def give_time(
    measure: WrittenMeasure, lines: dict[str, list[WrittenNote]], place: Place, notices: Notices
) -> None:
    """Give the grace notes of a measure their time.

    A single grace note without a slash takes half of the note that follows it, a quarter note at the most; slashed
    ones and groups take a thirty-second note each; together never more than half of that note.  Grace notes with no
    note after them in the measure take theirs from the note before, at its end.  ``steal-time-following`` and
    ``steal-time-previous`` give the share instead.  A syllable under the main note begins on the first grace note.

    Parameters
    ----------
    measure : WrittenMeasure
        Takes the grace notes among its notes.
    lines : dict
        For each voice its notes in order, grace notes with duration 0, rests with duration -1.
    """
    for line in lines.values():
        waiting: list[WrittenNote] = []
        before: list[WrittenNote] = []
        for note in line:
            if note.duration == 0:
                waiting.append(note)
            elif note.duration < 0:
                _after(measure, waiting, before, place, notices)
                waiting, before = [], []
            else:
                if note.in_chord and before:
                    before.append(note)
                    continue
                if waiting and waiting[0].steal_before:
                    _after(measure, waiting, before, place, notices)
                elif waiting:
                    chord = [note, *_rest_of_chord(line, note)]
                    _before(measure, waiting, chord)
                waiting, before = [], [note]
        _after(measure, waiting, before, place, notices)
    measure.notes.sort(key=lambda note: note.offset)


def _rest_of_chord(line: list[WrittenNote], first: WrittenNote) -> list[WrittenNote]:
    index = next(i for i, note in enumerate(line) if note is first) + 1
    rest = []
    while index < len(line) and line[index].in_chord and line[index].duration > 0:
        rest.append(line[index])
        index += 1
    return rest


def _slots(graces: list[WrittenNote]) -> list[list[WrittenNote]]:
    """Grace notes by the moment they sound at; a chord of them is one."""
    slots: list[list[WrittenNote]] = []
    for grace in graces:
        if grace.in_chord and slots:
            slots[-1].append(grace)
        else:
            slots.append([grace])
    return slots


def _share(slots: list[list[WrittenNote]], whole: Fraction) -> Fraction:
    """Beats that all grace notes together take of a note of `whole` beats."""
    first = slots[0][0]
    if first.steal_part is not None:
        return min(first.steal_part, Fraction(9, 10)) * whole
    if len(slots) == 1 and not first.slashed and not first.steal_before:
        return min(whole / 2, LONGEST)
    return min(QUICK * len(slots), whole / 2)


def _place(measure: WrittenMeasure, slots: list[list[WrittenNote]], start: Fraction, total: Fraction) -> None:
    each = total / len(slots)
    for index, slot in enumerate(slots):
        for grace in slot:
            grace.offset, grace.duration = start + index * each, each
            measure.notes.append(grace)


def _before(measure: WrittenMeasure, graces: list[WrittenNote], chord: list[WrittenNote]) -> None:
    slots, main = _slots(graces), chord[0]
    total = _share(slots, min(note.duration for note in chord))
    if total <= 0:
        return
    _place(measure, slots, main.offset, total)
    for note in chord:
        note.offset += total
        note.duration -= total
    if main.lyrics and not any(grace.lyrics for grace in graces):
        slots[0][0].lyrics, main.lyrics = main.lyrics, ()
        main.slurred = True


def _after(
    measure: WrittenMeasure, graces: list[WrittenNote], chord: list[WrittenNote], place: Place, notices: Notices
) -> None:
    if not graces:
        return
    if not chord:
        notices.add(place.where, "a grace note with no note beside it in its voice is not sung")
        return
    slots = _slots(graces)
    for slot in slots:
        slot[0].steal_before = True
    total = _share(slots, min(note.duration for note in chord))
    if total <= 0:
        return
    end = max(note.offset + note.duration for note in chord)
    for note in chord:
        note.duration -= total
    _place(measure, slots, end - total, total)
