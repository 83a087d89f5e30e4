"""A lexicon: words and phrases with the way they are to be said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from voicekit.errors import UsageError

__all__ = ["Lexicon", "LexiconEntry"]


@dataclass(frozen=True)
class LexiconEntry:
    """One entry.

    Attributes
    ----------
    written : str
        Word or phrase as it stands in the text. All in small letters: any case matches;
        otherwise only exactly so.
    spoken : str
        Plain words to say instead.
    before, after : str
        Regular expressions that must match the text right before and right after, or empty:
        ``LexiconEntry("read", "red", before=r"\\b(?:had|has|have)\\s$")``.
    note : str
        Why the entry is there.
    """

    written: str
    spoken: str
    before: str = ""
    after: str = ""
    note: str = ""


class Lexicon:
    """Entries looked up before any built-in reading; the longest phrase wins, then the one with a context.

    Raises
    ------
    voicekit.errors.UsageError
        An entry is empty or its context is not a regular expression.
    """

    def __init__(self, entries: Iterable[LexiconEntry] = ()) -> None:
        self.entries = tuple(entries)
        self._by_key: dict[str, list[tuple[LexiconEntry, re.Pattern[str], re.Pattern[str]]]] = {}
        for entry in self.entries:
            if not entry.written.strip() or not entry.spoken.strip():
                raise UsageError(f"lexicon entry {entry!r} is empty", "give what is written and what is said")
            try:
                # a context before ends right at the entry
                before = re.compile(f"(?:{entry.before})\\Z" if entry.before else "")
                after = re.compile(entry.after)
            except re.error as error:
                raise UsageError(
                    f"lexicon entry {entry.written!r} has a context that is no regular expression: {error}",
                    "correct its before or after",
                ) from error
            self._by_key.setdefault(entry.written.lower(), []).append((entry, before, after))
        for group in self._by_key.values():
            group.sort(key=lambda item: -(bool(item[0].before) + bool(item[0].after)))
        phrases = sorted(self._by_key, key=len, reverse=True)
        self._any = re.compile(
            r"(?<!\w)(?:" + "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in phrases) + r")(?!\w)",
            re.IGNORECASE,
        )

    def __len__(self) -> int:
        return len(self.entries)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Stretches of ``text`` that entries apply to, in order: start, end, spoken."""
        found: list[tuple[int, int, str]] = []
        if not self.entries:
            return found
        for match in self._any.finditer(text):
            for entry, before, after in self._by_key.get(" ".join(match.group().lower().split()), ()):
                exact = entry.written == entry.written.lower() or entry.written == match.group()
                if exact and self._fits(text, match, before, after):
                    found.append((match.start(), match.end(), entry.spoken))
                    break
        return found

    @staticmethod
    def _fits(text: str, match: re.Match[str], before: re.Pattern[str], after: re.Pattern[str]) -> bool:
        return before.search(text[: match.start()]) is not None and after.match(text, match.end()) is not None
