"""What is kept outside the database: the high-water note, and refusals when the ledger itself cannot be
trusted.

A file cannot tell that it was replaced by an older copy of itself; only something elsewhere can. The note is
the newest signed tree head, kept in another folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .chain import Chain, origin_of
from .encoding import sha256_hex
from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey, SigningKey, read_small_file, write_new_file
from .statements import Refusal, new_nonce
from .tree import Tree
from .tree_head import Checkpoint, read_checkpoint, verify_checkpoint

__all__ = [
    "HIGH_WATER",
    "REFUSALS",
    "compare_head",
    "compare_high_water",
    "record_refusal",
    "rolled_back",
    "verify_note",
    "write_high_water",
]

HIGH_WATER = "highwater.note"
REFUSALS = "refusals.jsonl"
_MAX_LOG = 64 << 20


def write_high_water(sidecar: Path, note: bytes) -> None:
    """Replace the note; called after each commit."""
    sidecar.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_new_file(sidecar / HIGH_WATER, note, replace=True)


def verify_note(note: bytes, chain: Chain, *more: PublicKey) -> Checkpoint:
    """Verify a tree head kept outside: the key in force at its size must have signed it.

    A note about more entries than the ledger has may be signed by the key trusted now, by the last one the
    ledger knows, or by one of `more`.

    Raises
    ------
    InvalidInputError
        reason checkpoint-invalid.
    """
    origin = origin_of(chain.ledger)
    size = read_checkpoint(note).size
    keys = (chain.keys.operator_at(size),) if size <= len(chain) else (chain.operator, chain.keys.latest, *more)
    for key in keys[:-1]:
        try:
            return verify_checkpoint(note, key, origin)
        except InvalidInputError:
            continue
    return verify_checkpoint(note, keys[-1], origin)


def compare_high_water(sidecar: Path, chain: Chain) -> bool:
    """Compare the ledger with its high-water note; True when the note is behind and should be renewed.

    Raises
    ------
    ConsentRefusedError
        highwater-missing, highwater-invalid, ledger-replaced, ledger-rolled-back or ledger-forked.
    """
    path, origin = sidecar / HIGH_WATER, origin_of(chain.ledger)
    try:
        note = read_small_file(path, 1 << 16)
    except InvalidInputError as exc:
        raise ConsentRefusedError(
            "highwater-missing",
            f"{path} cannot be read, so it cannot be told whether the ledger is the newest",
            remedy="Put it back; or, if the ledger surely is the newest, `consent audit --renew-highwater`",
        ) from exc
    try:
        claimed = read_checkpoint(note)
        if claimed.origin != origin:
            raise ConsentRefusedError(
                "ledger-replaced",
                f"{path} is about {claimed.origin}, but the ledger is {origin}",
                remedy="Restore the ledger that belongs here",
            )
        head = verify_note(note, chain)
    except InvalidInputError as exc:
        raise ConsentRefusedError(
            "highwater-invalid",
            f"{path}: {exc.problem}",
            remedy="Restore it from a backup; or `consent audit --renew-highwater`",
        ) from exc
    compare_head(head, chain.leaves, str(path))
    return head.size < len(chain)


def rolled_back(sidecar: Path, ledger: str, operator: PublicKey, size: int) -> ConsentRefusedError | None:
    """Whether the note, signed by `operator`, has seen more than the `size` entries of a ledger that is not.

    An older copy from before the operator's key was replaced has a tree head which the new key did not sign;
    the note says what it is.
    """
    path = sidecar / HIGH_WATER
    try:
        head = verify_checkpoint(read_small_file(path, 1 << 16), operator, origin_of(ledger))
    except InvalidInputError:
        return None
    return _rolled_back(size, head.size, str(path)) if head.size > size else None


def compare_head(head: Checkpoint, leaves: Tree, source: str) -> None:
    """Whether a verified tree head from `source` is part of the ledger's history.

    Raises
    ------
    ConsentRefusedError
        ledger-rolled-back or ledger-forked, naming both sizes.
    """
    if head.size > len(leaves):
        raise _rolled_back(len(leaves), head.size, source)
    if leaves.root(head.size) != head.root:
        raise ConsentRefusedError(
            "ledger-forked",
            f"the first {head.size} of {len(leaves)} entries are not those that {source} has seen",
            remedy="Two histories exist under one key: keep both and find out which is true",
        )


def _rolled_back(size: int, seen: int, source: str) -> ConsentRefusedError:
    return ConsentRefusedError(
        "ledger-rolled-back",
        f"the ledger has {size} entries, but {source} has seen {seen}",
        remedy="Restore the newest copy of the ledger",
    )


def record_refusal(
    folders: Sequence[Path], key: SigningKey, *, ledger: str, reason: str, during: str, voice: str, now: int
) -> None:
    """Append a signed line to `refusals.jsonl` in every folder, and flush it to disk.

    Used when the ledger cannot be appended to soundly; each line names the hash of the line before it.
    """
    for folder in folders:
        path = folder / REFUSALS
        previous = "none"
        if path.exists():
            lines = read_small_file(path, _MAX_LOG).splitlines()
            previous = sha256_hex(lines[-1]) if lines else "none"
        line = (
            Refusal(
                ledger=ledger,
                nonce=new_nonce(),
                time=now,
                reason=reason,
                during=during,
                previous=previous,
                voice=voice,
            )
            .sign(key)
            .to_bytes()
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            os.write(fd, line + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)


def read_refusals(folder: Path) -> list[bytes]:
    """Lines of a refusal log (empty when there is none)."""
    path = folder / REFUSALS
    return read_small_file(path, _MAX_LOG).splitlines() if path.exists() else []
