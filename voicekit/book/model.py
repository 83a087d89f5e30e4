"""Book and chapters: what a reader of any format hands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from voicekit.book.blocks import Block, place_blocks
from voicekit.book.manner import Pronunciation, as_marked
from voicekit.text import Lexicon, Notice, Pauses, Sentence, TextContext, split_sentences

__all__ = ["Book", "Chapter", "Pronunciation"]

#: Kind of the sentences of a block.
_SENTENCE_KIND = {"paragraph": "sentence"}


@dataclass(frozen=True)
class Chapter:
    """A chapter; its text is read from the source when asked for, and not kept.

    Attributes
    ----------
    title : str
    index : int
        Place in the book, from 0.
    source : str
        Document it begins in (inside the EPUB), or the file's name.
    matter : {"front", "body", "back"}
    read : bool
        Whether the reading policy has it read aloud.
    reason : str
        Why not; empty where it is.
    words, characters : int
        Size of what is read of it (for estimates).
    load : callable
        Gives the blocks.
    lexicon : Lexicon or None
        Spoken forms that came with the book.
    pronunciations : tuple of Pronunciation
        Sounds that came with it.
    """

    title: str
    index: int
    source: str
    matter: str = "body"
    read: bool = True
    reason: str = ""
    words: int = 0
    characters: int = 0
    load: Callable[[], list[Block]] = field(default=list, repr=False, compare=False)
    lexicon: Lexicon | None = field(default=None, repr=False, compare=False)
    pronunciations: tuple[Pronunciation, ...] = field(default=(), repr=False, compare=False)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Its blocks, in order, with offsets into `text`; parsed anew at each access."""
        return place_blocks(self.load())[1]

    @property
    def text(self) -> str:
        """Its plain text, which all offsets point into; parsed anew at each access."""
        return place_blocks(self.load())[0]

    def sentences(self, context: TextContext | None = None, pauses: Pauses | None = None) -> Iterator[Sentence]:
        """What is read aloud, sentence by sentence.

        Parameters
        ----------
        context : TextContext, optional
            Dialect and lexicon (its kind is replaced by the block's).
        pauses : Pauses, optional

        Yields
        ------
        Sentence
            Each has at least one word to say. ``pause_after_s`` follows from the structure, ``manner`` from what
            the source marks; marks that are not honoured are among its notices.
        """
        base = context or TextContext()
        if base.lexicon is None and self.lexicon:
            base = replace(base, lexicon=self.lexicon)
        pauses = pauses or Pauses()
        held: Sentence | None = None
        for block in self.blocks:
            if not block.read:
                continue
            if block.kind == "break":
                if held is not None:
                    held = replace(held, pause_after_s=max(held.pause_after_s, pauses.break_s))
                continue
            plain = _block_sentences(block, base, pauses)
            for sentence in as_marked(plain, block, self.pronunciations, base, self.source):
                if held is not None:
                    yield held
                held = sentence
        if held is not None:
            yield replace(held, pause_after_s=pauses.end_s)

    def notices(self) -> tuple[Notice, ...]:
        """What of the chapter is left out, and why."""
        found: list[Notice] = []
        for block in self.blocks:
            if not block.read and block.text:
                found.append(Notice("block-not-read", block.text, block.start, block.end, block.reason, self.source))
            for skipped in block.skipped:
                place = block.start + skipped.offset
                found.append(
                    Notice(
                        f"{skipped.kind}-skipped",
                        skipped.text,
                        place,
                        place,
                        _SKIPPED_DETAIL.get(skipped.kind, ""),
                        self.source,
                    )
                )
            if block.read and block.kind != "break" and block.text and not any(c.isalnum() for c in block.text):
                found.append(
                    Notice(
                        "nothing-to-say",
                        block.text,
                        block.start,
                        block.end,
                        "only signs; a pause",
                        self.source,
                    )
                )
        return tuple(found)


_SKIPPED_DETAIL = {
    "note-reference": "marks of notes are not read",
    "page-number": "page numbers are not read",
    "line-number": "line numbers are not read",
    "hidden": "marked hidden in the source",
    "ruby": "the gloss beside a word is not read",
    "object": "content that is not text",
    "image-text": "alternative text of images is not read",
}


def _block_sentences(block: Block, base: TextContext, pauses: Pauses) -> Iterator[Sentence]:
    context = replace(base, kind=_SENTENCE_KIND.get(block.kind, block.kind))
    after = {
        "heading": pauses.heading_s,
        "verse": pauses.stanza_s if block.last_of_group else pauses.line_s,
        "list": pauses.item_s,
        "row": pauses.paragraph_s if block.last_of_group else pauses.row_s,
    }.get(block.kind, pauses.paragraph_s)
    by_line = block.kind in ("heading", "verse") and "\n" in block.text
    if not by_line:
        yield from split_sentences(block.text, context, offset=block.start, pauses=pauses, last_pause_s=after)
        return
    lines: list[tuple[int, str]] = []
    position = 0
    for line in block.text.split("\n"):
        if line.strip():
            lines.append((position, line))
        position += len(line) + 1
    between = pauses.line_s if block.kind == "verse" else pauses.paragraph_s
    for index, (place, line) in enumerate(lines):
        yield from split_sentences(
            line,
            context,
            offset=block.start + place,
            pauses=pauses,
            last_pause_s=after if index + 1 == len(lines) else between,
        )


@dataclass(frozen=True)
class Book:
    """A book opened for reading.

    Attributes
    ----------
    title : str
    authors : tuple of str
    language : str
        As the book says (BCP 47), or empty.
    chapters : tuple of Chapter
        All of them, front and back matter included; `reading` are those read aloud.
    notices : tuple of Notice
        What of the book as a whole is left out or not honoured.
    source : str
        The file.
    format : str
        ``epub``, ``text``, ``markdown``, ``html``.
    sha256 : str
        Of the file's bytes.
    pronunciations : tuple of Pronunciation
        From lexicons inside the book; their aliases are in `lexicon`.
    lexicon : Lexicon or None
    """

    title: str
    authors: tuple[str, ...]
    language: str
    chapters: tuple[Chapter, ...]
    notices: tuple[Notice, ...] = ()
    source: str = ""
    format: str = ""
    sha256: str = ""
    pronunciations: tuple[Pronunciation, ...] = ()
    lexicon: Lexicon | None = None

    @property
    def reading(self) -> tuple[Chapter, ...]:
        """The chapters that are read aloud under the policy the book was opened with."""
        return tuple(chapter for chapter in self.chapters if chapter.read)
