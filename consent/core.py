"""The machinery under `Ledger`: folders, keys, verified transactions, appending, and recording refusals."""

from __future__ import annotations

import os
import re
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
from .errors import ConsentError, ConsentRefusedError, InvalidInputError, UsageError
from .faults import reach
from .keys import PublicKey, SigningKey, read_small_file, sync_folder, write_new_file
from .locks import LifeLock, is_dead, writer_lock
from .outside import HIGH_WATER, compare_high_water, record_refusal, rolled_back, write_high_water
from .pq import public_of, sign_second
from .reading import SNAPSHOT, checked, verify
from .snapshot import make_snapshot
from .statements import (
    Genesis,
    Party,
    RenderAborted,
    Revocation,
    Software,
    new_nonce,
)
from .store import Row, Session, Store
from .tree_head import Checkpoint, sign_checkpoint, verify_checkpoint

__all__ = [
    "BACKWARDS_SECONDS",
    "BUILD_FLOOR",
    "SOFTWARE",
    "LedgerCore",
    "default_sidecar",
    "read_identity",
    "settle_rotation",
    "write_identity",
]

#: The clock may run behind the last entry by this much (a correction by the network), not more.
BACKWARDS_SECONDS = 300
#: No render happens before this program was written: 2025-10-01.
BUILD_FLOOR = 1_759_276_800
SOFTWARE = Software("voicekit-consent", "0.1.0")

#: A ledger of fewer entries is verified in every transaction; a larger one when its file is not, to the
#: nanosecond, as this program left it.
QUIET_SIZE = 1_024

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


def write_identity(path: Path, operator: PublicKey, ledger: str) -> None:
    """Write the operator's public key and the ledger's name."""
    write_new_file(path, f"{operator.did} {origin_of(ledger)}\n".encode(), replace=True, mode=0o644)


def settle_rotation(folder: Path) -> None:
    """Finish or undo a replacement of the operator's key that was interrupted.

    The new key lies beside the old one before the entry is committed. If it signs the stored tree head, the
    entry was committed and the files are switched; else they are removed.
    """
    keys = folder / "keys"
    identity, private = keys / "operator.pub.next", keys / "operator.key.next"
    if not identity.exists() and not private.exists():
        return
    with writer_lock(folder):
        if not identity.exists():
            # Written before the identity and switched before it: alone, it belongs to nothing.
            private.unlink(missing_ok=True)
            return
        new, ledger = read_identity(folder, identity.name)
        with Store(folder / "ledger.db").session(write=False) as session:
            notes = [note for _size, note in session.checkpoints()]
        try:
            committed = [verify_checkpoint(note, new, origin_of(ledger)) for note in notes]
        except InvalidInputError:
            committed = []
        if committed:
            if private.exists():
                os.replace(private, keys / "operator.key")
            reach("after-key-switch")
            os.replace(identity, keys / "operator.pub")
            reach("after-identity-switch")
        else:
            private.unlink(missing_ok=True)
            identity.unlink()
        sync_folder(keys)


def read_identity(folder: Path, name: str = "operator.pub") -> tuple[PublicKey, str]:
    """Operator's public key and ledger id from `keys/operator.pub` (needs no passphrase)."""
    path = folder / "keys" / name
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
    if len(parts) != 2 or not re.fullmatch(re.escape(origin_of("")) + "[0-9a-f]{32}", parts[1]):
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
        self._verified: tuple[int, ...] = ()
        self._unsure = False
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
        contact: str = "",
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
        contact : str
            Where speakers reach the operator; signed into the first entry and into every grant.

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
        write_identity(aside / "keys" / "operator.pub", key.public, ledger)
        genesis = Genesis(
            ledger=ledger,
            nonce=new_nonce(),
            time=max(clock(), BUILD_FLOOR),
            operator=Party(key.public.did, operator_name, contact),
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
        settle_rotation(target)
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
            if self._unsure or not isinstance(exc, ConsentError):
                # Whatever was taken in during a failed transaction is forgotten and read anew.
                self._chain = Chain(self.id, self.operator)
                self._seen, self._verified, self._unsure = (), (), False
            self._note = b""
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
                if self._chain.keys.latest != self.operator_signing_key().public:
                    raise _outdated()
                yield session
                self._keep_snapshot(session)
                reach("before-commit")
            # Still under the writer's lock, so that the note never goes backwards.
            self._verified, self._unsure = self._store.stamp(), False
            reach("after-commit")
            if self._note:
                write_high_water(self.sidecar, self._note)
                self._note = b""
                reach("after-note")
            self._seen = self._stamp()
        self._after_write(during)

    def _after_write(self, during: str) -> None:
        """Called after each writing, with no lock held; `Ledger` carries out withdrawals here."""

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
        stamp, self._unsure = self._store.stamp(), True
        if len(self._chain) < QUIET_SIZE or not stamp or stamp != self._verified:
            self._verified = ()
            try:
                verify(self._chain, session)
            except ConsentRefusedError as exc:
                older = exc.reason == "checkpoint-invalid" and rolled_back(
                    self.sidecar, self.id, self.operator, session.bounds()[1] + 1
                )
                raise (older or exc) from exc
        behind = compare_high_water(self.sidecar, self._chain)
        self._verified, self._unsure = stamp, False
        return behind

    def _append(self, session: Session, envelopes: Sequence[Envelope], key: SigningKey | None = None) -> list[str]:
        """Add entries and a new tree head to the running transaction; returns their digests."""
        chain, self._unsure = self._chain, True
        rows = [chain.next_row(envelope.to_bytes()) for envelope in envelopes]
        head = Checkpoint(self.origin, len(chain), chain.leaves.root())
        signer = key or self.operator_signing_key()
        self._note = sign_checkpoint(head, signer)
        second = chain.head_key()
        if second is not None:
            if public_of(signer) != second[1]:
                raise UsageError("the ledger's second key does not belong to its operator's key: restore keys/")
            self._note = sign_second(self._note, signer)
        reach("before-append")
        session.append(rows, head.size, self._note)
        reach("after-append")
        return [row.digest for row in rows]

    def _keep_snapshot(self, session: Session) -> None:
        """Sign what was verified and appended, once a block, so that the next opening need not parse it."""
        state = self._chain.snapshot
        if state is not None and state.size > self._chain.kept:
            full = self._chain.full_snapshot()
            if full is not None:
                session.put_side(*SNAPSHOT, make_snapshot(self.id, full, self.operator_signing_key()))
            self._chain.kept = state.size

    def _find(self, session: Session, digest: str) -> int:
        """Place of a statement."""
        seq = self._chain.decisive.get(digest)
        if seq is None:
            seq = session.find(digest)
        if seq is None or seq >= len(self._chain):
            raise UsageError(f"the ledger has no statement {digest[:16]}")
        return seq

    def _row(self, session: Session, digest: str) -> Row:
        """A statement's entry, compared with its verified leaf and its name."""
        row = checked(session, self._chain.leaves, self._find(session, digest))
        if derive_row(row.seq, row.envelope, 0).digest != digest:
            raise ConsentRefusedError("ledger-index-tampered", f"the index leads from {digest[:16]} to another entry")
        return row

    # time, loose revocations, orphans

    def _moment(self) -> tuple[int, bool]:
        """Effective time, and whether the system clock was set back too far to be believed."""
        system, last = self._now(), self._chain.last_time
        return max(system, last, BUILD_FLOOR), system < last - BACKWARDS_SECONDS

    def _dropped(self) -> list[drop.Dropped]:
        return drop.scan(self.folder / "revocations", self.id, self.operator)

    def _loose(self) -> list[Revocation]:
        return [item.revocation for item in self._dropped() if item.revocation is not None]

    def _ingest(self, session: Session) -> None:
        """Make entries of loose revocations that belong here."""
        moment, _back = self._moment()
        fresh = []
        for item in self._dropped():
            if item.envelope is None or item.revocation is None or item.envelope.digest in self._chain.decisive:
                continue
            target = self._chain.target(item.revocation.target)
            timely = item.revocation.time <= moment + BACKWARDS_SECONDS
            unseen = item.revocation.nonce not in self._chain.nonces
            if target is not None and may_revoke(item.revocation, target, self._chain.keys.same) and timely and unseen:
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


def _outdated() -> ConsentRefusedError:
    return ConsentRefusedError(
        "key-replaced",
        "the operator's key was replaced since this ledger was opened",
        remedy="Open the ledger again; if that does not help, restore its keys folder",
    )
