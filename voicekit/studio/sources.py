"""What can be narrated: a text, a file, a book."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from voicekit.audio import io_error, read_audio, sha256_file
from voicekit.book import Book, book_from_text, read_book
from voicekit.errors import InputError, UsageError
from voicekit.features.frames import frame_times
from voicekit.pitch import TargetNote, notes_of_part, track_sung_pitch
from voicekit.score import Score, read_score
from voicekit.score.melody import from_contour

__all__ = ["OpenSource", "open_score", "open_source", "slug", "target_notes"]

_RECORDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff")

_SLUG_LENGTH = 60


@dataclass(frozen=True)
class OpenSource:
    """A book, and what it was read from.

    Parameters
    ----------
    book : Book
    name : str
        The file's name, or ``text``.
    sha256 : str
        Of the file, or of the text.
    """

    book: Book
    name: str
    sha256: str


def open_source(source: str | Path | Book, title: str | None = None) -> OpenSource:
    """Read what is to be narrated.

    Parameters
    ----------
    source : str, pathlib.Path or Book
        A ``str`` is the text itself; a ``Path`` is a file.
    title : str, optional
        Title of a text that has none.

    Returns
    -------
    OpenSource

    Raises
    ------
    InputError
        Not readable, or nothing in it to be read aloud.
    UsageError
        Neither a text nor a path nor a book.
    """
    if isinstance(source, Path):
        book = read_book(source)
        try:
            opened = OpenSource(book, source.name, sha256_file(source))
        except OSError as problem:
            raise io_error(problem, source) from problem
    elif isinstance(source, str):
        if not source.strip():
            raise InputError("text", "", "there is nothing to read aloud", "Give some words.")
        digest = hashlib.sha256(source.encode()).hexdigest()
        opened = OpenSource(book_from_text(source, title=title or ""), "text", digest)
    elif isinstance(source, Book):
        opened = OpenSource(source, source.source or source.title or "book", source.sha256)
    else:
        raise UsageError(f"cannot narrate a {type(source).__name__}", "give a str (text), a Path or a Book")
    if not opened.book.reading:
        raise InputError(opened.name, "", "there is no chapter to be read aloud in it", "Give a book with text.")
    return opened


def open_score(path: Path, verse: int | None = None) -> Score:
    """Read what is to be sung: a score, or a recorded melody, whose notes are found by the pitch tracker.

    Parameters
    ----------
    path : pathlib.Path
    verse : int, optional

    Returns
    -------
    Score

    Raises
    ------
    InputError
        Not readable, or a recording in which nothing is sung.
    """
    if path.suffix.lower() not in _RECORDINGS:
        return read_score(path, verse=verse)
    audio = read_audio(path)
    track = track_sung_pitch(audio.samples, audio.sample_rate)
    found = from_contour(frame_times(len(track.f0_hz)), track.f0_hz, track.vuv)
    if not any(part.notes for part in found.parts):
        raise InputError(path, "", "no melody was found in it", "Choose a recording of one voice.")
    return replace(found, title=path.stem, source=path.name)


def target_notes(
    score: Score | str | PathLike[str] | Sequence[TargetNote], part: str | None = None
) -> tuple[tuple[TargetNote, ...], tuple[str, ...]]:
    """The notes of one part of a score, in seconds, and what in the score is not followed.

    Parameters
    ----------
    score : Score, path or sequence of TargetNote
    part : str, optional
        Name, or number from 1; not needed where there is one part only.

    Raises
    ------
    InputError
        The file is no score.
    UsageError
        There is no such part, several to choose from, or no notes in it.
    """
    if isinstance(score, str | PathLike):
        score = read_score(Path(score), part=part)
        part = None
    if not isinstance(score, Score):
        return tuple(score), ()
    if part is None and len(score.parts) != 1:
        listed = ", ".join(f"{number} {one.name}" for number, one in enumerate(score.parts, start=1))
        raise UsageError(f"the score has {len(score.parts)} parts", f"name the one that was sung: {listed or '(none)'}")
    try:
        chosen = score.parts[0] if part is None else score.part(part)
    except KeyError:
        known = ", ".join(one.name for one in score.parts)
        raise UsageError(f"the score has no part {part}", f"choose from: {known}") from None
    notes = notes_of_part(score, chosen)
    if not notes:
        raise UsageError(f"part {chosen.name} of the score has no notes", "choose another part")
    return notes, tuple(f"{notice.place}: {notice.text}".lstrip(": ") for notice in score.notices)


def slug(title: str, empty: str = "chapter") -> str:
    """A file name part made of a title: ``Down the Rabbit-Hole`` -> ``down-the-rabbit-hole``.

    Parameters
    ----------
    title : str
    empty : str
        For a title without any letter of the Latin alphabet.

    Returns
    -------
    str
        Lower-case ASCII letters, digits and hyphens, at most 60 characters.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"['’]", "", plain)
    plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(plain) > _SLUG_LENGTH:
        cut = plain[: _SLUG_LENGTH + 1].rsplit("-", 1)[0]
        plain = (cut or plain)[:_SLUG_LENGTH].strip("-")
    return plain or empty
