"""MusicXML 1.0 to 4.0, partwise and timewise, plain and compressed, as a performed score."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from lxml import etree

from voicekit.errors import UsageError
from voicekit.score.inputs import MAX_BEATS, Notices, Place
from voicekit.score.model import Chord, Key, Meter, Part, Score
from voicekit.score.musicxml.document import parts_of, root_of
from voicekit.score.musicxml.lines import Stage, sing_part
from voicekit.score.musicxml.measures import read_part
from voicekit.score.musicxml.tempo import TempoReader, hold_fermatas
from voicekit.score.musicxml.unfold import Marks, Performed, performed_order
from voicekit.score.musicxml.verses import verses_of
from voicekit.score.musicxml.written import TempoMark, WrittenNote, WrittenPart
from voicekit.score.time_line import TempoMap

__all__ = ["FERMATAS_IN_TEMPO", "read_musicxml"]

#: Name of the <miscellaneous-field> by which our own writer says that fermatas are in the tempo marks already.
FERMATAS_IN_TEMPO = "voicekit:fermatas-in-tempo"
Signature = TypeVar("Signature", Meter, Key)


def read_musicxml(data: bytes, path: Path, verse: str | None = None) -> Score:
    """Read a MusicXML file.

    Parameters
    ----------
    data : bytes
        The file, plain or compressed.
    path : Path
        For messages.
    verse : str or None
        Number or name of the verse to sing throughout; None: verse k in the k-th pass of a repeat.

    Raises
    ------
    InputError
        It is damaged, hostile, or says what cannot be.
    UsageError
        It has no such verse.

    Source
    ------
    MusicXML 4.0 (W3C Music Notation Community Group Final Report, 2021).
    """
    notices, place = Notices(), Place(path)
    root = root_of(data, path, notices)
    parts = []
    for part_xml in parts_of(root, path):
        part = read_part(part_xml, place, notices)
        if part.unpitched:
            pitched = any(measure.notes for measure in part.measures)
            what = "notes without pitch are not sung" if pitched else "percussion is not sung; the part is left out"
            notices.add(f"part {part.ident} ({part.name})", what)
        parts.append(part)
    known = verses_of(parts)
    if verse is not None and verse not in known:
        numbers = [number for number, name in known.items() if name == verse]
        if numbers:
            verse = numbers[0]
    if verse is not None and verse not in known:
        listed = ", ".join(f"{number} ({name})" if name else number for number, name in known.items()) or "none"
        raise UsageError(f"{path}: there is no verse {verse!r}", f"its verses are: {listed}")
    marks = _marks(parts)
    order = performed_order(marks, place, notices)
    lengths, pickup = _lengths(parts)
    starts, beat = [], Fraction(0)
    for item in order:
        starts.append(beat)
        beat += lengths[item.index] if item.until is None else min(item.until, lengths[item.index])
        if beat > MAX_BEATS:
            raise place.error(f"is longer than {MAX_BEATS} quarter notes", "this is no ordinary score")
    stage = Stage(order, starts, lengths, place, notices)
    most = max((item.time for item in order), default=1)
    if verse is None and len(known) > most:
        notices.add("lyrics", f"has {len(known)} verses; {most} of them sung (choose one by its number or name)")
    sung = []
    for part in parts:
        lines = sing_part(part, stage, verse)
        if not lines and not part.unpitched:
            notices.add(f"part {part.ident} ({part.name})", "has no notes and is left out")
        sung += lines
    tempo = _tempo(parts, stage, root)
    first_pass, later = _title(root)
    return Score(
        parts=_named_apart(sung), tempo=tempo, meters=_meters(parts, stage), keys=_keys(parts, stage),
        chords=_chords(parts, stage), title=first_pass, composer=later[0], lyricist=later[1], source=path.name,
        format="musicxml", notices=notices.found(), pickup=pickup,
    )  # fmt: skip


def _marks(parts: list[WrittenPart]) -> list[Marks]:
    marks = [Marks() for _ in parts[0].measures]
    for part in parts:
        for mark, measure in zip(marks, part.measures, strict=True):
            mark.join(measure.marks)
            if measure.marks.fine and measure.marks.fine_at is not None:
                mark.fine_at = _after_fine(measure.marks.fine_at, measure.notes)
    return marks


def _after_fine(at: Fraction, notes: list[WrittenNote]) -> Fraction | None:
    """Beats into the measure at which a 'fine' ends: after the note it stands over; None for the measure's end."""
    if at == 0:
        return None
    return max((note.offset + note.duration for note in notes if note.offset == at), default=at)


def _lengths(parts: list[WrittenPart]) -> tuple[list[Fraction], Fraction]:
    """Beats of each measure, and of the pickup."""
    lengths: list[Fraction] = []
    full, pickup = Fraction(4), Fraction(0)
    for index in range(len(parts[0].measures)):
        row = [part.measures[index] for part in parts]
        meter = next((m for measure in row for m in measure.meters if m.onset == 0), None)
        if meter is not None:
            full = Fraction(4 * meter.beats, meter.beat_type)
        length = max(measure.length for measure in row)
        if length > full:  # rests that are too long (a breve for every silent measure, say) make none longer
            length = max(full, *(measure.sounding for measure in row))
        length = length if length > 0 else full
        if index == 0 and length < full and len(parts[0].measures) > 1:
            pickup = length
        lengths.append(length)
    return lengths, pickup


def _tempo(parts: list[WrittenPart], stage: Stage, root: etree._Element) -> TempoMap:
    """All parts' tempo marks as performed; of several at one place the first part's."""
    rows = []
    for index in range(len(parts[0].measures)):
        found: dict[tuple[object, ...], TempoMark] = {}
        for part in parts:
            for mark in part.measures[index].tempos:
                kind = (mark.bpm is None and mark.ratio is None, mark.change, mark.back, mark.ramp_to is None)
                found.setdefault((mark.offset, kind), mark)
        rows.append(sorted(found.values(), key=lambda m: (m.offset, m.bpm is None, m.ramp_to is not None)))
    printed = TempoReader(_Silent())
    entry = []
    for index, row in enumerate(rows):
        entry.append(printed.bpm)
        for mark in row:
            printed.read(Fraction(index) + mark.offset / 10**6, mark, "")
    reader = TempoReader(stage.notices)
    for item, start in zip(stage.order, stage.starts, strict=True):
        if item.jumped:
            reader.jump(start, entry[item.index])
        for mark in rows[item.index]:
            if item.until is None or mark.offset < item.until:
                number = parts[0].measures[item.index].number
                reader.read(start + mark.offset, mark, f"measure {number}")
    reader.finish()
    if not reader.states_any:
        stage.notices.add("tempo", "the file gives no tempo; 120 quarter notes a minute are taken")
    points = reader.points
    fields = root.iterfind("identification/miscellaneous/miscellaneous-field")
    if not any(each.get("name") == FERMATAS_IN_TEMPO for each in fields):
        points = hold_fermatas(points, stage.fermatas, stage.notices)
    return TempoMap(points)


class _Silent(Notices):
    """Takes no notices."""

    def add(self, place: str, text: str) -> None:
        """Nothing."""


def _meters(parts: list[WrittenPart], stage: Stage) -> tuple[Meter, ...]:
    rows = []
    for index in range(len(parts[0].measures)):
        row: dict[Fraction, Meter] = {}
        for part in parts:
            for meter in part.measures[index].meters:
                row.setdefault(meter.onset, meter)
        rows.append([row[onset] for onset in sorted(row)])
    found: list[Meter] = []
    for _, start, meter in _performed(rows, stage):
        if not found or (found[-1].beats, found[-1].beat_type) != (meter.beats, meter.beat_type):
            found.append(Meter(start + meter.onset, meter.beats, meter.beat_type))
    return tuple(found)


def _keys(parts: list[WrittenPart], stage: Stage) -> tuple[Key, ...]:
    """Keys as they sound, of the first part that has any."""
    ranked = sorted(parts, key=lambda part: part.transposes)
    for part in ranked:
        keys = [measure.keys for measure in part.measures]
        if any(keys):
            found: list[Key] = []
            for _, start, key in _performed(keys, stage):
                if not found or (found[-1].fifths, found[-1].mode) != (key.fifths, key.mode):
                    found.append(Key(start + key.onset, key.fifths, key.mode))
            return tuple(found)
    return ()


def _chords(parts: list[WrittenPart], stage: Stage) -> tuple[Chord, ...]:
    found: dict[Fraction, Chord] = {}
    for item, start in zip(stage.order, stage.starts, strict=True):
        for part in parts:
            for chord in part.measures[item.index].chords:
                if item.until is None or chord.onset < item.until:
                    onset = start + chord.onset
                    found.setdefault(onset, Chord(onset, chord.root, chord.kind, chord.bass, chord.text))
    return tuple(found[onset] for onset in sorted(found))


def _performed(rows: list[list[Signature]], stage: Stage) -> list[tuple[Performed, Fraction, Signature]]:
    """Signatures in performed order; after a jump the one in force there comes first."""
    entry: list[Signature | None] = []
    current: Signature | None = None
    for row in rows:
        entry.append(current)
        current = row[-1] if row else current
    found = []
    for item, start in zip(stage.order, stage.starts, strict=True):
        first = entry[item.index]
        if item.jumped and first is not None:
            found.append((item, start - first.onset, first))
        found += [(item, start, each) for each in rows[item.index] if item.until is None or each.onset < item.until]
    return found


def _title(root: etree._Element) -> tuple[str, tuple[str, str]]:
    title = (root.findtext("work/work-title") or root.findtext("movement-title") or "").strip()
    people = {"composer": "", "lyricist": ""}
    for creator in root.iterfind("identification/creator"):
        kind = creator.get("type", "")
        kind = "lyricist" if kind == "poet" else kind
        if kind in people and not people[kind]:
            people[kind] = " ".join((creator.text or "").split())
    return " ".join(title.split()), (people["composer"], people["lyricist"])


def _named_apart(parts: list[Part]) -> tuple[Part, ...]:
    """Parts whose names are all different."""
    used: set[str] = set()
    found = []
    for part in parts:
        name, number = part.name, 1
        while name in used:
            number += 1
            name = f"{part.name} ({number})"
        used.add(name)
        if name != part.name:
            part = Part(name, part.notes, part.ident, part.pitch_curve, part.loudness_curve, part.language)
        found.append(part)
    return tuple(found)
