"""Everything that begins with a digit or a sign of money: numbers, dates, times, sums, measures."""

from __future__ import annotations

import re

from voicekit.text import numbers
from voicekit.text.scan import Scan
from voicekit.text.tables import BEFORE_A_YEAR, IRREGULAR_PLURALS, MONTH_NAMES, MONTHS, NOT_PLURAL
from voicekit.text.units_table import (
    BRITISH,
    CURRENCIES,
    CURRENCY_PREFIXES,
    FRACTION_SIGNS,
    MAGNITUDES,
    UNITS,
)

__all__ = ["NUMBER_START", "read_number"]

_NUM = r"\d{1,3}(?:,\d{3})+(?![\d])|\d+"
_MONTH_RE = "|".join(sorted(MONTHS, key=len, reverse=True))
_SIGNS = re.escape("".join(CURRENCIES))
_VULGAR = "".join(FRACTION_SIGNS)
_MERIDIEM = r"(?P<half>[aApP])(?:\.\s?[mM]\b\.?|[mM]\b)"

#: What this module reads: a digit, or a sign, point or currency right before one.
NUMBER_START = re.compile(
    rf"\d|[-−+±]?\.\d|[-−+±][{_SIGNS}]?\d|[-−]?(?:[{_SIGNS}])\s?\.?\d|[{_VULGAR}]|\(\d{{3}}\)\s?\d{{3}}-\d{{4}}|[-−]\.?\d"
)

_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?![\d-])")
_SLASH_DATE = re.compile(r"(\d{1,2})([/.])(\d{1,2})\2(\d{4}|\d{2})(?![\d/]|\.\d)")
_DAY_MONTH = re.compile(rf"(\d{{1,2}})(?P<suffix>st|nd|rd|th)?(?=\s+(?P<of>of\s+)?(?:{_MONTH_RE})\b)")
_CLOCK = re.compile(rf"(\d{{1,2}}):(\d{{2}})(?::(\d{{2}}))?(?![\d:])(?:\s?{_MERIDIEM})?")
_POINT_CLOCK = re.compile(rf"(\d{{1,2}})(?:\.(\d{{2}}))?\s?{_MERIDIEM}(?![\w])")
_PHONE = re.compile(
    r"(?:\+?\d{1,3}[-. ])?\(\d{3}\)\s?\d{3}-\d{4}|(?:1-)?\d{3}([-.])\d{3}\1\d{4}(?![\d-])"
    r"|\d{3}-\d{4}(?![\d-])|\+\d{1,3}(?:[ -]\d{2,}){2,}"
)
_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH|ˢᵗ|ⁿᵈ|ʳᵈ|ᵗʰ)\b")
_DECADE = re.compile(r"(\d{4}|\d{2})['’]?s\b")
_MIXED_FRACTION = re.compile(r"(\d+)[\s-](\d{1,3})[/⁄](\d{1,3})(?![/\d])")
_FRACTION = re.compile(r"(\d+)[/⁄](\d+)(?![/\d])")
_VULGAR_FRACTION = re.compile(rf"(\d*)\s?([{_VULGAR}])")
_DOTTED = re.compile(r"\d+(?:\.\d+){2,}")
_YEAR_RANGE = re.compile(r"(1\d{3}|20\d{2})\s?[-–—/]\s?(\d{2})(?![\d]|[-–]\d)")
_RANGE_SIGN = re.compile(rf"\s?[–—]\s?(?=[{_SIGNS}]?\d)|[-‐‑](?=\d)")
_PLAIN = re.compile(rf"({_NUM})?(\.\d+)?")
_MONEY = re.compile(
    rf"(?P<sign>[{_SIGNS}])\s?(?P<whole>{_NUM})?(?P<part>\.\d+)?"
    rf"(?:\s?[–-]\s?[{_SIGNS}]?(?P<upper>{_NUM})(?P<upper_part>\.\d+)?)?"
    r"(?:[ -]?(?P<times>hundred|thousand|million|billion|trillion|bn|tn|mn|[kKmMbB])\b(?!\.\w))?"
)
_OLD_MONEY = re.compile(r"£(\d[\d,]*)[.,]?\s+(\d{1,2})s\.?,?\s*(?:(\d{1,2})d\b\.?)?")
_SHILLINGS = re.compile(r"(\d{1,2})s\.\s*(\d{1,2})d\b\.?")
_CENTS = re.compile(r"\s?¢")
_FEET = re.compile(r"(\d+)\s?['′’]\s?(\d+(?:½|¼|¾)?)\s?(?:[\"″”]|''|′′)")
_PRIME = re.compile(r"\s?(′|″)")
_BY = re.compile(r"\s?[x×]\s?(?=\d)")
_TIMES = re.compile(r"[x×](?![\w])")
_UNIT = re.compile(
    r"(?P<gap>[\s\u00a0\u202f]|-)?(?P<unit>"
    + "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
    + r")(?P<end>(?<=[.%‰°])|\.(?=\s?[a-z,;)\]]|\s?\d)|(?![\w²³/'’]|\.\w))"
)
_AGE = re.compile(r"\s?(?:AD|BC|BCE|CE|A\.\s?D|B\.\s?C)\b")
_LETTERS = re.compile(r"[^\W\d_]+")
_FOLLOWING_NOUN = re.compile(r"\s([a-z]+)")
_LETTERED = re.compile(r"[A-Za-z]\w*")


def read_number(scan: Scan, position: int) -> int:
    """Read the number, date, time, sum or measure at ``position``."""
    text = scan.text
    sign = text[position]
    if sign in CURRENCIES:
        return _read_money(scan, position, "")
    if sign in "-−+±":
        word = {"+": "plus", "±": "plus or minus"}.get(sign, "minus")
        phone = _PHONE.match(text, position)
        if phone:
            return _read_phone(scan, *phone.span())
        if text[position + 1] in CURRENCIES:
            return _read_money(scan, position + 1, word + " ", position)
        scan.emit(position, position + 1, word)
        return _read_plain(scan, position + 1)
    for reader in _READERS:
        done = reader(scan, position)
        if done:
            return done
    return _read_plain(scan, position)


def _cardinal(scan: Scan, value: str | int) -> str:
    if isinstance(value, str):
        value = int(value.replace(",", ""))
    return numbers.cardinal(value, with_and=scan.with_and)


def _ordinal(scan: Scan, value: int) -> str:
    return numbers.ordinal(value, with_and=scan.with_and)


def _read_iso_date(scan: Scan, position: int) -> int:
    found = _ISO_DATE.match(scan.text, position)
    if not found:
        return 0
    year, month, day = (int(group) for group in found.groups())
    return _say_date(scan, found, year, month, day)


def _read_slash_date(scan: Scan, position: int) -> int:
    found = _SLASH_DATE.match(scan.text, position)
    if not found:
        return 0
    first, second, year = int(found.group(1)), int(found.group(3)), int(found.group(4))
    month_first = scan.context.dialect == "us" and found.group(2) == "/"
    month, day = (first, second) if month_first else (second, first)
    if month > 12:
        month, day = day, month
    return _say_date(scan, found, year, month, day)


def _say_date(scan: Scan, found: re.Match[str], year: int, month: int, day: int) -> int:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return 0
    said_year = numbers.year(year)
    if len(found.groups()[-1] or "") == 2 and year < 100:
        said_year = f"oh {numbers.cardinal(year)}" if 0 < year < 10 else numbers.cardinal(year)
    name = MONTH_NAMES[month - 1]
    if scan.context.dialect == "gb":
        said = f"the {_ordinal(scan, day)} of {name} {said_year}"
    else:
        said = f"{name} {_ordinal(scan, day)}, {said_year}"
    return scan.emit(*found.span(), said)


def _read_day_month(scan: Scan, position: int) -> int:
    found = _DAY_MONTH.match(scan.text, position)
    if not found or not 1 <= int(found.group(1)) <= 31:
        return 0
    said = _ordinal(scan, int(found.group(1)))
    if scan.previous().lower() != "the" and not (found.group("suffix") and found.group("of")):
        said = f"the {said}"
    if not found.group("of"):
        said += " of"
    return scan.emit(*found.span(), said)


def _read_clock(scan: Scan, position: int) -> int:
    found = _CLOCK.match(scan.text, position)
    if found:
        hour, minute, second = found.group(1), found.group(2), found.group(3)
        if int(hour) > 24 or int(minute) > 59 or (second and int(second) > 59):
            return 0
    else:
        found = _POINT_CLOCK.match(scan.text, position)
        if not found:
            return 0
        hour, minute, second = found.group(1), found.group(2) or "", ""
        if int(hour) > 24 or int(minute or 0) > 59:
            return 0
    half = found.group("half")
    said = [_cardinal(scan, hour)]
    if minute and int(minute):
        said.append(("oh " if minute[0] == "0" else "") + _cardinal(scan, int(minute)))
    elif minute and not half:
        said.append("o'clock" if 1 <= int(hour) <= 12 and not second else "hundred" if not second else "zero zero")
    if second:
        said.append(f"and {_cardinal(scan, int(second))} second{'' if int(second) == 1 else 's'}")
    if half:
        said.append(f"{half.upper()} M")
    end = found.end()
    if half and scan.text[end - 1] == ".":
        scan.emit(position, end - 1, " ".join(said))
        return scan.dot(end - 1)
    return scan.emit(position, end, " ".join(said))


def _read_phone(scan: Scan, start: int, end: int) -> int:
    groups = re.findall(r"\d+", scan.text[start:end])
    lead = "plus " if scan.text[start] == "+" else ""
    return scan.emit(start, end, lead + ", ".join(numbers.digits(group) for group in groups))


def _read_if_phone(scan: Scan, position: int) -> int:
    found = _PHONE.match(scan.text, position)
    return _read_phone(scan, *found.span()) if found else 0


def _read_ordinal(scan: Scan, position: int) -> int:
    found = _ORDINAL.match(scan.text, position)
    return scan.emit(*found.span(), _ordinal(scan, int(found.group(1).replace(",", "")))) if found else 0


def _read_decade(scan: Scan, position: int) -> int:
    found = _DECADE.match(scan.text, position)
    if not found:
        return 0
    value = int(found.group(1))
    if value % 10 == 0 and (value >= 1000 or value >= 20):
        return scan.emit(*found.span(), numbers.decade(value))
    if len(found.group(1)) == 2:
        return 0
    return scan.emit(*found.span(), numbers.plural(_cardinal(scan, value)))


def _read_fraction(scan: Scan, position: int) -> int:
    text = scan.text
    found = _MIXED_FRACTION.match(text, position)
    if found and 0 < int(found.group(2)) < int(found.group(3)):
        whole, top, bottom = (int(group) for group in found.groups())
        return _after_number(scan, position, found.end(), _mixed(scan, whole, top, bottom), plural=True)
    found = _VULGAR_FRACTION.match(text, position)
    if found:
        top, bottom = FRACTION_SIGNS[found.group(2)]
        if not found.group(1):
            said = "one half" if (top, bottom) == (1, 2) else numbers.fraction(top, bottom)
            return _after_number(scan, position, found.end(), said, plural=False, part=True)
        return _after_number(scan, position, found.end(), _mixed(scan, int(found.group(1)), top, bottom), plural=True)
    found = _FRACTION.match(text, position)
    if not found:
        return 0
    top, bottom = int(found.group(1)), int(found.group(2))
    if (top, bottom) in ((24, 7), (9, 11), (7, 7)):
        said = f"{_cardinal(scan, top)} {_cardinal(scan, bottom)}"
    else:
        said = numbers.fraction(top, bottom, with_and=scan.with_and)
    return _after_number(scan, position, found.end(), said, plural=False, part=True)


def _mixed(scan: Scan, whole: int, top: int, bottom: int) -> str:
    part = numbers.fraction(top, bottom)
    if top == 1 and bottom in (2, 4):
        part = "a " + part[4:]
    return f"{_cardinal(scan, whole)} and {part}"


def _read_dotted(scan: Scan, position: int) -> int:
    found = _DOTTED.match(scan.text, position)
    if not found:
        return 0
    pieces = found.group().split(".")
    joint = " dot " if len(pieces) >= 4 else " point "
    return scan.emit(*found.span(), joint.join(_cardinal(scan, int(piece)) for piece in pieces))


def _read_year_range(scan: Scan, position: int) -> int:
    found = _YEAR_RANGE.match(scan.text, position)
    if not found or int(found.group(2)) <= int(found.group(1)[2:]):
        return 0
    scan.emit(position, found.end(1), numbers.year(int(found.group(1))))
    scan.emit(found.end(1), found.start(2), "to")
    return scan.emit(found.start(2), found.end(), _cardinal(scan, int(found.group(2))))


def _read_feet(scan: Scan, position: int) -> int:
    found = _FEET.match(scan.text, position)
    if not found or _after_degrees(scan):
        return 0
    feet, inches = found.group(1), found.group(2)
    part = FRACTION_SIGNS.get(inches[-1])
    said = _mixed(scan, int(inches[:-1]), *part) if part and inches[:-1] else _cardinal(scan, inches)
    unit = "inch" if inches == "1" else "inches"
    return scan.emit(
        position, found.end(), f"{_cardinal(scan, feet)} {'foot' if feet == '1' else 'feet'} {said} {unit}"
    )


def _after_degrees(scan: Scan) -> bool:
    """Whether a measure of an angle comes right before, so that primes are minutes and seconds."""
    return any(word in scan.previous_spoken() for word in ("degree", "minute"))


def _read_shillings(scan: Scan, position: int) -> int:
    found = _SHILLINGS.match(scan.text, position)
    if not found:
        return 0
    return _emit_sum(scan, position, found.end(), _old_money(scan, None, found.group(1), found.group(2)))


def _emit_sum(scan: Scan, start: int, end: int, said: str) -> int:
    if scan.text[end - 1] == ".":
        scan.emit(start, end - 1, said)
        return scan.dot(end - 1)
    return scan.emit(start, end, said)


def _old_money(scan: Scan, pounds: str | None, shillings: str, pence: str | None) -> str:
    said: list[str] = []
    for count, one, many in (
        (pounds, "pound", "pounds"),
        (shillings, "shilling", "shillings"),
        (pence, "penny", "pence"),
    ):
        if count is not None:
            said.append(f"{_cardinal(scan, count)} {one if count == '1' else many}")
    return ", ".join(said[:-1]) + " and " + said[-1] if len(said) > 1 else said[0]


def _read_money(scan: Scan, position: int, lead: str, start: int | None = None) -> int:
    text = scan.text
    start = position if start is None else start
    found = _OLD_MONEY.match(text, position)
    if found:
        return _emit_sum(scan, start, found.end(), lead + _old_money(scan, *found.group(1, 2, 3)))
    found = _MONEY.match(text, position)
    if not found or not (found.group("whole") or found.group("part")):
        return scan.emit(position, position + 1, CURRENCIES[text[position]][1])
    one, many, cent, cents = CURRENCIES[found.group("sign")]
    if scan.items and scan.items[-1][1] == start:  # A$20, US$5
        country = CURRENCY_PREFIXES.get(text[scan.items[-1][0] : start], "")
        one, many = f"{country} {one}".strip(), f"{country} {many}".strip()
    whole, part = (found.group("whole") or "").replace(",", ""), found.group("part") or ""
    upper, times = found.group("upper"), found.group("times")
    adjective = scan.previous().lower() in ("a", "an") or text[found.end() : found.end() + 1] == "-"
    end = found.end()
    if upper or times or (part and (len(part) != 3 or not cent)):
        said = _amount(scan, whole, part)
        if upper:
            said += " to " + _amount(scan, upper.replace(",", ""), found.group("upper_part") or "")
        if times:
            said += " " + MAGNITUDES[times]
        single = adjective or (whole == "1" and not (part or upper or times))
        return scan.emit(start, end, f"{lead}{said} {one if single else many}")
    said_parts: list[str] = []
    if whole and (int(whole) or not part.strip(".0")):
        said_parts.append(f"{_cardinal(scan, whole)} {one if int(whole) == 1 or adjective else many}")
    if part and int(part[1:]):
        value = int(part[1:])
        said_parts.append(f"{_cardinal(scan, value)} {cent if value == 1 else cents}")
    return scan.emit(start, end, lead + " and ".join(said_parts))


def _amount(scan: Scan, whole: str, part: str) -> str:
    return numbers.decimal(whole, part[1:], with_and=scan.with_and) if part else _cardinal(scan, whole)


def _read_plain(scan: Scan, position: int) -> int:
    """A number as such, with what follows it: a unit, a range, a letter."""
    text = scan.text
    found = _PLAIN.match(text, position)
    if not found or found.end() == position:
        return scan.emit(position, position + 1, "")
    whole, part = found.group(1) or "", found.group(2) or ""
    end = found.end()
    if part:
        said = numbers.decimal(whole.replace(",", ""), part[1:], with_and=scan.with_and)
        return _after_number(scan, position, end, said, plural=True)
    value = int(whole.replace(",", ""))
    if (len(whole) > 1 and whole[0] == "0") or (len(whole) >= 10 and "," not in whole and not whole.endswith("000")):
        said = numbers.digits(whole)
    elif _is_day(scan, whole, end):
        said = _ordinal(scan, value)
    elif _is_year(scan, whole, value, end):
        age = _AGE.match(text, end) is not None
        said = _short_year(scan, value) if age and value < 1000 else numbers.year(value)
    else:
        said = _cardinal(scan, value)
    return _after_number(scan, position, end, said, plural=value != 1)


def _is_day(scan: Scan, whole: str, end: int) -> bool:
    if len(whole) > 2 or not 1 <= int(whole) <= 31 or scan.previous() not in MONTHS:
        return False
    noun = _FOLLOWING_NOUN.match(scan.text, end)
    is_plural = noun is not None and (noun.group(1) in IRREGULAR_PLURALS)
    return not is_plural and not _UNIT.match(scan.text, end)


def _is_year(scan: Scan, whole: str, value: int, end: int) -> bool:
    before = scan.previous()
    if _AGE.match(scan.text, end) or before in ("AD", "A.D"):
        return value <= 2999 and "," not in whole and value >= 100
    if len(whole) != 4 or not 1000 <= value <= 2099:
        return False
    if scan.text[end : end + 1].isalpha() or _UNIT.match(scan.text, end):
        return False
    if before.lower() in BEFORE_A_YEAR or before in MONTHS or scan.previous_spoken() in ("circa", "born", "died"):
        return True
    if value < 1010 and scan.text[end : end + 1] != ")":
        return False
    if scan.previous_spoken() in (
        "number",
        "numbers",
        "page",
        "pages",
        "minus",
        "plus",
        "times",
        "equals",
        "room",
    ):
        return False
    noun = _FOLLOWING_NOUN.match(scan.text, end)
    if noun is None:
        return True
    word = noun.group(1)
    plural = word in IRREGULAR_PLURALS or (word.endswith("s") and not word.endswith("ss") and word not in NOT_PLURAL)
    return not plural


def _short_year(scan: Scan, value: int) -> str:
    hundreds, rest = divmod(value, 100)
    if rest == 0:
        return _cardinal(scan, value)
    return f"{_cardinal(scan, hundreds)} {'oh ' if rest < 10 else ''}{_cardinal(scan, rest)}"


def _after_number(scan: Scan, start: int, end: int, said: str, *, plural: bool, part: bool = False) -> int:
    """Emit a spelt number together with the unit, cents, range or letters that follow it."""
    text = scan.text
    found = _UNIT.match(text, end)
    if found and not _unit_is_word(scan, found):
        one, many = UNITS[found.group("unit")]
        single = not plural or found.group("gap") == "-" or (scan.previous().lower() in ("a", "an") and not part)
        unit = one if single else many
        if part:
            unit = f"of a {one}"
        if scan.with_and:
            for american, british in BRITISH:
                unit = unit.replace(american, british)
        stop = found.end()
        if text[stop - 1] == ".":
            scan.emit(start, stop - 1, f"{said} {unit}")
            return scan.dot(stop - 1)
        return scan.emit(start, stop, f"{said} {unit}")
    found = _CENTS.match(text, end)
    if found:
        return scan.emit(start, found.end(), f"{said} {'cents' if plural else 'cent'}")
    found = _PRIME.match(text, end)
    if found:
        angle = _after_degrees(scan)
        names = {"′": "minute" if angle else "foot", "″": "second" if angle else "inch"}
        many_names = {"foot": "feet", "inch": "inches"}
        name = names[found.group(1)]
        return scan.emit(start, found.end(), f"{said} {many_names.get(name, name + 's') if plural else name}")
    scan.emit(start, end, said)
    for pattern, spoken in ((_RANGE_SIGN, "to"), (_BY, "by")):
        found = pattern.match(text, end)
        if found:
            first = found.start() + len(found.group()) - len(found.group().lstrip())
            scan.emit(
                first,
                first + len(found.group().strip()),
                spoken if spoken == "to" or "=" not in text else "times",
            )
            return found.end()
    found = _TIMES.match(text, end)
    if found:
        return scan.emit(*found.span(), "times")
    return end


def _unit_is_word(scan: Scan, found: re.Match[str]) -> bool:
    """Letters after a number that are not its unit: ``5 s`` is one, ``Section 5 B`` is not."""
    unit, gap = found.group("unit"), found.group("gap")
    if unit in ("s", "h", "t", "B", "V", "W", "J", "L", "cal", "pt", "min") and gap != " ":
        return unit in ("s", "t", "B", "L", "J", "cal", "pt") and gap != " "
    if unit in ("B", "J") or (unit in ("W", "V", "L") and scan.next_word(found.end())[:1].isupper()):
        return True
    return gap == "-" and unit in ("in.", "ins.")


_READERS = (
    _read_iso_date,
    _read_slash_date,
    _read_clock,
    _read_if_phone,
    _read_year_range,
    _read_day_month,
    _read_ordinal,
    _read_decade,
    _read_feet,
    _read_shillings,
    _read_fraction,
    _read_dotted,
)
