"""MIDI files with lyrics, karaoke files among them, as a performed score."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from voicekit.errors import UsageError
from voicekit.score.inputs import MAX_BEATS, MAX_NOTES, Notices, Place
from voicekit.score.levels import dynamic_of_velocity
from voicekit.score.lines import part_lines, trim_overlaps
from voicekit.score.midi_bends import BendReader
from voicekit.score.model import ELISION, Curve, Key, Lyric, Meter, Note, Part, Score
from voicekit.score.smf import Event, MidiFile, read_smf
from voicekit.score.sung_text import Syllable, decode_sung_text, syllables_of
from voicekit.score.time_line import Tempo, TempoMap

__all__ = ["read_midi"]

_NOTE_OFF, _NOTE_ON, _CONTROL, _BEND, _META = 8, 9, 11, 14, 15
_TEXT, _TRACK_NAME, _INSTRUMENT, _LYRIC, _TEMPO, _TIME, _KEY = 1, 3, 4, 5, 0x51, 0x58, 0x59
_DRUMS = 9
#: A syllable may stand this many quarter notes beside its note.
NEAR = Fraction(1, 8)
_SMPTE_BPM = 120.0


@dataclass
class _Voice:
    """Notes of one channel of one track: tick, end tick, key and velocity."""

    track: int
    channel: int
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)


def read_midi(data: bytes, path: Path, verse: str | None = None) -> Score:
    """Read a MIDI file.

    Each channel of each track becomes a part (channel 10, percussion, is left out); notes that sound together
    become parts of their own, a note held a little into the next is shortened.

    Parameters
    ----------
    verse : str or None
        Where most ticks carry several lyric events they are verses; the number of the one to sing, else the first.

    Raises
    ------
    InputError
        It is damaged, or not a MIDI file.
    UsageError
        It has no such verse.
    """
    midi, notices = read_smf(data, path), Notices()
    if midi.damaged:
        notices.add("header", midi.damaged)
    scale = midi.beats_a_tick
    if midi.seconds_a_tick is not None:
        scale = midi.seconds_a_tick * Fraction(_SMPTE_BPM) / 60
        notices.add("header", "has SMPTE time; beats are counted as 120 a minute")
    texts = [e.data for track in midi.tracks for e in track if e.kind == _META and 1 <= e.channel <= 7]
    encoding, guessed = decode_sung_text(texts)
    if guessed:
        notices.add("lyrics", guessed)
    voices = _voices(midi, notices, Place(path))
    words = _words(midi, encoding, path, verse, notices)
    matched = _match(words, voices, scale, notices)
    bends = BendReader(midi.tracks, scale, notices)
    parts: list[Part] = []
    names = [_name(track, encoding) for track in midi.tracks]
    for number, voice in enumerate(voices):
        parts += _parts(voice, names, (scale, matched.get(number, {}), bends.curve(voice.channel)), notices)
    tempo, meters, keys = _time(midi, scale, notices)
    if any(part.end > MAX_BEATS for part in parts):
        raise Place(path).error(f"is longer than {MAX_BEATS} quarter notes", "this is no ordinary score")
    title = _title(midi, names, encoding, {voice.track for voice in voices})
    return Score(
        parts=_apart(parts), tempo=tempo, meters=meters, keys=keys, title=title, source=path.name, format="midi",
        notices=notices.found(),
    )  # fmt: skip


def _voices(midi: MidiFile, notices: Notices, place: Place) -> list[_Voice]:
    found: dict[tuple[int, int], _Voice] = {}
    total = 0
    for number, track in enumerate(midi.tracks):
        sounding: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
        where = f"track {number + 1}"
        last = track[-1].tick if track else 0
        for event in track:
            if event.kind not in (_NOTE_ON, _NOTE_OFF):
                if event.kind == _CONTROL and event.data[0] in (1, 7, 11):
                    notices.add(where, "modulation, volume and expression controllers are not sung")
                continue
            if event.channel == _DRUMS:
                notices.add(where, "channel 10 is percussion and left out")
                continue
            key, velocity = event.data
            if event.kind == _NOTE_ON and velocity:
                sounding[event.channel, key].append((event.tick, velocity))
                total += 1
                if total > MAX_NOTES:
                    raise place.error(f"has more than {MAX_NOTES} notes", "this is no ordinary score")
                continue
            row = sounding[event.channel, key]
            if not row:
                continue
            start, loud = row.popleft()
            if event.tick > start:
                voice = found.setdefault((number, event.channel), _Voice(number, event.channel))
                voice.notes.append((start, event.tick, key, loud))
            else:
                notices.add(f"{where}, tick {start}", "a note without duration is left out")
        for (channel, key), row in sounding.items():
            for start, loud in row:
                if last > start:
                    found.setdefault((number, channel), _Voice(number, channel)).notes.append((start, last, key, loud))
                notices.add(f"{where}, tick {start}", "a note that nothing ends is held to the end of its track")
    for voice in found.values():
        voice.notes.sort()
    return [found[key] for key in sorted(found)]


def _words(
    midi: MidiFile, encoding: str, path: Path, verse: str | None, notices: Notices
) -> dict[int, list[Syllable]]:
    """Syllables of each track that has words: of lyric events, or of the text events of a karaoke file."""
    kinds = {e.channel for track in midi.tracks for e in track if e.kind == _META}
    kind = _LYRIC if _LYRIC in kinds else _TEXT
    found, verses = {}, 1
    for number, track in enumerate(midi.tracks):
        rows = [(e.tick, _text(e, encoding)) for e in track if e.kind == _META and e.channel == kind]
        if kind == _TEXT and not _is_karaoke(rows, path):
            continue
        rows = [(tick, text) for tick, text in rows if text and not text.startswith(("@", "$Lyrc:", "{#"))]
        several = _verses(rows)
        verses = max(verses, several)
        wanted = int(verse) if verse is not None and verse.isdecimal() and len(verse) < 4 else 1
        if several > 1:
            notices.add(f"track {number + 1}", f"several lyrics on a tick are taken as {several} verses")
            rows = _of_verse(rows, min(wanted, several))
        if rows:
            found[number] = _joined(syllables_of(rows), number, notices)
    if verse is not None and not (verse.isdecimal() and 1 <= int(verse[:4]) <= verses):
        raise UsageError(f"{path}: there is no verse {verse!r}", f"it has {verses}")
    return found


def _text(event: Event, encoding: str) -> str:
    return event.data.decode(encoding, "replace").replace("\x00", "").replace("\ufeff", "")


def _is_karaoke(rows: Sequence[tuple[int, str]], path: Path) -> bool:
    """Whether text events are words: in a .kar file, or marked as karaoke does."""
    later = [text for tick, text in rows if tick > 0]
    if not later:
        return False
    marked = any(text.startswith("@") for _, text in rows) or any(text[:1] in "/\\" for text in later if text)
    return marked or (path.suffix.lower() == ".kar" and len(later) > 3)


def _by_tick(rows: Sequence[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for tick, text in rows:
        if text.strip("/\\\r\n "):
            found[tick].append(text)
    return found


def _verses(rows: Sequence[tuple[int, str]]) -> int:
    """How many verses stand on each tick: as many as most ticks have lyrics."""
    counts = sorted(len(texts) for texts in _by_tick(rows).values())
    if len(counts) < 3:
        return 1
    return counts[(len(counts) - 1) // 2]


def _of_verse(rows: Sequence[tuple[int, str]], wanted: int) -> list[tuple[int, str]]:
    return [(tick, texts[wanted - 1]) for tick, texts in _by_tick(rows).items() if len(texts) >= wanted]


def _joined(rows: list[Syllable], track: int, notices: Notices) -> list[Syllable]:
    """Two syllables on one tick are sung as one, elided."""
    found: list[Syllable] = []
    for row in rows:
        before = found[-1] if found and found[-1].tick == row.tick else None
        if before is None:
            found.append(row)
        elif row.lyric is not None and before.lyric is not None:
            starts = before.lyric.syllabic in ("single", "begin")
            closes = row.lyric.syllabic in ("single", "end")
            syllabic = {(True, True): "single", (True, False): "begin", (False, True): "end", (False, False): "middle"}
            text = f"{before.lyric.text}{ELISION}{row.lyric.text}"
            found[-1] = Syllable(row.tick, replace(row.lyric, text=text, syllabic=syllabic[starts, closes]))
            notices.add(f"track {track + 1}, tick {row.tick}", "two lyrics on one tick are sung as one syllable")
        elif before.lyric is None:
            found[-1] = row
    return found


def _match(
    words: dict[int, list[Syllable]], voices: list[_Voice], scale: Fraction, notices: Notices
) -> dict[int, dict[int, Lyric]]:
    """For each voice the lyrics of its note onsets: words go to notes of their own track, else to the best fitting."""
    found: dict[int, dict[int, Lyric]] = defaultdict(dict)
    for track, rows in words.items():
        own = [n for n, voice in enumerate(voices) if voice.track == track]
        candidates = own or range(len(voices))
        ticks = {row.tick for row in rows}
        scored = [
            (sum(1 for onset in {n[0] for n in voices[v].notes} if onset in ticks), -len(voices[v].notes), -v)
            for v in candidates
        ]
        if not scored:
            notices.add(f"track {track + 1}", "has words, but there are no notes")
            continue
        best = -max(scored)[2]
        lost = 0
        onsets = sorted({note[0] for note in voices[best].notes})
        near = int(NEAR / scale) if scale else 0
        taken = ticks & set(onsets)
        for row in rows:
            tick = row.tick
            if tick not in taken:
                close = [o for o in onsets if abs(o - tick) <= near and o not in taken]
                if not close:
                    lost += row.lyric is not None
                    continue
                tick = min(close, key=lambda o: abs(o - row.tick))
                taken.add(tick)
            if row.lyric is not None:
                found[best][tick] = row.lyric
        if lost:
            notices.add(f"track {track + 1}", f"{lost} syllables stand on no note and are not sung")
    return found


def _parts(
    voice: _Voice, names: list[str], more: tuple[Fraction, dict[int, Lyric], Curve | None], notices: Notices
) -> list[Part]:
    scale, lyrics, bend = more
    notes = [
        Note(start * scale, (end - start) * scale, float(key), lyrics.get(start), dynamic=dynamic_of_velocity(loud))
        for start, end, key, loud in voice.notes
    ]
    name = names[voice.track] or f"Channel {voice.channel + 1}"
    where = f"track {voice.track + 1}, channel {voice.channel + 1}"
    notes, trimmed = trim_overlaps(notes)
    if trimmed:
        notices.add(where, f"{trimmed} notes held a little into the next are shortened")
    lines = part_lines(notes)
    if len(lines) > 1:
        notices.add(where, f"notes sound together; they are parted into {len(lines)} lines")
    found = []
    for number, line in enumerate(lines, 1):
        one = len(lines) == 1
        ident = f"t{voice.track + 1}c{voice.channel + 1}" + ("" if one else f"/{number}")
        found.append(Part(name if one else f"{name} {number}", tuple(line), ident, bend))
    return found


def _apart(parts: list[Part]) -> tuple[Part, ...]:
    used: dict[str, int] = {}
    found = []
    for part in parts:
        used[part.name] = used.get(part.name, 0) + 1
        number = used[part.name]
        found.append(part if number == 1 else replace(part, name=f"{part.name} ({number})"))
    return tuple(found)


def _name(track: tuple[Event, ...], encoding: str) -> str:
    for kind in (_TRACK_NAME, _INSTRUMENT):
        for event in track:
            if event.kind == _META and event.channel == kind and event.data.strip():
                return " ".join(_text(event, encoding).split())
    return ""


def _title(midi: MidiFile, names: list[str], encoding: str, with_notes: set[int]) -> str:
    for track in midi.tracks:
        for event in track:
            if event.kind == _META and event.channel == _TEXT and event.data.startswith(b"@T"):
                return " ".join(_text(event, encoding)[2:].split())
    return names[0] if midi.format == 1 and 0 not in with_notes else ""


def _time(
    midi: MidiFile, scale: Fraction, notices: Notices
) -> tuple[TempoMap, tuple[Meter, ...], tuple[Key, ...]]:
    tempos: list[Tempo] = []
    meters: dict[Fraction, Meter] = {}
    keys: dict[Fraction, Key] = {}
    for number, track in enumerate(midi.tracks):
        for event in track:
            if event.kind != _META:
                continue
            beat, data = event.tick * scale, event.data
            if event.channel == _TEMPO and len(data) == 3 and int.from_bytes(data, "big"):
                if midi.seconds_a_tick is None:
                    tempos.append(Tempo(beat, 60e6 / int.from_bytes(data, "big")))
            elif event.channel == _TIME and len(data) >= 2 and data[0] and data[1] < 10:
                meters[beat] = Meter(beat, data[0], 2 ** data[1])
            elif event.channel == _KEY and len(data) >= 2 and data[1] < 2:
                fifths = int.from_bytes(data[:1], "big", signed=True)
                if -7 <= fifths <= 7:
                    keys[beat] = Key(beat, fifths, "minor" if data[1] else "major")
            elif event.channel in (_TEMPO, _TIME, _KEY):
                where = f"track {number + 1}, tick {event.tick}"
                notices.add(where, "a tempo, metre or key that cannot be is left out")
    if not tempos and midi.seconds_a_tick is None:
        notices.add("tempo", "the file gives no tempo; 120 quarter notes a minute are taken")
    ordered = tuple(meters[beat] for beat in sorted(meters))
    return TempoMap(tempos or [Tempo(Fraction(0), _SMPTE_BPM)]), ordered, tuple(keys[beat] for beat in sorted(keys))
