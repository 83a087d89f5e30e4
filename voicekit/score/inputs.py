"""What all readers of scores share: bytes under a cap, numbers within a range, JSON and zip files without traps."""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from voicekit.errors import InputError
from voicekit.score.model import Notice

__all__ = ["MAX_BEATS", "MAX_NOTES", "Notices", "Place", "load_bytes", "load_json", "parse_number", "read_member"]

MAX_BYTES = 64 * 2**20
#: A day of music at 300 quarter notes a minute is 432,000 beats.
MAX_BEATS = 500_000
MAX_NOTES = 500_000
MAX_MEMBERS = 2_000
#: Scores in MusicXML compress 10 to 40 times, zip bombs a thousand times.
MAX_RATIO = 300
SMALL_BYTES = 2**20
_DECIMAL = re.compile(r"[+-]?(\d{1,15}(\.\d{0,25})?|\.\d{1,25})\Z")


@dataclass
class Notices:
    """Collects notices; the same text at many places becomes one line that counts them."""

    _places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, place: str, text: str) -> None:
        """Something at a place was not honoured, or guessed."""
        self._places.setdefault(text, []).append(place)

    def found(self) -> tuple[Notice, ...]:
        """All of them, in the order they were first met."""
        return tuple(
            Notice(places[0], text if len(places) == 1 else f"{text} (and at {len(places) - 1} more)")
            for text, places in self._places.items()
        )


@dataclass(frozen=True)
class Place:
    """Where a reader stands, for its errors."""

    path: Path
    where: str = ""

    def at(self, where: str) -> Place:
        """The same file at another place."""
        return Place(self.path, where)

    def error(self, problem: str, remedy: str = "correct it there, or export the score anew") -> InputError:
        """An error that names file and place."""
        return InputError(self.path, self.where, problem, remedy)


def load_bytes(path: Path) -> bytes:
    """A whole file.

    Raises
    ------
    InputError
        It is not there, a folder, empty, or larger than 64 MiB.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise InputError(path, "", "is a folder", "give a score file") from None
    except (OSError, ValueError) as error:
        raise InputError(path, "", f"cannot be read ({getattr(error, 'strerror', error)})", "check the path") from None
    if len(data) > MAX_BYTES:
        raise InputError(path, "", f"is larger than {MAX_BYTES // 2**20} MiB", "this is no ordinary score")
    if not data:
        raise InputError(path, "", "is empty", "export the score anew")
    return data


def parse_number(value: object, place: Place, what: str, low: float = -1e9, high: float = 1e9) -> Fraction:
    """An exact number from a number or its plain decimal text.

    Raises
    ------
    InputError
        It is none, or outside `low` .. `high`.
    """
    exact: Fraction | None = None
    if isinstance(value, str) and _DECIMAL.match(value.strip()):
        exact = Fraction(value.strip())
    elif isinstance(value, int) and not isinstance(value, bool):
        exact = Fraction(value)
    elif isinstance(value, float) and math.isfinite(value):
        # the shortest decimal that gives this float is what its file says
        exact = Fraction(repr(value))
    if exact is None:
        raise place.error(f"{what} is {str(value)[:40]!r}, not a number")
    if not low <= exact <= high:
        raise place.error(f"{what} is {float(exact):g}, outside {low:g} to {high:g}")
    return exact


def load_json(data: bytes, path: Path) -> Any:
    """The value of a JSON file (UTF-8, with or without a byte order mark; a trailing zero byte is taken off).

    Raises
    ------
    InputError
        It is not JSON, nested too deeply, or has NaN or infinite numbers.
    """

    def refuse(name: str) -> float:
        raise ValueError(f"the number {name} is not allowed")

    try:
        return json.loads(data.rstrip(b"\x00").decode("utf-8-sig"), parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise InputError(path, f"byte {error.start}", "is not UTF-8", "export the score anew") from None
    except json.JSONDecodeError as error:
        raise InputError(path, f"line {error.lineno}", f"is not JSON ({error.msg})", "export the score anew") from None
    except ValueError as error:
        raise InputError(path, "", f"is not JSON ({error})", "export the score anew") from None
    except RecursionError:
        raise InputError(path, "", "is nested too deeply", "this is no ordinary score") from None


def read_member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """One member of a zip file, whole, under a cap.

    Raises
    ------
    InputError
        It is not there, encrypted, damaged, or a zip bomb.
    """
    place = Place(path, name)
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise place.error("is named in the container but not in it", "export the score anew") from None
    if info.flag_bits & 0x1:
        raise place.error("is encrypted", "give the score without a password")
    limit = min(MAX_BYTES, max(SMALL_BYTES, info.compress_size * MAX_RATIO))
    try:
        with archive.open(info) as member:
            data = member.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, ValueError) as error:
        raise place.error(f"is damaged ({error})", "get the file again") from None
    except (NotImplementedError, RuntimeError) as error:
        raise place.error(f"cannot be unpacked ({error})", "export the score anew") from None
    if len(data) > limit or info.file_size > limit:
        raise place.error(f"unpacks to more than {limit // 2**20} MiB: this looks like a zip bomb", "do not use it")
    return data
