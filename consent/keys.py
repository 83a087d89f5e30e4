"""Strict Ed25519 keys, did:key identifiers, and key files.

`cryptography` accepts degenerate Ed25519 public keys, among them the identity point, for which anyone can
make a signature over anything. A weak key in a consent ledger would let an operator "prove" any consent and
let a speaker deny any. `PublicKey` therefore admits a key, and `verify` a signature, only as dalek's
`verify_strict` does: canonical encodings, no point of low order, S below the group order.

Source: RFC 8032; C2SP/CCTV ed25519 vectors (43 of 914 pass); did:key method (multicodec 0xed, base58btc).
"""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import InvalidInputError, UsageError
from .pem import lock_pem, unlock_pem

__all__ = ["PublicKey", "SigningKey", "read_small_file", "write_new_file"]

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = (-121665 * pow(121666, _P - 2, _P)) % _P
# y coordinates of the eight points of low order: 1, -1, 0 and the two of order eight.
_Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_LOW_ORDER_Y = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MULTICODEC_ED25519 = b"\xed\x01"
_MAX_KEY_FILE = 1 << 16


def _point_problem(raw: bytes) -> str:
    """Why an encoded point is not admitted ('' when it is)."""
    if len(raw) != 32:
        return "key-length"
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if y >= _P:
        return "key-not-canonical"
    if y in _LOW_ORDER_Y:
        return "key-low-order"
    return ""


@lru_cache(maxsize=4096)
def _on_curve(raw: bytes) -> bool:
    # x^2 = (y^2 - 1) / (d y^2 + 1) must be a square modulo p.
    y2 = pow(int.from_bytes(raw, "little") & ((1 << 255) - 1), 2, _P)
    u, v = (y2 - 1) % _P, (_D * y2 + 1) % _P
    return pow(u * v % _P, (_P - 1) // 2, _P) in (0, 1)


@dataclass(frozen=True)
class PublicKey:
    """An admitted Ed25519 public key.

    Parameters
    ----------
    raw : bytes
        32 bytes, RFC 8032 encoding.

    Raises
    ------
    InvalidInputError
        With reason key-length, key-not-canonical, key-low-order or key-not-on-curve.
    """

    raw: bytes

    def __post_init__(self) -> None:
        problem = _point_problem(self.raw)
        if not problem and not _on_curve(self.raw):
            problem = "key-not-on-curve"
        if problem:
            raise InvalidInputError(
                f"this Ed25519 public key is not admitted ({problem})",
                remedy="Make a new key with `consent keygen`",
                reason=problem,
            )

    @property
    def did(self) -> str:
        """The key as a did:key identifier."""
        return "did:key:z" + _b58encode(_MULTICODEC_ED25519 + self.raw)

    @classmethod
    def from_did(cls, did: str) -> PublicKey:
        """Read a did:key identifier; every non-canonical spelling is refused."""
        return _from_did(did)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Strict verification: True only for a canonical signature with no component of low order in R."""
        if len(signature) != 64 or _point_problem(signature[:32]):
            return False
        if int.from_bytes(signature[32:], "little") >= _L:
            return False
        try:
            _handle(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=4096)
def _handle(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=4096)
def _from_did(did: str) -> PublicKey:
    if not did.startswith("did:key:z") or len(did) > 80:
        raise InvalidInputError(f"{did[:80]!r} is not a did:key of an Ed25519 key", reason="key-did-invalid")
    data = _b58decode(did.removeprefix("did:key:z"))
    if len(data) != 34 or not data.startswith(_MULTICODEC_ED25519):
        raise InvalidInputError(f"{did!r} is not a did:key of an Ed25519 key", reason="key-did-invalid")
    key = PublicKey(data[2:])
    if key.did != did:
        raise InvalidInputError(f"{did!r} is not spelt canonically", reason="key-did-invalid")
    return key


def _b58encode(data: bytes) -> str:
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        out = _BASE58[digit] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out


def _b58decode(text: str) -> bytes:
    number = 0
    for char in text:
        digit = _BASE58.find(char)
        if digit < 0:
            raise InvalidInputError(f"{char!r} does not occur in base58", reason="key-did-invalid")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key. Never printed, never pickled."""

    _private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed (tests and reproducible examples)."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(
            self._private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        )

    def sign(self, message: bytes) -> bytes:
        """64-byte signature; deterministic."""
        return self._private.sign(message)

    def derive(self, info: bytes) -> bytes:
        """A 32-byte secret for another purpose, by HKDF-SHA256 of this key's seed."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._private.private_bytes_raw())

    def __reduce__(self) -> str:
        raise UsageError("a private key is not pickled; pass a permit token to workers instead")

    def save(self, path: Path, passphrase: bytes | None = None) -> None:
        """Write a PKCS #8 PEM file, mode 0600, never over an existing file; see `pem` for its encryption.

        Parameters
        ----------
        path : Path
            Target.
        passphrase : bytes, optional
            Encrypts the file when given.
        """
        pem = lock_pem(self._private, passphrase)
        write_new_file(path, pem)

    @classmethod
    def load(cls, path: Path, passphrase: bytes | None = None) -> SigningKey:
        """Read a key file written by `save`.

        Raises
        ------
        InvalidInputError
            Missing, readable by others, not an Ed25519 key, or the passphrase is missing or wrong.
        """
        path = Path(path)
        pem = read_small_file(path, _MAX_KEY_FILE, private=True)
        key = unlock_pem(pem, passphrase, file=str(path))
        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidInputError(
                "not an Ed25519 key",
                file=str(path),
                remedy="Make one with `consent keygen`",
                reason="key-type",
            )
        return cls(key)


def read_small_file(path: Path, limit: int, *, private: bool = False) -> bytes:
    """Read a regular file of at most `limit` bytes, without following a final symbolic link.

    Parameters
    ----------
    path : Path
        File.
    limit : int
        Bytes.
    private : bool
        Refuse it when group or others have any access.
    """
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise InvalidInputError(
            f"cannot be opened ({exc.strerror})",
            file=str(path),
            remedy="Check the path; symbolic links are not followed",
            reason="file-unreadable",
        ) from exc
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)  # before fdopen, which answers a folder with an exception of its own
        raise InvalidInputError("not a regular file", file=str(path), reason="file-unreadable")
    with os.fdopen(fd, "rb") as handle:
        if private and os.name == "posix" and info.st_mode & 0o077:
            raise InvalidInputError(
                "other users can read this key",
                file=str(path),
                remedy=f"chmod 600 {path}, and make a new key if it may have been copied",
                reason="key-permissions",
            )
        data = handle.read(limit + 1)
    if len(data) > limit:
        raise InvalidInputError(f"larger than {limit} bytes", file=str(path), reason="file-too-large")
    return data


def write_new_file(path: Path, data: bytes, *, replace: bool = False, mode: int = 0o600) -> None:
    """Write aside, flush to disk, then move into place; refuses to replace a file unless told to."""
    path = Path(path)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(fd, "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            if replace:
                os.replace(aside, path)
            else:
                os.link(aside, path)  # fails if the target exists, with no window in between
        finally:
            aside.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as exc:
        raise InvalidInputError(
            "exists already",
            file=str(path),
            remedy="Choose another name or move it away",
            reason="file-exists",
        ) from exc
    except OSError as exc:
        raise InvalidInputError(
            f"cannot be written ({exc.strerror})",
            file=str(path),
            remedy="Check the folder's permissions and free space",
            reason="file-unwritable",
        ) from exc


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut."""
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
