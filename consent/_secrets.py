"""Passphrases on a command line: a file, the surroundings, or a prompt on a terminal; never an argument."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from .errors import InvalidInputError, UsageError
from .keys import SigningKey, read_small_file
from .pem import is_encrypted

__all__ = ["VARIABLE", "load_key", "new_passphrase", "passphrase_of", "read_passphrase"]

VARIABLE = "CONSENT_PASSPHRASE_FILE"
_MAX_BYTES = 4_096


def read_passphrase(file: str | Path) -> bytes:
    """The passphrase in a file: its content without the final line end."""
    text = read_small_file(Path(file), _MAX_BYTES).rstrip(b"\r\n")
    if not text:
        raise InvalidInputError("holds no passphrase", file=str(file), remedy="Write one line into it")
    return text


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(prompt: str) -> bytes:
    try:
        return getpass.getpass(prompt, stream=sys.stderr).encode("utf-8")
    except EOFError as exc:
        raise UsageError("no passphrase was given") from exc


def passphrase_of(path: Path, given: str | None, *, ask: bool = True) -> bytes | None:
    """The passphrase for a key file: from the file given, $CONSENT_PASSPHRASE_FILE, or asked on a terminal.

    None for a key that is not encrypted (unless a file was given: then it is passed on, and refused with the
    reason), and for an encrypted one where there is nobody to ask.
    """
    if given:
        return read_passphrase(given)
    try:
        locked = is_encrypted(read_small_file(path, 1 << 16))
    except InvalidInputError:
        return None  # whoever loads it says what is wrong with it
    if not locked:
        return None
    if os.environ.get(VARIABLE):
        return read_passphrase(os.environ[VARIABLE])
    return _ask(f"Passphrase of {path}: ") if ask and _on_terminal() else None


def load_key(path: str | Path, given: str | None = None) -> SigningKey:
    """A private key of a file, asking for its passphrase where that is needed and possible."""
    return SigningKey.load(Path(path), passphrase_of(Path(path), given))


def new_passphrase(given: str | None, *, decline: bool = False) -> bytes | None:
    """The passphrase of a new key: from a file, or asked for twice on a terminal; None when declined or where
    nobody can be asked."""
    if given:
        return read_passphrase(given)
    if decline:
        return None
    if os.environ.get(VARIABLE):
        return read_passphrase(os.environ[VARIABLE])
    if not _on_terminal():
        return None
    first = _ask("New passphrase (empty for none): ")
    if first and _ask("The same again: ") != first:
        raise UsageError("the two passphrases differ; run it again")
    return first or None
