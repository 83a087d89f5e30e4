"""The machinery under `Ledger`: folders, keys, verified transactions, appending, and recording refusals."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from . import drop, merkle
from .authority import may_revoke
from .chain import Chain, derive_row, origin_of
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .keys import PublicKey, SigningKey, read_small_file, sync_folder, write_new_file
from .locks import LifeLock, is_dead, writer_lock
from .outside import HIGH_WATER, compare_high_water, record_refusal, write_high_water
from .statements import (
    Genesis,
    Party,
    RenderAborted,
    Revocation,
    Software,
    new_nonce,
    parse_statement,
)
from .store import Session, Store
from .tree_head import Checkpoint, sign_checkpoint

__all__ = ["BACKWARDS_SECONDS", "BUILD_FLOOR", "SOFTWARE", "LedgerCore", "default_sidecar", "read_identity"]

#: The clock may run behind the last entry by this much (a correction by the network), not more.
BACKWARDS_SECONDS = 300
#: No render happens before this program was written: 2025-10-01.
BUILD_FLOOR = 1_759_276_800
SOFTWARE = Software("voicekit-consent", "0.1.0")

#: Refusals after which the ledger cannot be appended to; they are recorded beside it.
_UNSOUND = frozenset(
    {
        "ledger-tampered",
        "ledger-index-tampered",
        "ledger-time-tampered",
        "ledger-schema-changed",
        "ledger-rolled-back",
        "ledger-forked",
        "ledger-replaced",
        "ledger-permissions",
        "checkpoint-invalid",
        "highwater-invalid",
        "highwater-missing",
        "statement-invalid",
    }
)


def default_sidecar(folder: Path) -> Path:
    """Where the high-water note lies unless told otherwise: beside the ledger's folder, not in it."""
    return folder.with_name(folder.name + ".highwater")


def read_identity(folder: Path) -> tuple[PublicKey, str]:
    """Operator's public key and ledger id from `keys/operator.pub` (needs no passphrase)."""
    path = folder / "keys" / "operator.pub"
    try:
        parts = read_small_file(path, 1_024).decode("ascii").split()
    except UnicodeDecodeError as exc:
        raise InvalidInputError("not plain text", file=str(path), reason="identity-invalid") from exc
    except InvalidInputError as exc:
        raise InvalidInputError(
            "there is no ledger here",
            file=str(folder),
            remedy="Make one with `consent init`, or name the right studio with --studio",
            reason="ledger-missing",
        ) from exc
    if len(parts) != 2 or not parts[1].startswith(origin_of("")) or len(parts[1]) != len(origin_of("")) + 32:
        raise InvalidInputError(
            "not an operator's public key", file=str(path), remedy="Restore it", reason="identity-invalid"
        )
    return PublicKey.from_did(parts[0]), parts[1].removeprefix(origin_of(""))


def _system_clock() -> int:
    return int(time.time())


class LedgerCore:
    """Shared by `Ledger`; holds no decision of its own."""

    def __init__(
        self,
        folder: Path,
        operator: PublicKey,
        ledger: str,
        key: SigningKey | None,
        sidecar: Path,
        now: Callable[[], int],
    ) -> None:
        self.folder = folder
        self.operator = operator
        self.id = ledger
        self.sidecar = sidecar
        self._key = key
        self._now = now
        self._store = Store(folder / "ledger.db")
        self._chain = Chain(ledger, operator)
        self._mutex = threading.RLock()
        self._life = LifeLock(folder)
        self._note = b""
        self._seen: tuple[Any, ...] = ()
        self._pid = os.getpid()

    # making and opening

    @classmethod
    def init(
        cls,
        folder: Path | str,
        *,
        operator_name: str,
        sidecar: Path | str | None = None,
        passphrase: bytes | None = None,
        now: Callable[[], int] | None = None,
    ) -> Self:
        """Make a new ledger.

        Parameters
        ----------
        folder : path
            New folder (mode 0700): `ledger.db`, `keys/operator.key` (0600), `revocations/` for loose
            revocations.
        operator_name : str
            Who renders and answers for it; stands in every grant as grantee.
        sidecar : path, optional
            Another folder for the high-water note; default `<folder>.highwater`.
        passphrase : bytes, optional
            Encrypts the operator's key.
        now : callable, optional
            Clock: seconds since 1970 UTC.

        Raises
        ------
        UsageError
            There is something already.
        """
        target = Path(folder).absolute()
        outside = Path(sidecar).absolute() if sidecar else default_sidecar(target)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"{target} exists and is not empty; open it, or choose another folder")
        if (outside / HIGH_WATER).exists():
            raise UsageError(f"{outside / HIGH_WATER} is about an earlier ledger; restore that, or move the note away")
        clock = now or _system_clock
        ledger, key = secrets.token_hex(16), SigningKey.generate()
        aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
        try:
            aside.mkdir(mode=0o700, parents=True)
            for name in ("keys", "revocations", "locks"):
                (aside / name).mkdir(mode=0o700)
        except OSError as exc:
            raise InvalidInputError(
                f"cannot be made ({exc.strerror})",
                file=str(target),
                remedy="Choose a folder that can be written to",
                reason="file-unwritable",
            ) from exc
        key.save(aside / "keys" / "operator.key", passphrase)
        identity = f"{key.public.did} {origin_of(ledger)}\n".encode()
        write_new_file(aside / "keys" / "operator.pub", identity, mode=0o644)
        genesis = Genesis(
            ledger=ledger,
            nonce=new_nonce(),
            time=max(clock(), BUILD_FLOOR),
            operator=Party(key.public.did, operator_name),
            software=SOFTWARE,
        ).sign(key)
        store = Store(aside / "ledger.db")
        store.create()
        row = derive_row(0, genesis.to_bytes(), 0)
        note = sign_checkpoint(Checkpoint(origin_of(ledger), 1, merkle.root([row.leaf])), key)
        with store.session(write=True) as session:
            session.append([row], 1, note)
        # The folder appears whole or not at all.
        write_high_water(outside, note)
        os.rename(aside, target)
        sync_folder(target.parent)
        return cls.open(target, sidecar=outside, passphrase=passphrase, now=now)

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        sidecar: Path | str | None = None,
        passphrase: bytes | None = None,
        now: Callable[[], int] | None = None,
    ) -> Self:
        """Open and verify a ledger; close the open intents of processes that are gone.

        With an encrypted operator's key and no passphrase the ledger opens for reading alone.

        Raises
        ------
        ConsentRefusedError
            The ledger cannot be trusted; the refusal is recorded in `refusals.jsonl` inside and outside of
            it.
        InvalidInputError
            There is no ledger, or its key cannot be read.
        """
        target = Path(folder).absolute()
        operator, ledger = read_identity(target)
        key: SigningKey | None = None
        try:
            key = SigningKey.load(target / "keys" / "operator.key", passphrase)
        except InvalidInputError as exc:
            if exc.reason != "key-passphrase" or passphrase:
                raise
        if key is not None and key.public != operator:
            raise ConsentRefusedError(
                "key-mismatch",
                f"keys/operator.key and keys/operator.pub of {target} do not belong together",
                remedy="Restore the keys folder from a backup",
            )
        outside = Path(sidecar).absolute() if sidecar else default_sidecar(target)
        self = cls(target, operator, ledger, key, outside, now or _system_clock)
        try:
            if key is None:
                with self._read("open"):
                    pass
            else:
                with self._write("open") as session:
                    self._close_orphans(session)
                    self._ingest(session)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Let go of the process lock. Open intents of this object become orphans."""
        self._life.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # verified transactions

    @property
    def origin(self) -> str:
        """Name of the log in its tree heads."""
        return origin_of(self.id)

    def operator_signing_key(self) -> SigningKey:
        """The operator's private key, if it was opened."""
        if self._key is None:
            raise UsageError("the operator's key is encrypted: open the ledger with its passphrase to write to it")
        return self._key

    @contextmanager
    def _guard(self, during: str, voice: str) -> Iterator[None]:
        if os.getpid() != self._pid:
            raise UsageError("a ledger is not used in a forked process; open it there, or pass a permit token")
        try:
            yield
        except BaseException as exc:
            # Whatever was taken in during a failed transaction is forgotten and read anew.
            self._chain = Chain(self.id, self.operator)
            self._note = b""
            self._seen = ()
            if isinstance(exc, ConsentRefusedError) and exc.reason in _UNSOUND and self._key is not None:
                record_refusal(
                    (self.folder, self.sidecar),
                    self._key,
                    ledger=self.id,
                    reason=exc.reason,
                    during=during,
                    voice=voice[:100],
                    now=max(self._now(), BUILD_FLOOR),
                )
            raise

    @contextmanager
    def _read(self, during: str) -> Iterator[Session]:
        with self._mutex, self._guard(during, ""), self._store.session(write=False) as session:
            self._verify(session)
            yield session

    @contextmanager
    def _write(self, during: str, voice: str = "") -> Iterator[Session]:
        self.operator_signing_key()
        with self._mutex, self._guard(during, voice), writer_lock(self.folder):
            with self._store.session(write=True) as session:
                behind = self._verify(session)
                if behind:
                    self._note = session.checkpoints()[0][1]
                yield session
            if self._note:
                # Still under the writer's lock, so that the note never goes backwards.
                write_high_water(self.sidecar, self._note)
                self._note = b""
            self._seen = self._stamp()

    def _stamp(self) -> tuple[Any, ...]:
        """Changes whenever the database, the note or the drop folder does; taken while nobody else can write."""
        found: list[Any] = []
        for path in (self.folder / "ledger.db", self.sidecar, self.folder / "revocations"):
            try:
                info = os.stat(path)
                found.append((info.st_mtime_ns, info.st_ctime_ns, info.st_ino, info.st_size))
            except OSError:
                found.append(None)
        return tuple(found)

    def _verify(self, session: Session) -> bool:
        rows = session.rows()
        self._chain.verify(rows, session.checkpoints())
        try:
            envelope = Envelope.parse(rows[0].envelope, what="entry 0")
            genesis = parse_statement(envelope, Genesis, what="entry 0")
            envelope.require(self.operator, what="entry 0")
        except InvalidInputError as exc:
            raise ConsentRefusedError("statement-invalid", str(exc)) from exc
        if not isinstance(genesis, Genesis) or genesis.ledger != self.id or genesis.operator.key != self.operator.did:
            raise ConsentRefusedError(
                "ledger-replaced",
                f"{self.folder} holds the ledger of another operator or another id",
                remedy="Restore the ledger that belongs here",
            )
        return compare_high_water(self.sidecar, self._chain.leaves, self.operator, self.origin)

    def _append(self, session: Session, envelopes: Sequence[Envelope]) -> list[str]:
        """Add entries and a new tree head to the running transaction; returns their digests."""
        chain, rows = self._chain, []
        for envelope in envelopes:
            row = derive_row(len(chain.leaves), envelope.to_bytes(), chain.last_time)
            chain.take(row)
            rows.append(row)
        head = Checkpoint(self.origin, len(chain.leaves), merkle.root(chain.leaves))
        self._note = sign_checkpoint(head, self.operator_signing_key())
        session.append(rows, head.size, self._note)
        return [row.digest for row in rows]

    # time, loose revocations, orphans

    def _moment(self) -> tuple[int, bool]:
        """Effective time, and whether the system clock was set back too far to be believed."""
        system, last = self._now(), self._chain.last_time
        return max(system, last, BUILD_FLOOR), system < last - BACKWARDS_SECONDS

    def _loose(self) -> list[Revocation]:
        found = drop.scan(self.folder / "revocations", self.id, self.operator)
        return [item.revocation for item in found if item.revocation is not None]

    def _ingest(self, session: Session) -> None:
        """Make entries of loose revocations that belong here."""
        moment, _back = self._moment()
        fresh = []
        for item in drop.scan(self.folder / "revocations", self.id, self.operator):
            if item.envelope is None or item.revocation is None or item.envelope.digest in self._chain.digests:
                continue
            target = self._chain.target(item.revocation.target)
            timely = item.revocation.time <= moment + BACKWARDS_SECONDS
            unseen = item.revocation.nonce not in self._chain.nonces
            if target is not None and may_revoke(item.revocation, target) and timely and unseen:
                fresh.append(item.envelope)
        if fresh:
            self._append(session, fresh)

    def _close_orphans(self, session: Session) -> None:
        """Close open intents whose process is gone, as aborted: interrupted."""
        holders = session.holders()
        dead = [
            intent
            for intent in self._chain.open
            if holders.get(intent) != self._life.name and is_dead(self.folder, holders.get(intent, ""))
        ]
        moment, _back = self._moment()
        if dead:
            self._append(session, [self._aborted(intent, "interrupted", moment) for intent in dead])
        for intent in set(holders) - set(self._chain.open):
            session.release_intent(intent)

    def _aborted(self, intent: str, reason: str, moment: int) -> Envelope:
        statement = RenderAborted(ledger=self.id, nonce=new_nonce(), time=moment, intent=intent, reason=reason)
        return statement.sign(self.operator_signing_key())
