"""UST, the project files of UTAU (versions 1.x and 2; Shift-JIS or UTF-8), as a performed score."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from voicekit.score.drawn import Segment, dynamic_of_gain, note_pitch_segments, sum_segments
from voicekit.score.editor_words import BREATHS, RESTS, editor_lyrics
from voicekit.score.inputs import MAX_BEATS, MAX_NOTES, Notices, Place, parse_number
from voicekit.score.lines import part_lines, trim_overlaps
from voicekit.score.model import DYNAMIC_RANGE_DB, Note, Part, Score, Vibrato
from voicekit.score.sung_text import is_kana_text
from voicekit.score.time_line import Tempo, TempoMap

__all__ = ["read_ust", "vibrato_of"]

TICKS = 480
_HEADER = re.compile(r"\[#(\w+)\]\Z")
_VCV = re.compile(r"(?:[aiueonN\-]|・) (?=\S)")
_MODES = {"s": "l", "r": "o", "j": "i"}
#: Fields of a note that shape the sound of a UTAU voice bank, or are a cache of the editor.
_BANK_FIELDS = (
    "PreUtterance", "VoiceOverlap", "Envelope", "Flags", "StartPoint", "Moduration", "Modulation",
)  # fmt: skip
_OLD_BENDS = ("Piches", "Pitches", "PitchBend", "PBType", "PBStart")
_REMEDY = "correct it in UTAU or OpenUtau, or export it anew"


@dataclass(frozen=True)
class _Block:
    """One ``[#...]`` section: its name, the line it stands on, and its fields."""

    name: str
    line: int
    fields: dict[str, str]


def read_ust(data: bytes, path: Path) -> Score:
    """Read a UST file.

    Raises
    ------
    InputError
        It is no UST, or a length, note number or tempo in it cannot be.
    """
    notices, place = Notices(), Place(path)
    text = _decoded(data, place, notices)
    blocks = list(_blocks(text, place, notices))
    setting: dict[str, str] = {}
    for block in blocks:
        if block.name == "SETTING":
            setting.update(block.fields)
    tempos = [Tempo(Fraction(0), _tempo(setting["Tempo"], place.at("[#SETTING]")))] if setting.get("Tempo") else []
    sung: list[tuple[Note, str, _Block]] = []
    start = end = Fraction(0)
    for block in blocks:
        if not block.name.isdecimal():
            continue
        here = place.at(f"line {block.line}, [#{block.name}]")
        start, end, rest_end = _time(block, (start, end), here)
        if block.fields.get("Tempo"):
            tempos.append(Tempo(start, _tempo(block.fields["Tempo"], here)))
        lyric = block.fields.get("Lyric", "").strip().removeprefix("?")
        if lyric in BREATHS and sung:
            sung[-1] = (replace(sung[-1][0], breath_after=True), *sung[-1][1:])
        elif lyric not in RESTS and lyric not in BREATHS and end > start:
            sung.append((_note(block, (start, end), here), _without_prefix(lyric, here, notices), block))
        if len(sung) > MAX_NOTES or end > MAX_BEATS:
            raise here.error("is beyond any song", _REMEDY)
        _report(block, here, notices)
        end = max(end, rest_end)
    if not sung:
        raise place.error("has no note", _REMEDY)
    if not tempos:
        notices.add("[#SETTING]", "the file gives no tempo; 120 quarter notes a minute are taken")
    tempo = TempoMap(tempos)
    part = _part(sung, setting.get("ProjectName", "").strip() or path.stem, tempo, place, notices)
    title = setting.get("ProjectName", "").strip()
    return Score(part, tempo, title=title, source=path.name, format="ust", notices=notices.found())


def _decoded(data: bytes, place: Place, notices: Notices) -> str:
    """Text by its own ``Charset``, else UTF-8 with a byte order mark, Shift-JIS if it reads as Japanese, or UTF-8."""
    if data.startswith(b"\xef\xbb\xbf"):
        encodings = ["utf-8-sig"]
    else:
        stated = re.search(rb"^Charset=\s*([\w-]+)", data, re.MULTILINE)
        name = stated.group(1).decode() if stated else ""
        encodings = ["utf-8" if name.upper().replace("-", "") == "UTF8" else name] if name else []
        encodings += ["utf-8", "cp932"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if encoding == "cp932" and not stated and not is_kana_text(text):
            notices.add("text", "is read as Shift-JIS, the encoding UTAU writes")
        return text
    raise place.error("is in an encoding that is neither UTF-8 nor Shift-JIS", "save it as UTF-8")


def _blocks(text: str, place: Place, notices: Notices) -> Iterator[_Block]:
    name, first = "", 0
    fields: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip("\r\n \ufeff")
        header = _HEADER.match(line)
        if header:
            if name:
                yield _Block(name, first, fields)
            name, first, fields = header.group(1), number, {}
        elif line and name:
            key, equals, value = line.partition("=")
            if equals:
                fields[key.strip()] = value
            elif name != "VERSION":
                notices.add(f"line {number}", "a line without '=' is not read")
    if name:
        yield _Block(name, first, fields)


def _tempo(text: str, place: Place) -> float:
    return float(parse_number(text.strip().replace(",", "."), place, "Tempo", 1, 10_000))


def _ticks(block: _Block, name: str, place: Place) -> Fraction:
    return parse_number(block.fields[name], place, name, 0, MAX_BEATS * TICKS) / TICKS


def _time(
    block: _Block, before: tuple[Fraction, Fraction], place: Place
) -> tuple[Fraction, Fraction, Fraction]:
    """Start and end of a note, and where the next one begins without a Delta.

    Version 2 may give Delta (from the start of the note before) and Duration (shorter than Length).
    """
    if "Length" not in block.fields:
        raise place.error("has no Length", _REMEDY)
    length = _ticks(block, "Length", place)
    if "Delta" in block.fields and "Duration" in block.fields:
        start = before[0] + _ticks(block, "Delta", place)
        duration = _ticks(block, "Duration", place)
        return start, start + duration, start + max(length, duration)
    return before[1], before[1] + length, before[1] + length


def _note(block: _Block, when: tuple[Fraction, Fraction], place: Place) -> Note:
    if "NoteNum" not in block.fields:
        raise place.error("has no NoteNum", _REMEDY)
    pitch = float(parse_number(block.fields["NoteNum"], place, "NoteNum", 0, 127))
    dynamic = 0.5
    if block.fields.get("Intensity", "").strip():
        gain = float(parse_number(block.fields["Intensity"], place, "Intensity", 0, 1000)) / 100.0
        dynamic = dynamic_of_gain(gain, DYNAMIC_RANGE_DB)
    return Note(when[0], when[1] - when[0], pitch, dynamic=dynamic)


def _without_prefix(lyric: str, place: Place, notices: Notices) -> str:
    found = _VCV.match(lyric)
    if not found:
        return lyric
    notices.add(place.where, "the vowel before the syllable (VCV) is taken off the lyrics")
    return lyric[found.end() :]


def _report(block: _Block, place: Place, notices: Notices) -> None:
    if any(block.fields.get(name, "").strip() for name in _BANK_FIELDS):
        notices.add(place.where, "settings of the voice bank (envelope, flags, overlaps) are not sung")
    velocity = block.fields.get("Velocity", "").strip()
    if velocity and velocity != "100":
        notices.add(place.where, "consonant velocity is not sung")
    bent = any(block.fields.get(name, "").strip() for name in _OLD_BENDS)
    if bent and not block.fields.get("PBS", "").strip():
        notices.add(place.where, "pitch bends of mode 1 are not read; draw them in mode 2")


def _numbers(text: str, place: Place, what: str, separators: str = ",") -> list[float]:
    parts = re.split(f"[{separators}]", text)
    return [float(parse_number(p.strip(), place, what, -1e7, 1e7)) if p.strip() else 0.0 for p in parts]


def _points(block: _Block, snaps: float | None, place: Place) -> list[tuple[float, float, str]]:
    """Drawn points of mode 2: seconds, cents, shape.  `snaps`: cents of the note that leads here, None after a rest."""
    fields = block.fields
    if not fields.get("PBS", "").strip():
        return []
    start = _numbers(fields["PBS"], place, "PBS", ",;")
    widths = _numbers(fields["PBW"], place, "PBW") if fields.get("PBW", "").strip() else []
    heights = _numbers(fields["PBY"], place, "PBY") if fields.get("PBY", "").strip() else []
    modes = [mode.strip() for mode in fields.get("PBM", "").split(",")]
    first = 10.0 * start[1] if len(start) > 1 else 0.0
    values = [snaps if snaps is not None else first]
    times = [start[0] / 1000.0]
    for index, width in enumerate(widths):
        times.append(times[-1] + max(0.0, width) / 1000.0)
        values.append(10.0 * heights[index] if index < len(heights) else 0.0)
    shapes = [_MODES.get(modes[index], "io") if index < len(modes) else "io" for index in range(len(times))]
    return list(zip(times, values, shapes, strict=True))


def vibrato_of(numbers: Sequence[float], length_s: float) -> Vibrato | None:
    """Vibrato from length (% of the note), period (ms), depth (cents), fades (% of the vibrato) and phase (%).

    None where length or depth is 0: then the style decides.
    """
    row = [*numbers, *([0.0] * (7 - len(numbers)))]
    length, period, depth, fade_in, fade_out, shift = row[:6]
    if length <= 0 or depth <= 0 or period <= 0:
        return None
    span = length_s * min(length, 100.0) / 100.0
    return Vibrato(
        start_s=length_s - span, rate_hz=1000.0 / period, extent_cents=depth, fade_in_s=span * fade_in / 100.0,
        fade_out_s=span * fade_out / 100.0, phase=math.fmod(shift / 100.0, 1.0) % 1.0,
    )  # fmt: skip


def _part(
    sung: list[tuple[Note, str, _Block]], name: str, tempo: TempoMap, place: Place, notices: Notices
) -> tuple[Part, ...]:
    lyrics = editor_lyrics([text for _, text, _ in sung])
    notes: list[Note] = []
    segments: list[Segment] = []
    for index, (note, _, block) in enumerate(sung):
        here = place.at(f"line {block.line}, [#{block.name}]")
        before = sung[index - 1][0] if index else None
        joins = before is not None and before.end == note.onset
        snaps = 100.0 * (before.pitch_midi - note.pitch_midi) if before is not None and joins else None
        points = _points(block, snaps, here)
        segments += note_pitch_segments(note, before, points, tempo)
        seconds = tempo.seconds(note.end) - tempo.seconds(note.onset)
        vibrato = None
        if block.fields.get("VBR", "").strip():
            numbers = _numbers(block.fields["VBR"], here, "VBR")
            vibrato = vibrato_of(numbers, seconds)
            if len(numbers) > 6 and numbers[6]:
                notices.add(here.where, "a vibrato's shift in pitch is not sung")
        glide = 0.0 if points else None  # a drawn line is its own glide
        notes.append(replace(note, lyric=lyrics[index], vibrato=vibrato, portamento_s=glide))
    curve = sum_segments(segments)
    trimmed, count = trim_overlaps(notes)
    if count:
        notices.add("notes", f"{count} notes held a little into the next are shortened")
    lines = part_lines(trimmed)
    if len(lines) > 1:
        notices.add("notes", f"overlap; they are parted into {len(lines)} lines")
    names = [name] if len(lines) == 1 else [f"{name} {number}" for number in range(1, len(lines) + 1)]
    return tuple(Part(n, tuple(line), "", curve) for n, line in zip(names, lines, strict=True))
