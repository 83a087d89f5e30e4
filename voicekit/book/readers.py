"""One door for every kind of book: `read_book` and `book_from_text`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from voicekit.book.blocks import Block, ReadingPolicy
from voicekit.book.decode import decode_text
from voicekit.book.epub import read_epub
from voicekit.book.markup import decode_markup, parse_html
from voicekit.book.model import Book
from voicekit.book.plain import book_of_blocks, book_of_plain_text
from voicekit.book.xhtml import read_document
from voicekit.errors import InputError
from voicekit.text import Notice

__all__ = ["book_from_text", "read_book"]

MAX_TEXT_BYTES = 128 * 2**20
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown"})


def read_book(path: Path | str, *, policy: ReadingPolicy | None = None, encoding: str | None = None) -> Book:
    """Open a book for reading aloud.

    Parameters
    ----------
    path : Path or str
        An EPUB (told by its content), or text, Markdown (``.md``) or HTML (``.html``).
    policy : ReadingPolicy, optional
        What of it is read.
    encoding : str, optional
        Encoding of a text file, where it cannot be told.

    Raises
    ------
    InputError
        It cannot be read, is damaged, or holds no text.
    """
    path = Path(path)
    policy = policy or ReadingPolicy()
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
            if head == b"PK\x03\x04" or path.suffix.lower() == ".epub":
                return read_epub(path, policy)
            data = head + stream.read(MAX_TEXT_BYTES)
    except IsADirectoryError:
        raise InputError(path, "", "is a folder", "give a file") from None
    except OSError as error:
        raise InputError(path, "", f"cannot be read ({error.strerror})", "check the path") from error
    if len(data) > MAX_TEXT_BYTES:
        raise InputError(
            path, "", f"is larger than {MAX_TEXT_BYTES // 2**20} MiB", "split it, or check that it is text"
        )
    digest = hashlib.sha256(data).hexdigest()
    if path.suffix.lower() in _HTML_SUFFIXES and not encoding:
        return _read_html(decode_markup(data, str(path), "the document"), path, policy, digest)
    text, used = decode_text(data, path, encoding)
    notices: tuple[Notice, ...] = ()
    if used == "cp1252" and not encoding:
        detail = "the encoding was not declared; read as Windows-1252"
        notices = (Notice("encoding-guessed", used, 0, 0, detail, str(path)),)
    if path.suffix.lower() in _HTML_SUFFIXES:
        return _read_html(text, path, policy, digest)
    markdown = path.suffix.lower() in _MARKDOWN_SUFFIXES
    return book_of_plain_text(text, name=str(path), policy=policy, markdown=markdown, sha256=digest, notices=notices)


def book_from_text(text: str, *, title: str = "", name: str = "text", policy: ReadingPolicy | None = None) -> Book:
    """A book of a text at hand."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return book_of_plain_text(text, name=name, title=title, policy=policy or ReadingPolicy(), sha256=digest)


def _read_html(text: str, path: Path, policy: ReadingPolicy, digest: str) -> Book:
    document = read_document(parse_html(text, str(path), ""), policy)
    blocks: list[Block] = document.blocks
    return book_of_blocks(blocks, name=str(path), title=document.title, policy=policy, format="html", sha256=digest)
