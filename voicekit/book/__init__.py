"""Books to read aloud: EPUB, plain text, Markdown, HTML -> chapters -> sentences.

>>> from voicekit.book import book_from_text
>>> book = book_from_text("CHAPTER I\\n\\nIt was 1905. He ran.")
>>> [s.spoken for s in book.chapters[0].sentences()]
['chapter one', 'It was nineteen oh five.', 'He ran.']
"""

from __future__ import annotations

from voicekit.book.blocks import Block, Hint, ReadingPolicy, Skipped, Span
from voicekit.book.model import Book, Chapter, Pronunciation
from voicekit.book.readers import book_from_text, read_book

__all__ = [
    "Block",
    "Book",
    "Chapter",
    "Hint",
    "Pronunciation",
    "ReadingPolicy",
    "Skipped",
    "Span",
    "book_from_text",
    "read_book",
]
