"""One door for every kind of score: `read_score`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from voicekit.errors import InputError, UsageError
from voicekit.score.ds import read_ds
from voicekit.score.inputs import load_bytes, load_json
from voicekit.score.midi import read_midi
from voicekit.score.model import Score
from voicekit.score.musicxml.read import read_musicxml
from voicekit.score.other import OTHER_SUFFIXES, read_other
from voicekit.score.svp import read_svp
from voicekit.score.ust import read_ust
from voicekit.score.ustx import read_ustx

__all__ = ["read_score"]

_KNOWN = "MusicXML (.musicxml, .xml, .mxl), MIDI (.mid, .midi, .kar), UST, USTX, SVP or .ds"
_USTX = re.compile(rb"^(ustx_version|voice_parts)\s*:", re.MULTILINE)
_UST = re.compile(rb"^\[#(VERSION|SETTING|\d{4})\]", re.MULTILINE)


def read_score(path: Path | str, *, verse: int | str | None = None, part: str | None = None) -> Score:
    """Read a score of any known format; its content tells which, its suffix only where content cannot.

    Parameters
    ----------
    path : Path or str
    verse : int or str, optional
        Number or name of the verse to sing throughout; without it verse k in the k-th pass of a repeat.
    part : str, optional
        Keep this part alone: a part's name, its file's name for it, or its number from 1.  The name of a part that
        was divided into lines ("Soprano" of "Soprano 1" and "Soprano 2") keeps all of them.

    Raises
    ------
    InputError
        The file is of no known format, damaged or hostile.
    UsageError
        It has no such verse or part.
    """
    path = Path(path)
    score = _read(load_bytes(path), path, None if verse is None else str(verse))
    return score if part is None else _only(score, part, path)


def _read(data: bytes, path: Path, verse: str | None) -> Score:
    suffix = path.suffix.lower()
    head = data[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00")
    if suffix in OTHER_SUFFIXES:
        return read_other(path, verse)
    if data[:4] == b"MThd" or (data[:4] == b"RIFF" and data[8:12] == b"RMID"):
        return read_midi(data, path, verse)
    if data[:4] == b"PK\x03\x04" or head[:1] == b"<":
        return read_musicxml(data, path, verse)
    if head[:1] in (b"{", b"["):
        if head[:2] == b"[#":
            return _single(read_ust(data, path), verse, path)
        return _single(_read_json(load_json(data, path), path), verse, path)
    if suffix == ".ustx" or _USTX.search(data[:65536]):
        return _single(read_ustx(data, path), verse, path)
    if suffix == ".ust" or _UST.search(data[:65536]):
        return _single(read_ust(data, path), verse, path)
    raise InputError(path, "", "is no score of a known format", f"give {_KNOWN}")


def _read_json(value: Any, path: Path) -> Score:
    if isinstance(value, dict) and "tracks" in value and ("time" in value or "library" in value):
        return read_svp(value, path)
    rows = value if isinstance(value, list) else [value]
    segments = [row for row in rows if isinstance(row, dict) and ("note_seq" in row or "ph_seq" in row)]
    if segments and len(segments) == len(rows):
        return read_ds(rows, path)
    raise InputError(path, "", "is JSON, but neither a Synthesizer V nor a DiffSinger score", f"give {_KNOWN}")


def _single(score: Score, verse: str | None, path: Path) -> Score:
    """A score of a format without verses."""
    if verse not in (None, "1"):
        raise UsageError(f"{path}: there is no verse {verse!r}", "files of this format have one verse")
    return score


def _only(score: Score, wanted: str, path: Path) -> Score:
    kept = tuple(part for part in score.parts if wanted in (part.name, part.ident))
    if not kept:
        lines = re.compile(rf"{re.escape(wanted)}( \d+|/\S+)\Z")
        kept = tuple(part for part in score.parts if lines.match(part.name) or lines.match(part.ident))
    if not kept and wanted.isdecimal() and 1 <= int(wanted[:6]) <= len(score.parts):
        kept = (score.parts[int(wanted) - 1],)
    if not kept:
        names = ", ".join(repr(part.name) for part in score.parts) or "none"
        raise UsageError(f"{path}: there is no part {wanted!r}", f"its parts are: {names}")
    return replace(score, parts=kept)
