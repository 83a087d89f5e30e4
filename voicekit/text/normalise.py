"""Written English to spoken tokens, every character of the source accounted for.

Reading goes from left to right. Ordinary words take a short path; whatever
else there is goes to `words`, `quantities` or `symbols` by its first
character. Marks of prosody are kept as ``, . ; : ? ! —``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicekit.text.clean import CleanText, clean
from voicekit.text.languages import ENGLISH, language_of
from voicekit.text.model import Notice, SpokenToken, TextContext
from voicekit.text.plain_words import plain_tokens
from voicekit.text.quantities import NUMBER_START, read_number
from voicekit.text.scan import Scan
from voicekit.text.symbols import LINK, read_link, read_symbol
from voicekit.text.words import SPECIAL_WORDS, read_word

__all__ = ["normalise"]

#: A word read as it stands, unless it is one of SPECIAL_WORDS: small letters, perhaps a capital first,
#: with no digit, dot or sign inside or right behind.
_ORDINARY = re.compile(
    r"\s*((?:[A-Za-zÀ-ÖØ-Þ]?[a-zà-öø-ÿœ]+|I)(?:['’][a-z]+)?)(?=[\s,;:?!—”…\"’')\]]|\.(?=[\s\"”’)\]]|$)|-[A-Za-z]|$)"
)
_NEXT = re.compile(r"\s*(\S)")
_LINK_HINT = re.compile(
    r"[@#]|://|www\.|\.(?:com|org|net|edu|gov|io|co|uk|de|info|mil|dev|app|fr|ca|au|us|eu|nz|ie|tv|me)\b"
)
_PLAIN_CONTEXT = TextContext()


def normalise(
    text: str,
    context: TextContext | None = None,
    *,
    offset: int = 0,
    report: Callable[[Notice], None] | None = None,
) -> tuple[SpokenToken, ...]:
    """Turn a sentence into spoken tokens.

    Parameters
    ----------
    text : str
        One sentence (or heading, line of verse...), as written.
    context : TextContext, optional
        Kind of sentence, dialect, lexicon.
    offset : int
        Added to all offsets: where ``text`` begins in its source.
    report : callable, optional
        Called with each `Notice`.

    Raises
    ------
    voicekit.errors.UsageError
        The context's language is not known.

    Returns
    -------
    tuple of SpokenToken
        In order, without overlap; together they cover every character of
        ``text`` that is not white space.
    """
    context = context or _PLAIN_CONTEXT
    if context.language != ENGLISH:
        return plain_tokens(text, language_of(context.language), offset=offset, report=report)
    cleaned = clean(text)
    scan = Scan(cleaned.text, context)
    if context.lexicon or _LINK_HINT.search(cleaned.text):
        _read_with_stops(scan)
    else:
        _read(scan, 0, len(cleaned.text))
    if report:
        for found in scan.notices:
            start, end = cleaned.source_range(found.start, found.end)
            report(Notice(found.code, text[start:end], start + offset, end + offset, found.detail))
    if cleaned.starts is None:
        new = tuple.__new__  # the constructor of a named tuple, without its detour: a book has a million tokens
        return tuple([new(SpokenToken, (text[s:e], s + offset, e + offset, said)) for s, e, said in scan.items])
    return _with_source(text, cleaned, scan.items, offset)


def _read_with_stops(scan: Scan) -> None:
    """Read a text in which lexicon entries or links stand."""
    stops: list[tuple[int, int, object]] = []
    if scan.context.lexicon:
        stops += scan.context.lexicon.find(scan.text)
    stops += [(m.start(), m.end(), m) for m in LINK.finditer(scan.text)]
    stops.sort(key=lambda stop: (stop[0], -stop[1]))
    position = 0
    for start, end, said in stops:
        if start < position:
            continue
        _read(scan, position, start)
        position = start
        if scan.items and scan.items[-1][1] > start:  # a number or abbreviation reached into it
            position = scan.items[-1][1]
            continue
        position = read_link(scan, said) if isinstance(said, re.Match) else scan.emit(start, end, str(said))
    _read(scan, position, len(scan.text))


def _read(scan: Scan, position: int, end: int) -> None:
    """Read from ``position`` on, and on past ``end`` only to finish a token."""
    text = scan.text
    items = scan.items
    ordinary, following = _ORDINARY.match, _NEXT.match
    curly = "’" in text
    while position < end:
        found = ordinary(text, position)
        if found:
            start, stop = found.span(1)
            if start >= end:
                return
            word = found.group(1)
            if word in SPECIAL_WORDS:
                position = read_word(scan, start)
            else:
                items.append((start, stop, word.replace("’", "'") if curly else word))
                position = stop
            continue
        found = following(text, position)
        if not found:
            return
        start = found.start(1)
        if start >= end:
            return
        sign = found.group(1)
        if sign in ",;:?!":
            # between digits they belong to numbers, which have been read; elsewhere they are prosody
            position = read_symbol(scan, start) if sign == ":" else scan.emit(start, start + 1, sign)
        elif sign.isalpha():
            position = read_word(scan, start)
        elif NUMBER_START.match(text, start) and _stands_free(text, start, sign):
            position = read_number(scan, start)
        else:
            position = read_symbol(scan, start)


def _stands_free(text: str, start: int, sign: str) -> bool:
    """A sign before a digit is part of the number only where no word or number comes right before it."""
    if sign in "-−+±.":
        return start == 0 or not (text[start - 1].isalnum() or text[start - 1] in ".)")
    return True


def _with_source(
    text: str, cleaned: CleanText, items: list[tuple[int, int, str]], offset: int
) -> tuple[SpokenToken, ...]:
    """Tokens over the source, with silent tokens for invisible characters that no token reached."""
    tokens: list[SpokenToken] = []
    position = 0

    def fill(until: int) -> None:
        gap = text[position:until]
        if gap and not gap.isspace():
            start = position + len(gap) - len(gap.lstrip())
            stop = position + len(gap.rstrip())
            tokens.append(SpokenToken(text[start:stop], start + offset, stop + offset, ""))

    for first, last, said in items:
        start, stop = cleaned.source_range(first, last)
        start = max(start, position)
        stop = max(stop, start)
        fill(start)
        tokens.append(SpokenToken(text[start:stop], start + offset, stop + offset, said))
        position = stop
    fill(len(text))
    return tuple(tokens)
