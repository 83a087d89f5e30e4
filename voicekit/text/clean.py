"""Unicode cleaning that remembers where every character came from.

The reader works on composed text without soft hyphens, zero-width characters,
ligatures and full-width forms; offsets always lead back to the source.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

__all__ = ["TAG", "CleanText", "clean"]

#: A tag that says how words are to be spoken; anything else in angle brackets is read as what it is.
TAG = re.compile(r"</?(?:emphasis|prosody)(?:\s[^<>]*)?>|<break(?:\s[^<>]*)?/>")

#: Format characters that are never spoken: soft hyphen, zero-width, joiners, direction marks, BOM,
#: variation selectors.
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufe00-\ufe0f"
#: Compatibility forms that are the same letters in another dress: ligatures, full-width and
#: mathematical letters, Roman numeral signs. Not superscripts or fractions: they mean something.
_DRESSED = "\ufb00-\ufb06\uff01-\uff5e\U0001d400-\U0001d7ff\u2160-\u217f"
_SUSPECT = re.compile(f"[{_INVISIBLE}{_DRESSED}\x00-\x08\x0e-\x1f\x7f-\x9f\u0300-\u036f\u1dc0-\u1dff\u20d0-\u20ff]")
_INVISIBLE_RE = re.compile(f"[{_INVISIBLE}\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_DRESSED_RE = re.compile(f"[{_DRESSED}]")


@dataclass(frozen=True)
class CleanText:
    """Cleaned text and, for each of its characters, where its source begins.

    ``starts`` is None where nothing had to change; otherwise it has one entry
    more than ``text``: the length of the source.
    """

    text: str
    starts: tuple[int, ...] | None = None

    def source_range(self, start: int, end: int) -> tuple[int, int]:
        """Range of the source behind ``text[start:end]``."""
        if self.starts is None:
            return start, end
        return self.starts[start], self.starts[end]

    def clean_offset(self, source: int) -> int:
        """Offset in ``text`` of the character that a source offset belongs to."""
        if self.starts is None:
            return source
        return max(0, bisect_right(self.starts, source) - 1)


def clean(text: str) -> CleanText:
    """Compose to NFC, undress compatibility letters, take out invisible characters and tags (`TAG`).

    An invisible character belongs to the visible one before it, or to the one
    after it where a space (or nothing) comes before.
    """
    tags = {found.start(): found.end() for found in TAG.finditer(text)} if "<" in text else {}
    if not tags and not _SUSPECT.search(text) and (text.isascii() or unicodedata.is_normalized("NFC", text)):
        return CleanText(text)
    out: list[str] = []
    starts: list[int] = []
    pending: int | None = None  # start of invisible characters that wait for the next visible one
    index = 0
    while index < len(text):
        start = index
        index = tags.get(start, index + 1)
        while index < len(text) and unicodedata.combining(text[index]):
            index += 1
        piece = "" if start in tags else _INVISIBLE_RE.sub("", text[start:index])
        if not piece:
            if (not out or out[-1].isspace()) and pending is None:
                pending = start
            continue
        piece = unicodedata.normalize("NFKC" if _DRESSED_RE.search(piece) else "NFC", piece)
        for character in piece:
            if pending is not None and not character.isspace():
                starts.append(pending)
                pending = None
            else:
                starts.append(start)
            out.append(character)
    starts.append(len(text))
    return CleanText("".join(out), tuple(starts))
