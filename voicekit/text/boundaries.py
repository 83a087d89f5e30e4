"""Where sentences end: full stops told from the dots of abbreviations, initials and numbers."""

from __future__ import annotations

import re

from voicekit.text.clean import TAG
from voicekit.text.tables import (
    ABBREVIATIONS,
    AMBIGUOUS,
    BEFORE_NUMBER,
    DAYS,
    DOTTED_NEVER_FINAL,
    MONTHS,
    NEVER_FINAL,
    SPEECH_VERBS,
    STARTERS,
    STATES,
    TITLES,
)

__all__ = ["sentence_spans"]

_CLOSERS = r"[\"'”’)\]}»›*_⁰¹²³⁴-⁹]"
_CANDIDATE = re.compile(
    rf"(?P<mark>\.(?:\s\.){{1,3}}|[.!?…‽؟]+)(?P<close>(?:{_CLOSERS}|\[\d{{1,3}}\])*)(?=\s)|(?P<wide>[。！？।]+[」』”’）]*)|(?P<blank>\n[^\S\n]*\n\s*)"
)
_LAST_WORD = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]+(?:['’][^\W\d_]+)*$|[^\W_]+$")
_ENUMERATOR = re.compile(r"[\s\"“‘(\[]*(?:\d{1,3}|[IVXLC]+|[ivxlc]+|[A-Z])$")
_NEXT = re.compile(r"\s*(?P<open>[\"'“‘(\[{«‹—–*_-]*)\s?(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)?(?P<digit>\d)?")
_TAG = re.compile(
    rf"\s*(?:[A-Z][\w.'’-]*\s){{1,3}}(?:{SPEECH_VERBS})\b|\s*(?:I|He|She|They|We)\s(?:{SPEECH_VERBS})\b(?=[,.\s])"
)
_SHILLINGS = re.compile(r"\d{1,2}s")
_NUMERAL = re.compile(r"[IVXLC]+|[ivxlc]+")
_WORD_BEFORE = re.compile(r"(\S+)\s+\S+$")
_DOTTED_UNITS = frozenset({"ft", "in", "ins", "oz", "lb", "lbs", "yd", "yds", "hr", "hrs", "min", "cwt", "st"})
#: Titles that are words, names or units as well.
_TITLES_OR_WORDS = frozenset({"Gen", "Ft", "Mt", "Col", "Fr"})
_SHORT_DATES = frozenset({name for name in MONTHS if len(name) <= 4 and MONTHS[name] != name} | set(DAYS))


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, without the white space around it."""
    spans: list[tuple[int, int]] = []
    start = 0
    if "<" in text:  # a tag ends and opens nothing: it stands by as asterisks do
        text = TAG.sub(lambda found: "*" * len(found.group()), text)

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
        elif found.lastgroup == "wide" or _ends_sentence(text, start, found):
            close(end)
            start = end
    close(len(text))
    return spans


def _ends_sentence(text: str, start: int, found: re.Match[str]) -> bool:
    following = _NEXT.match(text, found.end())
    if following is None:
        return True
    word, opening = following.group("word") or "", following.group("open")
    marks, close = found.group("mark"), found.group("close")
    if not word and not following.group("digit"):
        rest = text[found.end() :].lstrip()
        return bool(rest) and (rest[0].isalpha() or rest[0] in "$£€#") and marks != "."
    if word and word[0].islower():  # only a new quotation may begin in small letters
        quoted = bool(opening.strip("—–-_*")) and not opening.startswith(("(", "["))
        return quoted and marks[0] in "!?" and bool(close)
    if marks == ".":
        return bool(close) or _dot_ends(text, start, found, following)
    if close and close[-1] in "\"'”’" and marks[0] in "!?…" and not opening:
        return not _TAG.match(text, found.end())  # "Stop!" cried John.
    return True


def _dot_ends(text: str, start: int, found: re.Match[str], following: re.Match[str]) -> bool:
    """Whether a single full stop before a capital, a digit or a quotation ends the sentence."""
    dot = found.start("mark")
    window = text[max(start, dot - 32) : dot]
    last = _LAST_WORD.search(window)
    if last is None:
        return True
    word, next_word = last.group(), following.group("word") or ""
    so_far = text[start:dot]
    if len(so_far.strip()) == len(word) and _ENUMERATOR.fullmatch(so_far):
        return False  # "1. The first", "IV. The Garden": the number of what follows
    starts_anew = next_word in STARTERS or following.group("open")[:1] in ('"', "“", "‘")
    if len(word) == 1 and word.isalpha():
        return _letter_ends(word, window, next_word, starts_anew)
    if "." in word:
        return _dotted_ends(word.replace(".", "").lower(), next_word, starts_anew)
    before = window[: last.start()].rstrip()
    return _abbreviation_ends(word, before, next_word, following.group("digit") or "", starts_anew)


def _letter_ends(word: str, window: str, next_word: str, starts_anew: bool) -> bool:
    """After a single letter: an initial goes on to a name, the pronoun and ``plan B`` end."""
    if word.islower():
        return word not in "vpcbdnl" or starts_anew
    found = _WORD_BEFORE.search(window)
    before = found.group(1) if found else ""
    after_name = before[:1].isupper() or before[-1:] == "."
    if word == "I" and before and not after_name:
        return True
    return starts_anew and (not after_name or next_word in ("The", "He", "She", "It", "They"))


def _dotted_ends(key: str, next_word: str, starts_anew: bool) -> bool:
    """After ``e.g.``, ``p.m.``, ``U.S.``, ``B.C.``"""
    if key in DOTTED_NEVER_FINAL:
        return False
    if key in ("am", "pm"):
        return next_word not in DAYS and next_word not in MONTHS and not next_word.endswith("day")
    return starts_anew or key in ("bc", "ad", "bce", "ce")


def _abbreviation_ends(word: str, before: str, next_word: str, digit: str, starts_anew: bool) -> bool:
    """After a word of several letters, which may be an abbreviation."""
    if word in _TITLES_OR_WORDS or (word == "St" and next_word != "A"):
        return starts_anew
    if word in TITLES or word in NEVER_FINAL:
        return False
    numeral = _NUMERAL.fullmatch(next_word) and not (next_word == "I" and word.lower() == "no")
    if word in BEFORE_NUMBER and (digit or numeral):
        return False
    if digit and ((word in _DOTTED_UNITS and before[-1:].isdecimal()) or _SHILLINGS.fullmatch(word)):
        return False
    if word in ABBREVIATIONS and word not in AMBIGUOUS:
        return starts_anew or word in ("etc", "al", "Esq") or not next_word
    if word in ("Co", "Pl", "Sq", "Pk") or (word in STATES and before.endswith(",")):
        return starts_anew
    if word in _SHORT_DATES:
        return not digit and (starts_anew or word in ("Sun", "Sat", "Mar"))
    return True
