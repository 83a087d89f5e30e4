"""Loose revocations: signed files that count as soon as they lie in the drop folder, entry or no entry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .authority import check_signatures
from .envelope import Envelope
from .errors import InvalidInputError
from .keys import PublicKey, read_small_file
from .statements import ANY_LEDGER, Revocation, parse_statement

__all__ = ["Dropped", "read_revocation", "scan"]

_MAX_FILES = 2_000
_MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class Dropped:
    """One file of the drop folder: a revocation, or why it is none."""

    path: Path
    envelope: Envelope | None = None
    revocation: Revocation | None = None
    problem: str = ""


def read_revocation(data: bytes, ledger: str, operator: PublicKey, *, what: str) -> tuple[Envelope, Revocation]:
    """Parse a revocation and check the signature of the key it names.

    Raises
    ------
    InvalidInputError
        Malformed, unsigned, or made for another ledger.
    """
    envelope = Envelope.parse(data, what=what)
    statement = parse_statement(envelope, Revocation, what=what)
    check_signatures(statement, envelope, operator, what=what)
    if not isinstance(statement, Revocation) or statement.ledger not in (ledger, ANY_LEDGER):
        raise InvalidInputError("made for another ledger", file=what, reason="ledger-mismatch")
    return envelope, statement


@lru_cache(maxsize=4_096)
def _read_known(data: bytes, ledger: str, operator: PublicKey, what: str) -> tuple[Envelope, Revocation]:
    # The folder is read at every decision; the same bytes need not be parsed and verified each time.
    return read_revocation(data, ledger, operator, what=what)


def scan(folder: Path, ledger: str, operator: PublicKey) -> list[Dropped]:
    """Read every file of the drop folder; unusable files are reported, never fatal and never obeyed."""
    found: list[Dropped] = []
    if not folder.is_dir():
        return found
    for path in sorted(folder.iterdir())[:_MAX_FILES]:
        if path.name.startswith("."):
            continue
        try:
            data = read_small_file(path, _MAX_BYTES)
            envelope, revocation = _read_known(data, ledger, operator, str(path))
            found.append(Dropped(path, envelope, revocation))
        except InvalidInputError as exc:
            found.append(Dropped(path, problem=str(exc)))
    return found
