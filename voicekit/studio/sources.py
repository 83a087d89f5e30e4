"""What can be narrated: a text, a file, a book."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from voicekit.audio import io_error, sha256_file
from voicekit.book import Book, book_from_text, read_book
from voicekit.errors import InputError, UsageError

__all__ = ["OpenSource", "open_source", "slug"]

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
