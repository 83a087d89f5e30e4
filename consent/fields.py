"""Declared fields: one table per statement says what it holds, and construction and parsing both obey it.

Everything checked here arrives from outside at some time, so every violation is an `InvalidInputError` that
names the field. Texts refuse control and bidirectional-override characters: what a speaker is shown must be
what is signed.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Self

from .encoding import MAX_INT
from .errors import InvalidInputError
from .keys import PublicKey

__all__ = ["Record", "did", "flag", "hexes", "many", "measures", "nested", "text", "texts", "whole"]

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]")
_MISSING: Any = dataclasses.MISSING

Check = Callable[[Any, str], Any]


def _bad(place: str, problem: str) -> InvalidInputError:
    return InvalidInputError(problem, place=place or "statement", reason="field-invalid")


def _field(check: Check, default: Any = _MISSING) -> Any:
    return dataclasses.field(default=default, metadata={"check": check})


def _text_check(pattern: str, low: int, high: int) -> Check:
    compiled = re.compile(pattern, re.DOTALL)

    def check(value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise _bad(place, f"must be text, not {type(value).__name__}")
        if not low <= len(value) <= high:
            raise _bad(place, f"must be {low} to {high} characters long, not {len(value)}")
        if _HIDDEN.search(value):
            raise _bad(place, "contains control or text-direction characters")
        if not unicodedata.is_normalized("NFC", value):
            raise _bad(place, "is not in Unicode normal form C")
        if not compiled.fullmatch(value):
            raise _bad(place, f"{value[:60]!r} does not have the form {pattern}")
        return value

    return check


def text(pattern: str = ".*", *, low: int = 1, high: int = 200, default: Any = _MISSING) -> Any:
    """A text field of `low` to `high` characters; an optional one is left out when it equals its default."""
    check = _text_check(pattern, low, high)
    if default is _MISSING:
        return _field(check)
    return _field(lambda value, place: value if value == default else check(value, place), default)


def hexes(digits: int, *, default: Any = _MISSING) -> Any:
    """Lower-case hexadecimal digits."""
    return text(f"[0-9a-f]{{{digits}}}", low=digits, high=digits, default=default)


def did(*, default: Any = _MISSING) -> Any:
    """An admitted Ed25519 key as did:key."""

    def check(value: Any, place: str) -> str:
        if default is not _MISSING and value == default:
            return str(value)
        if not isinstance(value, str):
            raise _bad(place, "must be a did:key")
        try:
            PublicKey.from_did(value)
        except InvalidInputError as exc:
            raise InvalidInputError(exc.problem, place=place, remedy=exc.remedy, reason=exc.reason) from exc
        return value

    return _field(check, default)


def whole(low: int = 0, high: int = MAX_INT, *, default: Any = _MISSING) -> Any:
    """An integer."""

    def check(value: Any, place: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _bad(place, f"must be a whole number, not {type(value).__name__}")
        if value == default:
            return value
        if not low <= value <= high:
            raise _bad(place, f"must be between {low} and {high}, not {value}")
        return value

    return _field(check, default)


def flag(*, default: Any = _MISSING) -> Any:
    """True or false."""

    def check(value: Any, place: str) -> bool:
        if not isinstance(value, bool):
            raise _bad(place, "must be true or false")
        return value

    return _field(check, default)


def texts(
    pattern: str = ".*",
    *,
    choices: Mapping[str, Any] | frozenset[str] | None = None,
    low: int = 0,
    most: int = 500,
    high: int = 200,
    ordered: bool = False,
    default: Any = _MISSING,
) -> Any:
    """A list of different texts, kept sorted unless `ordered`."""
    check_one = _text_check(pattern, 1, high)

    def check(value: Any, place: str) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise _bad(place, "must be a list of texts")
        if not low <= len(value) <= most:
            raise _bad(place, f"must have {low} to {most} items, not {len(value)}")
        items = [check_one(item, f"{place}[{i}]") for i, item in enumerate(value)]
        for i, item in enumerate(items):
            if choices is not None and item not in choices:
                raise _bad(f"{place}[{i}]", f"{item!r} is none of {', '.join(sorted(choices))[:400]}")
        if len(set(items)) != len(items):
            raise _bad(place, "names something twice")
        return tuple(items if ordered else sorted(items))

    return _field(check, default)


def nested(kind: type[Record], *, default: Any = _MISSING) -> Any:
    """Another record."""

    def check(value: Any, place: str) -> Any:
        return value if isinstance(value, kind) else kind.from_obj(value, place)

    return _field(check, default)


def many(kind: type[Record], *, low: int = 0, most: int = 200, default: Any = _MISSING) -> Any:
    """A list of records, in the order given."""

    def check(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)) or not low <= len(value) <= most:
            raise _bad(place, f"must be a list of {low} to {most} items")
        items = enumerate(value)
        return tuple(item if isinstance(item, kind) else kind.from_obj(item, f"{place}[{i}]") for i, item in items)

    return _field(check, default)


def measures(*, most: int = 100, default: Any = _MISSING) -> Any:
    """A flat table of named integers, booleans and short texts."""
    name_check = _text_check("[a-z][a-z0-9_.-]*", 1, 80)
    text_check = _text_check(".*", 0, 500)

    def check(value: Any, place: str) -> tuple[tuple[str, Any], ...]:
        if not isinstance(value, (Mapping, tuple)):
            raise _bad(place, "must be a table of names and values")
        items = dict(value)
        if len(items) > most:
            raise _bad(place, f"has more than {most} rows")
        for name, item in items.items():
            name_check(name, f"{place}.{name}"[:120])
            if isinstance(item, str):
                text_check(item, f"{place}.{name}")
            elif not isinstance(item, int) or abs(item) > MAX_INT:
                raise _bad(f"{place}.{name}", "must be a whole number, true, false or a short text (no fractions)")
        return tuple(sorted(items.items()))

    # Kept as sorted pairs so that the record stays hashable; `as_obj` gives the table back.
    return dataclasses.field(default=default, metadata={"check": check, "table": True})


@dataclasses.dataclass(frozen=True)
class Record:
    """Base of everything that is signed: a frozen dataclass whose fields carry their checks."""

    def __post_init__(self) -> None:
        for item in _fields(type(self)):
            value = item.metadata["check"](getattr(self, item.name), item.name)
            object.__setattr__(self, item.name, value)
        self.check()

    def check(self) -> None:
        """Rules that tie several fields together; overridden where there are any."""

    def as_obj(self) -> dict[str, Any]:
        """The JSON object; optional fields at their default are left out."""
        out: dict[str, Any] = {}
        for item in _fields(type(self)):
            value = getattr(self, item.name)
            if item.default is not dataclasses.MISSING and value == item.default:
                continue
            out[item.name] = dict(value) if item.metadata.get("table") else _plain(value)
        return out

    @classmethod
    def from_obj(cls, obj: Any, place: str = "") -> Self:
        """Build from a parsed JSON object; unknown and missing fields are refused."""
        if not isinstance(obj, dict):
            raise _bad(place, "must be an object")
        known = {item.name: item for item in _fields(cls)}
        for name in obj:
            if name not in known:
                raise _bad(f"{place}.{name}".strip("."), "is not a field of this statement")
        for name, item in known.items():
            if name not in obj and item.default is dataclasses.MISSING:
                raise _bad(f"{place}.{name}".strip("."), "is missing")
        try:
            return cls(**obj)
        except InvalidInputError as exc:
            if not place:
                raise
            raise InvalidInputError(
                exc.problem, place=f"{place}.{exc.place}", remedy=exc.remedy, reason=exc.reason
            ) from exc


_FIELDS: dict[type, tuple[dataclasses.Field[Any], ...]] = {}


def _fields(cls: type[Record]) -> tuple[dataclasses.Field[Any], ...]:
    # An audit asks a million times; `dataclasses.fields` sorts them out anew at each.
    found = _FIELDS.get(cls)
    if found is None:
        found = _FIELDS[cls] = dataclasses.fields(cls)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.as_obj()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
