"""Durations as printed note values: type, dots, and the tuplet they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from voicekit.score.musicxml.directions import TYPE_BEATS

__all__ = ["Value", "values_of"]

_PLAIN = {
    beats * (2 - Fraction(1, 2**dots)): (name, dots)
    for dots in (2, 1, 0)
    for name, beats in TYPE_BEATS.items()
    if name not in ("maxima", "long")
}
_DESCENDING = sorted(_PLAIN, reverse=True)
MAX_TUPLET = 64


@dataclass(frozen=True)
class Value:
    """One printed note.

    Parameters
    ----------
    duration : Fraction
        Beats.
    type : str
        MusicXML's name; empty where no printed value fits.
    dots : int
    actual, normal : int
        Tuplet: `actual` of them in the time of `normal`; 1 and 1 for none.
    """

    duration: Fraction
    type: str = ""
    dots: int = 0
    actual: int = 1
    normal: int = 1


def values_of(duration: Fraction) -> list[Value]:
    """Printed values that, tied, last `duration` beats; a single one without type where that cannot be written."""
    odd = duration.denominator
    while odd % 2 == 0:
        odd //= 2
    if odd > MAX_TUPLET:
        return [Value(duration)]
    normal = 1 << (odd.bit_length() - 1)
    rest, found = duration * odd / normal, []
    for plain in _DESCENDING:
        while plain <= rest:
            name, dots = _PLAIN[plain]
            found.append(Value(plain * normal / odd, name, dots, odd, normal))
            rest -= plain
    return found if rest == 0 else [Value(duration)]
