""".ds, the scores of DiffSinger (OpenVPI; JSON), as a performed score."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from voicekit.score.inputs import MAX_BEATS, MAX_NOTES, Notices, Place, parse_number
from voicekit.score.lines import trim_overlaps
from voicekit.score.model import Curve, Lyric, Note, Part, Score, Vibrato
from voicekit.score.spelling import STEP_SEMITONES, name_of, parse_name
from voicekit.score.time_line import Tempo, TempoMap
from voicekit.units import hz_to_midi

__all__ = ["read_ds"]

#: The format knows seconds alone; beats are counted at this tempo.
BPM = 120.0
_BEATS_A_SECOND = Fraction(2)
_SILENCES = frozenset({"SP", "AP", "rest", "pau", "sil", "br", "cl"})
_BREATH = frozenset({"AP", "br"})
_KNOWN = frozenset(
    {"offset", "text", "ph_seq", "ph_dur", "ph_num", "note_seq", "note_dur", "note_slur", "note_glide", "f0_seq",
     "f0_timestep", "lang", "spk_mix", "input_type"}
)  # fmt: skip
_REMEDY = "export it anew, with ph_num, note_seq, note_dur and note_slur"


@dataclass
class _Segment:
    """Notes of one segment with the pitch it draws."""

    notes: list[Note]
    times: list[Fraction]
    values: list[float]


def read_ds(rows: Sequence[Mapping[str, Any]], path: Path) -> Score:
    """Read a .ds file from its parsed JSON, a list of segments.

    Phones are grouped by ``ph_num`` from vowel to vowel; the consonants that lead to a note are its own.  With
    ``f0_seq`` the pitch is that curve, and neither glide nor vibrato is added.

    Raises
    ------
    InputError
        A segment's lists do not fit each other, or a number in it cannot be.
    """
    notices, place = Notices(), Place(path)
    notices.add("tempo", "the format knows no beats; they are counted at 120 a minute")
    notes: list[Note] = []
    times: list[Fraction] = []
    values: list[float] = []
    segments = []
    for number, row in enumerate(rows, 1):
        segments.append(_segment(row, place.at(f"segment {number}"), notices))
    segments.sort(key=lambda segment: segment.notes[0].onset if segment.notes else Fraction(0))
    for segment in segments:
        notes += segment.notes
        if segment.times and (not times or segment.times[0] >= times[-1]):
            times += segment.times
            values += segment.values
        elif segment.times:
            notices.add("f0_seq", "segments overlap; the drawn pitch of the later one is left out")
        if len(notes) > MAX_NOTES:
            raise place.error(f"has more than {MAX_NOTES} notes", _REMEDY)
    if not notes:
        raise place.error("has no notes", _REMEDY)
    line, count = trim_overlaps(notes)
    kept: list[Note] = []
    for note in line:
        if kept and note.onset < kept[-1].end:
            kept[-1] = replace(kept[-1], duration=note.onset - kept[-1].onset)
            count += 1
            if kept[-1].duration <= 0:
                kept.pop()
        kept.append(note)
    if count:
        notices.add("notes", f"{count} notes that reach into the next are shortened")
    curve = Curve(tuple(times), tuple(values)) if times else None
    language = str(rows[0].get("lang") or "")
    part = Part(path.stem, tuple(kept), "", curve, None, language)
    return Score((part,), TempoMap([Tempo(Fraction(0), BPM)]), source=path.name, format="ds", notices=notices.found())


def _list(row: Mapping[str, Any], name: str) -> list[str]:
    value = row.get(name)
    if isinstance(value, list):
        return [str(each) for each in value]
    return str(value).split() if value is not None else []


def _seconds(row: Mapping[str, Any], name: str, place: Place) -> list[Fraction]:
    return [parse_number(text, place, name, 0, MAX_BEATS) for text in _list(row, name)]


def _segment(row: Mapping[str, Any], place: Place, notices: Notices) -> _Segment:
    for name in sorted(set(row) - _KNOWN):
        notices.add(place.where, f"{name[:40]!r} is not sung")
    names, durations = _list(row, "note_seq"), _seconds(row, "note_dur", place)
    if not names or len(durations) != len(names):
        raise place.error(f"note_seq has {len(names)} notes and note_dur {len(durations)}", _REMEDY)
    slurs = _list(row, "note_slur") or ["0"] * len(names)
    if len(slurs) != len(names):
        raise place.error(f"note_seq has {len(names)} notes and note_slur {len(slurs)}", _REMEDY)
    groups = _groups(row, place)
    heads = [n for n, slur in enumerate(slurs) if slur != "1"]
    if groups and len(groups) != len(heads):
        raise place.error(f"ph_num has {len(groups)} words and there are {len(heads)} notes without a slur", _REMEDY)
    syllables = _syllables(groups, [names[n] == "rest" for n in heads])
    texts = _texts(row, sum(1 for s, n in zip(syllables, heads, strict=False) if names[n] != "rest"), place, notices)
    at = parse_number(row.get("offset", 0), place, "offset", -1, MAX_BEATS)
    notes: list[Note] = []
    head = -1
    for index, (name, duration) in enumerate(zip(names, durations, strict=True)):
        starts = slurs[index] != "1"
        head += starts
        onset, length = max(Fraction(0), at * _BEATS_A_SECOND), duration * _BEATS_A_SECOND
        at += duration
        phones = syllables[head] if head < len(syllables) else ()
        if name == "rest":
            if notes and any(phone in _BREATH for phone in (groups[head] if groups else ())):
                notes[-1] = replace(notes[-1], breath_after=True)
            continue
        if length <= 0:
            continue
        pitch, spelling = _pitch(name, place)
        lyric = None
        if starts:
            lyric = Lyric(texts.pop(0) if texts else "", phonemes=phones)
            if not lyric.text and not phones:
                lyric = None
        notes.append(Note(onset, length, pitch, lyric, slurred=not starts, spelling=spelling))
    return _drawn(notes, row, place)


def _groups(row: Mapping[str, Any], place: Place) -> list[tuple[str, ...]]:
    """Phones of each word as ph_num counts them."""
    phones, counts = _list(row, "ph_seq"), _list(row, "ph_num")
    if not counts:
        return []
    sizes = [int(parse_number(count, place, "ph_num", 0, 1000)) for count in counts]
    if sum(sizes) != len(phones):
        raise place.error(f"ph_num counts {sum(sizes)} phones and ph_seq has {len(phones)}", _REMEDY)
    found, start = [], 0
    for size in sizes:
        found.append(tuple(phones[start : start + size]))
        start += size
    return found


def _syllables(groups: Sequence[tuple[str, ...]], rests: Sequence[bool]) -> list[tuple[str, ...]]:
    """Phones sung on each note: what leads to its vowel from the group before, and its own up to the next lead."""
    found: list[tuple[str, ...]] = []
    lead: tuple[str, ...] = ()
    for index, group in enumerate(groups):
        sung = [phone for phone in group if phone not in _SILENCES]
        is_last = index + 1 == len(groups) or rests[index + 1]
        if rests[index]:
            found.append(())
            lead = tuple(sung)
            continue
        own = tuple(sung) if is_last else tuple(sung[:1])
        found.append(lead + own)
        lead = () if is_last else tuple(sung[1:])
    return found


def _texts(row: Mapping[str, Any], wanted: int, place: Place, notices: Notices) -> list[str]:
    """One text for each sung word, where the segment's text has as many."""
    words = [word for word in _list(row, "text") if word not in _SILENCES]
    if len(words) == wanted:
        return words
    letters = [c for word in words for c in word if not c.isspace()]
    if len(letters) == wanted and all(ord(c) > 0x2E7F for c in letters):
        return letters
    if words:
        notices.add(place.where, "the text has not as many words as there are syllables; phones alone are kept")
    return []


def _pitch(name: str, place: Place) -> tuple[float, str]:
    found = parse_name(name)
    if found is not None:
        step, alter, octave = found
        pitch = 12 * (octave + 1) + STEP_SEMITONES[step] + alter
        if 0 <= pitch <= 127:
            return round(float(pitch), 6), name_of(step, alter, octave)
    elif name.replace(".", "", 1).isdecimal():
        return float(parse_number(name, place, "note_seq", 0, 127)), ""
    raise place.error(f"the note {name[:20]!r} is not known", _REMEDY)


def _drawn(notes: list[Note], row: Mapping[str, Any], place: Place) -> _Segment:
    """The segment's own F0 as cents from its notes."""
    f0 = [float(parse_number(text, place, "f0_seq", 0, 1e5)) for text in _list(row, "f0_seq")]
    if not f0:
        return _Segment(notes, [], [])
    step = parse_number(row.get("f0_timestep"), place, "f0_timestep", 1e-5, 1) * _BEATS_A_SECOND
    start = parse_number(row.get("offset", 0), place, "offset", -1, MAX_BEATS) * _BEATS_A_SECOND
    grid = [start + step * n for n in range(len(f0))]
    pitches = [hz_to_midi(value) if value > 0 else math.nan for value in f0]
    times: list[Fraction] = []
    values: list[float] = []
    for note in notes:
        first, last = bisect.bisect_left(grid, note.onset), bisect.bisect_right(grid, note.end)
        inner = [n for n in range(first, last) if not math.isnan(pitches[n])]
        if not inner:
            continue
        # the note's own ends take the nearest sample, so that the step between two notes lies on the beat
        for beat, index in [(note.onset, inner[0]), *((grid[n], n) for n in inner), (note.end, inner[-1])]:
            if not times or beat > times[-1] or (beat == times[-1] and beat == note.onset):
                times.append(beat)
                values.append(round(100.0 * (pitches[index] - note.pitch_midi), 4))
    still = [replace(note, portamento_s=0.0, vibrato=Vibrato(0.0, 5.5, 0.0)) for note in notes]
    return _Segment(still, times, values)
