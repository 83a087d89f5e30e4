"""The reading head of the normaliser: where it stands and what it has said so far."""

from __future__ import annotations

import re

from voicekit.text.model import Notice, TextContext

__all__ = ["Scan"]

_AT_END = re.compile(r"[\s\"'“”‘’)\]}»›*_]*$")
_NEXT_WORD = re.compile(r"[\s\"“‘(\[]*([^\W\d_]+(?:['’][^\W\d_]+)*)")


class Scan:
    """Cleaned text, and the spoken items found in it so far, in order.

    Each handler is called as ``handler(scan, position)``, emits items and
    returns the position after them.
    """

    __slots__ = ("context", "items", "notices", "text", "with_and")

    def __init__(self, text: str, context: TextContext) -> None:
        self.text = text
        self.context = context
        self.with_and = context.dialect == "gb"
        self.items: list[tuple[int, int, str]] = []
        self.notices: list[Notice] = []

    def emit(self, start: int, end: int, spoken: str) -> int:
        """Say ``spoken`` for ``text[start:end]``; returns ``end``."""
        self.items.append((start, end, spoken))
        return end

    def notice(self, code: str, start: int, end: int, detail: str) -> None:
        """Report that ``text[start:end]`` is not simply read as written."""
        self.notices.append(Notice(code, self.text[start:end], start, end, detail))

    def dot(self, position: int) -> int:
        """Take the dot of an abbreviation: silent, but a full stop where the sentence ends with it."""
        return self.emit(position, position + 1, "." if self.at_end(position + 1) else "")

    def at_end(self, position: int) -> bool:
        """Whether nothing but closing marks follows."""
        return _AT_END.match(self.text, position) is not None

    def previous(self) -> str:
        """The word or number before, as written; empty at the start and after a mark that is heard."""
        for start, end, spoken in reversed(self.items):
            if not spoken:
                continue
            word = self.text[start:end]
            return word if word[-1].isalnum() or word[0].isalnum() else ""
        return ""

    def previous_spoken(self) -> str:
        """What was said last, marks included; empty at the start."""
        for _, _, spoken in reversed(self.items):
            if spoken:
                return spoken
        return ""

    def next_word(self, position: int) -> str:
        """The word that follows, or an empty string."""
        found = _NEXT_WORD.match(self.text, position)
        return found.group(1) if found else ""
