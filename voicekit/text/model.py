"""What the text front-end hands on: spoken tokens, sentences, notices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from voicekit.text.lexicon import Lexicon

__all__ = ["Manner", "Notice", "Sentence", "SpokenToken", "TextContext", "join_spoken"]

#: Marks from the weakest to the strongest: where several meet, the strongest is kept.
_STRENGTH = {",": 0, ";": 1, ":": 2, "—": 3, ".": 4, "!": 5, "?": 6}
_TRAILING_MARK = re.compile(r"[,;:—.!?]$")


class SpokenToken(NamedTuple):
    """A stretch of source and what is said for it.

    A named tuple rather than a dataclass: a book has a million of them and it
    is made four times faster.

    Attributes
    ----------
    text : str
        The source characters ``source[start:end]``, as written.
    start, end : int
        Offsets into the source (of a chapter, or of the text given).
    spoken : str
        Words, a mark of ``, . ; : ? ! —``, or empty for a silent character
        (a quotation mark, the hyphen inside a word). A capital letter alone
        is the *name* of that letter (``F B I``), except the pronoun ``I``.
    """

    text: str
    start: int
    end: int
    spoken: str


@dataclass(frozen=True)
class Notice:
    """Something that is not simply read aloud as written, and what is done instead.

    Attributes
    ----------
    code : str
        Stable kebab-case code, such as ``other-script`` or ``note-reference-skipped``.
    text : str
        The source text concerned.
    start, end : int
        Its offsets (into the chapter, or the text given).
    detail : str
        What is done about it, for people.
    file : str
        The source file, where there is one.
    """

    code: str
    text: str
    start: int
    end: int
    detail: str
    file: str = ""


@dataclass(frozen=True)
class Manner:
    """How a stretch of the source is to be said, where the source marks it.

    Attributes
    ----------
    start, end : int
        Offsets as those of `SpokenToken`.
    emphasis : float
        0 none, 1 moderate, 1.5 strong.
    quoted : bool
        Somebody else's words, without quotation marks of their own.
    phones : str
        Sounds in place of the words' own, see `voicekit.text.pronunciation`; empty where they are read as written.
    """

    start: int
    end: int
    emphasis: float = 0.0
    quoted: bool = False
    phones: str = ""


@dataclass(frozen=True)
class TextContext:
    """How a text is to be read.

    Attributes
    ----------
    kind : str
        Kind of the sentence: ``sentence``, ``heading``, ``verse``, ``list``, ``row``, ``caption``...
        In a heading a leading Roman numeral is a number and capitals are words.
    dialect : {"us", "gb"}
        "us": 3/4 is March fourth, no "and" in numbers. "gb": the third of April, with "and".
    lexicon : Lexicon or None
        Spoken forms that go before the built-in reading.
    language : str
        Of the text, such as ``de``. The rules for numbers, dates and abbreviations are English; in another
        language words stand as they are written, see `plain_words`.
    also : tuple of str
        Languages whose parts, where a source marks them, are said by their own rules: those a permit is asked for
        beside `language`.
    """

    kind: str = "sentence"
    dialect: Literal["us", "gb"] = "us"
    lexicon: Lexicon | None = None
    language: str = "en"
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sentence:
    """The unit of a take: a sentence (heading, verse line, ...) with what is said.

    Attributes
    ----------
    text : str
        The source characters ``source[start:end]``.
    start, end : int
        Offsets into the chapter's plain text (or the text given).
    tokens : tuple of SpokenToken
        Their source ranges cover every character of ``text`` that is not white space.
    kind : str
        ``sentence``, ``heading``, ``verse``, ``list``, ``row``, ``caption``, ``note``...
    pause_after_s : float
        Silence to leave after it, in seconds.
    notices : tuple of Notice
        What in it is not read as written.
    manner : tuple of Manner
        How stretches of it are to be said, by the source's own marks.
    """

    text: str
    start: int
    end: int
    tokens: tuple[SpokenToken, ...]
    kind: str = "sentence"
    pause_after_s: float = 0.0
    notices: tuple[Notice, ...] = field(default=(), repr=False)
    manner: tuple[Manner, ...] = ()

    @property
    def spoken(self) -> str:
        """What is to be said: plain words and ``, . ; : ? ! —`` only."""
        return join_spoken(token.spoken for token in self.tokens)


def join_spoken(parts: Iterable[str]) -> str:
    """Join spoken parts: spaces between words, marks close up, of neighbouring marks the strongest stays."""
    out: list[str] = []
    mark = ""
    for part in parts:
        if not part:
            continue
        if part in _STRENGTH:
            if not mark or _STRENGTH[part] > _STRENGTH[mark]:
                mark = part
            continue
        if mark and out:
            out[-1] += mark
        mark = ""
        out.append(part)
        ending = _TRAILING_MARK.search(part)
        if ending:  # a spoken form that ends with its own mark
            out[-1] = part[:-1].rstrip()
            mark = ending.group()
    if mark and out:
        out[-1] += mark
    return " ".join(out)
