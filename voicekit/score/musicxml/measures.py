"""One part of a MusicXML file, read measure by measure into what it writes."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from fractions import Fraction

from lxml import etree

from voicekit.score.inputs import MAX_BEATS, Notices, Place, parse_number
from voicekit.score.model import Key, Meter
from voicekit.score.musicxml.directions import TYPE_BEATS, barline_marks, read_direction, read_sound
from voicekit.score.musicxml.document import PartXml
from voicekit.score.musicxml.grace import give_time
from voicekit.score.musicxml.harmony import chord_of
from voicekit.score.musicxml.notes import (
    Transposition,
    grace_of,
    passes_of,
    read_lyric,
    read_notations,
    read_pitch,
    read_play,
)
from voicekit.score.musicxml.written import WrittenMeasure, WrittenNote, WrittenPart

__all__ = ["read_part"]

_MOVES = frozenset({"note", "backup", "forward"})


@dataclass
class _State:
    """What goes on from measure to measure of a part."""

    place: Place
    notices: Notices
    divisions: Fraction = Fraction(1)
    moved: dict[int, Transposition] = field(default_factory=dict)
    repeat_of: int = 0
    slurs: dict[tuple[str, str], int] = field(default_factory=dict)
    has_notes: bool = False
    lengths: dict[str, Fraction] = field(default_factory=dict)


@dataclass
class _Cursor:
    """Where a measure's reader stands, in beats; `exact` keeps tuplets that the file's divisions round."""

    raw: Fraction = Fraction(0)
    exact: Fraction = Fraction(0)
    chord_at: Fraction = Fraction(0)


def read_part(part: PartXml, place: Place, notices: Notices) -> WrittenPart:
    """Read one part.

    Raises
    ------
    InputError
        A number, pitch or duration in it cannot be.
    """
    written = WrittenPart(part.ident, part.name)
    state = _State(place, notices)
    for measure_xml in part.measures:
        here = place.at(f"part {part.ident}, measure {measure_xml.number or len(written.measures) + 1}")
        state.place = here
        measure = WrittenMeasure(measure_xml.number, measure_xml.implicit)
        if measure_xml.element is not None:
            _read_measure(measure_xml.element, measure, written, state)
        if state.repeat_of and not measure.notes:
            source = len(written.measures) - state.repeat_of
            if source >= 0:
                measure.notes = copy.deepcopy(written.measures[source].notes)
                measure.length = max(measure.length, written.measures[source].length)
        state.has_notes |= bool(measure.notes)
        written.measures.append(measure)
    _close_slurs(written)
    return written


def _read_measure(element: etree._Element, measure: WrittenMeasure, part: WrittenPart, state: _State) -> None:
    cursor = _Cursor()
    graces: dict[str, list[WrittenNote]] = {}
    for child in element:
        if child.tag == "note":
            _read_note(child, measure, part, state, (cursor, graces))
        elif child.tag in ("backup", "forward"):
            length = _duration(child, state)
            cursor.raw += -length if child.tag == "backup" else length
            if cursor.raw < 0:
                raise state.place.error("<backup> goes back beyond the start of the measure")
            cursor.exact = cursor.raw
        elif child.tag == "attributes":
            _read_attributes(child, cursor.raw, measure, part, state)
        elif child.tag == "direction":
            offset = _offset(child, cursor.raw, state)
            read_direction(child, offset, measure, state.place, state.notices)
        elif child.tag == "sound":
            read_sound(child, _offset(child, cursor.raw, state), measure, state.place)
        elif child.tag == "harmony":
            chord = chord_of(child, _offset(child, cursor.raw, state), state.place, state.notices)
            if chord is not None:
                measure.chords.append(chord)
        elif child.tag == "barline":
            barline_marks(child, measure, state.place, state.notices)
        if child.tag in _MOVES:
            measure.length = max(measure.length, cursor.raw, cursor.exact)
    give_time(measure, graces, state.place, state.notices)


def _offset(element: etree._Element, at: Fraction, state: _State) -> Fraction:
    offset = element.find("offset")
    # the offset of a direction moves its print alone, unless it says otherwise
    if offset is None or (element.tag == "direction" and offset.get("sound") != "yes"):
        return at
    return max(Fraction(0), at + parse_number(offset.text or "", state.place, "<offset>", -1e8, 1e8) / state.divisions)


def _duration(element: etree._Element, state: _State) -> Fraction:
    text = element.findtext("duration")
    if text is None:
        raise state.place.error(f"a <{element.tag}> has no <duration>")
    known = state.lengths.get(text)
    if known is not None:
        return known
    length = parse_number(text, state.place, "<duration>", 0, 1e9) / state.divisions
    if length > MAX_BEATS:
        raise state.place.error(f"a duration of {float(length):g} quarter notes")
    state.lengths[text] = length
    return length


def _read_note(
    element: etree._Element, measure: WrittenMeasure, part: WrittenPart, state: _State,
    where: tuple[_Cursor, dict[str, list[WrittenNote]]],
) -> None:  # fmt: skip
    cursor, graces = where
    found: dict[str, etree._Element] = {}
    for child in element:
        found.setdefault(child.tag, child)
    is_grace, in_chord = "grace" in found, "chord" in found
    length = Fraction(0)
    if not is_grace:
        length = _duration(element, state)
    start, sounding = _advance(cursor, length, found, in_chord, state)
    voice_element, staff_element = found.get("voice"), found.get("staff")
    voice = (voice_element.text or "").strip() if voice_element is not None else "1"
    staff_text = (staff_element.text or "1").strip() if staff_element is not None else "1"
    staff = int(staff_text) if staff_text.isdecimal() and len(staff_text) < 4 else 1
    if "cue" in found:
        state.notices.add(state.place.where, "cue notes are not sung")
        return
    if "rest" in found:
        if not is_grace and any(f is not None for f in element.iterfind("notations/fermata")):
            measure.fermata_rests.append((start, sounding))
        graces.setdefault(voice, []).append(WrittenNote(start, Fraction(-1), 0.0, "", voice, staff))
        return
    if "unpitched" in found or "pitch" not in found:
        part.unpitched = True
        return
    pitch, spelling = read_pitch(found["pitch"], state.place, state.moved.get(staff, state.moved.get(0, (0, None))))
    note = WrittenNote(start, sounding, pitch, spelling, voice, staff, in_chord)
    note.dynamic = read_play(element, state.place)
    note.passes = passes_of(element.get("time-only"))
    lyrics = []
    for child in element:
        if child.tag == "tie":
            note.tie_start |= child.get("type") == "start"
            note.tie_stop |= child.get("type") == "stop"
        elif child.tag == "lyric":
            lyrics.append(read_lyric(child, state.place, state.notices))
        elif child.tag == "notations":
            read_notations(child, note, state.place, state.notices)
    note.lyrics = tuple(lyrics)
    _slur(note, state)
    if is_grace:
        grace_of(found["grace"], note, state.place, state.notices)
        note.duration = Fraction(0)
    elif length <= 0:
        state.notices.add(state.place.where, "a note without duration is not sung")
        return
    else:
        measure.notes.append(note)
        measure.sounding = max(measure.sounding, start + sounding)
    graces.setdefault(voice, []).append(note)


def _advance(
    cursor: _Cursor, length: Fraction, found: dict[str, etree._Element], in_chord: bool, state: _State
) -> tuple[Fraction, Fraction]:
    """Start of a note, and its duration; tuplets whose duration the file had to round are made exact again."""
    exact = length
    modification = found.get("time-modification")
    if modification is not None and length:
        nominal = _nominal(found, modification)
        if nominal is not None and nominal != length and abs(nominal - length) * state.divisions < 1:
            exact = nominal
    if in_chord:
        return cursor.chord_at, exact
    apart = cursor.exact is not cursor.raw and modification is None
    if apart and abs(cursor.exact - cursor.raw) * state.divisions < 2:
        cursor.exact = cursor.raw
    cursor.chord_at = cursor.exact
    in_step = cursor.exact is cursor.raw and exact is length
    cursor.raw += length
    cursor.exact = cursor.raw if in_step else cursor.exact + exact
    return cursor.chord_at, exact


def _nominal(found: dict[str, etree._Element], modification: etree._Element) -> Fraction | None:
    """Duration that type, dots and time modification name; None where they do not say it."""
    kind = found.get("type")
    actual, normal = modification.findtext("actual-notes") or "", modification.findtext("normal-notes") or ""
    beats = TYPE_BEATS.get((kind.text or "").strip()) if kind is not None else None
    if beats is None or not actual.isdecimal() or not normal.isdecimal() or int(actual) == 0 or len(actual) > 6:
        return None
    dots = 0
    follower = kind.getnext() if kind is not None else None
    while follower is not None and follower.tag == "dot" and dots < 8:
        dots, follower = dots + 1, follower.getnext()
    return beats * (2 - Fraction(1, 2**dots)) * int(normal[:6]) / int(actual)


def _slur(note: WrittenNote, state: _State) -> None:
    """Mark a note within a slur: joined to the one before."""
    voice = note.voice
    note.slurred = not note.in_chord and any(key[0] == voice for key in state.slurs)
    for kind, number in note.slurs:
        if kind == "stop":
            if (voice, number) in state.slurs:
                del state.slurs[voice, number]
            else:
                crossed = [key for key in state.slurs if key[1] == number]
                if crossed:
                    state.notices.add(state.place.where, "a slur from one voice to another is not sung as one")
                    del state.slurs[crossed[0]]
    for kind, number in note.slurs:
        if kind == "start":
            state.slurs[voice, number] = 1


def _close_slurs(part: WrittenPart) -> None:
    """Notes of a chord share the slur of its first note."""
    for measure in part.measures:
        for before, note in zip(measure.notes, measure.notes[1:], strict=False):
            if note.in_chord:
                note.slurred = before.slurred


def _read_attributes(
    element: etree._Element, at: Fraction, measure: WrittenMeasure, part: WrittenPart, state: _State
) -> None:
    place, notices = state.place, state.notices
    for child in element:
        if child.tag == "divisions":
            state.divisions = parse_number(child.text or "", place, "<divisions>", 0, 1e6)
            state.lengths = {}
            if state.divisions <= 0:
                raise place.error("<divisions> is not above 0")
        elif child.tag == "staves":
            part.staves = int(parse_number(child.text or "", place, "<staves>", 1, 100))
        elif child.tag == "transpose":
            _read_transpose(child, part, state)
        elif child.tag == "measure-style":
            repeat = child.find("measure-repeat")
            if repeat is not None:
                count = (repeat.text or "").strip()
                stop = repeat.get("type") == "stop" or not count.isdecimal() or len(count) > 4
                state.repeat_of = 0 if stop else int(count)
            if child.find("beat-repeat") is not None:
                notices.add(place.where, "beat repeats are not filled in")
    chromatic, diatonic = state.moved.get(0, state.moved.get(1, (0, None)))
    for child in element.iterfind("key"):
        fifths = child.findtext("fifths")
        if fifths is None:
            notices.add(place.where, "a key signature that is none of the usual is not read")
            continue
        value = int(parse_number(fifths, place, "<fifths>", -14, 14))
        if chromatic or diatonic:
            value += 7 * chromatic - 12 * (diatonic if diatonic is not None else round(chromatic * 7 / 12))
            value = value if -7 <= value <= 7 else (value + 6) % 12 - 6
        measure.keys.append(Key(at, value, (child.findtext("mode") or "").strip()))
        break
    for child in element.iterfind("time"):
        meter = _meter(child, at, place)
        if meter is None:
            notices.add(place.where, "music without metre (senza misura) is read by its note values")
        else:
            measure.meters.append(meter)
        break


def _read_transpose(element: etree._Element, part: WrittenPart, state: _State) -> None:
    chromatic = parse_number(element.findtext("chromatic") or "0", state.place, "<chromatic>", -120, 120)
    octaves = int(parse_number(element.findtext("octave-change") or "0", state.place, "<octave-change>", -8, 8))
    diatonic = element.findtext("diatonic")
    if chromatic != int(chromatic):
        raise state.place.error("<chromatic> is not a whole number of semitones")
    steps = None
    if diatonic is not None:
        steps = int(parse_number(diatonic, state.place, "<diatonic>", -70, 70)) + 7 * octaves
    staff = element.get("number", "0")
    moved = (int(chromatic) + 12 * octaves, steps)
    state.moved[int(staff) if staff.isdecimal() and len(staff) < 4 else 0] = moved
    part.transposes |= moved[0] % 12 != 0
    if element.find("double") is not None:
        state.notices.add(state.place.where, "a part doubled an octave away is sung once")


def _meter(element: etree._Element, at: Fraction, place: Place) -> Meter | None:
    """``3+2/8`` is 5/8; several signatures side by side are added up."""
    if element.find("senza-misura") is not None:
        return None
    total, finest = Fraction(0), 1
    kinds = [kind.text or "" for kind in element.iterfind("beat-type")]
    counts = [count.text or "" for count in element.iterfind("beats")]
    if not kinds or len(kinds) != len(counts):
        raise place.error("a <time> does not give as many beats as beat types")
    for beats, kind in zip(counts, kinds, strict=True):
        value = int(parse_number(kind, place, "<beat-type>", 1, 1024))
        count = sum(parse_number(each, place, "<beats>", 0.25, 1024) for each in beats.split("+"))
        total, finest = total + Fraction(count) / value, max(finest, value)
    while (total * finest).denominator != 1 and finest < 4096:
        finest *= 2
    if (total * finest).denominator != 1:
        raise place.error("a <time> is no number of its beats")
    return Meter(at, int(total * finest), finest)
