"""A score as a standard MIDI file of format 1, with its words."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

from voicekit.score.inputs import Notices
from voicekit.score.levels import velocity_of_dynamic
from voicekit.score.model import Curve, Note, Notice, Part, Score
from voicekit.score.time_line import TempoMap

__all__ = ["write_midi"]

TICKS = 480
ROUNDED = 10_080
_MAX_TICKS = 32_767
_BEND_RANGE = 24
#: A ramp of tempo becomes steps of this many quarter notes; a curve is sampled that often, too.
RAMP_STEP = Fraction(1, 16)
BEND_STEP = Fraction(1, 32)
_CENTRE = 8192


def write_midi(score: Score, path: Path | str) -> tuple[Notice, ...]:
    """Write a score: a track of tempo, metre and keys, and a track for each part.

    Words are lyric events in UTF-8, with a hyphen where a word goes on; ramps of tempo are steps of a sixteenth of
    a beat that end at the exact time; microtones and drawn pitch are pitch bends with a range of 24 semitones.

    Returns
    -------
    tuple of Notice
        What of the score a MIDI file cannot hold.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    notices = Notices()
    ticks = _resolution(score, notices)
    tracks = [_conductor(score, ticks, notices)]
    channels = [n for n in range(16) if n != 9]
    for number, part in enumerate(score.parts):
        if number == len(channels):
            notices.add(f"part {part.name}", "more than 15 parts share MIDI channels")
        tracks.append(_track(part, channels[number % len(channels)], ticks, notices))
    if score.chords:
        notices.add("chords", "chord symbols cannot be written to MIDI")
    header = b"MThd" + (6).to_bytes(4, "big") + b"\x00\x01" + len(tracks).to_bytes(2, "big") + ticks.to_bytes(2, "big")
    Path(path).write_bytes(header + b"".join(b"MTrk" + len(t).to_bytes(4, "big") + t for t in tracks))
    return notices.found()


def _resolution(score: Score, notices: Notices) -> int:
    """Ticks a quarter note: such that every time of a note is whole, where that can be."""
    common = TICKS
    for part in score.parts:
        for note in part.notes:
            common = math.lcm(common, note.onset.denominator, note.duration.denominator)
            if common > _MAX_TICKS:
                notices.add("times", f"are rounded to 1/{ROUNDED} of a quarter note")
                return ROUNDED
    return common


def _number(value: int) -> bytes:
    found = [value & 0x7F]
    while value := value >> 7:
        found.append(value & 0x7F | 0x80)
    return bytes(reversed(found))


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + _number(len(data)) + data


def _bytes(events: list[tuple[int, int, bytes]]) -> bytes:
    """A track of events given as tick, order within the tick, and bytes."""
    found, at = bytearray(), 0
    for tick, _, data in sorted(events, key=lambda event: event[:2]):
        found += _number(tick - at) + data
        at = tick
    return bytes(found) + b"\x00" + _meta(0x2F, b"")


def _conductor(score: Score, ticks: int, notices: Notices) -> bytes:
    events: list[tuple[int, int, bytes]] = []
    if score.title:
        events.append((0, 0, _meta(0x03, score.title.encode("utf-8", "replace"))))
    for tick, micros in _tempos(score.tempo, ticks, notices):
        events.append((tick, 1, _meta(0x51, micros.to_bytes(3, "big"))))
    for meter in score.meters:
        power = meter.beat_type.bit_length() - 1
        if meter.beats < 256 and 2**power == meter.beat_type:
            events.append((round(meter.onset * ticks), 2, _meta(0x58, bytes((meter.beats, power, 24, 8)))))
        else:
            notices.add(f"beat {float(meter.onset):g}", f"the metre {meter.beats}/{meter.beat_type} cannot be written")
    for key in score.keys:
        if abs(key.fifths) <= 7:
            data = (key.fifths & 0xFF).to_bytes(1, "big") + bytes((key.mode == "minor",))
            events.append((round(key.onset * ticks), 3, _meta(0x59, data)))
        else:
            notices.add(f"beat {float(key.onset):g}", "a key of more than seven signs cannot be written")
    return _bytes(events)


def _tempos(tempo: TempoMap, ticks: int, notices: Notices) -> list[tuple[int, int]]:
    """Tick and microseconds a quarter note; each step makes good the rounding of those before it."""
    edges: list[Fraction] = []
    points = tempo.points
    for index, point in enumerate(points):
        edges.append(point.onset)
        if point.ramp_to is None or point.ramp_to == point.bpm or index + 1 == len(points):
            continue
        step = point.onset + RAMP_STEP
        while step < points[index + 1].onset:
            edges.append(step)
            step += RAMP_STEP
    at = [round(edge * ticks) for edge in edges]
    found, written = [], 0.0
    for index, tick in enumerate(at):
        if index + 1 == len(at):
            micros = 60e6 / points[-1].bpm
        else:
            beats = (at[index + 1] - tick) / ticks
            if beats <= 0:
                continue
            micros = (tempo.seconds(Fraction(at[index + 1], ticks)) * 1e6 - written) / beats
        whole = min(max(round(micros), 1), 0xFFFFFF)
        if abs(whole - micros) > 1:
            notices.add(f"beat {tick / ticks:g}", f"the tempo {60e6 / micros:g} is outside what MIDI can say")
        if index + 1 < len(at):
            written += whole * (at[index + 1] - tick) / ticks
        found.append((tick, whole))
    return found


def _track(part: Part, channel: int, ticks: int, notices: Notices) -> bytes:
    events: list[tuple[int, int, bytes]] = [(0, 0, _meta(0x03, part.name.encode("utf-8", "replace")))]
    bent = part.pitch_curve is not None or any(note.pitch_midi % 1 for note in part.notes)
    if bent:
        for number, value in ((101, 0), (100, 0), (6, _BEND_RANGE), (38, 0)):
            events.append((0, 1, bytes((0xB0 | channel, number, value))))
    if part.loudness_curve is not None:
        notices.add(f"part {part.name}", "the drawn loudness curve cannot be written to MIDI")
    for note in part.notes:
        start, end = round(note.onset * ticks), round(note.end * ticks)
        key = round(note.pitch_midi)
        if not 0 <= key <= 127 or end <= start:
            notices.add(f"part {part.name}, beat {float(note.onset):g}", "a note beyond what MIDI can say is left out")
            continue
        velocity = min(127, max(1, round(velocity_of_dynamic(note.dynamic))))
        if note.lyric is not None and note.lyric.text:
            events.append((start, 3, _meta(0x05, _words(note).encode("utf-8", "replace"))))
        if bent:
            events += _bends(note, key, part.pitch_curve, channel, ticks)
        events.append((start, 5, bytes((0x90 | channel, key, velocity))))
        events.append((end, 2, bytes((0x80 | channel, key, 64))))
    return _bytes(events)


def _words(note: Note) -> str:
    """Text of a lyric event; a line ends with CR and a paragraph with LF, as in the MIDI association's RP-017."""
    lyric = note.lyric
    if lyric is None:
        return ""
    hyphen = "-" if lyric.syllabic in ("begin", "middle") else ""
    return lyric.text + hyphen + {"line": "\r", "paragraph": "\n"}.get(lyric.ends, "")


def _bends(
    note: Note, key: int, curve: Curve | None, channel: int, ticks: int
) -> list[tuple[int, int, bytes]]:
    """Pitch bends over one note: what its pitch lacks to a whole key, and the drawn curve."""
    beats = [note.onset]
    if curve is not None:
        while beats[-1] + BEND_STEP < note.end:
            beats.append(beats[-1] + BEND_STEP)
    found: list[tuple[int, int, bytes]] = []
    last = -1
    for beat in beats:
        cents = 100.0 * (note.pitch_midi - key) + (curve.at(beat) if curve is not None else 0.0)
        value = min(16383, max(0, round(_CENTRE + cents / (100 * _BEND_RANGE) * _CENTRE)))
        if value != last:
            found.append((round(beat * ticks), 4, bytes((0xE0 | channel, value & 0x7F, value >> 7))))
            last = value
    return found
