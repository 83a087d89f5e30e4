"""Numbers as English words: cardinals, ordinals, years, decimals, fractions.

Words are separated by spaces and never hyphenated, as a phonemiser wants them.
"""

from __future__ import annotations

__all__ = [
    "cardinal",
    "decade",
    "decimal",
    "digits",
    "fraction",
    "ordinal",
    "ordinal_of_words",
    "plural",
    "year",
]

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = [
    "",
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_NAMED_PARTS = {2: "half", 4: "quarter"}
_LARGEST = 10 ** (3 * len(_SCALES))


def _below_thousand(value: int, with_and: bool) -> list[str]:
    words: list[str] = []
    if value >= 100:
        words += [_ONES[value // 100], "hundred"]
        value %= 100
        if value and with_and:
            words.append("and")
    if value >= 20:
        words.append(_TENS[value // 10])
        value %= 10
        if value:
            words.append(_ONES[value])
    elif value:
        words.append(_ONES[value])
    return words


def cardinal(value: int, *, with_and: bool = False) -> str:
    """A whole number in words.

    Parameters
    ----------
    value : int
        Any whole number; beyond 10**36 it is read digit by digit.
    with_and : bool
        British "one hundred and five" instead of American "one hundred five".
    """
    if value < 0:
        return "minus " + cardinal(-value, with_and=with_and)
    if value == 0:
        return "zero"
    if value >= _LARGEST:
        return digits(str(value))
    groups: list[int] = []
    rest = value
    while rest:
        rest, group = divmod(rest, 1000)
        groups.append(group)
    words: list[str] = []
    for power in range(len(groups) - 1, -1, -1):
        if not groups[power]:
            continue
        if power == 0 and words and groups[0] < 100 and with_and:
            words.append("and")
        words += _below_thousand(groups[power], with_and)
        if power:
            words.append(_SCALES[power])
    return " ".join(words)


def ordinal_of_words(words: str) -> str:
    """Turn the last word of a spelt cardinal into its ordinal: ``forty two`` -> ``forty second``."""
    head, _, last = words.rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return f"{head} {last}" if head else last


def ordinal(value: int, *, with_and: bool = False) -> str:
    """A place in an order: ``3`` -> ``third``."""
    return ordinal_of_words(cardinal(value, with_and=with_and))


def digits(text: str, zero: str = "zero") -> str:
    """Each decimal digit of ``text`` as a word; other characters are passed over."""
    return " ".join(zero if c == "0" else _ONES[int(c)] for c in text if c.isdecimal())


def decimal(whole: str, part: str, *, with_and: bool = False) -> str:
    """A decimal number from its digits on both sides of the point (``whole`` may be empty)."""
    head = cardinal(int(whole), with_and=with_and) + " " if whole else ""
    return f"{head}point {digits(part)}"


def year(value: int) -> str:
    """A year of the common era: ``1905`` -> ``nineteen oh five``, ``2007`` -> ``two thousand seven``."""
    if value < 1000 or value > 9999 or value % 1000 == 0 or 2000 <= value <= 2009:
        return cardinal(value)
    century, rest = divmod(value, 100)
    if rest == 0:
        return cardinal(century) + " hundred"
    if rest < 10:
        return f"{cardinal(century)} oh {_ONES[rest]}"
    return f"{cardinal(century)} {cardinal(rest)}"


def plural(words: str) -> str:
    """Plural of the last word of a spelt number: ``twenty`` -> ``twenties``, ``six`` -> ``sixes``."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def decade(value: int) -> str:
    """Ten years: ``1890`` -> ``eighteen nineties``, ``90`` -> ``nineties``."""
    return plural(year(value) if value >= 1000 else cardinal(value))


def fraction(numerator: int, denominator: int, *, with_and: bool = False) -> str:
    """A fraction in words: ``3/4`` -> ``three quarters``, ``22/7`` -> ``twenty two sevenths``.

    Unusual denominators (above 20 other than 32, 50, 64, 100 and 1000, and 0 or 1) are read
    as ``a over b``.
    """
    top = cardinal(numerator, with_and=with_and)
    if not (2 <= denominator <= 20 or denominator in (32, 50, 64, 100, 1000)):
        return f"{top} over {cardinal(denominator, with_and=with_and)}"
    part = _NAMED_PARTS.get(denominator) or ordinal(denominator)
    if part.startswith("one "):  # "one hundredth" -> "hundredth"
        part = part[4:]
    if numerator != 1:
        part = "halves" if part == "half" else part + "s"
    return f"{top} {part}"
