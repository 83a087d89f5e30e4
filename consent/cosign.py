"""Cosignatures of witnesses on tree heads, and what a witness is asked.

Source: c2sp.org/tlog-cosignature (type 0x04, timestamped Ed25519) and the request form of c2sp.org/tlog-witness
(`old SIZE`, consistency proof, empty line, checkpoint). A cosignature says: as of this time, this is the largest
consistent tree head of this log that the witness has seen.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from .encoding import MAX_INT, b64decode, b64encode
from .errors import InvalidInputError
from .keys import PublicKey, SigningKey
from .tree_head import parse_note

__all__ = [
    "Cosignature",
    "Request",
    "cosign",
    "cosignatures",
    "make_request",
    "parse_request",
    "witness_name",
]

_TYPE = b"\x04"
DASH = "— "


@dataclass(frozen=True)
class Cosignature:
    """A valid cosignature of a known key."""

    name: str
    key: str
    time: int

    def text(self) -> str:
        """In one line."""
        when = datetime.datetime.fromtimestamp(self.time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"{self.key} ({self.name}) at {when}"


def witness_name(key: PublicKey) -> str:
    """The name a witness of this program signs under: a schema-less address that holds its key."""
    return f"voicekit.local/witness/{key.did.removeprefix('did:key:')}"


def _key_id(name: str, key: PublicKey) -> bytes:
    return sha256(name.encode("utf-8") + b"\n" + _TYPE + key.raw).digest()[:4]


def _message(body: str, moment: int) -> bytes:
    return f"cosignature/v1\ntime {moment}\n{body}".encode()


def cosign(note: bytes, key: SigningKey, moment: int, name: str = "") -> bytes:
    """The note with one more signature line. Says nothing about whether the key's owner should sign it."""
    name = name or witness_name(key.public)
    body, _lines = parse_note(note)
    blob = _key_id(name, key.public) + moment.to_bytes(8, "big") + key.sign(_message(body, moment))
    return note + f"{DASH}{name} {b64encode(blob)}\n".encode()


def cosignatures(note: bytes, witnesses: Iterable[PublicKey]) -> tuple[Cosignature, ...]:
    """Valid cosignatures of these keys, whatever name they signed under; lines of other keys are skipped.

    Raises
    ------
    InvalidInputError
        A line bears the name and id of a known key and does not verify.
    """
    body, lines = parse_note(note)
    found: list[Cosignature] = []
    for key in witnesses:
        for name, blob in lines:
            if blob[:4] != _key_id(name, key) or len(blob) != 4 + 8 + 64:
                continue
            moment = int.from_bytes(blob[4:12], "big")
            if moment > MAX_INT or not key.verify(blob[12:], _message(body, moment)):
                raise InvalidInputError(
                    f"the cosignature of {key.did} does not verify", file="checkpoint", reason="checkpoint-invalid"
                )
            found.append(Cosignature(name, key.did, moment))
    return tuple(found)


@dataclass(frozen=True)
class Request:
    """A tree head to be cosigned, and how it continues one of `old` entries."""

    old: int
    path: tuple[bytes, ...]
    note: bytes


def make_request(old: int, path: Sequence[bytes], note: bytes) -> bytes:
    """A request's text: the consistency proof from `old` entries to the head in `note`."""
    return f"old {old}\n{''.join(b64encode(item) + chr(10) for item in path)}\n".encode() + note


def parse_request(data: bytes) -> Request:
    """Read a request, or a bare checkpoint (then `old` is -1: whatever the witness has seen)."""
    if not data.startswith(b"old "):
        return Request(-1, (), data)
    head, blank, note = data.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    number = lines[0].removeprefix("old ")
    plain = number.isascii() and number.isdigit() and len(number) <= 16 and str(int(number)) == number
    if not blank or not plain or len(lines) > 65:
        raise InvalidInputError("not a request to cosign", file="request", reason="request-invalid")
    path = tuple(b64decode(line, what="request") for line in lines[1:])
    if any(len(item) != 32 for item in path):
        raise InvalidInputError("a hash of the proof is not 32 bytes", file="request", reason="request-invalid")
    return Request(int(number), path, note)
