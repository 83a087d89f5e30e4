"""A second, post-quantum signature on tree heads: ML-DSA-44, for ledgers whose grants run for many years.

Source: c2sp.org/tlog-cosignature, type 0x06 (`subtree/v1`), made by the log itself under its origin's name and with
time 0 (it says nothing of other heads). FIPS 204 by `cryptography` 48 and later.

Its private key is derived from the seed of the operator's Ed25519 key by HKDF-SHA256, so there is one secret to
keep, to encrypt and to rotate. Who breaks Ed25519 learns from its public key the scalar, not the seed: that lies
behind SHA-512.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from .encoding import b64encode
from .errors import InvalidInputError, UsageError
from .keys import SigningKey
from .tree_head import Checkpoint, parse_note, read_checkpoint

__all__ = ["PUBLIC_BYTES", "available", "check_second", "public_of", "sign_second"]

PUBLIC_BYTES = 1312
_SIGNATURE_BYTES = 2420
_TYPE = b"\x06"
_DASH = "— "
_INFO = b"voicekit ml-dsa-44 tree heads/1"


def _module() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # from 48 on
    except ImportError:
        return None
    return mldsa


def available() -> bool:
    """Whether this installation can make and check ML-DSA-44 signatures."""
    try:
        return _module() is not None and bool(_private(b"\0" * 32))
    except UnsupportedAlgorithm:
        return False


@lru_cache(maxsize=8)
def _private(seed: bytes) -> Any:
    module = _module()
    if module is None:
        raise UsageError("ML-DSA needs cryptography 48 or later: pip install -U cryptography")
    return module.MLDSA44PrivateKey.from_seed_bytes(seed)


def public_of(key: SigningKey) -> bytes:
    """The second public key that belongs to an operator's key."""
    return bytes(_private(key.derive(_INFO)).public_key().public_bytes_raw())


def _key_id(origin: str, public: bytes) -> bytes:
    return sha256(origin.encode("utf-8") + b"\n" + _TYPE + public).digest()[:4]


def _message(head: Checkpoint, moment: int) -> bytes:
    name = head.origin.encode("utf-8")
    vector = len(name).to_bytes(1, "big") + name
    return (
        b"subtree/v1\n\0"
        + vector
        + moment.to_bytes(8, "big")
        + vector
        + (0).to_bytes(8, "big")
        + head.size.to_bytes(8, "big")
        + head.root
    )


def sign_second(note: bytes, operator: SigningKey) -> bytes:
    """The note with the second signature's line."""
    head = read_checkpoint(note)
    signature = bytes(_private(operator.derive(_INFO)).sign(_message(head, 0)))
    blob = _key_id(head.origin, public_of(operator)) + (0).to_bytes(8, "big") + signature
    return note + f"{_DASH}{head.origin} {b64encode(blob)}\n".encode()


def check_second(note: bytes, public: bytes) -> bool:
    """Demand the second signature of a note; False where this installation cannot check it.

    Raises
    ------
    InvalidInputError
        reason checkpoint-invalid: it is missing, or does not verify.
    """
    head = read_checkpoint(note)
    known = _key_id(head.origin, public)
    mine = [blob for name, blob in parse_note(note)[1] if name == head.origin and blob[:4] == known]
    if len(mine) != 1 or len(mine[0]) != 12 + _SIGNATURE_BYTES:
        raise InvalidInputError(
            "the second (ML-DSA-44) signature is missing", file="checkpoint", reason="checkpoint-invalid"
        )
    if not available():
        return False
    key = _module().MLDSA44PublicKey.from_public_bytes(public)
    try:
        key.verify(mine[0][12:], _message(head, int.from_bytes(mine[0][4:12], "big")))
    except InvalidSignature as exc:
        raise InvalidInputError(
            "the second (ML-DSA-44) signature does not verify", file="checkpoint", reason="checkpoint-invalid"
        ) from exc
    return True
