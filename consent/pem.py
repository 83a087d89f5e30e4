"""Private keys at rest: PKCS #8, and a passphrase that is stretched by scrypt before it encrypts anything.

`cryptography`'s BestAvailableEncryption is PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA256 at 2,048 rounds: a
machine tries millions of passphrases a second against it. So the passphrase goes through scrypt (n = 2^17, r = 8,
p = 1: 128 MiB and a third of a second for each try) with a salt of its own, and the result, as hexadecimal
digits, is the passphrase of the PKCS #8 file. One line before the PEM block names the numbers; text there is
allowed and skipped by other readers (RFC 7468, 2).

Files without that line, made by other programs, are read with the passphrase as it is.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .errors import InvalidInputError

__all__ = ["is_encrypted", "lock_pem", "unlock_pem"]

_N, _R, _P = 1 << 17, 8, 1
_LINE = re.compile(rb"\Akdf: scrypt n=([0-9]{1,8}) r=([0-9]{1,2}) p=([0-9]{1,2}) salt=([0-9a-f]{32})\n")


class _Private(Protocol):
    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> bytes: ...


def _stretch(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase).hex().encode("ascii")


def is_encrypted(pem: bytes) -> bool:
    """Whether a key file needs a passphrase."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem


def lock_pem(private: _Private, passphrase: bytes | None = None) -> bytes:
    """A private key as PKCS #8 PEM, encrypted when a passphrase is given."""
    head, scheme = b"", serialization.NoEncryption()
    encryption: serialization.KeySerializationEncryption = scheme
    if passphrase:
        salt = secrets.token_bytes(16)
        head = f"kdf: scrypt n={_N} r={_R} p={_P} salt={salt.hex()}\n".encode()
        encryption = serialization.BestAvailableEncryption(_stretch(passphrase, salt, _N, _R, _P))
    return head + private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def unlock_pem(pem: bytes, passphrase: bytes | None, *, file: str) -> Any:
    """The private key of a PEM file.

    Raises
    ------
    InvalidInputError
        reason key-passphrase (missing, or given and not needed) or key-unreadable (wrong, or damaged).
    """
    if passphrase and is_encrypted(pem):
        passphrase = _opened(pem, passphrase, file)
    try:
        return serialization.load_pem_private_key(pem, passphrase or None)
    except TypeError as exc:
        problem = "is encrypted and needs a passphrase" if not passphrase else "is not encrypted"
        raise InvalidInputError(
            f"the key file {problem}",
            file=file,
            remedy="Give it with a passphrase file ($CONSENT_PASSPHRASE_FILE), or at the prompt of a terminal"
            if not passphrase
            else "Leave the passphrase out",
            reason="key-passphrase",
        ) from exc
    except (ValueError, UnsupportedAlgorithm, OverflowError) as exc:
        raise InvalidInputError(
            "the passphrase is wrong, or the key file is damaged" if passphrase else "the key file cannot be read",
            file=file,
            remedy="Check the passphrase, or restore the key from a backup",
            reason="key-unreadable",
        ) from exc


def _opened(pem: bytes, passphrase: bytes, file: str) -> bytes:
    found = _LINE.match(pem)
    if found is None:
        return passphrase
    n, r, p = (int(found.group(i)) for i in (1, 2, 3))
    # Numbers beyond these would only be there to use up memory.
    if n & (n - 1) or not 1 << 14 <= n <= 1 << 20 or not 1 <= r <= 16 or not 1 <= p <= 4:
        raise InvalidInputError("the key file's scrypt numbers are out of range", file=file, reason="key-unreadable")
    return _stretch(passphrase, bytes.fromhex(found.group(4).decode("ascii")), n, r, p)
