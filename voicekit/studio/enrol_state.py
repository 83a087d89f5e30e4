"""What an unfinished enrolment has come to, on disk: ciphertext under a key that the vault keeps."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from voicekit.audio import io_error
from voicekit.errors import InputError

__all__ = ["StateFile"]

_MAGIC = b"voicekit-enrol/1\n"
_NONCE = 12


class StateFile:
    """One encrypted file; each keeping replaces it whole, with a fresh nonce.

    Parameters
    ----------
    path : pathlib.Path
    key : bytes
        32 bytes, from `consent.Vault.state_key`.
    about : str
        Ledger, voice and grant: a state that is moved to another enrolment does not open.
    """

    def __init__(self, path: Path, key: bytes | bytearray, about: str) -> None:
        self.path = path
        self._aead, self._about = AESGCM(bytes(key)), _MAGIC + about.encode()

    def keep(self, data: bytes) -> None:
        """Encrypt and write aside, then rename; nothing is ever written in plain."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = _MAGIC + nonce + self._aead.encrypt(nonce, data, self._about)
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(fd, "wb") as sink:
                sink.write(sealed)
                sink.flush()
                os.fsync(sink.fileno())
            os.replace(aside, self.path)
        except OSError as problem:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise io_error(problem, self.path) from problem

    def read(self) -> bytes | None:
        """The newest state; None where there is none.

        Raises
        ------
        voicekit.errors.InputError
            It does not open with this key.
        """
        try:
            sealed = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise io_error(problem, self.path) from problem
        try:
            if not sealed.startswith(_MAGIC):
                raise InvalidTag
            body = sealed[len(_MAGIC) :]
            return self._aead.decrypt(body[:_NONCE], body[_NONCE:], self._about)
        except (InvalidTag, ValueError) as problem:
            text = "the kept state of the enrolment does not open: it was changed, or its key was destroyed"
            raise InputError(self.path, "", text, "Enrol without --resume.") from problem

    def remove(self) -> None:
        """Delete it, and what a killed program left half written."""
        for path in (self.path, *self.path.parent.glob(f".{self.path.name}.*.part")):
            path.unlink(missing_ok=True)
