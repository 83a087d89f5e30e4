"""From the notes a part writes to the lines its singers sing: unfolded, ties joined, voices and chords apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from voicekit.score.inputs import MAX_NOTES, Notices, Place
from voicekit.score.model import DYNAMIC_RANGE_DB, Curve, Lyric, Note, Part
from voicekit.score.musicxml.loudness import Levels
from voicekit.score.musicxml.unfold import Performed
from voicekit.score.musicxml.verses import VerseChooser
from voicekit.score.musicxml.written import DynamicMark, WrittenLyric, WrittenNote, WrittenPart

__all__ = ["Stage", "sing_part"]


@dataclass
class Stage:
    """What is known of the whole performance: measures in order, the beat each begins at, and their lengths."""

    order: Sequence[Performed]
    starts: Sequence[Fraction]
    lengths: Sequence[Fraction]
    place: Place
    notices: Notices
    fermatas: list[tuple[Fraction, Fraction]] = field(default_factory=list)


@dataclass(slots=True)
class _Sung:
    """A note in performed time, still growing by ties."""

    onset: Fraction
    end: Fraction
    written: WrittenNote
    lyric: WrittenLyric | None
    holds_extender: bool = False
    breath_after: bool = False
    fermata: bool = False


def sing_part(part: WrittenPart, stage: Stage, verse: str | None) -> list[Part]:
    """All lines of a part, top voice first."""
    voices = _performed_voices(part, stage, verse)
    _share_words(voices, part, stage)
    levels = _levels(part, stage)
    lines: list[tuple[str, list[_Sung]]] = []
    for voice, notes in voices.items():
        rows = _divide(notes)
        if len(rows) > 1:
            where = f"part {part.ident}"
            stage.notices.add(where, f"chords are sung by {len(rows)} lines; where there is one note all sing it")
        lines += [(voice if len(rows) == 1 else f"{voice}.{n}", row) for n, row in enumerate(rows, 1)]
    name = part.name or part.ident
    found = []
    for number, (voice, row) in enumerate(lines, 1):
        one = len(lines) == 1
        ident = part.ident if one else f"{part.ident}/{voice}"
        found.append(_finish(row, (name if one else f"{name} {number}", ident), levels))
    return found


def _performed_voices(part: WrittenPart, stage: Stage, verse: str | None) -> dict[str, list[_Sung]]:
    """Notes of each voice in performed time, ties joined."""
    chooser = VerseChooser(part, verse)
    by_staff = _voices_on_two_staves(part)
    voices: dict[str, list[_Sung]] = {}
    tied: dict[tuple[str, float], _Sung] = {}
    total = 0
    for item, start in zip(stage.order, stage.starts, strict=True):
        measure = part.measures[item.index]
        for offset, length in measure.fermata_rests:
            stage.fermatas.append((start + offset, start + offset + length))
        for written in measure.notes:
            if written.passes and item.time not in written.passes:
                continue
            if item.until is not None and written.offset >= item.until:
                continue
            onset = start + written.offset
            end = onset + written.duration
            if item.until is not None:
                end = min(end, start + item.until)
            if written.fermata:
                stage.fermatas.append((onset, end))
            lyric, extends = chooser.choose(written, item.index, item.time)
            voice = f"{written.voice}s{written.staff}" if written.voice in by_staff else written.voice
            key = (voice, written.pitch_midi)
            before = tied.pop(key, None)
            where = f"part {part.ident}, measure {measure.number}"
            if before is not None and not written.tie_stop and before.end == onset:
                if item.jumped:
                    before = None
                else:
                    stage.notices.add(where, "a tie begins before the note and no mark ends it here; it is joined")
            if before is not None and before.end == onset:
                before.end = end
                before.fermata |= written.fermata
                before.breath_after |= written.breath_after
                if lyric is not None and lyric.text:
                    stage.notices.add(where, "a syllable under a tied note is not sung: the note goes on")
                sung = before
            else:
                if written.tie_stop and not item.jumped:
                    stage.notices.add(where, "a tie ends on a note that none leads to; the note is sung anew")
                sung = _Sung(onset, end, written, lyric, extends)
                sung.breath_after, sung.fermata = written.breath_after, written.fermata
                voices.setdefault(voice, []).append(sung)
                total += 1
                if total > MAX_NOTES:
                    raise stage.place.error(f"has more than {MAX_NOTES} notes once repeats are unfolded", "split it")
            if written.tie_start:
                tied[key] = sung
    return dict(sorted(voices.items(), key=lambda item: (_main_staff(item[1]), _natural(item[0]))))


def _natural(voice: str) -> tuple[int, str]:
    digits = "".join(c for c in voice.partition("s")[0] if c.isdecimal())[:6]
    return (int(digits) if digits else 0, voice)


def _main_staff(notes: list[_Sung]) -> int:
    return Counter(sung.written.staff for sung in notes).most_common(1)[0][0]


def _voices_on_two_staves(part: WrittenPart) -> set[str]:
    """Voice numbers that mean a different voice on each staff: both sound at once."""
    found: set[str] = set()
    if part.staves < 2:
        return found
    for measure in part.measures:
        ends: dict[str, tuple[Fraction, int]] = {}
        for note in measure.notes:
            if note.in_chord or note.voice in found:
                continue
            end, staff = ends.get(note.voice, (Fraction(0), note.staff))
            if note.staff != staff and note.offset < end:
                found.add(note.voice)
            if note.offset + note.duration >= end:
                ends[note.voice] = (note.offset + note.duration, note.staff)
    return found


def _share_words(voices: dict[str, list[_Sung]], part: WrittenPart, stage: Stage) -> None:
    """Chord notes share their chord's syllable; a voice without words takes those of the voice on its staff."""
    for notes in voices.values():
        at = {sung.onset: sung for sung in notes if sung.lyric is not None}
        for sung in notes:
            if sung.lyric is None and sung.written.in_chord and sung.onset in at:
                sung.lyric = at[sung.onset].lyric
    with_words = [notes for notes in voices.values() if any(sung.lyric for sung in notes)]
    for voice, notes in voices.items():
        if not with_words or any(sung.lyric for sung in notes):
            continue
        donor = next((d for d in with_words if _main_staff(d) == _main_staff(notes)), None)
        if donor is None:
            continue
        at = {sung.onset: sung for sung in donor}
        for sung in notes:
            sung.lyric = at[sung.onset].lyric if sung.onset in at else None
        stage.notices.add(f"part {part.ident}, voice {voice}", "has no words; it sings those of the voice on its staff")


def _divide(notes: list[_Sung]) -> list[list[_Sung]]:
    """Lines that never overlap: of notes that begin together the highest goes to the first free line."""
    by_onset: dict[Fraction, list[_Sung]] = {}
    for sung in notes:
        by_onset.setdefault(sung.onset, []).append(sung)
    onsets = sorted(by_onset)
    count = 1
    active: list[Fraction] = []
    for onset in onsets:
        active = [end for end in active if end > onset]
        stack = by_onset[onset]
        unison: dict[float, _Sung] = {}
        for sung in stack:  # the same pitch twice at once is one note
            known = unison.get(sung.written.pitch_midi)
            if known is None or sung.end > known.end:
                unison[sung.written.pitch_midi] = sung
        by_onset[onset] = sorted(unison.values(), key=lambda s: -s.written.pitch_midi)
        active += [sung.end for sung in by_onset[onset]]
        count = max(count, len(active))
    lines: list[list[_Sung]] = [[] for _ in range(count)]
    for onset in onsets:
        stack = by_onset[onset]
        free = [line for line in lines if not line or line[-1].end <= onset]
        for rank, line in enumerate(free):
            line.append(stack[min(rank, len(stack) - 1)])
    return lines


def _levels(part: WrittenPart, stage: Stage) -> dict[int, Levels]:
    """For each staff the levels over performed beats."""
    found = {}
    for staff in range(1, max(1, part.staves) + 1):
        entry: list[float] = []
        level = 0.5
        rows: list[list[DynamicMark]] = []
        for measure in part.measures:
            entry.append(level)
            row = sorted((m for m in measure.dynamics if m.staff in (0, staff)), key=lambda m: m.offset)
            if part.staves == 1:
                row = sorted(measure.dynamics, key=lambda m: m.offset)
            rows.append(row)
            level = next((mark.level for mark in reversed(row) if mark.kind == "set"), level)
        marks: list[tuple[Fraction, DynamicMark]] = []
        for item, start in zip(stage.order, stage.starts, strict=True):
            if item.jumped:
                marks.append((start, DynamicMark(Fraction(0), staff, "set", entry[item.index])))
            marks += [(start + mark.offset, mark) for mark in rows[item.index]]
        found[staff] = Levels(marks)
    return found


def _lyric(sung: _Sung) -> Lyric | None:
    chosen = sung.lyric
    if chosen is None:
        return None
    return Lyric(chosen.text, chosen.syllabic, chosen.extend, (), chosen.style, chosen.ends)


def _finish(row: list[_Sung], names: tuple[str, str], levels: dict[int, Levels]) -> Part:
    notes: list[Note] = []
    times: list[Fraction] = []
    values: list[float] = []
    for sung in row:
        written = sung.written
        level = levels.get(written.staff, levels[1])
        dynamic = written.dynamic
        if dynamic is None:
            dynamic = level.at(sung.onset) if level.says_any else 0.5
        notes.append(
            Note(
                onset=sung.onset, duration=sung.end - sung.onset, pitch_midi=written.pitch_midi, lyric=_lyric(sung),
                slurred=written.slurred, dynamic=round(dynamic, 9),
                accent=written.accent or sung.onset in level.accents, staccato=written.staccato,
                breath_after=sung.breath_after, fermata=sung.fermata, grace=written.grace, spelling=written.spelling,
            )
        )  # fmt: skip
        if level.says_any and written.dynamic is None and level.swells(sung.onset, sung.end):
            for beat in (sung.onset, *level.corners(sung.onset, sung.end), sung.end):
                times.append(beat)
                values.append(round(DYNAMIC_RANGE_DB * (level.at(beat) - dynamic), 6))
        elif times and values[-1] != 0.0:
            times.append(sung.onset)
            values.append(0.0)
    curve = Curve(tuple(times), tuple(values)) if times else None
    language = next((sung.lyric.language for sung in row if sung.lyric and sung.lyric.language), "")
    return Part(names[0], tuple(notes), names[1], None, curve, language)
