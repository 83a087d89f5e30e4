"""What is kept outside the database: the high-water note, and refusals when the ledger itself cannot be
trusted.

A file cannot tell that it was replaced by an older copy of itself; only something elsewhere can. The note is
the newest signed tree head, kept in another folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from . import merkle
from .encoding import sha256_hex
from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey, SigningKey, read_small_file, write_new_file
from .statements import Refusal, new_nonce
from .tree_head import Checkpoint, read_checkpoint, verify_checkpoint

__all__ = [
    "HIGH_WATER",
    "REFUSALS",
    "compare_head",
    "compare_high_water",
    "record_refusal",
    "write_high_water",
]

HIGH_WATER = "highwater.note"
REFUSALS = "refusals.jsonl"
_MAX_LOG = 64 << 20


def write_high_water(sidecar: Path, note: bytes) -> None:
    """Replace the note; called after each commit."""
    sidecar.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_new_file(sidecar / HIGH_WATER, note, replace=True)


def compare_high_water(sidecar: Path, leaves: Sequence[bytes], operator: PublicKey, origin: str) -> bool:
    """Compare the ledger with its high-water note; True when the note is behind and should be renewed.

    Raises
    ------
    ConsentRefusedError
        highwater-missing, highwater-invalid, ledger-replaced, ledger-rolled-back or ledger-forked.
    """
    path = sidecar / HIGH_WATER
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
        head = verify_checkpoint(note, operator, origin)
    except InvalidInputError as exc:
        raise ConsentRefusedError(
            "highwater-invalid",
            f"{path}: {exc.problem}",
            remedy="Restore it from a backup; or `consent audit --renew-highwater`",
        ) from exc
    compare_head(head, leaves, str(path))
    return head.size < len(leaves)


def compare_head(head: Checkpoint, leaves: Sequence[bytes], source: str) -> None:
    """Whether a verified tree head from `source` is part of the ledger's history.

    Raises
    ------
    ConsentRefusedError
        ledger-rolled-back (naming both sizes) or ledger-forked.
    """
    if head.size > len(leaves):
        raise ConsentRefusedError(
            "ledger-rolled-back",
            f"the ledger has {len(leaves)} entries, but {source} has seen {head.size}",
            remedy="Restore the newest copy of the ledger",
        )
    if merkle.root(leaves[: head.size]) != head.root:
        raise ConsentRefusedError(
            "ledger-forked",
            f"the first {head.size} of {len(leaves)} entries are not those that {source} has seen",
            remedy="Two histories exist under one key: keep both and find out which is true",
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
