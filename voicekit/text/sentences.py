"""Sentences of a text, with their offsets; no character is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicekit.text.boundaries import sentence_spans
from voicekit.text.model import Notice, Sentence, SpokenToken, TextContext
from voicekit.text.normalise import normalise

__all__ = ["Pauses", "split_sentences"]

_CUTS = (
    re.compile(r"[;:—…][\"'”’)\]]*\s*(?=\S)"),
    re.compile(r",[\"'”’)\]]*\s+(?=\S)"),
    re.compile(r"\s+(?=\S)"),
)


@dataclass(frozen=True)
class Pauses:
    """Silences by structure, in seconds. Pauses at commas and the like are the engine's.

    Attributes
    ----------
    part_s : float
        Between the parts of a sentence too long to be said in one.
    sentence_s, line_s, item_s, row_s, paragraph_s, stanza_s, heading_s, break_s, end_s : float
        After a sentence, a line of verse, an item of a list, a row of a table, a paragraph, a
        stanza, a heading, before what follows a scene break, and at the end of a chapter.
    """

    part_s: float = 0.2
    sentence_s: float = 0.4
    line_s: float = 0.3
    item_s: float = 0.55
    row_s: float = 0.5
    paragraph_s: float = 0.75
    stanza_s: float = 0.9
    heading_s: float = 1.2
    break_s: float = 1.8
    end_s: float = 1.0


def split_sentences(
    text: str,
    context: TextContext | None = None,
    *,
    offset: int = 0,
    pauses: Pauses | None = None,
    last_pause_s: float | None = None,
    longest: int = 450,
) -> tuple[Sentence, ...]:
    """Split a text into sentences and normalise each.

    Parameters
    ----------
    text : str
        Running text; a blank line always ends a sentence.
    context : TextContext, optional
        Kind, dialect, lexicon.
    offset : int
        Added to all offsets.
    pauses : Pauses, optional
        Silence after each sentence and after each part of one that is too long.
    last_pause_s : float, optional
        Silence after the last sentence; by default the same as after the others.
    longest : int
        A sentence of more characters is said in parts, cut at its strongest marks.

    Returns
    -------
    tuple of Sentence
        In order; between them (and around them) there is only white space. A stretch in which
        nothing can be said (``* * *``) belongs to the sentence before it, else to the one after.
        Empty if nothing at all can be said.
    """
    context = context or TextContext()
    pauses = pauses or Pauses()
    sentences: list[Sentence] = []
    silent: list[tuple[int, int, tuple[SpokenToken, ...], tuple[Notice, ...]]] = []
    for start, end in sentence_spans(text):
        pieces = _parts(text, start, end, longest)
        for index, (first, last) in enumerate(pieces):
            notices: list[Notice] = []
            tokens = normalise(text[first:last], context, offset=offset + first, report=notices.append)
            if not _is_said(tokens):
                silent.append((first, last, tokens, tuple(notices)))
                continue
            pause = pauses.part_s if index + 1 < len(pieces) else pauses.sentence_s
            sentence = Sentence(
                text[first:last], first + offset, last + offset, tokens, context.kind, pause, tuple(notices)
            )
            if silent:
                _settle(text, offset, sentences, silent)
                sentence = _absorb(text, offset, sentence, silent)
            sentences.append(sentence)
    if silent and sentences:
        _settle(text, offset, sentences, silent)
    if sentences and last_pause_s is not None:
        sentences[-1] = _with_pause(sentences[-1], last_pause_s)
    return tuple(sentences)


def _is_said(tokens: tuple[SpokenToken, ...]) -> bool:
    return any(token.spoken and token.spoken[0].isalnum() for token in tokens)


def _with_pause(sentence: Sentence, pause_s: float) -> Sentence:
    return Sentence(
        sentence.text, sentence.start, sentence.end, sentence.tokens, sentence.kind, pause_s, sentence.notices
    )


def _settle(text: str, offset: int, sentences: list[Sentence], silent: list) -> None:  # type: ignore[type-arg]
    """Give silent stretches to the sentence before them, where there is one."""
    while silent and sentences:
        _, last, tokens, notices = silent.pop(0)
        before = sentences[-1]
        sentences[-1] = Sentence(
            text[before.start - offset : last],
            before.start,
            last + offset,
            before.tokens + _hush(tokens),
            before.kind,
            before.pause_after_s,
            before.notices + notices,
        )


def _absorb(text: str, offset: int, sentence: Sentence, silent: list) -> Sentence:  # type: ignore[type-arg]
    """Give silent stretches that come first to the sentence after them."""
    while silent:
        first, _, tokens, notices = silent.pop()
        sentence = Sentence(
            text[first : sentence.end - offset],
            first + offset,
            sentence.end,
            _hush(tokens) + sentence.tokens,
            sentence.kind,
            sentence.pause_after_s,
            notices + sentence.notices,
        )
    return sentence


def _hush(tokens: tuple[SpokenToken, ...]) -> tuple[SpokenToken, ...]:
    return tuple(token._replace(spoken="") for token in tokens)


def _parts(text: str, start: int, end: int, longest: int) -> list[tuple[int, int]]:
    """Cut a sentence that is too long, at the mark nearest below the limit, strongest kind first."""
    parts: list[tuple[int, int]] = []
    while end - start > longest:
        cut = 0
        for pattern in _CUTS:
            ends = [found.end() for found in pattern.finditer(text, start + longest // 4, start + longest)]
            ends = [place for place in ends if place < end and not _inside_number(text, place)]
            if ends:
                cut = ends[-1]
                break
        if not cut:
            break
        parts.append((start, start + len(text[start:cut].rstrip())))
        start = cut
    parts.append((start, end))
    return parts


def _inside_number(text: str, place: int) -> bool:
    before = text[:place].rstrip()[-2:]
    return len(before) == 2 and before[0].isdecimal() and text[place : place + 1].isdecimal()
