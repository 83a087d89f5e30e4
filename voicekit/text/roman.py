"""Roman numerals: strict reading of the canonical forms 1 to 3999."""

from __future__ import annotations

import re

__all__ = ["from_roman"]

_CANONICAL = re.compile(r"(?=.)(M{0,3})(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def from_roman(text: str) -> int | None:
    """Value of a canonical Roman numeral of one case, else None (``IIII``, ``Xi`` and words are None)."""
    if not text.isascii() or not (text.isupper() or text.islower()) or not _CANONICAL.fullmatch(text.upper()):
        return None
    total, before = 0, 0
    for letter in reversed(text.upper()):
        value = _VALUES[letter]
        total += value if value >= before else -value
        before = max(before, value)
    return total
