"""A signed note of what a verified ledger held, so that its next opening need not parse every entry again.

It binds the content of every complete block (all columns of 256 entries) to the tree's subtree roots, and
holds what follows from those entries. It is believed only when the operator's key in force signed it, every
stored byte of the blocks still gives the digests in it, and its root is a prefix of the signed tree head; else
the ledger is read in full. `consent audit` never looks at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .encoding import b64decode, b64encode, canonical, parse_json
from .envelope import Envelope
from .errors import InvalidInputError
from .keys import PublicKey, SigningKey
from .tree import BLOCK

__all__ = ["OpenIntent", "Snapshot", "block_digest", "make_snapshot", "read_snapshot"]

PAYLOAD_TYPE = "application/vnd.voicekit.snapshot+json;version=1"
MAX_SNAPSHOT = 4 << 20
_FIELDS = {"ledger", "size", "root", "time", "content", "subtrees", "decisive", "spent", "open"}


@dataclass(frozen=True)
class OpenIntent:
    """A begun render without an end, and the entry that began it."""

    grant: str
    seconds: int
    time: int
    seq: int


@dataclass(frozen=True)
class Snapshot:
    """What `size` entries (whole blocks) held.

    Parameters
    ----------
    size : int
        Entries.
    root : bytes
        Root of the tree over them.
    time : int
        Time of the last of them.
    content, subtrees : tuple of bytes
        For each block: digest of its stored rows; root of its leaves.
    decisive : tuple of int
        Places of the entries that decide (genesis, keys, grants, records, revocations).
    spent : dict
        Grant -> renders and seconds receipted.
    open : dict
        Intent -> its facts.
    """

    size: int
    root: bytes
    time: int
    content: tuple[bytes, ...]
    subtrees: tuple[bytes, ...]
    decisive: tuple[int, ...]
    spent: dict[str, tuple[int, int]]
    open: dict[str, OpenIntent]


def block_digest(columns: bytes, envelopes: bytes) -> bytes:
    """Digest of a block's rows.

    Parameters
    ----------
    columns : bytes
        ``LEAF SP digest SP kind SP time`` of each row, joined by line feeds; the leaf in upper-case hexadecimal.
        None of the four holds a space or a line feed, so no two blocks have one such text.
    envelopes : bytes
        SHA-256 of the envelopes joined by zero bytes (no envelope holds one).
    """
    return sha256(sha256(columns).digest() + envelopes).digest()


def make_snapshot(ledger: str, snapshot: Snapshot, key: SigningKey) -> bytes:
    """Sign a snapshot; the lists are texts, so that reading them costs little."""
    payload: dict[str, Any] = {
        "ledger": ledger,
        "size": snapshot.size,
        "root": b64encode(snapshot.root),
        "time": snapshot.time,
        "content": b64encode(b"".join(snapshot.content)),
        "subtrees": b64encode(b"".join(snapshot.subtrees)),
        "decisive": " ".join(map(str, snapshot.decisive)),
        "spent": " ".join(f"{name}:{renders}:{seconds}" for name, (renders, seconds) in snapshot.spent.items()),
        "open": " ".join(f"{name}:{x.grant}:{x.seconds}:{x.time}:{x.seq}" for name, x in snapshot.open.items()),
    }
    return Envelope.sign(PAYLOAD_TYPE, canonical(payload), key).to_bytes()


def read_snapshot(data: bytes | None, ledger: str, key: PublicKey) -> Snapshot | None:
    """Read a snapshot; None when there is none, or it is not one that `key` signed for this ledger."""
    if data is None or len(data) > MAX_SNAPSHOT:
        return None
    try:
        envelope = Envelope.parse(data, what="snapshot", max_bytes=MAX_SNAPSHOT)
        if envelope.payload_type != PAYLOAD_TYPE:
            return None
        envelope.require(key, what="snapshot")
        obj = parse_json(envelope.payload, what="snapshot", max_bytes=MAX_SNAPSHOT)
        if set(obj) != _FIELDS or obj["ledger"] != ledger:
            return None
        return _read(obj)
    except (InvalidInputError, ValueError, TypeError, AttributeError):
        return None


def _read(obj: dict[str, Any]) -> Snapshot | None:
    size = int(obj["size"])
    content, subtrees = _hashes(obj["content"]), _hashes(obj["subtrees"])
    if size <= 0 or size % BLOCK or len(content) != size // BLOCK or len(subtrees) != len(content):
        return None
    spent: dict[str, tuple[int, int]] = {}
    for item in obj["spent"].split():
        name, renders, seconds = item.split(":")
        spent[name] = (int(renders), int(seconds))
    begun: dict[str, OpenIntent] = {}
    for item in obj["open"].split():
        name, grant, length, moment, seq = item.split(":")
        begun[name] = OpenIntent(grant, int(length), int(moment), int(seq))
    decisive = tuple(map(int, obj["decisive"].split()))
    if not decisive or decisive[0] != 0 or any(a >= b for a, b in zip(decisive, (*decisive[1:], size), strict=True)):
        return None
    return Snapshot(size, b64decode(obj["root"]), int(obj["time"]), content, subtrees, decisive, spent, begun)


def _hashes(text: str) -> tuple[bytes, ...]:
    data = b64decode(text)
    return tuple(data[i : i + 32] for i in range(0, len(data), 32))
