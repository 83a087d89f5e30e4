"""Words that are not read as they stand: abbreviations, initials, capitals, Roman numerals."""

from __future__ import annotations

import re

from voicekit.text import numbers
from voicekit.text.roman import from_roman
from voicekit.text.roman_words import is_shouted, read_roman
from voicekit.text.scan import Scan
from voicekit.text.symbols import read_foreign, spell
from voicekit.text.tables import (
    ABBREVIATIONS,
    ACRONYM_WORDS,
    AMBIGUOUS,
    BEFORE_NUMBER,
    BEFORE_YEAR,
    DAYS,
    DOTTED,
    ELISIONS,
    INITIALISMS,
    LETTER,
    LOWER_ROMANS,
    MONTHS,
    SHORT_WORDS,
    STARTERS,
    STATES,
    TITLES,
    TITLES_BARE,
)
from voicekit.text.units_table import CURRENCIES, CURRENCY_PREFIXES

__all__ = ["SPECIAL_WORDS", "read_word"]

#: Words of ordinary shape that must be looked at more closely.
SPECIAL_WORDS: frozenset[str] = frozenset(
    {"I", "A", "w", "n"}
    | set(TITLES)
    | set(ABBREVIATIONS)
    | set(BEFORE_NUMBER)
    | set(STATES)
    | set(LOWER_ROMANS)
    | set("bcdefghijklmnpqrstuvwxyz")
    | {name for name in (*MONTHS, *DAYS) if len(name) <= 5}
) - {"May", "March", "April", "June", "July"}

_WORD = re.compile(rf"{LETTER}+(?:['’]{LETTER}+)*")
_DOTTED = re.compile(r"(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![^\W\d_]|['’]))?|[^\W\d_]\.\s[^\W\d_]\.(?=\s?[,;:)]|\s[a-z])")
_DEGREE = re.compile(r"(?:Ph\.\s?D|Litt\.\s?D|D\.\s?Phil|B\.\s?Sc|M\.\s?Sc|Ed\.\s?D|Th\.\s?D)\b\.?")
_MIXED = re.compile(rf"(?:{LETTER}|\d)+")
_MIXED_PIECE = re.compile(r"\d+|[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u0259\u1e00-\u1eff'’]+")
_SCRIPT_RUN = re.compile(
    r"[\u3400-\u9fff\uf900-\ufaff\u3005\U00020000-\U0003ffff]+|[\u3040-\u30ff\u31f0-\u31ff]+|[\uac00-\ud7a3]+"
    r"|[\u0370-\u03ff\u1f00-\u1fff]+|[\u0400-\u052f]+|[A-Za-z\u00aa\u00ba\u00c0-\u024f\u0259\u1e00-\u1eff]+"
    r"|[^\W\d_A-Za-z\u00aa\u00ba\u00c0-\u024f\u0370-\u052f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+"
)
_ROMAN_ORDINAL = re.compile(r"([IVXLC]+)(?:st|nd|rd|th)\b")
_FOLLOWING_NUMBER = re.compile(r"\.?\s*(?:\d|[#(]?\d|[ivxlcIVXLC]+\b)")
_YEAR_NEXT = re.compile(r"\.?\s*\d{3,4}\b")
_DAY_NEXT = re.compile(r"\.\s*\d|\.,?\s*(?:the\s)?(?:\d|[A-Z][a-z]{2})|\s\d")
_DAY_BEFORE = re.compile(r"\d(?:st|nd|rd|th)?\s(?:of\s)?$")
_WITHOUT_DOT = frozenset({"vs", "etc", "Jr", "Sr", "Ltd", "Xmas", "viz", "cf", "dept"})
_NUMBERED_WITHOUT_DOT = frozenset({"No", "pp", "Nos", "Vol", "vol", "Fig", "fig"})
_AFTER_CURRENCY_PREFIX = re.compile(r"[" + "".join(CURRENCIES) + r"]\s?\d")
_WITH = re.compile(r"w/o?\b(?![/\w])|c/o\b")
_NOT_INITIAL_BEFORE = re.compile(r"[a-z]\s$")


def read_word(scan: Scan, position: int) -> int:
    """Read the word at ``position``, which begins with a letter."""
    text = scan.text
    found = _DEGREE.match(text, position) or _DOTTED.match(text, position)
    if found:
        return _read_dotted(scan, position, found.end())
    word_match = _WORD.match(text, position)
    mixed = _MIXED.match(text, position)
    if (
        word_match is None or mixed is None
    ):  # cannot happen after the caller's check; covers every character all the same
        return scan.emit(position, position + 1, "")
    end = word_match.end()
    if mixed.end() > end:
        return _read_mixed(scan, position, mixed.end())
    word = word_match.group()
    if not _LATIN.fullmatch(word):
        return _read_other_script(scan, position, end)
    found = _ROMAN_ORDINAL.match(text, position)
    value = from_roman(found.group(1)) if found else None
    if found and value:
        return scan.emit(position, found.end(), numbers.ordinal(value, with_and=scan.with_and))
    found = _WITH.match(text, position)
    if found:
        spoken = {"w/": "with", "w/o": "without", "c/o": "care of"}[found.group()]
        return scan.emit(position, found.end(), spoken)
    if word in CURRENCY_PREFIXES and _AFTER_CURRENCY_PREFIX.match(text, end):
        return scan.emit(position, end, "")  # said with the sum
    dotted = text.startswith(".", end)
    for reading in (_as_abbreviation, read_roman):
        done = reading(scan, position, end, word, dotted)
        if done:
            return done
    if len(word) == 1:
        return _read_single(scan, position, end, word, dotted)
    spoken = _say_capitals(scan, word) if word.isupper() else word
    return scan.emit(position, end, spoken.replace("’", "'"))


def _read_dotted(scan: Scan, start: int, end: int) -> int:
    """``e.g.``, ``U.S.A.``, ``J.R.R.``, ``p.m.``, ``Ph.D.``"""
    text = scan.text
    letters = re.sub(r"[.\s]", "", text[start:end])
    key = letters.lower()
    spoken = DOTTED.get(key) if letters.islower() or letters.isupper() or key == "phd" else None
    if spoken and letters.isupper() and key in ("am", "ie", "eg", "ma", "ba", "md", "ne", "se"):
        spoken = spoken if key in ("am", "ne", "se") else spell(letters)
    spoken = spoken or spell(letters)
    if text[end - 1] == ".":
        scan.emit(start, end - 1, spoken)
        return scan.dot(end - 1)
    return scan.emit(start, end, spoken)


def _read_mixed(scan: Scan, start: int, end: int) -> int:
    """Letters and digits in one: ``R2``, ``3D``, ``MP3``, ``H2O``."""
    said: list[str] = []
    for piece in _MIXED_PIECE.findall(scan.text[start:end]):
        if piece[0].isdecimal():
            if len(piece) > 4 or (piece[0] == "0" and len(piece) > 1):
                said.append(numbers.digits(piece))
            else:
                said.append(numbers.cardinal(int(piece), with_and=scan.with_and))
        elif piece.isupper() or len(piece) == 1:
            said.append(spell(piece) if len(piece) <= 3 else _say_capitals(scan, piece))
        else:
            said.append(piece)
    return scan.emit(start, end, " ".join(said))


def _read_other_script(scan: Scan, start: int, end: int) -> int:
    position = start
    while position < end:
        found = _SCRIPT_RUN.match(scan.text, position, end)
        if found is None:
            position = scan.emit(position, position + 1, "")
        elif _LATIN.fullmatch(found.group()):
            position = scan.emit(*found.span(), found.group())
        else:
            position = read_foreign(scan, *found.span())
    return end


def _finish(scan: Scan, start: int, end: int, spoken: str, dotted: bool) -> int:
    scan.emit(start, end, spoken)
    return scan.dot(end) if dotted else end


def _as_abbreviation(scan: Scan, start: int, end: int, word: str, dotted: bool) -> int:
    """Read a written abbreviation; 0 where the word is none here."""
    said = _before_number(scan, end, word, dotted) or _date_name(scan, start, end, word, dotted)
    if not said and word in TITLES and (dotted or word in TITLES_BARE):
        said = _title(scan, start, end, word, dotted)
    if not said and dotted and word in STATES and _is_place(scan, start, end):
        said = STATES[word]
    if not said and word in ABBREVIATIONS and (dotted or word in _WITHOUT_DOT):
        said = _plain_abbreviation(scan, end, word)
    if not said and word == "v" and dotted:
        sides = (scan.previous(), scan.next_word(end + 1))
        said = "versus" if all(side[:1].isupper() for side in sides) else ""
    return _finish(scan, start, end, said, dotted) if said else 0


def _before_number(scan: Scan, end: int, word: str, dotted: bool) -> str:
    """``No. 5``, ``pp. 3-4``, ``c. 1600``"""
    if word not in BEFORE_NUMBER or not (dotted or word in _NUMBERED_WITHOUT_DOT):
        return ""
    if not (_YEAR_NEXT if word in BEFORE_YEAR else _FOLLOWING_NUMBER).match(scan.text, end):
        return ""
    is_digit = scan.text[end + dotted :].lstrip()[:1].isdecimal()
    return BEFORE_NUMBER[word] if is_digit or word not in TITLES else ""


def _date_name(scan: Scan, start: int, end: int, word: str, dotted: bool) -> str:
    """``Sept. 5``, ``25 Dec.``, ``Sat., June 3``"""
    if word in DAYS and dotted and _DAY_NEXT.match(scan.text, end):
        return DAYS[word]
    name = MONTHS.get(word, word)
    if name == word or not (dotted or word in ("Feb", "Apr", "Jul", "Aug", "Sept", "Oct", "Nov")):
        return ""
    return name if _DAY_NEXT.match(scan.text, end) or _DAY_BEFORE.search(scan.text[:start]) else ""


def _plain_abbreviation(scan: Scan, end: int, word: str) -> str:
    goes_on = scan.text[end + 1 :].lstrip(" ")[:1]
    if word in AMBIGUOUS and word != "Co" and not (goes_on.islower() or (goes_on and goes_on in ",;)")):
        return ""
    return "" if word == "al" and scan.previous() != "et" else ABBREVIATIONS[word]


def _title(scan: Scan, start: int, end: int, word: str, dotted: bool) -> str:
    """``St.`` and ``Dr.`` are Street and Drive after a name and before none; ``SS.`` is Saints."""
    if word not in ("St", "Dr", "Mt", "Ft", "SS"):
        return TITLES[word]
    following = scan.text[end + dotted :].lstrip()
    named = following[:1].isupper()
    before = scan.previous()
    if word in ("St", "Dr") and before[:1].isupper() and before.lower() not in ("the", "dear", "and", "of"):
        next_word = scan.next_word(end + dotted)
        starts_name = named and next_word not in STARTERS
        if not starts_name and scan.text[start - 1 : start] == " " and before not in TITLES:
            return {"St": "Street", "Dr": "Drive"}[word]
    if word == "Ft" and not named:
        return "feet"
    if word == "SS":
        return "Saints" if dotted else "S S"
    return TITLES[word]


def _is_place(scan: Scan, start: int, end: int) -> bool:
    before = scan.text[:start].rstrip()
    if before.endswith((",", "(")):
        return True
    return (
        scan.text[end - 1 : end + 1] in ("a.", "y.") and scan.text[end + 1 : end + 2] == "," and before[-1:].isalpha()
    )


def _read_single(scan: Scan, start: int, end: int, word: str, dotted: bool) -> int:
    """One letter: the article, the pronoun, an initial, or the name of the letter."""
    text = scan.text
    if word == "I" and not dotted:
        return scan.emit(start, end, "I")
    if dotted and word.isupper():
        if word == "I" and scan.at_end(end + 1):
            scan.emit(start, end, "I")
            return scan.dot(end)
        scan.emit(start, end, word)
        if scan.at_end(end + 1):
            return scan.dot(end)
        return scan.emit(end, end + 1, "")
    if word == "A":
        following = text[end : end + 2]
        article = (
            len(following) == 2 and following[0].isspace() and (following[1].isalpha() or following[1] in "\"“‘'(")
        )
        noun_before = scan.previous().lower() in (
            "vitamin",
            "plan",
            "grade",
            "type",
            "class",
            "group",
            "point",
            "hepatitis",
        )
        return scan.emit(start, end, "a" if article and not noun_before else "A")
    if word in "aO":
        return scan.emit(start, end, "oh" if word == "O" and _is_vocative(scan, end) else word)
    if word.lower() in ELISIONS and text[start - 1 : start] in ("'", "’") and text[end : end + 1] in ("'", "’"):
        return scan.emit(start, end, "and" if word.lower() == "n" else word)
    return scan.emit(start, end, word.upper())


def _is_vocative(scan: Scan, end: int) -> bool:
    return scan.text[end : end + 1] in (" ", "!", ",")


def _say_capitals(scan: Scan, word: str) -> str:
    """A word in capitals: a word, an acronym said as one, or letters."""
    bare = re.sub(r"['’]S$", "", word)
    if bare != word:
        return _say_capitals(scan, bare) + "'s"
    if word.upper() in ACRONYM_WORDS:
        return word.lower()
    low = word.lower()
    shouted = scan.context.kind == "heading" or is_shouted(scan.text)
    if word in INITIALISMS and not (low in SHORT_WORDS and shouted):
        return spell(word)
    if low in SHORT_WORDS or "'" in word or "’" in word:
        return low
    if not re.search("[aeiouyàâäéèêëïîôöùûüœæ]", low):
        return spell(word)
    if len(word) <= 3 and not shouted:
        return spell(word)
    return low
