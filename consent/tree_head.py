"""Signed tree heads: C2SP checkpoints in signed notes, and `tlog-proof@v1` texts.

Source: c2sp.org/signed-note, tlog-checkpoint, tlog-proof. Log key type 0x01 (Ed25519). A note may carry
further signature lines (witnesses); lines of unknown keys are skipped, as the specification asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from .encoding import MAX_INT, b64decode, b64encode
from .errors import InvalidInputError, UsageError
from .keys import PublicKey, SigningKey

__all__ = [
    "Checkpoint",
    "format_tlog_proof",
    "parse_note",
    "parse_tlog_proof",
    "read_checkpoint",
    "sign_checkpoint",
    "verify_checkpoint",
]

_ED25519 = b"\x01"
_DASH = "— "
_MAX_NOTE = 1 << 16
_MAX_PATH = 64
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"


def _refuse(problem: str) -> InvalidInputError:
    return InvalidInputError(problem, file="checkpoint", reason="checkpoint-invalid")


@dataclass(frozen=True)
class Checkpoint:
    """A tree head: which log, how many entries, which root.

    Parameters
    ----------
    origin : str
        Name of the log, `voicekit.local/<ledger id>`.
    size : int
        Number of entries.
    root : bytes
        32-byte Merkle root.
    """

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The signed text."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root)}\n"


def _key_id(name: str, key: PublicKey) -> bytes:
    return sha256(name.encode("utf-8") + b"\n" + _ED25519 + key.raw).digest()[:4]


def sign_checkpoint(head: Checkpoint, key: SigningKey) -> bytes:
    """The signed note of a tree head; the key's name is the log's origin."""
    if not head.origin or any(c.isspace() or c == "+" for c in head.origin):
        raise UsageError(f"{head.origin!r} cannot be an origin: no spaces, no plus sign")
    body = head.body()
    blob = _key_id(head.origin, key.public) + key.sign(body.encode("utf-8"))
    return f"{body}\n{_DASH}{head.origin} {b64encode(blob)}\n".encode()


def parse_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Split a signed note into its text and its (name, key id + signature) lines, unverified."""
    if len(note) > _MAX_NOTE:
        raise _refuse("the note is too large")
    try:
        text = note.decode("utf-8", "strict")
    except UnicodeDecodeError as exc:
        raise _refuse("the note is not UTF-8") from exc
    if any(ord(c) < 0x20 and c != "\n" for c in text):
        raise _refuse("the note contains control characters")
    cut = text.rfind("\n\n")
    if cut < 0 or not text.endswith("\n"):
        raise _refuse("the note has no signature block")
    body, block = text[: cut + 1], text[cut + 2 :]
    lines: list[tuple[str, bytes]] = []
    for line in block[:-1].split("\n"):
        parts = line.removeprefix(_DASH).split(" ")
        if not line.startswith(_DASH) or len(parts) != 2 or not parts[0]:
            raise _refuse("a signature line is malformed")
        blob = b64decode(parts[1], what="checkpoint")
        if len(blob) < 5:
            raise _refuse("a signature is too short")
        lines.append((parts[0], blob))
    return body, lines


def read_checkpoint(note: bytes) -> Checkpoint:
    """Parse a note's tree head without verifying it (to say which sizes disagree)."""
    body, _lines = parse_note(note)
    parts = body.split("\n")
    if len(parts) < 4 or parts[-1]:
        raise _refuse("a checkpoint has an origin, a size and a root")
    if len(parts) > 4:
        raise _refuse("extension lines are not used here")
    origin, size, root64 = parts[0], parts[1], parts[2]
    if not origin or not size.isascii() or not size.isdigit() or len(size) > 16 or str(int(size)) != size:
        raise _refuse("the size is not a plain decimal number")
    if int(size) > MAX_INT:
        raise _refuse("the size is out of range")
    root = b64decode(root64, what="checkpoint")
    if len(root) != 32:
        raise _refuse("the root is not 32 bytes")
    return Checkpoint(origin, int(size), root)


def verify_checkpoint(note: bytes, key: PublicKey, origin: str) -> Checkpoint:
    """Verify a signed note strictly and return its tree head.

    Raises
    ------
    InvalidInputError
        reason checkpoint-invalid: malformed, another log, or no valid signature of `key`.
    """
    head = read_checkpoint(note)
    if head.origin != origin:
        raise _refuse(f"it belongs to {head.origin}, not to {origin}")
    body, lines = parse_note(note)
    known = _key_id(origin, key)
    mine = [blob for name, blob in lines if name == origin and blob[:4] == known]
    if len(mine) != 1 or not key.verify(mine[0][4:], body.encode("utf-8")):
        raise _refuse("the log's signature is missing or wrong")
    return head


def format_tlog_proof(index: int, path: Sequence[bytes], note: bytes) -> str:
    """One entry's inclusion proof as `c2sp.org/tlog-proof@v1` text."""
    hashes = "".join(f"{b64encode(item)}\n" for item in path)
    return f"{_PROOF_HEADER}\nindex {index}\n{hashes}\n{note.decode('utf-8')}"


def parse_tlog_proof(text: str) -> tuple[int, list[bytes], bytes]:
    """Index, audit path and checkpoint note of a `tlog-proof@v1` text, unverified."""
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != _PROOF_HEADER or len(lines) < 2 or len(lines) > _MAX_PATH + 2:
        raise InvalidInputError(f"not a {_PROOF_HEADER} text", file="proof", reason="proof-invalid")
    number = lines[1].removeprefix("index ")
    if not lines[1].startswith("index ") or not number.isascii() or not number.isdigit() or len(number) > 16:
        raise InvalidInputError("the proof has no index", file="proof", reason="proof-invalid")
    if str(int(number)) != number:
        raise InvalidInputError("the proof's index is not canonical", file="proof", reason="proof-invalid")
    try:
        tail = note.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidInputError("the proof is not valid text", file="proof", reason="proof-invalid") from exc
    path = [b64decode(line, what="proof") for line in lines[2:]]
    if any(len(item) != 32 for item in path):
        raise InvalidInputError("a hash of the proof is not 32 bytes", file="proof", reason="proof-invalid")
    return int(number), path, tail
