"""A score as MusicXML 4.0: every field that MusicXML can hold comes back exactly when it is read again."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from lxml import etree

from voicekit.score.inputs import Notices
from voicekit.score.levels import velocity_of_dynamic
from voicekit.score.model import ELISION, Lyric, Note, Notice, Part, Score
from voicekit.score.musicxml.directions import OTHER_RAMP
from voicekit.score.musicxml.harmony import harmony_of
from voicekit.score.musicxml.notes import OTHER_GRACE
from voicekit.score.musicxml.read import FERMATAS_IN_TEMPO
from voicekit.score.musicxml.values import Value, values_of
from voicekit.score.spelling import STEP_SEMITONES, parse_name, spell
from voicekit.score.time_line import Tempo

__all__ = ["write_musicxml"]

_DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN"'
    ' "http://www.musicxml.org/dtds/partwise.dtd">'
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
#: Finest common grid that is written; beyond it times are rounded to the grid of all usual tuplets.
MAX_DIVISIONS = 100_000
ROUNDED = 10_080
_MAX_MEASURES = 20_000


@dataclass
class _Sheet:
    """What writing one file needs to know."""

    score: Score
    divisions: int
    bars: list[tuple[Fraction, Fraction]]
    notices: Notices = field(default_factory=Notices)

    def ticks(self, beats: Fraction) -> str:
        """Beats in the file's divisions, rounded where the grid is too coarse."""
        return str(round(beats * self.divisions))

    def fifths_at(self, beat: Fraction) -> int:
        """Key in force."""
        return next((key.fifths for key in reversed(self.score.keys) if key.onset <= beat), 0)


def write_musicxml(score: Score, path: Path | str) -> tuple[Notice, ...]:
    """Write a score; with the suffix ``.mxl`` compressed.

    Notes are written as they are performed: repeats stay unfolded, grace notes have their time.  Notes over barlines
    and of lengths without a printed value are tied.  Chord symbols, tempo and dynamics are written for programs that
    play, and for people.

    Returns
    -------
    tuple of Notice
        What of the score MusicXML cannot hold: drawn curves, vibrato, glides and phones.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    path = Path(path)
    sheet = _Sheet(score, _divisions(score), _bars(score))
    if sheet.divisions == ROUNDED and _common(score) > MAX_DIVISIONS:
        sheet.notices.add("times", f"are rounded to 1/{ROUNDED} of a quarter note")
    root = etree.Element("score-partwise", version="4.0")
    _head(root, sheet)
    part_list = etree.SubElement(root, "part-list")
    idents = _idents(score.parts)
    for part, ident in zip(score.parts, idents, strict=True):
        entry = etree.SubElement(part_list, "score-part", id=ident)
        etree.SubElement(entry, "part-name").text = _clean(part.name, sheet)
        _losses(part, sheet)
    for number, (part, ident) in enumerate(zip(score.parts, idents, strict=True)):
        _part(etree.SubElement(root, "part", id=ident), part, sheet, leads=number == 0)
    data = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True, doctype=_DOCTYPE)
    if path.suffix.lower() == ".mxl":
        _compressed(data, path)
    else:
        path.write_bytes(data)
    return sheet.notices.found()


def _compressed(data: bytes, path: Path) -> None:
    container = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles><rootfile full-path="score.musicxml" '
        'media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>\n'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in (("META-INF/container.xml", container.encode()), ("score.musicxml", data)):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED)


def _event_times(score: Score) -> list[Fraction]:
    """Beats of everything that is no note."""
    times = [point.onset for point in score.tempo.points] + [key.onset for key in score.keys]
    return times + [chord.onset for chord in score.chords] + [meter.onset for meter in score.meters]


def _common(score: Score) -> int:
    """Smallest division of a quarter note in which every time of the score is whole."""
    common = 1
    times = _event_times(score)
    times += [Fraction(4 * m.beats, m.beat_type) for m in score.meters] + [score.pickup]
    for part in score.parts:
        times += [time for note in part.notes for time in (note.onset, note.duration)]
    for time in times:
        common = math.lcm(common, time.denominator)
        if common > MAX_DIVISIONS:
            return common
    return common


def _divisions(score: Score) -> int:
    common = _common(score)
    return common if common <= MAX_DIVISIONS else ROUNDED


def _bars(score: Score) -> list[tuple[Fraction, Fraction]]:
    """Start and end of each measure."""
    last = max([Fraction(0), *_event_times(score)])
    bars: list[tuple[Fraction, Fraction]] = []
    meters = list(score.meters)
    start, length = Fraction(0), Fraction(4)
    while (start < score.end or start <= last) and len(bars) < _MAX_MEASURES:
        while meters and meters[0].onset <= start:
            length = Fraction(4 * meters[0].beats, meters[0].beat_type)
            meters.pop(0)
        end = start + (score.pickup if not bars and 0 < score.pickup < length else length)
        if meters and meters[0].onset < end:
            end = meters[0].onset
        bars.append((start, end))
        start = end
    return bars


def _idents(parts: Sequence[Part]) -> list[str]:
    """XML ids; a part's own where it is one."""
    found: list[str] = []
    for number, part in enumerate(parts, 1):
        ident = part.ident if _NAME.match(part.ident) and part.ident not in found else f"P{number}"
        while ident in found:
            ident += "x"
        found.append(ident)
    return found


def _clean(text: str, sheet: _Sheet) -> str:
    cleaned = _CONTROL.sub("", text)
    if cleaned != text:
        sheet.notices.add("text", "control characters cannot be written to XML and are left out")
    return cleaned


def _losses(part: Part, sheet: _Sheet) -> None:
    for lost, what in (
        (part.pitch_curve, "the drawn pitch curve"),
        (part.loudness_curve, "the drawn loudness curve"),
        (any(note.vibrato for note in part.notes), "vibrato of single notes"),
        (any(note.portamento_s is not None for note in part.notes), "glides of single notes"),
        (any(note.lyric and note.lyric.phonemes for note in part.notes), "phones of single syllables"),
    ):
        if lost:
            sheet.notices.add(f"part {part.name}", f"{what} cannot be written to MusicXML")


def _head(root: etree._Element, sheet: _Sheet) -> None:
    score = sheet.score
    if score.title:
        etree.SubElement(etree.SubElement(root, "work"), "work-title").text = _clean(score.title, sheet)
    identification = etree.SubElement(root, "identification")
    for kind in ("composer", "lyricist"):
        if getattr(score, kind):
            etree.SubElement(identification, "creator", type=kind).text = _clean(getattr(score, kind), sheet)
    etree.SubElement(etree.SubElement(identification, "encoding"), "software").text = "voicekit"
    miscellaneous = etree.SubElement(identification, "miscellaneous")
    etree.SubElement(miscellaneous, "miscellaneous-field", name=FERMATAS_IN_TEMPO).text = "yes"


def _part(parent: etree._Element, part: Part, sheet: _Sheet, leads: bool) -> None:
    pieces = _pieces(part, sheet)
    position = 0
    for number, (start, end) in enumerate(sheet.bars, 1):
        measure = etree.SubElement(parent, "measure")
        short = number == 1 and 0 < sheet.score.pickup == end - start
        measure.set("number", str(number - 1 if sheet.score.pickup else number))
        if short:
            measure.set("implicit", "yes")
        _attributes(measure, (start, end), sheet, first=number == 1)
        if leads:
            _directions(measure, (start, end), sheet)
        at = start
        while position < len(pieces) and pieces[position][0] < end:
            onset, value, note, (first, last) = pieces[position]
            _rests(measure, onset - at, sheet)
            _note(measure, value, note, (first, last), part, sheet)
            at = onset + value.duration
            position += 1
        _rests(measure, end - at, sheet, whole=at == start)


def _pieces(part: Part, sheet: _Sheet) -> list[tuple[Fraction, Value, tuple[Note, str], tuple[bool, bool]]]:
    """Notes cut at barlines and into printed values: onset, value, note with its slur, whether first and last."""
    found = []
    bar = 0
    for index, note in enumerate(part.notes):
        follows = index + 1 < len(part.notes) and part.notes[index + 1].slurred
        slur = ("stop" if note.slurred and not follows else "") + ("start" if follows and not note.slurred else "")
        onset, end = note.onset, note.end
        if sheet.divisions == ROUNDED:
            onset, end = (Fraction(round(time * ROUNDED), ROUNDED) for time in (onset, end))
            if end <= onset:
                where = f"part {part.name}, beat {float(onset):g}"
                sheet.notices.add(where, "a note shorter than the grid is left out")
                continue
        row: list[tuple[Fraction, Value]] = []
        while onset < end:
            while bar + 1 < len(sheet.bars) and sheet.bars[bar][1] <= onset:
                bar += 1
            until = min(end, sheet.bars[bar][1]) if sheet.bars[bar][1] > onset else end
            for value in values_of(until - onset):
                row.append((onset, value))
                onset += value.duration
        found += [(at, value, (note, slur), (n == 0, n == len(row) - 1)) for n, (at, value) in enumerate(row)]
    return found


def _attributes(measure: etree._Element, bar: tuple[Fraction, Fraction], sheet: _Sheet, first: bool) -> None:
    start, end = bar
    keys = [key for key in sheet.score.keys if start <= key.onset < end]
    meters = [meter for meter in sheet.score.meters if meter.onset == start]
    here = [key for key in keys if key.onset == start]
    if first or here or meters:
        attributes = etree.SubElement(measure, "attributes")
        if first:
            etree.SubElement(attributes, "divisions").text = str(sheet.divisions)
        for key in here[-1:]:
            _key(attributes, key.fifths, key.mode)
        for meter in meters[-1:]:
            time = etree.SubElement(attributes, "time")
            etree.SubElement(time, "beats").text = str(meter.beats)
            etree.SubElement(time, "beat-type").text = str(meter.beat_type)
    for key in keys:
        if key.onset > start:
            _move(measure, "forward", key.onset - start, sheet)
            _key(etree.SubElement(measure, "attributes"), key.fifths, key.mode)
            _move(measure, "backup", key.onset - start, sheet)


def _key(attributes: etree._Element, fifths: int, mode: str) -> None:
    key = etree.SubElement(attributes, "key")
    etree.SubElement(key, "fifths").text = str(fifths)
    if mode:
        etree.SubElement(key, "mode").text = mode


def _move(measure: etree._Element, tag: str, beats: Fraction, sheet: _Sheet) -> None:
    etree.SubElement(etree.SubElement(measure, tag), "duration").text = sheet.ticks(beats)


def _directions(measure: etree._Element, bar: tuple[Fraction, Fraction], sheet: _Sheet) -> None:
    """Tempo and chord symbols of one measure, at its start with an offset."""
    start, end = bar
    for point in sheet.score.tempo.points:
        if start <= point.onset < end:
            _tempo(measure, point, sheet.ticks(point.onset - start))
    for chord in sheet.score.chords:
        if start <= chord.onset < end:
            harmony = harmony_of(chord, sheet.fifths_at(chord.onset))
            if chord.onset > start:
                etree.SubElement(harmony, "offset").text = sheet.ticks(chord.onset - start)
            measure.append(harmony)


def _tempo(measure: etree._Element, point: Tempo, ticks: str) -> None:
    direction = etree.SubElement(measure, "direction", placement="above")
    metronome = etree.SubElement(etree.SubElement(direction, "direction-type"), "metronome")
    etree.SubElement(metronome, "beat-unit").text = "quarter"
    etree.SubElement(metronome, "per-minute").text = f"{round(point.bpm, 2):g}"
    if point.ramp_to is not None:
        if point.ramp_to != point.bpm:
            words = etree.SubElement(etree.SubElement(direction, "direction-type"), "words")
            words.text = "accel." if point.ramp_to > point.bpm else "rit."
        other = etree.SubElement(etree.SubElement(direction, "direction-type"), "other-direction")
        other.set("print-object", "no")
        other.text = f"{OTHER_RAMP}{_decimal(point.ramp_to)}"
    if ticks != "0":
        etree.SubElement(direction, "offset", sound="yes").text = ticks
    etree.SubElement(direction, "sound", tempo=_decimal(point.bpm))


def _decimal(value: float) -> str:
    """Shortest decimal without an exponent that gives the same number."""
    text = repr(float(value))
    if "e" in text or "E" in text:
        text = f"{value:.25f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rests(measure: etree._Element, beats: Fraction, sheet: _Sheet, whole: bool = False) -> None:
    if beats <= 0:
        return
    for value in [Value(beats)] if whole else values_of(beats):
        note = etree.SubElement(measure, "note")
        rest = etree.SubElement(note, "rest")
        if whole:
            rest.set("measure", "yes")
        etree.SubElement(note, "duration").text = sheet.ticks(value.duration)
        etree.SubElement(note, "voice").text = "1"
        _type(note, value)


def _type(note: etree._Element, value: Value) -> None:
    if not value.type:
        return
    etree.SubElement(note, "type").text = value.type
    for _ in range(value.dots):
        etree.SubElement(note, "dot")
    if value.actual > 1:
        modification = etree.SubElement(note, "time-modification")
        etree.SubElement(modification, "actual-notes").text = str(value.actual)
        etree.SubElement(modification, "normal-notes").text = str(value.normal)


def _note(
    measure: etree._Element, value: Value, sung: tuple[Note, str], place: tuple[bool, bool], part: Part, sheet: _Sheet
) -> None:
    note, slur = sung
    first, last = place
    element = etree.SubElement(measure, "note")
    if note.dynamic != 0.5 and first:
        element.set("dynamics", _decimal(round(velocity_of_dynamic(note.dynamic) / 0.9, 12)))
    _pitch(etree.SubElement(element, "pitch"), note, sheet.fifths_at(note.onset))
    etree.SubElement(element, "duration").text = sheet.ticks(value.duration)
    ties = [kind for kind, wanted in (("stop", not first), ("start", not last)) if wanted]
    for kind in ties:
        etree.SubElement(element, "tie", type=kind)
    etree.SubElement(element, "voice").text = "1"
    _type(element, value)
    notations = etree.Element("notations")
    for kind in ties:
        etree.SubElement(notations, "tied", type=kind)
    if slur and first:
        etree.SubElement(notations, "slur", type=slur, number="1")
    articulations = etree.Element("articulations")
    for wanted, name in (
        (note.accent and first, "accent"), (note.staccato and first, "staccato"),
        (note.breath_after and last, "breath-mark"),
    ):  # fmt: skip
        if wanted:
            etree.SubElement(articulations, name)
    if len(articulations):
        notations.append(articulations)
    if note.fermata and last:
        etree.SubElement(notations, "fermata")
    if note.grace and first:
        etree.SubElement(notations, "other-notation", type="single").text = OTHER_GRACE
    if len(notations):
        element.append(notations)
    if note.lyric is not None and first:
        _lyric(element, note.lyric, part.language, sheet)


def _pitch(parent: etree._Element, note: Note, fifths: int) -> None:
    named = parse_name(note.spelling) if note.spelling else None
    if named is None or abs(12 * (named[2] + 1) + STEP_SEMITONES[named[0]] + named[1] - note.pitch_midi) > 1e-6:
        nearest = round(note.pitch_midi)
        step, whole = spell(nearest % 12, fifths)
        octave = (nearest - whole) // 12 - 1
    else:
        step, octave = named[0], named[2]
    alter = round(note.pitch_midi - 12 * (octave + 1) - STEP_SEMITONES[step], 6)
    etree.SubElement(parent, "step").text = step
    if alter:
        etree.SubElement(parent, "alter").text = f"{alter:.6f}".rstrip("0").rstrip(".")
    etree.SubElement(parent, "octave").text = str(octave)


def _lyric(parent: etree._Element, lyric: Lyric, language: str, sheet: _Sheet) -> None:
    element = etree.SubElement(parent, "lyric", number="1")
    if lyric.style:
        etree.SubElement(element, lyric.style)
    else:
        texts = _clean(lyric.text, sheet).split(ELISION)
        starts, closes = lyric.syllabic in ("single", "begin"), lyric.syllabic in ("single", "end")
        for index, text in enumerate(texts):
            syllabic = "single"
            if len(texts) == 1:
                syllabic = lyric.syllabic
            elif index == 0:
                syllabic = "single" if starts else "end"
            elif index == len(texts) - 1:
                syllabic = "single" if closes else "begin"
            if index:
                etree.SubElement(element, "elision").text = ELISION
            etree.SubElement(element, "syllabic").text = syllabic
            etree.SubElement(element, "text", {_LANGUAGE: language} if language else {}).text = text
        if lyric.extend:
            etree.SubElement(element, "extend")
    if lyric.ends:
        etree.SubElement(element, f"end-{lyric.ends}")
