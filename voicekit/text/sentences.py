"""Sentences of a text, with their offsets; no character is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicekit.text.model import Notice, Sentence, SpokenToken, TextContext
from voicekit.text.normalise import normalise
from voicekit.text.tables import (
    ABBREVIATIONS,
    AMBIGUOUS,
    BEFORE_NUMBER,
    DAYS,
    DOTTED,
    DOTTED_NEVER_FINAL,
    MONTHS,
    NEVER_FINAL,
    SPEECH_VERBS,
    STARTERS,
    STATES,
    TITLES,
)

__all__ = ["Pauses", "sentence_spans", "split_sentences"]

_CLOSERS = r"[\"'”’)\]}»›*_⁰¹²³⁴-⁹]"
_CANDIDATE = re.compile(
    rf"(?P<mark>\.(?:\s\.){{1,3}}|[.!?…‽؟]+)(?P<close>(?:{_CLOSERS}|\[\d{{1,3}}\])*)(?=\s)|(?P<wide>[。！？।]+[」』”’）]*)|(?P<blank>[^\S\n]*\n[^\S\n]*\n\s*)"
)
_LAST_WORD = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]+(?:['’][^\W\d_]+)*$|[^\W_]+$")
_ENUMERATOR = re.compile(r"[\s\"“‘(\[]*(?:\d{1,3}|[IVXLC]+|[ivxlc]+|[A-Z])$")
_NEXT = re.compile(r"\s*(?P<open>[\"'“‘(\[{«‹—–*_-]*)\s?(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)?(?P<digit>\d)?")
_TAG = re.compile(
    rf"\s*(?:[A-Z][\w.'’-]*\s){{1,3}}(?:{SPEECH_VERBS})\b|\s*(?:I|He|She|They|We)\s(?:{SPEECH_VERBS})\b(?=[,.\s])"
)
_WORD_BEFORE = re.compile(r"(\S+)\s+\S+$")
_DOTTED_UNITS = frozenset({"ft", "in", "ins", "oz", "lb", "lbs", "yd", "yds", "hr", "hrs", "min", "cwt", "st"})
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
    for start, end in sentence_spans(text, kind=context.kind):
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


def sentence_spans(text: str, *, kind: str = "sentence") -> list[tuple[int, int]]:
    """Start and end of each sentence, without the white space around it."""
    spans: list[tuple[int, int]] = []
    start = 0

    def close(until: int) -> None:
        piece = text[start:until]
        inner = piece.strip()
        if inner:
            first = start + piece.index(inner[0])
            spans.append((first, first + len(inner)))

    for found in _CANDIDATE.finditer(text):
        end = found.end()
        if found.lastgroup == "blank":
            close(found.start())
            start = end
        elif found.lastgroup == "wide" or _ends_sentence(text, start, found, kind):
            close(end)
            start = end
    close(len(text))
    return spans


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
            text[before.start - offset : last], before.start, last + offset, before.tokens + _hush(tokens),
            before.kind, before.pause_after_s, before.notices + notices,
        )  # fmt: skip


def _absorb(text: str, offset: int, sentence: Sentence, silent: list) -> Sentence:  # type: ignore[type-arg]
    """Give silent stretches that come first to the sentence after them."""
    while silent:
        first, _, tokens, notices = silent.pop()
        sentence = Sentence(
            text[first : sentence.end - offset], first + offset, sentence.end, _hush(tokens) + sentence.tokens,
            sentence.kind, sentence.pause_after_s, notices + sentence.notices,
        )  # fmt: skip
    return sentence


def _hush(tokens: tuple[SpokenToken, ...]) -> tuple[SpokenToken, ...]:
    return tuple(token._replace(spoken="") for token in tokens)


def _ends_sentence(text: str, start: int, found: re.Match[str], kind: str) -> bool:
    following = _NEXT.match(text, found.end())
    if following is None:
        return True
    word, opening = following.group("word") or "", following.group("open")
    marks, close = found.group("mark"), found.group("close")
    if not word and not following.group("digit"):
        rest = text[found.end() :].lstrip()
        return bool(rest) and (rest[0].isalpha() or rest[0] in "$£€#") and marks != "."
    if word and word[0].islower():
        return (
            bool(opening.strip("—–-_*"))
            and not opening.startswith(("(", "["))
            and marks[0] in "!?"
            and bool(close)
        )
    if marks == ".":
        return _dot_ends(text, start, found, following)
    if close and close[-1] in "\"'”’" and marks[0] in "!?…" and not opening and _TAG.match(text, found.end()):
        return False
    return True


def _dot_ends(text: str, start: int, found: re.Match[str], following: re.Match[str]) -> bool:
    """Whether a single full stop before a capital, a digit or a quotation ends the sentence."""
    dot = found.start("mark")
    window = text[max(start, dot - 32) : dot]
    last = _LAST_WORD.search(window)
    if last is None:
        return True
    word, next_word = last.group(), following.group("word") or ""
    if (
        not text[start:dot].strip()[len(word) :]
        and _ENUMERATOR.fullmatch(text[start:dot])
        and not (word == "I" and found.group("close"))
    ):
        return False  # "1. The first", "IV. The Garden": the number of what follows
    if found.group("close"):
        # a closing mark after the dot ends the abbreviation's sentence too, unless it is a bracket
        return not (found.group("close")[0] in ")]" and not next_word) or True
    starts_anew = next_word in STARTERS or following.group("open")[:1] in ('"', "“", "‘")
    if len(word) == 1 and word.isalpha():
        if word.isupper():
            before = _WORD_BEFORE.search(window)
            initial_before = before is not None and (
                before.group(1)[0].isupper() or before.group(1)[-1] == "."
            )
            if word == "I" and before is not None and not initial_before:
                return True
            return (starts_anew and not initial_before) or (
                starts_anew and next_word in ("The", "He", "She", "It", "They")
            )
        return word not in ("v", "p", "c", "b", "d", "n", "l") or starts_anew
    if "." in word:
        key = word.replace(".", "").lower()
        if key in DOTTED_NEVER_FINAL:
            return False
        if key in ("am", "pm"):
            return next_word not in DAYS and next_word not in MONTHS and not next_word.endswith("day")
        return starts_anew or (key in DOTTED and key in ("bc", "ad", "bce", "ce"))
    if (
        word in TITLES
        and not (word == "St" and starts_anew and next_word != "A")
        and word not in ("Gen", "Ft", "Mt", "Col", "Fr")
    ):
        return False
    if word in ("Gen", "Ft", "Mt", "Col", "Fr"):
        return starts_anew
    numeral = re.fullmatch(r"[IVXLCivxlc]+", next_word) and not (next_word == "I" and word.lower() == "no")
    if word in BEFORE_NUMBER and (following.group("digit") or numeral):
        return False
    if word in _DOTTED_UNITS and following.group("digit") and window[: last.start()].rstrip()[-1:].isdigit():
        return False
    if word in NEVER_FINAL:
        return False
    if word in ABBREVIATIONS and word not in AMBIGUOUS:
        return bool(starts_anew or word in ("etc", "al", "Esq") or not next_word)
    if word in AMBIGUOUS and word in ("Co", "Pl", "Sq", "Pk"):
        return bool(starts_anew)
    if (word in MONTHS and word != MONTHS[word] and len(word) <= 4) or (word in DAYS and len(word) <= 5):
        return not following.group("digit") and (bool(starts_anew) or word in ("Sun", "Sat", "Mar"))
    if word in STATES and window[: last.start()].rstrip().endswith(","):
        return bool(starts_anew)
    return True


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
    return len(before) == 2 and before[0].isdigit() and text[place : place + 1].isdigit()
