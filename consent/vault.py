"""Sealed voices: what was built from a person rests encrypted, and only the gate opens it, in memory.

`seal` takes weights and reference recordings that a grant names, and writes one file per voice that nothing but its
own data key opens. `unseal` gives the plaintext to the holder of a valid permit for that very voice, in memory. When a
grant is withdrawn whose effect is `delete-voice` or `recall`, `settle` destroys the wrapped data key: every copy of the
sealed file, here and in backups, is dead. The ledger calls it after everything it writes; a killed program's half-done
work is finished at the next opening.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .keys import sync_folder, write_new_file
from .keystore import Destroyed, Keystore, WrappedKey
from .policy import enrolment_problem
from .sealed import MAX_PLAIN, Header, SealedFile, Source, open_sealed, open_source, unseal_file, write
from .settling import SEALED_SUFFIX, WHERE, holdings, keystore_folder, settle
from .statements import Enrolment
from .synthetic import refuse_synthetic
from .unsealed import SealedVoice, Unsealed
from .withdrawal import Holding

if TYPE_CHECKING:
    from .ledger import Ledger
    from .permit import Permit

__all__ = ["SealedVoice", "Unsealed", "Vault"]

REMOVED = "removed"
RETIRED = "retention"
FINISHED = "enrolment-finished"
#: Name of the file in which an unfinished enrolment keeps its key.
STATE_FILE = "state"


class Vault:
    """The sealed voices of one ledger. Made by `open`."""

    def __init__(self, ledger: Ledger, folder: Path, store: Keystore, passphrase: bytes | None) -> None:
        self._ledger, self.folder, self._store, self._passphrase = ledger, folder, store, passphrase

    @classmethod
    def open(
        cls,
        ledger: Ledger,
        *,
        keystore: Path | str | None = None,
        passphrase: bytes | None = None,
        keyring: bool = False,
    ) -> Vault:
        """Open the vault of a ledger; make it if there is none. Withdrawals that wait are carried out.

        Parameters
        ----------
        ledger : Ledger
            Open for writing.
        keystore : path, optional
            Folder of the wrapped keys, for instance on another disk; remembered. Default: inside the ledger's folder.
        passphrase : bytes, optional
            Encrypts the vault key when the vault is made, and opens it later.
        keyring : bool
            When the vault is made without a passphrase: keep the vault key in the system's keyring, not in a file.

        Returns
        -------
        Vault

        Raises
        ------
        UsageError
            The vault's keys are elsewhere.
        InvalidInputError
            The keystore cannot be read.
        """
        ledger.operator_signing_key()
        folder = ledger.folder / "vault"
        folder.mkdir(mode=0o700, exist_ok=True)
        known, wanted = keystore_folder(folder), Path(keystore).absolute() if keystore else None
        if known is not None and wanted is not None and known != wanted:
            raise UsageError(f"this vault's keys are in {known}; move that folder's files, or leave --keystore out")
        where = known or wanted or folder / "keystore"
        store = Keystore(where, ledger.id)
        if known is None:
            store.create(passphrase, keyring)
            write_new_file(folder / WHERE, str(where).encode() + b"\n", replace=True)
        settle(ledger)
        return cls(ledger, folder, store, passphrase)

    @property
    def protection(self) -> str:
        """What protects the vault key: passphrase, keyring or key-file."""
        return self._store.protection()

    @property
    def keystore(self) -> Path:
        """Folder of the wrapped keys."""
        return self._store.folder

    def seal(self, voice: str, files: Mapping[str, bytes | Path], grant: str) -> SealedVoice:
        """Encrypt a voice under a grant that stands.

        Parameters
        ----------
        voice : str
            Name of the voice, as the grant has it.
        files : mapping
            File name -> bytes, or the path they are read from. Every one must be named by the grant, with this SHA-256:
            as weights (models, configuration, embeddings) or as a reference.
        grant : str
            Digest of the grant.

        Returns
        -------
        SealedVoice
            The plaintext files stay where they were; deleting them is the caller's duty.

        Raises
        ------
        ConsentRefusedError
            The grant does not stand, or does not name a file; reference-synthetic; vault-locked.
        """
        if not files:
            raise UsageError("name at least one file to seal")
        settle(self._ledger)
        holding = self._active(voice, grant)
        with ExitStack() as stack:
            sources = [stack.enter_context(open_source(name, data)) for name, data in sorted(files.items())]
            if sum(item.size for item in sources) > MAX_PLAIN:
                raise InvalidInputError(f"more than {MAX_PLAIN} bytes in all", file=voice, reason="file-too-large")
            built = tuple(item for _digest, item in self._ledger.enrolments(voice) if item.grant == grant)
            entries = tuple(_entry(holding, source, built) for source in sources)
            for entry, source in zip(entries, sources, strict=True):
                if entry.role == "reference":
                    data = files[entry.name]
                    refuse_synthetic(self._ledger, source.name, data, entry.sha256)
            return self._write(self._header(holding, entries), sources)

    def _header(self, holding: Holding, entries: tuple[SealedFile, ...]) -> Header:
        return Header(
            ledger=self._ledger.id,
            voice=holding.grant.voice,
            grant=holding.digest,
            key=secrets.token_hex(32),
            place=self._ledger.size(),
            time=self._ledger._moment()[0],
            files=entries,
            subject=holding.grant.subject.key,
        )

    def state_key(self, voice: str, grant: str) -> bytearray:
        """The key under which an enrolment that is not finished keeps what it has so far; made when first asked for.

        What it encrypts is dead with it: a withdrawal whose effect destroys keys destroys this one too, and so does
        `drop_state`. No permit opens it, and it opens no voice.

        Parameters
        ----------
        voice, grant : str
            The grant must stand and allow an adaptation.

        Returns
        -------
        bytearray
            32 bytes; overwrite them after use.

        Raises
        ------
        ConsentRefusedError
            The grant does not stand, adaptation-not-granted, voice-key-destroyed, vault-locked.
        """
        settle(self._ledger)
        holding = self._active(voice, grant)
        if not holding.grant.adaptation:
            raise ConsentRefusedError(
                "adaptation-not-granted", "the grant allows no voice to be built from it", statements=(grant,)
            )
        found = [path for path, header in self._states(voice) if header.grant == grant]
        if not found:
            fresh = secrets.token_bytes(32)
            with open_source(STATE_FILE, fresh) as source:
                entry = SealedFile(source.name, "state", source.size, source.sha256)
                self._write(self._header(holding, (entry,)), [source])
            return bytearray(fresh)
        (key,) = self._opened(found[0]).values()
        return key

    def references(self, voice: str, grant: str) -> Unsealed:
        """Open the reference recordings of a grant, in memory, to build the voice anew.

        Parameters
        ----------
        voice, grant : str
            The grant must stand and allow an adaptation. No permit is needed, and no voice is opened: a recording of a
            person is not a copy of their voice that can say something else.

        Returns
        -------
        Unsealed
            File name -> bytes; empty where none were sealed.

        Raises
        ------
        ConsentRefusedError
            The grant does not stand, adaptation-not-granted, voice-key-destroyed, vault-locked.
        """
        settle(self._ledger)
        holding = self._active(voice, grant)
        if not holding.grant.adaptation:
            raise ConsentRefusedError(
                "adaptation-not-granted", "the grant allows no voice to be built from it", statements=(grant,)
            )
        alive = {item.key for item in self._store.read().keys}
        found: dict[str, bytearray] = {}
        for path, header in self._headers():
            roles = {item.role for item in header.files}
            if header.grant == grant and header.ledger == self._ledger.id and header.key in alive:
                found.update(self._opened(path) if roles == {"reference"} else {})
        return Unsealed(found)

    def _opened(self, path: Path, only: Container[int] | None = None) -> dict[str, bytearray]:
        """Every file of a sealed one, or those at some places in it."""
        with (
            self._store.locked(),
            open_sealed(path) as (header, handle),
            self._store.vault_key(self._passphrase) as vault_key,
        ):
            data_key = self._store.unwrap(vault_key, header)
            try:
                return {
                    entry.name: unseal_file(header, handle, number, data_key)
                    for number, entry in enumerate(header.files)
                    if only is None or number in only
                }
            finally:
                data_key[:] = bytes(32)

    def drop_state(self, voice: str) -> int:
        """Destroy the keys of a voice's unfinished enrolments; returns how many there were."""
        names = {header.key for _path, header in self._states(voice)}
        return self._destroy(lambda item: item.key in names, FINISHED)

    def _states(self, voice: str) -> list[tuple[Path, Header]]:
        """Sealed files of a voice that hold the key of an unfinished enrolment, and whose own key lives."""
        alive = {item.key for item in self._store.read().keys}
        return [
            (path, header)
            for path, header in self._headers()
            if header.voice == voice
            and header.ledger == self._ledger.id
            and header.key in alive
            and all(item.role == "state" for item in header.files)
        ]

    def retire(self) -> int:
        """Destroy what may be kept no longer: references and what was built from them, each after the days that the
        grant's `retention` allows beyond its end. Only grants that allow an adaptation are looked at.

        Returns
        -------
        int
            How many keys were destroyed; the ledger holds an entry (`retention`) that names them.
        """
        settle(self._ledger)
        now = self._ledger._moment()[0]
        due = {(item.grant, item.what) for item in self._ledger.due() if item.time <= now}
        over: set[str] = set()
        for _path, header in self._headers():
            what = "embeddings" if any(item.role != "reference" for item in header.files) else "reference audio"
            if (header.grant, what) in due and self._ledger.grant_statement(header.grant).adaptation:
                over.add(header.key)
        return self._destroy(lambda item: item.key in over, RETIRED)

    def _write(self, header: Header, sources: list[Source]) -> SealedVoice:
        final = self.folder / _file_name(header)
        aside = final.with_name(f".{final.name}.part")
        data_key = bytearray(secrets.token_bytes(32))
        try:
            with self._store.locked(), self._store.vault_key(self._passphrase) as vault_key:
                try:
                    write(aside, header, sources, data_key)
                    # The key first: a file without a key is dead, a key without a file is only untidy.
                    self._store.add(vault_key, data_key, header)
                    aside.replace(final)
                    sync_folder(self.folder)
                finally:
                    aside.unlink(missing_ok=True)
        except OSError as exc:
            raise InvalidInputError(
                f"cannot be written ({exc.strerror})",
                file=str(final),
                remedy="Check the folder's permissions and free space",
                reason="file-unwritable",
            ) from exc
        finally:
            data_key[:] = bytes(32)
        return _glance(header, final, "sealed")

    def unseal(self, permit: Permit, voice: str) -> Unsealed:
        """Open a sealed voice in memory, for a permit of this ledger that stands and is for that voice.

        Parameters
        ----------
        permit : Permit
            Open, unexpired; asked anew of the ledger here.
        voice : str
            The voice.

        Returns
        -------
        Unsealed
            Of the sealed files those that are among the permit's files, and no others.

        Raises
        ------
        ConsentRefusedError
            Every reason of `Ledger.recheck`; permit-other-voice, weights-mismatch, voice-not-sealed,
            voice-key-destroyed, seal-broken, vault-locked.
        """
        self._ledger.recheck(permit)
        if permit.voice != voice:
            raise ConsentRefusedError(
                "permit-other-voice", f"the permit is for {permit.voice}, not {voice}", statements=(permit.intent,)
            )
        settle(self._ledger)
        wanted = {(item.role, item.sha256) for item in permit.operands}
        path = self._holds(voice, wanted, permit.intent)
        found: dict[str, bytearray] = {}
        try:
            with (
                self._store.locked(),
                open_sealed(path) as (header, handle),
                self._store.vault_key(self._passphrase) as vault_key,
            ):
                data_key = self._store.unwrap(vault_key, header)
                try:
                    for number, entry in enumerate(header.files):
                        if (entry.role, entry.sha256) in wanted:
                            found[entry.name] = unseal_file(header, handle, number, data_key)
                finally:
                    data_key[:] = bytes(32)
            # Opening took a while: a withdrawal that came meanwhile still counts.
            self._ledger.recheck(permit)
        except BaseException:
            Unsealed(found).wipe()
            raise
        return Unsealed(found)

    def unseal_references(self, permit: Permit, voice: str) -> Unsealed:
        """Open the reference recordings that a permit names, in memory, for a permit of this ledger that stands.

        Parameters
        ----------
        permit : Permit
            Open, unexpired; asked anew of the ledger here. The recordings are among its files, by SHA-256.
        voice : str
            The voice.

        Returns
        -------
        Unsealed
            File name -> bytes: exactly the recordings of the permit, all of them.

        Raises
        ------
        ConsentRefusedError
            Every reason of `Ledger.recheck`; permit-other-voice, reference-mismatch (the permit names no recording),
            voice-key-destroyed (one is sealed no more), seal-broken, vault-locked.
        """
        self._ledger.recheck(permit)
        if permit.voice != voice:
            raise ConsentRefusedError(
                "permit-other-voice", f"the permit is for {permit.voice}, not {voice}", statements=(permit.intent,)
            )
        settle(self._ledger)
        wanted = {item.sha256: item.name for item in permit.operands if item.role == "reference"}
        if not wanted:
            raise ConsentRefusedError(
                "reference-mismatch", "the permit names no recording of the voice", statements=(permit.intent,)
            )
        alive = {item.key for item in self._store.read().keys}
        found: dict[str, bytearray] = {}
        try:
            for path, header in self._headers():
                mine = (header.voice, header.grant, header.ledger) == (voice, permit.grant, self._ledger.id)
                if not mine or header.key not in alive:
                    continue
                names = {n: e.name for n, e in enumerate(header.files) if e.role == "reference" and e.sha256 in wanted}
                fresh = {n: name for n, name in names.items() if name not in found}
                if fresh:
                    found.update(self._opened(path, fresh))
            missing = sorted(set(wanted.values()) - set(found))
            if missing:
                raise ConsentRefusedError(
                    "voice-key-destroyed",
                    f"{missing[0]} is sealed here no more: recordings are kept as long as the grant's retention allows",
                    statements=(permit.grant,),
                    remedy="Do without the voice's own recordings, or have a new grant signed and enrol again",
                )
            self._ledger.recheck(permit)  # opening took a while
        except BaseException:
            Unsealed(found).wipe()
            raise
        return Unsealed(found)

    def _holds(self, voice: str, wanted: set[tuple[str, str]], intent: str) -> Path:
        """The newest sealed file of a voice that has one of the permit's model files in it."""
        mine = [item for item in self._headers() if item[1].voice == voice and item[1].ledger == self._ledger.id]
        if not mine:
            raise ConsentRefusedError(
                "voice-not-sealed",
                f"the vault holds no voice {voice}",
                statements=(intent,),
                remedy="Seal it with `consent vault seal`",
            )
        fit = [
            (header.time, header.place, path)
            for path, header in mine
            if any(entry.role == "weights" and ("weights", entry.sha256) in wanted for entry in header.files)
        ]
        if not fit:
            raise ConsentRefusedError(
                "weights-mismatch",
                f"no model file of the sealed voice {voice} is among the permit's files",
                statements=(intent,),
                remedy="Request a permit for the files that were sealed",
            )
        return max(fit)[2]

    def _active(self, voice: str, grant: str) -> Holding:
        holding = next((item for item in holdings(self._ledger, voice) if item.digest == grant), None)
        if holding is None:
            raise ConsentRefusedError(
                "no-grant", f"no grant {grant[:16]} for the voice {voice}", remedy="Add one with `consent grant`"
            )
        if holding.state != "active":
            raise ConsentRefusedError(
                holding.state, f"the grant for {voice} is {holding.state.replace('-', ' ')}", statements=(grant,)
            )
        return holding

    def _headers(self) -> Iterator[tuple[Path, Header]]:
        for path in sorted(self.folder.glob(f"*{SEALED_SUFFIX}")):
            try:
                with open_sealed(path) as (header, _handle):
                    yield path, header
            except InvalidInputError:
                continue

    def list(self) -> tuple[SealedVoice, ...]:
        """All sealed files, also those that are dead or cannot be read."""
        alive = {item.key for item in self._store.read().keys}
        found = []
        for path in sorted(self.folder.glob(f"*{SEALED_SUFFIX}")):
            try:
                with open_sealed(path) as (header, _handle):
                    state = (
                        "foreign" if header.ledger != self._ledger.id else "sealed" if header.key in alive else "dead"
                    )
                    found.append(_glance(header, path, state))
            except InvalidInputError as exc:
                found.append(SealedVoice("", "", "", path, (), 0, "unreadable", exc.problem))
        return tuple(found)

    def check(self) -> tuple[SealedVoice, ...]:
        """Like `list`, but every sealed file is decrypted and thrown away; needs the vault key.

        Returns
        -------
        tuple of SealedVoice
            `problem` says what is wrong; an orphaned key (its file is gone) is reported with an empty file name.
        """
        listed = self.list()
        checked = []
        with self._store.locked(), self._store.vault_key(self._passphrase) as vault_key:
            for item in listed:
                checked.append(item if item.state != "sealed" else self._tried(item, vault_key))
            files = {item.key for item in listed}
            for key in self._store.read().keys:
                if key.key not in files:
                    problem = "a key whose sealed file is gone: restore the file, or remove the voice"
                    checked.append(SealedVoice(key.voice, key.grant, key.key, Path(), (), 0, "sealed", problem))
        return tuple(checked)

    def _tried(self, item: SealedVoice, vault_key: bytearray) -> SealedVoice:
        try:
            with open_sealed(item.path) as (header, handle):
                data_key = self._store.unwrap(vault_key, header)
                try:
                    for number in range(len(header.files)):
                        plain = unseal_file(header, handle, number, data_key)
                        plain[:] = bytes(len(plain))
                finally:
                    data_key[:] = bytes(32)
        except (ConsentRefusedError, InvalidInputError) as exc:
            return SealedVoice(**{**item.__dict__, "problem": str(exc)})
        return item

    def remove(self, voice: str) -> int:
        """Destroy the keys of a voice and delete its sealed files; the ledger keeps an entry. Returns how many keys."""
        count = self._destroy(lambda item: item.voice == voice, REMOVED)
        if not count:
            raise UsageError(f"the vault holds no voice {voice}")
        return count

    def _destroy(self, which: Callable[[WrappedKey], bool], reason: str) -> int:
        with self._store.locked():
            mine = [item for item in self._store.read().keys if which(item)]
            self._store.destroy([Destroyed(item.key, item.voice, item.grant, item.subject, reason) for item in mine])
        if mine:
            settle(self._ledger)
        return len(mine)


def _entry(holding: Holding, source: Source, built: Sequence[Enrolment]) -> SealedFile:
    """What a file is to a grant: named by it, or by an entry about a voice that was built under it."""
    grant = holding.grant
    made = [ref for item in built if enrolment_problem(grant, item) is None for ref in item.derived]
    if any(item.sha256 == source.sha256 for item in (*grant.weights, *made)):
        return SealedFile(source.name, "weights", source.size, source.sha256)
    if any(item.file_sha256 == source.sha256 for item in grant.references):
        return SealedFile(source.name, "reference", source.size, source.sha256)
    raise ConsentRefusedError(
        "weights-mismatch",
        f"{source.name} ({source.sha256[:12]}…) is neither a model file nor a reference of the grant",
        statements=(holding.digest,),
        remedy="Ask for a grant that names this file",
    )


def _glance(header: Header, path: Path, state: str) -> SealedVoice:
    names = tuple(item.name for item in header.files)
    return SealedVoice(header.voice, header.grant, header.key, path, names, header.sealed_bytes, state)


def _file_name(header: Header) -> str:
    return f"{header.voice}-{header.key[:16]}{SEALED_SUFFIX}"
