"""Scores of further vocal editors through LibreSVIP, where the extra ``scores`` is installed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from voicekit.errors import InputError, UsageError
from voicekit.score.editor_words import BREATHS, RESTS, editor_lyrics
from voicekit.score.inputs import MAX_NOTES, Notices
from voicekit.score.lines import part_lines, trim_overlaps
from voicekit.score.model import Meter, Note, Part, Score
from voicekit.score.time_line import Tempo, TempoMap

__all__ = ["OTHER_SUFFIXES", "read_other"]

#: Formats that are read through LibreSVIP alone.
OTHER_SUFFIXES = frozenset({
    ".acep", ".aisp", ".ccs", ".dspx", ".ppsf", ".s5p", ".svip", ".tlp", ".tssln", ".ufdata", ".vog", ".vpr", ".vsq",
    ".vsqx", ".vvproj", ".vxf", ".y77",
})  # fmt: skip
_TICKS = 480


def read_other(path: Path, verse: str | None = None) -> Score:
    """Read a project of Vocaloid, CeVIO, ACE Studio and others: notes, words, tempo and metre.

    Raises
    ------
    InputError
        LibreSVIP cannot read it.
    UsageError
        The extra is not installed, or a verse beyond the first is asked for.
    """
    if verse not in (None, "1"):
        raise UsageError(f"{path}: there is no verse {verse!r}", "files of this format have one verse")
    suffix = path.suffix.lower().removeprefix(".")
    project = _loaded(path, suffix)
    notices = Notices()
    notices.add("file", "is read through LibreSVIP: notes, words, tempo and metre alone")
    tempo = TempoMap(Tempo(Fraction(t.position, _TICKS), float(t.bpm)) for t in project.song_tempo_list)
    tracks = [track for track in project.track_list if hasattr(track, "note_list")]
    solo = any(track.solo for track in tracks)
    parts: list[Part] = []
    for number, track in enumerate(tracks, 1):
        name = track.title or f"Track {number}"
        if track.mute or (solo and not track.solo):
            notices.add(f"track {name}", "is muted, or another one is solo; it is left out")
            continue
        parts += _parts(track, (name, f"track-{number}"), notices)
    return Score(
        tuple(parts), tempo, _meters(project), source=path.name, format=suffix, notices=notices.found()
    )


def _loaded(path: Path, suffix: str) -> Any:
    try:
        # an optional extra of many packages, so it is imported only where such a file is opened
        from libresvip.extension.manager import get_svs_plugin_by_suffix
    except ImportError:
        raise UsageError(
            f"{path}: .{suffix} files are read through LibreSVIP, which is not installed",
            "pip install 'voicekit[scores]', or export the song as MusicXML or MIDI",
        ) from None
    plugin = get_svs_plugin_by_suffix(suffix)
    if plugin is None:
        raise InputError(path, "", f"LibreSVIP cannot read .{suffix} files", "export it as MusicXML or MIDI")
    try:
        return plugin.load(path, plugin.input_option_cls().model_dump())
    except Exception as error:  # a foreign reader: whatever it raises means that the file is not for it
        detail = " ".join(str(error).split())[:120]
        raise InputError(path, "", f"LibreSVIP cannot read it ({detail})", "export it as MusicXML or MIDI") from None


def _parts(track: Any, names: tuple[str, str], notices: Notices) -> list[Part]:
    where = f"track {names[0]}"
    rows = sorted((n for n in track.note_list if n.length > 0 and n.start_pos >= 0), key=lambda n: n.start_pos)
    if len(rows) > MAX_NOTES:
        raise UsageError(f"{where}: more than {MAX_NOTES} notes", "split it")
    sung: list[tuple[Note, str, str]] = []
    for row in rows:
        text = (row.lyric or "").strip()
        if text in BREATHS and sung:
            sung[-1] = (replace(sung[-1][0], breath_after=True), *sung[-1][1:])
        if text in BREATHS or text in RESTS:
            continue
        note = Note(Fraction(row.start_pos, _TICKS), Fraction(row.length, _TICKS), float(row.key_number))
        sung.append((replace(note, breath_after=False), text, row.pronunciation or ""))
    lyrics = editor_lyrics([text for _, text, _ in sung])
    notes = [
        replace(note, lyric=replace(lyric, phonemes=tuple(said.split())) if lyric and said else lyric)
        for (note, _, said), lyric in zip(sung, lyrics, strict=True)
    ]
    if not notes:
        notices.add(where, "has no notes and is left out")
        return []
    trimmed, count = trim_overlaps(notes)
    if count:
        notices.add(where, f"{count} notes held a little into the next are shortened")
    lines = part_lines(trimmed)
    if len(lines) == 1:
        return [Part(names[0], tuple(lines[0]), names[1])]
    notices.add(where, f"notes overlap; they are parted into {len(lines)} lines")
    return [Part(f"{names[0]} {n}", tuple(line), f"{names[1]}/{n}") for n, line in enumerate(lines, 1)]


def _meters(project: Any) -> tuple[Meter, ...]:
    found: list[Meter] = []
    bar, beat = 0, Fraction(0)
    for row in project.time_signature_list:
        if found:
            beat += max(0, row.bar_index - bar) * Fraction(4 * found[-1].beats, found[-1].beat_type)
        found.append(Meter(beat, row.numerator, row.denominator))
        bar = row.bar_index
    return tuple(found)
