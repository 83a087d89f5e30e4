"""Who a grant speaks of: a name and a contact, kept beside the ledger so that they can be erased.

The ledger itself holds `name_commit`, which is H(salt || name). With the salt gone nobody can tell any more whose
name it was, and every proof stays as valid as before.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .encoding import dump, parse_json, sha256_hex
from .fields import Record, hexes, text

__all__ = ["SIDE_CHALLENGE", "SIDE_NOTICE", "SIDE_PERSON", "Person", "named_in"]

#: Kinds of the erasable side table: persons by their commitment, notices by their hash, open challenges.
SIDE_CHALLENGE = "challenge"
SIDE_PERSON = "person"
SIDE_NOTICE = "notice"


@dataclass(frozen=True)
class Person(Record):
    """A speaker's name and how to reach them, with the salt that opens the grant's commitment."""

    salt: str = hexes(64)
    name: str = text()
    contact: str = text(high=400, default="")

    @classmethod
    def of(cls, name: str, contact: str = "") -> Person:
        """With a fresh salt."""
        return cls(secrets.token_hex(32), unicodedata.normalize("NFC", name), unicodedata.normalize("NFC", contact))

    @property
    def commitment(self) -> str:
        """What the grant says instead of the name."""
        return sha256_hex(bytes.fromhex(self.salt) + self.name.encode("utf-8"))

    def to_bytes(self) -> bytes:
        """As kept in the side table."""
        return dump(self.as_obj())

    @classmethod
    def parse(cls, data: bytes) -> Person:
        """Read `to_bytes`.

        Raises
        ------
        InvalidInputError
            Malformed.
        """
        return cls.from_obj(parse_json(data, what="person"))


def named_in(name: str, value: Any, place: str = "") -> Iterator[str]:
    """Places of a JSON value whose text contains a person's name."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from named_in(name, item, f"{place}.{key}".strip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from named_in(name, item, f"{place}[{index}]")
    elif isinstance(value, str) and re.search(rf"(?<!\w){re.escape(_plain(name))}(?!\w)", _plain(value)):
        yield place


def _plain(value: str) -> str:
    return " ".join(unicodedata.normalize("NFC", value).casefold().split())
