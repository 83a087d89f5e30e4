"""Roman numerals in running text: numbers after a label or a name, else words, names and the pronoun."""

from __future__ import annotations

import re

from voicekit.text import numbers
from voicekit.text.roman import from_roman
from voicekit.text.scan import Scan
from voicekit.text.tables import FIRST_PERSON_VERBS, LABELS, LOWER_ROMANS, MONARCHS, ROMAN_WORDS

__all__ = ["is_shouted", "read_roman"]

_HEAD_END = re.compile(r"\s*(?:[.:,)]|—|–|-\s|$)")
_NUMERAL_BEFORE = re.compile(r"\b[ivxl]+(?:,| and| to|–|-)\s?$")
_NOT_NAMES = frozenset({"See", "The", "In", "And"})


def is_shouted(text: str) -> bool:
    """Whether capitals are the manner of the whole text, so that they mark no abbreviation."""
    capitals = sum(1 for word in re.findall(r"[^\W\d_]{2,}", text) if word.isupper())
    small = sum(1 for word in re.findall(r"[^\W\d_]{2,}", text) if not word.isupper())
    return capitals >= 2 and small <= capitals // 2


def read_roman(scan: Scan, start: int, end: int, word: str, dotted: bool) -> int:
    """Read a word as a Roman numeral; returns 0 where it is none here.

    A numeral is read after a label (``Chapter IV``, ``part ii``), after a name (``Henry VIII``: an
    ordinal), at the head of a heading, and wherever the letters can be nothing else.
    """
    value = from_roman(word) if word in LOWER_ROMANS or word.isupper() else None
    if value is None:
        return 0
    before = scan.previous()
    said = numbers.cardinal(value, with_and=scan.with_and)
    labelled = before.lower() in LABELS or scan.previous_spoken() in LABELS
    if labelled and (word != "I" or _is_numeral_i(scan, end, before)):
        return scan.emit(start, end, said)
    if word.islower():
        return scan.emit(start, end, said) if _is_small_numeral(scan, start, end, word) else 0
    if scan.context.kind == "heading" and not scan.previous_spoken() and _HEAD_END.match(scan.text, end):
        return scan.emit(start, end, said)
    regnal = before in MONARCHS or (before.isupper() and before.title() in MONARCHS)
    ordinal = numbers.ordinal(value, with_and=scan.with_and)
    if word in ("I", "V", "X"):
        speaker = word == "I" and scan.next_word(end) in FIRST_PERSON_VERBS
        closes = not dotted or scan.at_end(end + 1)
        return scan.emit(start, end, f"the {ordinal}") if regnal and closes and not speaker else 0
    if word in ROMAN_WORDS or (is_shouted(scan.text) and not set(word) <= set("IVX")):
        return 0
    if scan.next_word(end).lower() in ("century", "centuries"):
        return scan.emit(start, end, ordinal)
    after_name = before.istitle() and before.isalpha() and len(before) > 2 and before not in _NOT_NAMES
    if regnal or (after_name and value < 30):
        return scan.emit(start, end, f"the {ordinal}")
    return scan.emit(start, end, said)


def _is_numeral_i(scan: Scan, end: int, label: str) -> bool:
    """``Chapter I`` and ``part I,`` but not ``the part I played``."""
    if label[:1].isupper():
        return scan.next_word(end) not in FIRST_PERSON_VERBS
    rest = scan.text[end:].lstrip(" ")
    return not rest or not rest[0].isalpha() or scan.next_word(end) in ("of", "to", "and", "in")


def _is_small_numeral(scan: Scan, start: int, end: int, word: str) -> bool:
    """Small letters are a numeral in brackets, in a series of numerals, and alone."""
    text = scan.text
    if text[start - 1 : start] == "(" and text[end : end + 1] == ")":
        return True
    if len(word) > 1 and _NUMERAL_BEFORE.search(text[:start]):
        return True
    alone = not scan.previous() and _HEAD_END.match(text, end) is not None
    return alone and (len(word) > 1 or scan.context.kind == "heading")
