"""Directions of MusicXML: tempo, dynamics, hairpins, and the `sound` attributes that steer the performance."""

from __future__ import annotations

import re
from fractions import Fraction

from lxml import etree

from voicekit.score.inputs import Notices, Place, parse_number
from voicekit.score.levels import MARKS, dynamic_of_velocity
from voicekit.score.musicxml.unfold import Marks
from voicekit.score.musicxml.written import DynamicMark, TempoMark, WrittenMeasure

__all__ = ["OTHER_RAMP", "TYPE_BEATS", "barline_marks", "read_direction", "read_sound"]

TYPE_BEATS = {
    "maxima": Fraction(32), "long": Fraction(16), "breve": Fraction(8), "whole": Fraction(4), "half": Fraction(2),
    "quarter": Fraction(1), "eighth": Fraction(1, 2), "16th": Fraction(1, 4), "32nd": Fraction(1, 8),
    "64th": Fraction(1, 16), "128th": Fraction(1, 32), "256th": Fraction(1, 64), "512th": Fraction(1, 128),
    "1024th": Fraction(1, 256),
}  # fmt: skip
#: What our own writer puts into <other-direction> for a ramp whose end MusicXML cannot say.
OTHER_RAMP = "voicekit:ramp-to="
_SLOWER = re.compile(r"\b(rit|rall|riten|ritard|slarg|allarg|calando|morendo|smorz|slowing|slower|langsamer)", re.I)
_FASTER = re.compile(r"\b(accel|string(endo|\.)|affrett|stringendo|faster|schneller|doppio movimento)", re.I)
_A_TEMPO = re.compile(r"\b(a tempo|im tempo|in tempo)\b", re.I)
_PRIMO = re.compile(r"\b(tempo (primo|I|1)\b|tempo i\b)", re.I)
_JUMP = re.compile(r"\b(d\.? ?c\.?|d\.? ?s\.?|da capo|dal segno|fine|to coda|al coda)(?!\w)", re.I)
_SWING = re.compile(r"\b(swing|shuffle)\b", re.I)
_LOUDER = re.compile(r"\b(cresc)", re.I)
_SOFTER = re.compile(r"\b(dim|decresc)(\.|in|esc|\b)", re.I)
_ACCENTS = frozenset({"sf", "sfz", "sff", "sffz", "fz", "rf", "rfz", "sfp", "sfpp", "sfzp", "fp"})
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_JUMP_ATTRIBUTES = ("dacapo", "dalsegno", "tocoda", "fine", "segno", "coda")


def read_sound(sound: etree._Element, offset: Fraction, measure: WrittenMeasure, place: Place) -> bool:
    """Take over a ``sound`` element; whether it sets the tempo."""
    marks = Marks(
        segno=sound.get("segno", ""), coda=sound.get("coda", ""), dalsegno=sound.get("dalsegno", ""),
        tocoda=sound.get("tocoda", ""), dacapo=sound.get("dacapo") == "yes",
        fine=sound.get("fine", "no") not in ("no", ""), fine_at=offset,
    )  # fmt: skip
    marks.forward = sound.get("forward-repeat") == "yes"
    measure.marks.join(marks)
    level = parse_number(sound.get("dynamics") or "-1", place, "sound dynamics", -1000, 1000)
    if level >= 0:  # programs write negative ones for "not set"
        measure.dynamics.append(DynamicMark(offset, 0, "set", dynamic_of_velocity(float(level) * 0.9)))
    if sound.get("tempo") is None:
        return False
    bpm = float(parse_number(sound.get("tempo"), place, "sound tempo", 0, 100_000))
    if bpm <= 0:
        return False
    measure.tempos.append(TempoMark(offset, bpm))
    return True


def read_direction(
    element: etree._Element, offset: Fraction, measure: WrittenMeasure, place: Place, notices: Notices
) -> None:
    """Take over a ``direction`` that stands at `offset` (its own ``offset`` already added)."""
    staff = int(element.findtext("staff") or 0) if (element.findtext("staff") or "0").isdecimal() else 0
    sound = element.find("sound")
    dynamics_before = len(measure.dynamics)
    has_tempo = read_sound(sound, offset, measure, place) if sound is not None else False
    sound_dynamics = measure.dynamics[dynamics_before:]
    del measure.dynamics[dynamics_before:]
    words: list[str] = []
    for kind in element.iterfind("direction-type/*"):
        if kind.tag == "words":
            words.append(" ".join((kind.text or "").split()))
        elif kind.tag == "metronome" and not has_tempo:
            mark = _metronome(kind, offset, place, notices)
            if mark is not None:
                measure.tempos.append(mark)
                has_tempo = True
        elif kind.tag == "dynamics":
            measure.dynamics.extend(_dynamics(kind, offset, staff, place, notices))
        elif kind.tag == "wedge":
            change = {"crescendo": "louder", "diminuendo": "softer", "stop": "stop"}.get(kind.get("type", ""))
            if change:
                measure.dynamics.append(DynamicMark(offset, staff, change))
        elif kind.tag == "segno" and not measure.marks.segno:
            measure.marks.segno = kind.get("id", "") or "segno"
        elif kind.tag == "coda" and not measure.marks.coda and not (sound is not None and sound.get("tocoda")):
            measure.marks.coda = kind.get("id", "") or "coda"
        elif kind.tag == "other-direction" and (kind.text or "").startswith(OTHER_RAMP):
            target = parse_number((kind.text or "").removeprefix(OTHER_RAMP), place, "a tempo", 0, 100_000)
            if target > 0:
                measure.tempos.append(TempoMark(offset, ramp_to=float(target)))
    # the number a program plays a dynamic at is finer than the printed mark
    for played in sound_dynamics:
        level = DynamicMark(offset, staff, "set", played.level)
        stated = enumerate(measure.dynamics)
        same = [i for i, m in stated if m.offset == offset and m.kind == "set" and m.staff == staff]
        if same:
            measure.dynamics[same[-1]] = level
        else:
            measure.dynamics.append(level)
    _words(" ".join(words), offset, (measure, staff, sound is not None), place, notices)


def _words(
    text: str, offset: Fraction, where: tuple[WrittenMeasure, int, bool], place: Place, notices: Notices
) -> None:
    """What printed words mean for tempo and loudness."""
    if not text:
        return
    measure, staff, has_sound = where
    jumps = measure.marks
    if _SLOWER.search(text) or _FASTER.search(text):
        measure.tempos.append(TempoMark(offset, change=-1 if _SLOWER.search(text) else 1, words=text))
    elif _PRIMO.search(text):
        measure.tempos.append(TempoMark(offset, back="tempo primo", words=text))
    elif _A_TEMPO.search(text):
        measure.tempos.append(TempoMark(offset, back="a tempo", words=text))
    elif _SWING.search(text):
        notices.add(place.where, f"{text!r}: swing is not played")
    elif _JUMP.search(text) and not (
        has_sound and (jumps.dacapo or jumps.dalsegno or jumps.fine or jumps.tocoda or jumps.coda or jumps.segno)
    ):
        notices.add(place.where, f"{text!r} is printed, but no sound attribute says where to go; played on")
    elif _LOUDER.search(text) or _SOFTER.search(text):
        measure.dynamics.append(DynamicMark(offset, staff, "louder" if _LOUDER.search(text) else "softer"))


def _dynamics(
    element: etree._Element, offset: Fraction, staff: int, place: Place, notices: Notices
) -> list[DynamicMark]:
    found = []
    for mark in element:
        name = mark.tag if mark.tag != "other-dynamics" else (mark.text or "").strip()
        if name in MARKS:
            found.append(DynamicMark(offset, staff, "set", MARKS[name]))
        elif name in _ACCENTS:
            found.append(DynamicMark(offset, staff, "accent"))
            if name.endswith("p"):
                # forte at once, soft at once: the accent is on this note, the level is that of what follows
                found.append(DynamicMark(offset, staff, "set", MARKS["pp" if name.endswith("pp") else "p"]))
        else:
            notices.add(place.where, f"the dynamic {name!r} is not known and not played")
    return found


def _unit(beat_unit: etree._Element, place: Place) -> Fraction:
    """Quarter notes of a beat unit with the dots that follow it."""
    length = TYPE_BEATS.get((beat_unit.text or "").strip())
    if length is None:
        raise place.error(f"<beat-unit> is {(beat_unit.text or '')[:20]!r}, not a note value")
    total, follower = length, beat_unit.getnext()
    while follower is not None and follower.tag == "beat-unit-dot":
        length /= 2
        total += length
        follower = follower.getnext()
    return total


def _metronome(element: etree._Element, offset: Fraction, place: Place, notices: Notices) -> TempoMark | None:
    units = [_unit(unit, place) for unit in element.iterfind("beat-unit")]
    per_minute = element.findtext("per-minute")
    if per_minute is not None and units:
        numbers = _NUMBER.findall(per_minute)
        if not numbers:
            notices.add(place.where, f"the metronome mark {per_minute.strip()!r} has no number")
            return None
        if not _NUMBER.fullmatch(per_minute.strip()):
            notices.add(place.where, f"the metronome mark {per_minute.strip()!r} is taken as {numbers[0]}")
        bpm = float(parse_number(numbers[0], place, "<per-minute>", 0, 100_000) * units[0])
        return TempoMark(offset, bpm) if bpm > 0 else None
    if len(units) == 2:
        # "old = new": the new unit lasts as long as the old one did
        return TempoMark(offset, ratio=units[1] / units[0])
    notices.add(place.where, "a metronome mark in this form (notes with brackets) is not read")
    return None


def barline_marks(element: etree._Element, measure: WrittenMeasure, place: Place, notices: Notices) -> None:
    """Repeats, endings and signs of a ``barline``."""
    marks = measure.marks
    repeat = element.find("repeat")
    if repeat is not None:
        if repeat.get("direction") == "forward":
            marks.forward = True
        else:
            times = parse_number(repeat.get("times") or "2", place, "repeat times", 1, 1000)
            marks.backward = max(marks.backward, int(times))
            marks.after_jump |= repeat.get("after-jump") == "yes"
    ending = element.find("ending")
    if ending is not None:
        numbers = frozenset(int(n) for n in _NUMBER.findall(ending.get("number", "")) if "." not in n and len(n) < 4)
        if ending.get("type") == "start":
            if not numbers:
                notices.add(place.where, "an ending without a number is played in every pass")
            marks.ending = numbers
        else:
            marks.ending_stop = True
    for name in ("segno", "coda"):
        if (element.find(name) is not None or element.get(name)) and not getattr(marks, name):
            setattr(marks, name, element.get(name, "") or name)
    if element.find("fermata") is not None:
        notices.add(place.where, "a fermata on a barline is not held")
