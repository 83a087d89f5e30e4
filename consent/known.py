"""Keys the operator knows by other ways: `keys/known.txt` in the ledger's folder, one key a line.

A line is `did:key:... ROLE NAME`, where ROLE is `speaker` or `witness`. It is the operator's own knowledge: it
counts for the tiers this ledger shows and demands, and proves nothing to a stranger, who has a list of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import InvalidInputError
from .keys import PublicKey, read_small_file, write_new_file

__all__ = [
    "KNOWN",
    "ROLES",
    "KnownKey",
    "add_known",
    "drop_known",
    "read_known",
    "read_minimum_tier",
    "write_minimum_tier",
]

KNOWN = "known.txt"
MINIMUM = "minimum-tier.txt"
ROLES = ("speaker", "witness")
_MAX_BYTES = 1 << 20
_HEADER = "# Keys known to the operator by other ways: did:key, speaker or witness, name.\n"


@dataclass(frozen=True)
class KnownKey:
    """One key, what it is, and whose."""

    key: str
    role: str
    name: str = ""


def read_known(folder: Path) -> tuple[KnownKey, ...]:
    """Keys of a ledger folder's list (empty when there is none).

    Raises
    ------
    InvalidInputError
        A line is no key; naming it. A list that cannot be read is never taken for an empty one.
    """
    path = folder / "keys" / KNOWN
    if not path.exists():
        return ()
    found: list[KnownKey] = []
    try:
        lines = read_small_file(path, _MAX_BYTES).decode("utf-8").splitlines()
    except UnicodeDecodeError as exc:
        raise InvalidInputError("is not UTF-8 text", file=str(path), reason="known-keys-invalid") from exc
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        did, _blank, rest = line.strip().partition(" ")
        role, _blank, name = rest.strip().partition(" ")
        try:
            PublicKey.from_did(did)
            if role not in ROLES:
                raise InvalidInputError(f"{role!r} is none of {', '.join(ROLES)}")
        except InvalidInputError as exc:
            raise InvalidInputError(
                exc.problem,
                file=str(path),
                place=f"line {number}",
                remedy="Correct it, or remove the line",
                reason="known-keys-invalid",
            ) from exc
        found.append(KnownKey(did, role, name.strip()))
    return tuple(found)


def add_known(folder: Path, key: PublicKey, role: str, name: str = "") -> tuple[KnownKey, ...]:
    """Add a key, or change what it is called."""
    if role not in ROLES:
        raise InvalidInputError(f"{role!r} is none of {', '.join(ROLES)}", place="role")
    rest = tuple(item for item in read_known(folder) if item.key != key.did)
    return _write(folder, (*rest, KnownKey(key.did, role, " ".join(name.split()))))


def drop_known(folder: Path, key: PublicKey) -> tuple[KnownKey, ...]:
    """Take a key off the list."""
    return _write(folder, tuple(item for item in read_known(folder) if item.key != key.did))


def _write(folder: Path, keys: tuple[KnownKey, ...]) -> tuple[KnownKey, ...]:
    text = _HEADER + "".join(f"{item.key} {item.role} {item.name}".rstrip() + "\n" for item in keys)
    write_new_file(folder / "keys" / KNOWN, text.encode("utf-8"), replace=True)
    return keys


def read_minimum_tier(folder: Path) -> str:
    """The tier that every request of a studio must reach ('' when none is demanded).

    Raises
    ------
    InvalidInputError
        The file says something else; a demand that cannot be read is never taken for none.
    """
    path = folder / "keys" / MINIMUM
    if not path.exists():
        return ""
    text = read_small_file(path, 64).decode("ascii", "replace").strip()
    if text not in ("A", "B", "C", "D"):
        raise InvalidInputError(
            "holds A, B, C or D",
            file=str(path),
            remedy="Write one of them, or remove the file",
            reason="policy-invalid",
        )
    return text


def write_minimum_tier(folder: Path, minimum: str) -> None:
    """Demand a tier of every request from now on; '' for none."""
    path = folder / "keys" / MINIMUM
    if minimum:
        write_new_file(path, f"{minimum}\n".encode("ascii"), replace=True)
    else:
        path.unlink(missing_ok=True)
