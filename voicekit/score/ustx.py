"""USTX, the project files of OpenUtau (YAML), as a performed score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from voicekit.errors import InputError
from voicekit.score.drawn import Segment, dynamic_of_gain, note_pitch_segments, segments_of, sum_segments
from voicekit.score.editor_words import BREATHS, RESTS, editor_lyrics
from voicekit.score.inputs import MAX_BEATS, MAX_NOTES, Notices, Place, parse_number
from voicekit.score.lines import part_lines, trim_overlaps
from voicekit.score.model import DYNAMIC_RANGE_DB, Key, Lyric, Meter, Note, Part, Score, Vibrato
from voicekit.score.time_line import Tempo, TempoMap
from voicekit.score.ust import vibrato_of

__all__ = ["read_ustx"]

MAX_DEPTH = 40
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REMEDY = "save it anew in OpenUtau"
#: Curves whose default is not 0 and that change nothing there.
_NEUTRAL = {"voic": 100.0}
_NEUTRAL_EXPRESSIONS = {"vel": 100.0, "atk": 100.0, "norm": 86.0}


def read_ustx(data: bytes, path: Path) -> Score:
    """Read a USTX file.

    The voice parts of a track become one part; muted tracks are left out, and all others where one is solo.

    Raises
    ------
    InputError
        It is no YAML, uses aliases, is nested too deeply, or says what cannot be.
    """
    root, notices, place = _loaded(data, path), Notices(), Place(path)
    if not isinstance(root, dict) or "voice_parts" not in root:
        raise InputError(path, "", "is YAML, but no OpenUtau project (it has no voice_parts)", _REMEDY)
    ticks = parse_number(root.get("resolution", 480), place.at("resolution"), "resolution", 1, 1e6)
    tempo = _tempo(root, ticks, place)
    tracks = _rows(root, "tracks", place)
    heard = _heard(tracks, notices)
    by_track: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for number, row in enumerate(_rows(root, "voice_parts", place), 1):
        here = place.at(f"voice part {number}")
        by_track[int(parse_number(row.get("track_no", 0), here, "track_no", 0, 10_000))].append(row)
    if _rows(root, "wave_parts", place):
        notices.add("wave_parts", "recordings in the project are not played")
    parts: list[Part] = []
    for track in sorted(by_track):
        settings = tracks[track] if track < len(tracks) else {}
        name = str(settings.get("track_name") or f"Track {track + 1}")
        if heard is not None and track not in heard:
            notices.add(f"track {name}", "is muted, or another one is solo; it is left out")
            continue
        parts += _Track(name, f"track-{track + 1}", tempo, ticks, place, notices).parts(by_track[track])
    meters = _meters(root, place)
    title = str(root.get("name") or "")
    return Score(
        _apart(parts), tempo, meters, _key(root, place), title="" if title == "New Project" else title,
        source=path.name, format="ustx", notices=notices.found(),
    )  # fmt: skip


def _loaded(data: bytes, path: Path) -> Any:
    """The value of a YAML file; aliases, which can blow up, are refused before anything is built."""
    try:
        text = data.decode("utf-8-sig")
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent):
                raise InputError(path, f"line {event.start_mark.line + 1}", "uses a YAML alias", _REMEDY)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise InputError(path, f"line {event.start_mark.line + 1}", "is nested too deeply", _REMEDY)
        return yaml.load(text, Loader=_LOADER)
    except UnicodeDecodeError as error:
        raise InputError(path, f"byte {error.start}", "is not UTF-8", _REMEDY) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else ""
        raise InputError(path, where, f"is not YAML ({getattr(error, 'problem', error)})", _REMEDY) from None
    except (ValueError, RecursionError, OverflowError) as error:
        raise InputError(path, "", f"has a value that cannot be ({str(error)[:80]})", _REMEDY) from None


def _rows(parent: Mapping[str, Any], name: str, place: Place) -> list[Mapping[str, Any]]:
    rows = parent.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise place.at(f"{place.where} {name}".strip()).error("is not a list of sections", _REMEDY)
    return rows


def _heard(tracks: Sequence[Mapping[str, Any]], notices: Notices) -> set[int] | None:
    """Numbers of the tracks that sound; None where all do."""
    solo = {n for n, track in enumerate(tracks) if track.get("solo")}
    if solo:
        return solo
    muted = {n for n, track in enumerate(tracks) if track.get("mute")}
    if any(float(track.get("volume") or 0.0) for track in tracks if isinstance(track.get("volume"), (int, float))):
        notices.add("tracks", "volumes of tracks are left to the mix")
    return set(range(10_001)) - muted if muted else None


def _tempo(root: Mapping[str, Any], ticks: Fraction, place: Place) -> TempoMap:
    points = []
    for number, row in enumerate(_rows(root, "tempos", place), 1):
        here = place.at(f"tempo {number}")
        beat = parse_number(row.get("position", 0), here, "position", 0, float(MAX_BEATS * ticks)) / ticks
        points.append(Tempo(beat, float(parse_number(row.get("bpm"), here, "bpm", 1, 10_000))))
    if not points and root.get("bpm") is not None:
        points.append(Tempo(Fraction(0), float(parse_number(root["bpm"], place.at("bpm"), "bpm", 1, 10_000))))
    return TempoMap(points)


def _meters(root: Mapping[str, Any], place: Place) -> tuple[Meter, ...]:
    rows = _rows(root, "time_signatures", place)
    if not rows and root.get("beat_per_bar") is not None:
        rows = [{"bar_position": 0, "beat_per_bar": root["beat_per_bar"], "beat_unit": root.get("beat_unit", 4)}]
    found: list[Meter] = []
    bar, beat = 0, Fraction(0)
    for number, row in enumerate(rows, 1):
        here = place.at(f"time signature {number}")
        at = int(parse_number(row.get("bar_position", 0), here, "bar_position", 0, 1e6))
        if found:
            beat += max(0, at - bar) * Fraction(4 * found[-1].beats, found[-1].beat_type)
        beats = int(parse_number(row.get("beat_per_bar", 4), here, "beat_per_bar", 1, 1024))
        unit = int(parse_number(row.get("beat_unit", 4), here, "beat_unit", 1, 1024))
        found.append(Meter(beat, beats, unit))
        bar = at
    return tuple(found)


def _key(root: Mapping[str, Any], place: Place) -> tuple[Key, ...]:
    """The tonic, as a major key; 0 (C) is what every new project says, so it says nothing."""
    tonic = int(parse_number(root.get("key") or 0, place.at("key"), "key", 0, 11))
    return (Key(Fraction(0), (tonic * 7 + 5) % 12 - 5),) if tonic else ()


def _apart(parts: list[Part]) -> tuple[Part, ...]:
    used: dict[str, int] = {}
    found = []
    for part in parts:
        used[part.name] = used.get(part.name, 0) + 1
        found.append(part if used[part.name] == 1 else replace(part, name=f"{part.name} ({used[part.name]})"))
    return tuple(found)


class _Track:
    """Reads the voice parts of one track."""

    def __init__(
        self, name: str, ident: str, tempo: TempoMap, ticks: Fraction, place: Place, notices: Notices
    ) -> None:
        self._name, self._ident, self._tempo, self._ticks = name, ident, tempo, ticks
        self._place, self._notices = place, notices
        self._pitch: list[Segment] = []
        self._loudness: list[Segment] = []

    def parts(self, voice_parts: Sequence[Mapping[str, Any]]) -> list[Part]:
        """One part, or one for each line where notes overlap."""
        notes: list[Note] = []
        for row in voice_parts:
            label = str(row.get("name") or "")[:40]
            here = self._place.at(f"track {self._name}, part {label}".rstrip())
            start = self._beats(row.get("position", 0), here, "position", 0)
            notes += self._notes(row, start, here)
            self._curves(row, start, here)
            if len(notes) > MAX_NOTES:
                raise here.error(f"has more than {MAX_NOTES} notes", _REMEDY)
        if not notes:
            self._notices.add(f"track {self._name}", "has no notes and is left out")
            return []
        trimmed, count = trim_overlaps(notes)
        if count:
            self._notices.add(f"track {self._name}", f"{count} notes held a little into the next are shortened")
        lines = part_lines(trimmed)
        if len(lines) > 1:
            self._notices.add(f"track {self._name}", f"notes overlap; they are parted into {len(lines)} lines")
        pitch, loudness = sum_segments(self._pitch), sum_segments(self._loudness)
        one = len(lines) == 1
        return [
            Part(
                self._name if one else f"{self._name} {n}", tuple(line), self._ident if one else f"{self._ident}/{n}",
                pitch, loudness,
            )
            for n, line in enumerate(lines, 1)
        ]  # fmt: skip

    def _beats(self, value: object, place: Place, what: str, low: float = -MAX_BEATS) -> Fraction:
        return parse_number(value, place, what, low * float(self._ticks), MAX_BEATS * float(self._ticks)) / self._ticks

    def _notes(self, row: Mapping[str, Any], start: Fraction, place: Place) -> list[Note]:
        sung: list[tuple[Note, str, Mapping[str, Any], Place]] = []
        for number, each in enumerate(_rows(row, "notes", place), 1):
            here = place.at(f"{place.where}, note {number}")
            onset = start + self._beats(each.get("position"), here, "position")
            duration = self._beats(each.get("duration"), here, "duration", 0)
            tone = float(parse_number(each.get("tone"), here, "tone", 0, 127))
            text = str(each.get("lyric") or "").strip()
            if text in BREATHS and sung:
                sung[-1] = (replace(sung[-1][0], breath_after=True), *sung[-1][1:])
            if text in RESTS or text in BREATHS:
                continue
            if duration <= 0 or onset < 0:
                self._notices.add(here.where, "a note without duration or before the song is left out")
                continue
            cents = each.get("tuning")
            if cents is not None:
                tone += float(parse_number(cents, here, "tuning", -1200, 1200)) / 100.0
            dynamic = self._expressions(each, here)
            sung.append((Note(onset, duration, tone, dynamic=dynamic), text, each, here))
        sung.sort(key=lambda item: item[0].onset)
        lyrics = editor_lyrics([text for _, text, _, _ in sung])
        found: list[Note] = []
        for index, (note, _, each, here) in enumerate(sung):
            before = sung[index - 1][0] if index else None
            points = self._points(each, note, before, here)
            self._pitch += note_pitch_segments(note, before, points, self._tempo)
            found.append(
                replace(
                    note, lyric=self._phonemes(each, lyrics[index], here), vibrato=self._vibrato(each, note, here),
                    portamento_s=0.0 if points else None,
                )
            )  # fmt: skip
        return found

    def _points(
        self, row: Mapping[str, Any], note: Note, before: Note | None, place: Place
    ) -> list[tuple[float, float, str]]:
        pitch = row.get("pitch")
        if not isinstance(pitch, dict):
            return []
        found = []
        for each in _rows(pitch, "data", place):
            x = float(parse_number(each.get("x", 0), place, "pitch x", -1e7, 1e7)) / 1000.0
            y = float(parse_number(each.get("y", 0), place, "pitch y", -1e5, 1e5)) * 10.0
            found.append((x, y, str(each.get("shape") or "io")))
        found.sort(key=lambda point: point[0])
        if found and pitch.get("snap_first", True):
            joins = before is not None and before.end == note.onset
            led = 100.0 * (before.pitch_midi - note.pitch_midi) if before is not None and joins else 0.0
            found[0] = (found[0][0], led, found[0][2])
        return found

    def _vibrato(self, row: Mapping[str, Any], note: Note, place: Place) -> Vibrato | None:
        vibrato = row.get("vibrato")
        if not isinstance(vibrato, dict):
            return None
        names = ("length", "period", "depth", "in", "out", "shift", "drift")
        numbers = [float(parse_number(vibrato.get(name) or 0, place, f"vibrato {name}", -1e6, 1e6)) for name in names]
        if numbers[0] > 0 and numbers[6]:
            self._notices.add(place.where, "a vibrato's shift in pitch is not sung")
        return vibrato_of(numbers, self._tempo.seconds(note.end) - self._tempo.seconds(note.onset))

    def _expressions(self, row: Mapping[str, Any], place: Place) -> float:
        """Dynamic of the note's volume; what else it asks for is reported."""
        dynamic = 0.5
        for each in [*_rows(row, "phoneme_expressions", place), *_rows(row, "note_expressions", place)]:
            name = str(each.get("abbr"))
            value = float(parse_number(each.get("value") or 0, place, f"expression {name[:20]}", -1e6, 1e6))
            if name == "vol":
                dynamic = dynamic_of_gain(value / 100.0, DYNAMIC_RANGE_DB)
            elif value != _NEUTRAL_EXPRESSIONS.get(name, 0.0):
                self._notices.add(place.where, f"the expression {name[:20]!r} is not sung")
        return dynamic

    def _phonemes(self, row: Mapping[str, Any], lyric: Lyric | None, place: Place) -> Lyric | None:
        rows = sorted(_rows(row, "phoneme_overrides", place), key=lambda each: str(each.get("index")).zfill(6))
        given = [str(each["phoneme"]) for each in rows if each.get("phoneme")]
        if any(each.get(name) for each in rows for name in ("offset", "preutter_delta", "overlap_delta")):
            self._notices.add(place.where, "shifted starts of phones are not sung")
        if not given:
            return lyric
        if lyric is None or [each.get("index") for each in rows if each.get("phoneme")] != list(range(len(given))):
            self._notices.add(place.where, "single phones changed within a syllable are not sung")
            return lyric
        return replace(lyric, phonemes=tuple(given))

    def _curves(self, row: Mapping[str, Any], start: Fraction, place: Place) -> None:
        for each in _rows(row, "curves", place):
            name = str(each.get("abbr"))
            xs, ys = each.get("xs") or [], each.get("ys") or []
            if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys) or len(xs) > 4 * MAX_NOTES:
                raise place.error(f"the curve {name[:20]!r} has not as many times as values", _REMEDY)
            values = [float(parse_number(y, place, f"curve {name[:20]}", -1e6, 1e6)) for y in ys]
            if name not in ("pitd", "dyn"):
                if any(value != _NEUTRAL.get(name, 0.0) for value in values):
                    self._notices.add(place.where, f"the curve {name[:20]!r} is not sung")
                continue
            times = [max(Fraction(0), start + self._beats(x, place, f"curve {name}")) for x in xs]
            scale = 1.0 if name == "pitd" else 0.1  # cents; tenths of a decibel
            points = sorted(zip(times, (value * scale for value in values), strict=True), key=lambda p: p[0])
            pieces = segments_of([(time, value, "l") for time, value in points])
            (self._pitch if name == "pitd" else self._loudness).extend(pieces)
