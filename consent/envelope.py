"""DSSE envelopes (v1.0.2): bytes, their type, and signatures over both.

The verified bytes are the bytes that get parsed; nothing is re-serialised. A `keyid` is a hint that decides
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .encoding import MAX_BYTES, b64decode, b64encode, canonical, pae, parse_json, sha256_hex
from .errors import InvalidInputError
from .keys import PublicKey, SigningKey

__all__ = ["Envelope"]

_MAX_SIGNATURES = 8


@dataclass(frozen=True)
class Envelope:
    """One signed statement.

    Parameters
    ----------
    payload_type : str
        Media type; part of what is signed, so a grant can never be presented as a revocation.
    payload : bytes
        The statement.
    signatures : tuple of (keyid, signature)
        At least one, at most eight.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the payload: the statement's name, whoever signed it."""
        return sha256_hex(self.payload)

    @classmethod
    def sign(cls, payload_type: str, payload: bytes, *keys: SigningKey) -> Envelope:
        """Sign with one or more keys."""
        message = pae(payload_type, payload)
        return cls(payload_type, payload, tuple((key.public.did, key.sign(message)) for key in keys))

    def to_bytes(self) -> bytes:
        """Canonical JSON form, as stored and exchanged."""
        return canonical(
            {
                "payload": b64encode(self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": keyid, "sig": b64encode(sig)} for keyid, sig in self.signatures],
            }
        )

    @classmethod
    def parse(cls, data: bytes, *, what: str = "envelope", max_bytes: int = MAX_BYTES) -> Envelope:
        """Read the JSON form of at most `max_bytes` strictly.

        Raises
        ------
        InvalidInputError
            When a field is missing, unknown, of the wrong type, or not canonical base64.
        """
        obj = parse_json(data, what=what, max_bytes=max_bytes)

        def refuse(problem: str) -> InvalidInputError:
            return InvalidInputError(problem, file=what, reason="envelope-invalid")

        if set(obj) != {"payload", "payloadType", "signatures"}:
            raise refuse("an envelope has exactly payload, payloadType and signatures")
        payload, kind, signatures = obj["payload"], obj["payloadType"], obj["signatures"]
        if not isinstance(payload, str) or not isinstance(kind, str) or not isinstance(signatures, list):
            raise refuse("a field of the envelope has the wrong type")
        if not 1 <= len(signatures) <= _MAX_SIGNATURES:
            raise refuse(f"an envelope has 1 to {_MAX_SIGNATURES} signatures")
        read: list[tuple[str, bytes]] = []
        for item in signatures:
            if not isinstance(item, dict) or set(item) != {"keyid", "sig"}:
                raise refuse("a signature has exactly keyid and sig")
            keyid, sig = item["keyid"], item["sig"]
            if not isinstance(keyid, str) or not isinstance(sig, str) or len(keyid) > 200:
                raise refuse("a signature's field has the wrong type")
            read.append((keyid, b64decode(sig, what=what)))
        return cls(kind, b64decode(payload, what=what), tuple(read))

    def signers(self, candidates: Iterable[PublicKey]) -> frozenset[PublicKey]:
        """Those candidates of whom a valid signature is present. Every signature is tried with every
        candidate."""
        message = pae(self.payload_type, self.payload)
        return frozenset(key for key in candidates if any(key.verify(sig, message) for _keyid, sig in self.signatures))

    def require(self, *keys: PublicKey, what: str = "envelope") -> None:
        """Demand a valid signature of every one of `keys`.

        Raises
        ------
        InvalidInputError
            reason signature-invalid.
        """
        missing = [key.did for key in keys if key not in self.signers([key])]
        if missing:
            raise InvalidInputError(
                f"no valid signature of {', '.join(missing)}",
                file=what,
                remedy="Do not trust this statement; get it again from whoever signed it",
                reason="signature-invalid",
            )
