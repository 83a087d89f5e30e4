"""Standard MIDI files as events: chunks, running status, meta events; nothing of music yet."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from voicekit.errors import InputError
from voicekit.score.inputs import Place

__all__ = ["Event", "MidiFile", "read_smf"]

_REMEDY = "export it anew as a standard MIDI file (format 0 or 1)"
MAX_TICKS = 2**40
MAX_EVENTS = 5_000_000
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Parameters
    ----------
    tick : int
        From the start of the track.
    kind : int
        Upper half of the status byte (8 note off ... 14 pitch bend); 15 for a meta event.
    channel : int
        0..15; of a meta event its type.
    data : bytes
    """

    tick: int
    kind: int
    channel: int
    data: bytes


@dataclass(frozen=True)
class MidiFile:
    """A file's tracks; a tick lasts `beats_a_tick` quarter notes, or with SMPTE time `seconds_a_tick` seconds."""

    format: int
    tracks: tuple[tuple[Event, ...], ...]
    beats_a_tick: Fraction
    seconds_a_tick: Fraction | None
    damaged: str = ""


def read_smf(data: bytes, path: Path) -> MidiFile:
    """Parse a standard MIDI file (also within a RIFF ``RMID`` wrapper).

    Raises
    ------
    InputError
        It is damaged, or of format 2.

    Source
    ------
    The Complete MIDI 1.0 Detailed Specification, "Standard MIDI Files 1.0" (MMA, 1996).
    """
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        found = data.find(b"MThd")
        data = data[found:] if found >= 0 else b""
    if len(data) < 14 or data[:4] != b"MThd":
        raise InputError(path, "", "is no standard MIDI file", _REMEDY)
    header = int.from_bytes(data[4:8], "big")
    kind, count = int.from_bytes(data[8:10], "big"), int.from_bytes(data[10:12], "big")
    division = int.from_bytes(data[12:14], "big")
    if kind > 1 or header < 6:
        raise InputError(path, "header", f"is of format {kind}", _REMEDY)
    beats, seconds = _resolution(division, path)
    tracks: list[tuple[Event, ...]] = []
    at, damaged = 8 + header, ""
    total = 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        body = data[at + 8 : at + 8 + size]
        at += 8 + size
        if name != b"MTrk":
            continue
        if len(body) < size:
            raise InputError(path, f"track {len(tracks) + 1}", "is cut short", "get the file again")
        tracks.append(_track(body, Place(path, f"track {len(tracks) + 1}")))
        total += len(tracks[-1])
        if total > MAX_EVENTS or len(tracks) > 1000:
            raise InputError(path, "", "has too many events or tracks", "this is no ordinary score")
    if not tracks:
        raise InputError(path, "", "has no track", _REMEDY)
    if len(tracks) != count:
        damaged = f"announces {count} tracks and has {len(tracks)}"
    return MidiFile(kind, tuple(tracks), beats, seconds, damaged)


def _resolution(division: int, path: Path) -> tuple[Fraction, Fraction | None]:
    if division & 0x8000:
        frames, ticks = 256 - (division >> 8), division & 0xFF
        rate = {24: Fraction(24), 25: Fraction(25), 29: Fraction(30000, 1001), 30: Fraction(30)}.get(frames)
        if rate is None or ticks == 0:
            raise InputError(path, "header", f"has SMPTE time of {frames} frames and {ticks} ticks", _REMEDY)
        return Fraction(0), 1 / (rate * ticks)
    if division == 0:
        raise InputError(path, "header", "has 0 ticks a quarter note", _REMEDY)
    return Fraction(1, division), None


def _track(body: bytes, place: Place) -> tuple[Event, ...]:
    events: list[Event] = []
    at, tick, status = 0, 0, 0
    size = len(body)
    while at < size:
        here = place.at(f"{place.where}, event {len(events) + 1}")
        delta, at = _variable(body, at, here)
        tick += delta
        if tick > MAX_TICKS:
            raise here.error("lies beyond any music", _REMEDY)
        if at >= size:
            raise here.error("is cut short", "get the file again")
        first = body[at]
        if first in (0xFF, 0xF0, 0xF7):
            at += 1
            meta = 0
            if first == 0xFF:
                if at >= size:
                    raise here.error("is cut short", "get the file again")
                meta, at = body[at], at + 1
            length, at = _variable(body, at, here)
            if at + length > size:
                raise here.error("is longer than its track", "get the file again")
            if first == 0xFF:
                if meta == 0x2F:
                    events.append(Event(tick, 15, meta, b""))
                    break
                events.append(Event(tick, 15, meta, body[at : at + length]))
            at += length
            continue
        if first & 0x80:
            status, at = first, at + 1
        if status < 0x80 or status >= 0xF0:
            raise here.error(f"has no known kind (byte 0x{first:02x})", _REMEDY)
        length = _DATA_BYTES[status >> 4]
        data = body[at : at + length]
        if len(data) < length:
            raise here.error("is cut short", "get the file again")
        if max(data) > 127:
            raise here.error("has a data byte above 127", _REMEDY)
        events.append(Event(tick, status >> 4, status & 0x0F, data))
        at += length
    return tuple(events)


def _variable(body: bytes, at: int, place: Place) -> tuple[int, int]:
    """A variable-length number of at most four bytes, and where the next thing begins."""
    value = 0
    for _ in range(4):
        if at >= len(body):
            raise place.error("is cut short", "get the file again")
        byte = body[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    raise place.error("has a length of more than four bytes", _REMEDY)
