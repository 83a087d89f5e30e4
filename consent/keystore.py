# ruff: noqa: RUF009 - the field functions are `dataclasses.field` with a check; they share no state
"""The one small file that holds every wrapped data key: losing it, or destroying a key in it, kills sealed voices.

`keystore.json` is JSON of `voicekit-vault-keystore/1`: how the vault key is protected, the wrapped data keys, and the
names of keys that were destroyed. A data key is wrapped with AES-256-GCM under the vault key; the associated data name
ledger, key, voice and grant. The vault key is itself encrypted under a passphrase (scrypt), or lies in the system's
keyring, or, where the operator chose neither, in the file `vault.key` beside it: then the file's mode 0600 is all that
protects it.

Every change writes a new file, moves it into place, and then overwrites and removes the old one, so that a killed
program leaves either state, and the next opening finishes the removal. Backups of this file are the operator's duty and
the operator's risk: a key that was destroyed here lives on in an older copy.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .encoding import b64decode, b64encode, dump, parse_json
from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .faults import reach
from .fields import Record, flag, hexes, many, nested, text, whole
from .keys import read_small_file, sync_folder, write_new_file
from .locks import writer_lock
from .sealed import Header

__all__ = ["Destroyed", "Keystore", "Protection", "WrappedKey"]

SPEC = "voicekit-vault-keystore/1"
_FILE = "keystore.json"
_KEY_FILE = "vault.key"
_MAX_BYTES = 1 << 20
_MAX_KEYS = 2_000
#: scrypt's cost: 2^17 blocks of 1 KiB, 128 MiB and some tenths of a second (OWASP's advice for interactive use).
LOG2_N = 17
_B64 = "[A-Za-z0-9+/]+={0,2}"
_OLD = re.compile(r"\.keystore\.[0-9a-f]{12}\.(dead|part)")
_SERVICE = "voicekit-vault"


@dataclass(frozen=True)
class Protection(Record):
    """How the vault key is kept. `sealed` holds it (passphrase) or nothing: what opens it is the right key."""

    kind: str = text("passphrase|key-file|keyring")
    sealed: str = text(_B64, high=200)
    salt: str = text(_B64, high=100, default="")
    log2_n: int = whole(10, 20, default=0)


@dataclass(frozen=True)
class WrappedKey(Record):
    """A data key under the vault key."""

    key: str = hexes(64)
    voice: str = text("[a-z0-9][a-z0-9_-]{0,63}")
    grant: str = hexes(64)
    subject: str = text()
    place: int = whole()
    wrapped: str = text(_B64, high=200)


@dataclass(frozen=True)
class Destroyed(Record):
    """A key that was destroyed, and whether the ledger has an entry about it yet."""

    key: str = hexes(64)
    voice: str = text("[a-z0-9][a-z0-9_-]{0,63}")
    grant: str = hexes(64)
    subject: str = text()
    reason: str = text("[a-z][a-z0-9-]{0,63}")
    recorded: bool = flag(default=False)


@dataclass(frozen=True)
class _Content(Record):
    ledger: str = hexes(32)
    protection: Protection = nested(Protection)
    keys: tuple[WrappedKey, ...] = many(WrappedKey, most=_MAX_KEYS)
    destroyed: tuple[Destroyed, ...] = many(Destroyed, most=_MAX_KEYS)


def _wipe(buffer: bytearray) -> None:
    buffer[:] = bytes(len(buffer))


def _seal(key: bytes | bytearray, plain: bytes | bytearray, about: bytes) -> str:
    nonce = secrets.token_bytes(12)
    return b64encode(nonce + AESGCM(key).encrypt(nonce, plain, about))


def _unseal(key: bytes | bytearray, sealed: str, about: bytes) -> bytearray:
    data = b64decode(sealed, what=_FILE)
    if len(data) < 28:
        raise InvalidTag
    return bytearray(AESGCM(key).decrypt(data[:12], data[12:], about))


def _scrypt(passphrase: bytes, salt: bytes, log2_n: int) -> bytearray:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return bytearray(Scrypt(salt=salt, length=32, n=1 << log2_n, r=8, p=1).derive(passphrase))


def _locked(problem: str, remedy: str) -> ConsentRefusedError:
    return ConsentRefusedError("vault-locked", problem, remedy=remedy)


@dataclass
class Keystore:
    """The keystore of one ledger.

    Parameters
    ----------
    folder : Path
        Holds `keystore.json` and, if that was chosen, `vault.key`; mode 0700.
    ledger : str
        Ledger id.
    """

    folder: Path
    ledger: str

    @property
    def path(self) -> Path:
        """The keystore file."""
        return self.folder / _FILE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other programs out, after finishing what a killed one left behind."""
        with writer_lock(self.folder):
            self._finish()
            yield

    def create(self, passphrase: bytes | None, keyring: bool) -> None:
        """Make an empty keystore and a new vault key; an existing one is left as it is."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.locked():
            if self.path.exists():
                return
            # A key file without a keystore belongs to one that may yet come back from a backup: it is kept.
            kept = not passphrase and not keyring and (self.folder / _KEY_FILE).exists()
            vault_key = self._stored_key("key-file") if kept else bytearray(secrets.token_bytes(32))
            try:
                if passphrase:
                    salt = secrets.token_bytes(16)
                    outer = _scrypt(passphrase, salt, LOG2_N)
                    check = _seal(outer, vault_key, self._about("vault-key"))
                    _wipe(outer)
                    protection = Protection("passphrase", check, b64encode(salt), LOG2_N)
                else:
                    check = _seal(vault_key, b"", self._about("vault-key"))
                    protection = Protection("keyring" if keyring else "key-file", check)
                    if keyring:
                        _keyring().set_password(_SERVICE, self.ledger, vault_key.hex())
                    elif not kept:
                        write_new_file(self.folder / _KEY_FILE, vault_key.hex().encode() + b"\n")
            finally:
                _wipe(vault_key)
            self._store(_Content(self.ledger, protection, (), ()))

    def read(self) -> _Content:
        """Parse the file strictly.

        Raises
        ------
        InvalidInputError
            Missing, readable by others, malformed, or another ledger's.
        """
        data = read_small_file(self.path, _MAX_BYTES, private=True)
        obj = parse_json(data, what=str(self.path))
        if obj.pop("spec", None) != SPEC:
            raise InvalidInputError(
                "not a keystore of ours",
                file=str(self.path),
                remedy="Restore it from a backup",
                reason="keystore-invalid",
            )
        try:
            content = _Content.from_obj(obj)
        except InvalidInputError as exc:
            raise InvalidInputError(
                exc.problem, file=str(self.path), place=exc.place, remedy="Restore it", reason="keystore-invalid"
            ) from exc
        if content.ledger != self.ledger:
            raise InvalidInputError(
                "belongs to another ledger",
                file=str(self.path),
                remedy="Name the right one with --keystore",
                reason="keystore-invalid",
            )
        return content

    def protection(self) -> str:
        """passphrase, keyring or key-file."""
        return self.read().protection.kind

    @contextmanager
    def vault_key(self, passphrase: bytes | None) -> Iterator[bytearray]:
        """The vault key while the block runs; overwritten afterwards.

        Raises
        ------
        ConsentRefusedError
            reason vault-locked.
        """
        protection, about = self.read().protection, self._about("vault-key")
        key = bytearray()
        try:
            if protection.kind == "passphrase":
                if not passphrase:
                    raise _locked("the vault is locked with a passphrase", "Give it with --vault-passphrase-file")
                outer = _scrypt(passphrase, b64decode(protection.salt, what=_FILE), protection.log2_n)
                try:
                    key = _unseal(outer, protection.sealed, about)
                finally:
                    _wipe(outer)
            else:
                key = self._stored_key(protection.kind)
                _unseal(key, protection.sealed, about)
            yield key
        except InvalidTag as exc:
            raise _locked("the vault does not open with this passphrase or key", "Give the right one") from exc
        finally:
            _wipe(key)

    def _stored_key(self, kind: str) -> bytearray:
        if kind == "keyring":
            found = _keyring().get_password(_SERVICE, self.ledger) or ""
        else:
            try:
                found = read_small_file(self.folder / _KEY_FILE, 200, private=True).decode("ascii", "replace").strip()
            except InvalidInputError as exc:
                raise _locked(f"the vault's key file is unusable: {exc.problem}", "Restore it from a backup") from exc
        if not re.fullmatch("[0-9a-f]{64}", found):
            raise _locked(f"the {kind.replace('-', ' ')} holds no vault key", "Restore it from a backup")
        return bytearray.fromhex(found)

    def add(self, vault_key: bytearray, data_key: bytearray, header: Header) -> None:
        """Wrap a data key and keep it; the lock is held by the caller."""
        content = self.read()
        if len(content.keys) >= _MAX_KEYS:
            raise UsageError(f"a keystore holds {_MAX_KEYS} keys at most; remove sealed voices you no longer need")
        wrapped = _seal(vault_key, data_key, self._about_key(header))
        entry = WrappedKey(header.key, header.voice, header.grant, header.subject, header.place, wrapped)
        self._store(replace(content, keys=(*content.keys, entry)))

    def unwrap(self, vault_key: bytearray, header: Header) -> bytearray:
        """The data key of a sealed voice.

        Raises
        ------
        ConsentRefusedError
            reason voice-key-destroyed or seal-broken.
        """
        entry = next((item for item in self.read().keys if item.key == header.key), None)
        if entry is None:
            raise ConsentRefusedError(
                "voice-key-destroyed",
                f"the keystore has no key for the sealed voice {header.voice}: nothing opens it any more",
                statements=(header.grant,),
                remedy="A new grant and the original files are needed",
            )
        try:
            return _unseal(vault_key, entry.wrapped, self._about_key(header))
        except InvalidTag as exc:
            raise ConsentRefusedError(
                "seal-broken",
                f"the wrapped key of the sealed voice {header.voice} was changed or moved",
                statements=(header.grant,),
                remedy="Restore the keystore from a backup",
            ) from exc

    def destroy(self, doomed: list[Destroyed]) -> None:
        """Destroy keys for good: the old file is overwritten; their names stay, until recorded and after."""
        names = {item.key for item in doomed}
        if not names:
            return
        content = self.read()
        known = {item.key for item in content.destroyed}
        fresh = tuple(item for item in doomed if item.key not in known)
        keys = tuple(item for item in content.keys if item.key not in names)
        self._store(replace(content, keys=keys, destroyed=(*content.destroyed, *fresh)[-_MAX_KEYS:]))

    def mark_recorded(self, names: set[str]) -> None:
        """Note that the ledger has entries about these destroyed keys."""
        content = self.read()
        marked = tuple(replace(item, recorded=item.recorded or item.key in names) for item in content.destroyed)
        self._store(replace(content, destroyed=marked))

    def _about_key(self, header: Header) -> bytes:
        return self._about("data-key", header.key, header.voice, header.grant, header.subject, str(header.place))

    def _about(self, *parts: str) -> bytes:
        return dump({"spec": SPEC, "ledger": self.ledger, "what": list(parts)})

    def _store(self, content: _Content) -> None:
        """New file into place, then the old one's bytes overwritten and its last name removed."""
        data = dump({"spec": SPEC, **content.as_obj()})
        aside = self.folder / f".keystore.{secrets.token_hex(6)}.part"
        try:
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(fd, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            reach("vault-written")
            if self.path.exists():
                # A second name for the old bytes, so that they can still be reached once the new file is in place.
                os.link(self.path, self.folder / f".keystore.{secrets.token_hex(6)}.dead")
            reach("vault-linked")
            os.replace(aside, self.path)
            sync_folder(self.folder)
            reach("vault-replaced")
            self._finish()
        except OSError as exc:
            raise InvalidInputError(
                f"cannot be written ({exc.strerror})",
                file=str(self.path),
                remedy="Check the folder's permissions and free space; nothing was changed",
                reason="file-unwritable",
            ) from exc

    def _finish(self) -> None:
        """Overwrite and remove what an earlier change replaced, or a killed one left half written."""
        for path in sorted(self.folder.iterdir()):
            match = _OLD.fullmatch(path.name)
            if match is None or path.is_symlink() or not path.is_file():
                continue
            with suppress(FileNotFoundError):
                if match.group(1) == "dead" and self.path.exists() and os.path.samefile(path, self.path):
                    path.unlink()  # killed before the new file was in place: the same bytes, still in use
                else:
                    _overwrite(path)
            reach("vault-wiped")
        sync_folder(self.folder)


def _overwrite(path: Path) -> None:
    """Random bytes over a file, flushed, then its name removed."""
    fd = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(fd, "wb") as out:
        out.write(secrets.token_bytes(os.fstat(out.fileno()).st_size))
        out.flush()
        os.fsync(out.fileno())
    path.unlink()


def _keyring() -> Any:
    try:
        import keyring
    except ImportError as exc:
        raise UsageError(
            "the system's keyring needs the package `keyring`; install it, or use a passphrase or a key file"
        ) from exc
    return keyring
