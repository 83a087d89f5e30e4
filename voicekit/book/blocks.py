"""Blocks of a chapter, and the policy of what is read of a book."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = [
    "BLOCK_GAP",
    "Block",
    "Hint",
    "ReadingPolicy",
    "Skipped",
    "Span",
    "count_words",
    "place_blocks",
    "title_line",
]

#: What stands between two blocks in a chapter's plain text.
BLOCK_GAP = "\n\n"


@dataclass(frozen=True)
class Skipped:
    """Source text inside a block that is not part of what is read.

    Attributes
    ----------
    kind : str
        ``note-reference``, ``page-number``, ``line-number``, ``hidden``, ``ruby``, ``object``.
    text : str
        The text left out, as in the source.
    offset : int
        Where in the block's text it stood.
    """

    kind: str
    text: str
    offset: int


@dataclass(frozen=True)
class Hint:
    """A pronunciation given in the source (``ssml:ph``) for ``start:end`` of the block's text."""

    start: int
    end: int
    phonemes: str
    alphabet: str


@dataclass(frozen=True)
class Span:
    """What the source marks of ``start:end`` of the block's text.

    Attributes
    ----------
    start, end : int
    kind : str
        ``emphasis``, ``strong``, ``quote``, ``language``.
    value : str
        The language.
    """

    start: int
    end: int
    kind: str
    value: str = ""


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, stanza, list item, row of a table, note, scene break...

    Attributes
    ----------
    kind : str
        ``paragraph, heading, verse, list, row, quote, caption, note, code, break``.
    text : str
        Plain text; lines of verse and forced line breaks are separated by a line feed.
    start, end : int
        Offsets into the chapter's plain text.
    read : bool
        Whether it is read aloud.
    reason : str
        Why it is not read; empty where it is.
    role : str
        What it belongs to where the source says so: ``footnote``, ``toc``, ``bibliography``...
    level : int
        Level of a heading, 1 to 6; else 0.
    last_of_group : bool
        Last line of a stanza, last row of a table.
    skipped : tuple of Skipped
    hints : tuple of Hint
    spans : tuple of Span
        Outer ones before those inside them.
    """

    kind: str
    text: str
    start: int = 0
    end: int = 0
    read: bool = True
    reason: str = ""
    role: str = ""
    level: int = 0
    last_of_group: bool = False
    skipped: tuple[Skipped, ...] = ()
    hints: tuple[Hint, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class ReadingPolicy:
    """What of a book is read aloud. What is not is kept, marked, and reported.

    Attributes
    ----------
    cover, contents, copyright, index, notes, bibliography, front_matter, back_matter : bool
        Parts of the book. ``front_matter`` (title page, dedication, foreword...) and ``back_matter``
        (afterword, appendix...) are those not named on their own.
    note_references, page_numbers, line_numbers : bool
        Small numbers and signs inside the text.
    image_text : bool
        Alternative text of images, as ``Image: ...``. The letter of an initial drawn as an image is
        always read.
    captions, tables, code : bool
        Captions of figures and tables; tables (row by row, cells as a list); preformatted code.
    nonlinear : bool
        Documents that the spine marks ``linear="no"``.
    merge_below_words : int
        A part of the table of contents below the first level with fewer words is read with the
        chapter before it.
    """

    cover: bool = False
    contents: bool = False
    copyright: bool = False
    index: bool = False
    notes: bool = False
    bibliography: bool = True
    front_matter: bool = True
    back_matter: bool = True
    note_references: bool = False
    page_numbers: bool = False
    line_numbers: bool = False
    image_text: bool = False
    captions: bool = True
    tables: bool = True
    code: bool = True
    nonlinear: bool = False
    merge_below_words: int = 120

    def refusal(self, role: str) -> str:
        """Why a part with this role is not read, or an empty string."""
        flag = _ROLE_FLAGS.get(role)
        if flag and not getattr(self, flag):
            return f"{flag.replace('_', ' ')} not read"
        return ""


_ROLE_FLAGS = {
    "cover": "cover",
    "toc": "contents",
    "landmarks": "contents",
    "page-list": "contents",
    "loi": "contents",
    "lot": "contents",
    "lov": "contents",
    "copyright-page": "copyright",
    "index": "index",
    "bibliography": "bibliography",
    **dict.fromkeys(
        (
            "footnote",
            "footnotes",
            "endnote",
            "endnotes",
            "rearnote",
            "rearnotes",
            "note",
            "notes",
            "annotation",
        ),
        "notes",
    ),
    **dict.fromkeys(
        (
            "titlepage",
            "halftitlepage",
            "dedication",
            "epigraph",
            "foreword",
            "preface",
            "acknowledgments",
            "other-credits",
            "imprint",
            "imprimatur",
            "contributors",
            "frontmatter",
            "seriespage",
        ),
        "front_matter",
    ),
    **dict.fromkeys(("afterword", "appendix", "colophon", "glossary", "backmatter", "promotion"), "back_matter"),
}


def title_line(text: str) -> str:
    """A heading of several lines as one: ``Chapter I``, ``The Cyclone`` -> ``Chapter I. The Cyclone``."""
    title = ""
    for line in text.split("\n"):
        if line.strip():
            title += (" " if not title or title[-1] in ".,:;!?—-" else ". ") + line.strip()
    return title.strip()


def count_words(text: str) -> int:
    """Words of a text, as white space parts them; 0 if no letter or digit is in it."""
    return len(text.split()) if any(character.isalnum() for character in text) else 0


def place_blocks(blocks: list[Block] | tuple[Block, ...]) -> tuple[str, tuple[Block, ...]]:
    """Plain text of a chapter, and its blocks with their offsets in it."""
    placed: list[Block] = []
    position = 0
    for block in blocks:
        end = position + len(block.text)
        placed.append(replace(block, start=position, end=end))
        position = end + len(BLOCK_GAP)
    return BLOCK_GAP.join(block.text for block in blocks), tuple(placed)
