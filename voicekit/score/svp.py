"""SVP, the project files of Synthesizer V Studio (JSON), as a performed score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from voicekit.score.drawn import Segment, segments_of, sum_segments
from voicekit.score.editor_words import BREATHS, RESTS, editor_lyrics
from voicekit.score.inputs import MAX_BEATS, MAX_NOTES, Notices, Place, parse_number
from voicekit.score.lines import part_lines, trim_overlaps
from voicekit.score.model import Meter, Note, Part, Score, Vibrato
from voicekit.score.time_line import Tempo, TempoMap

__all__ = ["read_svp"]

BLICKS = 705_600_000
_REMEDY = "save it anew in Synthesizer V Studio"
_SHAPES = {"linear": "l", "cosine": "io", "cubic": "cubic", "sigmoid": "io"}
_LANGUAGES = {
    "english": "en", "japanese": "ja", "mandarin": "zh", "cantonese": "yue", "spanish": "es", "korean": "ko",
}  # fmt: skip
#: The editor's own values where a file gives a part of a vibrato alone.
_VIBRATO = {"tF0VbrStart": 0.25, "tF0VbrLeft": 0.2, "tF0VbrRight": 0.2, "dF0Vbr": 1.0, "fF0Vbr": 5.5, "pF0Vbr": 0.0}
_GLIDE = 0.07
_UNSUNG = ("tension", "breathiness", "voicing", "gender", "toneShift")


@dataclass
class _Group:
    """Notes and curves of one group as one reference places them."""

    notes: list[tuple[Note, str, Mapping[str, Any]]] = field(default_factory=list)
    pitch: list[Segment] = field(default_factory=list)
    loudness: list[Segment] = field(default_factory=list)


def read_svp(root: Any, path: Path) -> Score:
    """Read a Synthesizer V Studio project from its parsed JSON.

    Groups of the library are placed where the tracks refer to them.  Muted tracks are left out, and all others where
    one is solo; so are instrumental references.

    Raises
    ------
    InputError
        Something in it is of the wrong kind, or beyond any song.
    """
    notices, place = Notices(), Place(path)
    time = _section(root, "time", place)
    points = []
    for row, here in _rows(time, "tempo", place):
        bpm = float(parse_number(row.get("bpm"), here, "bpm", 1, 10_000))
        points.append(Tempo(max(Fraction(0), _beats(row.get("position", 0), here, "position")), bpm))
    tempo = TempoMap(points)
    if not points:
        notices.add("time", "the file gives no tempo; 120 quarter notes a minute are taken")
    library = {str(row.get("uuid")): row for row, _ in _rows(root, "library", place)}
    tracks = _rows(root, "tracks", place)
    mixers = [_section(track, "mixer", here) for track, here in tracks]
    solo = any(mixer.get("solo") for mixer in mixers)
    parts: list[Part] = []
    for number, ((track, here), mixer) in enumerate(zip(tracks, mixers, strict=True), 1):
        name = str(track.get("name") or f"Track {number}")
        if mixer.get("mute") or (solo and not mixer.get("solo")):
            notices.add(f"track {name}", "is muted, or another one is solo; it is left out")
            continue
        parts += _track(track, (name, f"track-{number}"), library, here, notices)
    used: dict[str, int] = {}
    for index, part in enumerate(parts):
        used[part.name] = used.get(part.name, 0) + 1
        if used[part.name] > 1:
            parts[index] = replace(part, name=f"{part.name} ({used[part.name]})")
    return Score(tuple(parts), tempo, _meters(time, place), source=path.name, format="svp", notices=notices.found())


def _section(parent: Any, name: str, place: Place) -> Mapping[str, Any]:
    found = parent.get(name) if isinstance(parent, dict) else None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise place.at(f"{place.where} {name}".strip()).error("is not a section", _REMEDY)
    return found


def _rows(parent: Mapping[str, Any], name: str, place: Place) -> list[tuple[Mapping[str, Any], Place]]:
    rows = parent.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or len(rows) > MAX_NOTES:
        raise place.at(f"{place.where} {name}".strip()).error("is not a list of sections", _REMEDY)
    return [(row, place.at(f"{place.where} {name}[{n}]".strip())) for n, row in enumerate(rows)]


def _beats(value: object, place: Place, what: str) -> Fraction:
    """Quarter notes of a count of blicks."""
    return parse_number(value, place, what, -MAX_BEATS * BLICKS, MAX_BEATS * BLICKS) / BLICKS


def _meters(time: Mapping[str, Any], place: Place) -> tuple[Meter, ...]:
    found: list[Meter] = []
    bar, beat = 0, Fraction(0)
    for row, here in _rows(time, "meter", place):
        at = int(parse_number(row.get("index", 0), here, "index", 0, 1e6))
        if found:
            beat += max(0, at - bar) * Fraction(4 * found[-1].beats, found[-1].beat_type)
        beats = int(parse_number(row.get("numerator", 4), here, "numerator", 1, 1024))
        found.append(Meter(beat, beats, int(parse_number(row.get("denominator", 4), here, "denominator", 1, 1024))))
        bar = at
    return tuple(found)


def _track(
    track: Mapping[str, Any], names: tuple[str, str], library: Mapping[str, Any], place: Place, notices: Notices
) -> list[Part]:
    main = _section(track, "mainGroup", place)
    main_ref = _section(track, "mainRef", place)
    references = [(main, main_ref, place.at(f"{place.where} mainGroup"))]
    for ref, here in _rows(track, "groups", place):
        ident = str(ref.get("groupID"))
        if ident in library:
            references.append((library[ident], ref, here))
        elif not ref.get("isInstrumental"):
            notices.add(here.where, "refers to a group that is not in the library")
    whole = _Group()
    language = ""
    for group, ref, here in references:
        if ref.get("isInstrumental"):
            notices.add(here.where, "a recording in the project is not played")
            continue
        placed = _placed(group, ref, main if group is not main else None, here, notices)
        whole.notes += placed.notes
        whole.pitch += placed.pitch
        whole.loudness += placed.loudness
        base = _section(ref, "database", here)
        stated = str(base.get("languageOverride") or base.get("language") or "").lower()
        language = language or (_LANGUAGES.get(stated, "") if placed.notes else "")
        if len(whole.notes) > MAX_NOTES:
            raise here.error(f"there are more than {MAX_NOTES} notes", _REMEDY)
    return _finish(whole, names, language, notices)


def _finish(whole: _Group, names: tuple[str, str], language: str, notices: Notices) -> list[Part]:
    where = f"track {names[0]}"
    if not whole.notes:
        notices.add(where, "has no notes and is left out")
        return []
    sung = sorted(whole.notes, key=lambda item: item[0].onset)
    lyrics = editor_lyrics([text for _, text, _ in sung])
    notes = []
    for (note, _, row), lyric in zip(sung, lyrics, strict=True):
        phones = tuple(str(row.get("phonemes") or "").split())
        notes.append(replace(note, lyric=replace(lyric, phonemes=phones) if lyric and phones else lyric))
    trimmed, count = trim_overlaps(notes)
    if count:
        notices.add(where, f"{count} notes held a little into the next are shortened")
    lines = part_lines(trimmed)
    if len(lines) > 1:
        notices.add(where, f"notes overlap; they are parted into {len(lines)} lines")
    pitch, loudness = sum_segments(whole.pitch), sum_segments(whole.loudness)
    one = len(lines) == 1
    return [
        Part(
            names[0] if one else f"{names[0]} {n}", tuple(line), names[1] if one else f"{names[1]}/{n}", pitch,
            loudness, language,
        )
        for n, line in enumerate(lines, 1)
    ]  # fmt: skip


def _placed(
    group: Mapping[str, Any], ref: Mapping[str, Any], main: Mapping[str, Any] | None, place: Place, notices: Notices
) -> _Group:
    """A group as a reference places it; the main group's curves are added to those of the other groups."""
    offset = _beats(ref.get("blickOffset", 0), place, "blickOffset")
    shift = float(parse_number(ref.get("pitchOffset", 0), place, "pitchOffset", -127, 127))
    voice = _section(ref, "voice", place)
    parameters = _section(group, "parameters", place)
    found = _Group()
    envelope = _points(_section(parameters, "vibratoEnv", place), offset, place)
    before: Mapping[str, Any] | None = None
    rows = sorted(_rows(group, "notes", place), key=lambda row: _beats(row[0].get("onset"), row[1], "onset"))
    for row, here in rows:
        onset = offset + _beats(row.get("onset"), here, "onset")
        duration = _beats(row.get("duration"), here, "duration")
        pitch = parse_number(row.get("pitch"), here, "pitch", 0, 127) + parse_number(
            row.get("detune") or 0, here, "detune", -1200, 1200
        ) / 100
        text = str(row.get("lyrics") or "").strip()
        if text in BREATHS and found.notes:
            found.notes[-1] = (replace(found.notes[-1][0], breath_after=True), *found.notes[-1][1:])
        if text in RESTS - {""} or text in BREATHS:
            before = None
            continue
        if onset < 0 or duration <= 0:
            notices.add(here.where, "a note before the song or without duration is left out")
            continue
        if _cropped(ref, onset, here):
            notices.add(here.where, "a note outside what its reference shows is left out")
            continue
        if text.startswith(".") and len(text) > 1:
            row, text = {**row, "phonemes": row.get("phonemes") or text[1:]}, ""
        if row.get("musicalType") == "rap":
            notices.add(here.where, "rap notes are sung")
        joins = before is not None and found.notes and found.notes[-1][0].end == onset
        marks = _attributes(row, here)
        vibrato = _vibrato(marks, voice, (onset, duration, envelope), here)
        glide = _glide(marks, voice, _attributes(before, here) if joins and before else {}, here)
        note = Note(onset, duration, round(float(pitch) + shift, 6), vibrato=vibrato, portamento_s=glide)
        for name in ("tF0Offset", "dF0Left", "dF0Right", "tNoteOffset", "dur", "alt"):
            if marks.get(name):
                notices.add(here.where, f"the note attribute {name!r} is not sung")
        found.notes.append((note, text, row))
        before = row
    gain = float(parse_number(voice.get("paramLoudness") or 0, place, "paramLoudness", -200, 200))
    _curves(found, parameters, (offset, main, gain), place, notices)
    return found


def _attributes(row: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """A note's attributes; what the editor set by itself counts where the user set nothing."""
    return {**_section(row, "systemAttributes", place), **_section(row, "attributes", place)}


def _cropped(ref: Mapping[str, Any], onset: Fraction, place: Place) -> bool:
    begin, end = ref.get("blickAbsoluteBegin"), ref.get("blickAbsoluteEnd")
    if begin is not None and onset < _beats(begin, place, "blickAbsoluteBegin"):
        return True
    return end is not None and _beats(end, place, "blickAbsoluteEnd") >= 0 and onset >= _beats(end, place, "end")


def _number(name: str, marks: Mapping[str, Any], voice: Mapping[str, Any], default: float, place: Place) -> float:
    value = marks.get(name, voice.get(name))
    return default if value is None else float(parse_number(value, place, name, -1e4, 1e4))


def _vibrato(
    marks: Mapping[str, Any], voice: Mapping[str, Any],
    where: tuple[Fraction, Fraction, list[tuple[Fraction, float, str]]], place: Place,
) -> Vibrato | None:  # fmt: skip
    """Vibrato of a note that says anything about it (or whose voice does), times its drawn envelope.

    Depth is from the lowest to the highest pitch, in semitones.
    """
    onset, duration, envelope = where
    drawn = [value for time, value, _ in envelope if onset <= time <= onset + duration]
    if not envelope and not any(name in marks or name in voice for name in _VIBRATO):
        return None
    row = {name: _number(name, marks, voice, default, place) for name, default in _VIBRATO.items()}
    factor = 1.0
    if envelope:
        last = [value for time, value, _ in envelope if time <= onset]
        row_values = drawn or [last[-1] if last else envelope[0][1]]
        factor = sum(row_values) / len(row_values)
    return Vibrato(
        start_s=max(0.0, row["tF0VbrStart"]), rate_hz=row["fF0Vbr"], extent_cents=50.0 * row["dF0Vbr"] * factor,
        fade_in_s=row["tF0VbrLeft"], fade_out_s=row["tF0VbrRight"], phase=row["pF0Vbr"] / math.tau % 1.0,
    )  # fmt: skip


def _glide(
    marks: Mapping[str, Any], voice: Mapping[str, Any], before: Mapping[str, Any], place: Place
) -> float | None:
    """Seconds of the glide: the right side of the note before and the left side of this one."""
    if "tF0Left" not in marks and "tF0Right" not in before and "tF0Left" not in voice and "tF0Right" not in voice:
        return None
    left = _number("tF0Left", marks, voice, _GLIDE, place)
    return max(0.0, left + (_number("tF0Right", before, voice, _GLIDE, place) if before else 0.0))


def _points(curve: Mapping[str, Any], offset: Fraction, place: Place) -> list[tuple[Fraction, float, str]]:
    """Points of a curve, given as a flat list of blicks and values."""
    flat: Sequence[Any] = curve.get("points") or []
    if not isinstance(flat, list) or len(flat) % 2 or len(flat) > 8 * MAX_NOTES:
        raise place.error("a curve is not a list of times and values", _REMEDY)
    shape = _SHAPES.get(str(curve.get("mode") or "linear"), "l")
    found = []
    for time, value in zip(flat[::2], flat[1::2], strict=True):
        beat = offset + _beats(time, place, "curve time")
        found.append((beat, float(parse_number(value, place, "curve", -1e5, 1e5)), shape))
    return sorted(found, key=lambda point: point[0])


def _curves(
    found: _Group, parameters: Mapping[str, Any], around: tuple[Fraction, Mapping[str, Any] | None, float],
    place: Place, notices: Notices,
) -> None:  # fmt: skip
    """Pitch (cents) and loudness (dB) over the notes of a group; beyond its points a curve holds."""
    offset, main, gain = around
    if not found.notes:
        return
    start = min(note.onset for note, _, _ in found.notes)
    end = max(note.end for note, _, _ in found.notes)
    sources = [(parameters, offset)]
    if main is not None:
        sources.append((_section(main, "parameters", place), Fraction(0)))
    for source, shift in sources:
        for name, target in (("pitchDelta", found.pitch), ("loudness", found.loudness)):
            points = _points(_section(source, name, place), shift, place)
            if not points:
                continue
            held = [(min(start, points[0][0]), points[0][1], "l"), *points]
            held.append((max(end, points[-1][0]), points[-1][1], "l"))
            target += [piece for piece in segments_of(held) if piece.end > start and piece.start < end]
    if gain:
        found.loudness.append(Segment(start, gain, end, gain))
    for name in _UNSUNG:
        if any(value for _, value, _ in _points(_section(parameters, name, place), offset, place)):
            notices.add(place.where, f"the curve {name!r} is not sung")
