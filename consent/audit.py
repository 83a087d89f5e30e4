"""The whole ledger, looked at without believing anything: also when it is damaged, which is when it
matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import drop, merkle
from .authority import check_signatures
from .chain import Chain, derive_row
from .core import default_sidecar, read_identity
from .cosign import cosignatures
from .encoding import sha256_hex
from .envelope import Envelope
from .errors import ConsentError, ConsentRefusedError, InvalidInputError
from .keybook import KeyBook
from .keys import PublicKey, read_small_file
from .outside import HIGH_WATER, compare_head, compare_high_water, read_refusals, rolled_back, verify_note
from .proof import MAX_BUNDLE, PROOF_SUFFIX, Bundle, parse_bundle
from .reading import Progress, read_all
from .statements import (
    ANY_LEDGER,
    Genesis,
    KeyRotated,
    Refusal,
    RenderAborted,
    RenderIntent,
    RenderReceipt,
    Statement,
    parse_statement,
)
from .store import Row, Session, Store
from .tree import Tree

__all__ = ["AuditReport", "Finding", "audit_folder"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (`fatal`) or worth knowing."""

    reason: str
    text: str
    fatal: bool = True


@dataclass(frozen=True)
class AuditReport:
    """Outcome of an audit."""

    folder: str
    ledger: str
    size: int
    root: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Nothing fatal was found."""
        return not any(item.fatal for item in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": self.ok,
            "folder": self.folder,
            "ledger": self.ledger,
            "size": self.size,
            "root": self.root,
            "findings": [dict(item.__dict__) for item in self.findings],
        }

    def text(self) -> str:
        """For people."""
        lines = [f"{self.folder}: ledger {self.ledger}, {self.size} entries, root {self.root[:16]}…"]
        lines += [f"  {'PROBLEM' if item.fatal else 'note'} {item.reason}: {item.text}" for item in self.findings]
        lines.append("  sound" if self.ok else "  NOT sound")
        return "\n".join(lines)


def audit_folder(
    folder: Path | str,
    *,
    sidecar: Path | str | None = None,
    against: Sequence[Path | str] = (),
    progress: Progress | None = None,
    witnesses: Sequence[PublicKey] = (),
) -> AuditReport:
    """Audit a ledger: tree, head, index, every signature, drop folder, deliveries, and notes kept elsewhere.

    Parameters
    ----------
    folder : path
        The ledger.
    sidecar : path, optional
        Folder of the high-water note.
    against : sequence of path
        High-water notes (also with a witness's lines), `.voiceproof` files, or delivered files with their proof
        beside them.
    progress : callable, optional
        Told how many entries are done, and of how many.
    witnesses : sequence of PublicKey
        Each of them must have cosigned one of the tree heads in `against`.

    Returns
    -------
    AuditReport

    Raises
    ------
    InvalidInputError
        There is no ledger.
    """
    target = Path(folder).absolute()
    outside = Path(sidecar).absolute() if sidecar else default_sidecar(target)
    operator, ledger = read_identity(target)
    audit = _Audit(target, outside, operator, ledger)
    audit.witnesses = {key.did: key for key in witnesses}
    audit.run(against, progress or (lambda _done, _all: None))
    root = audit.leaves.root().hex()
    return AuditReport(str(target), ledger, len(audit.leaves), root, tuple(audit.findings))


class _Audit:
    def __init__(self, folder: Path, sidecar: Path, operator: PublicKey, ledger: str) -> None:
        self.folder, self.sidecar, self.operator, self.ledger = folder, sidecar, operator, ledger
        self.chain = Chain(ledger, operator)
        self.witnesses: dict[str, PublicKey] = {}
        self.seen_by: set[str] = set()
        self.findings: list[Finding] = []
        self.leaves = Tree()
        self.keys = KeyBook()

    def note(self, reason: str, text: str, *, fatal: bool = True) -> None:
        self.findings.append(Finding(reason, text, fatal))

    def refused(self, exc: ConsentError) -> None:
        reason = exc.reason if isinstance(exc, (ConsentRefusedError, InvalidInputError)) else "error"
        text = exc.message if isinstance(exc, ConsentRefusedError) else str(exc)
        self.note(reason, text)

    def run(self, against: Sequence[Path | str], progress: Progress) -> None:
        try:
            with Store(self.folder / "ledger.db").session(write=False) as session:
                self._stored(session, against, progress)
        except ConsentRefusedError as exc:
            self.refused(exc)
            return
        self._refusals()

    def _stored(self, session: Session, against: Sequence[Path | str], progress: Progress) -> None:
        for problem in session.integrity():
            self.note("ledger-tampered", f"the database is damaged: {problem}")
        sound = True
        try:
            self.chain = read_all(session, self.ledger, self.operator)
        except ConsentRefusedError as exc:
            older = rolled_back(self.sidecar, self.ledger, self.operator, session.bounds()[1] + 1)
            self.refused(older if older and exc.reason == "checkpoint-invalid" else exc)
            sound = False
        self._entries(session, sound, progress)
        if not sound:
            # Notes from outside are compared with what is stored, as far as its keys can be followed.
            self.chain.leaves, self.chain.keys = self.leaves, self.keys
        try:
            compare_high_water(self.sidecar, self.chain)
        except ConsentRefusedError as exc:
            self.refused(exc)
        for path in against:
            self._against(Path(path))
        for did in sorted(set(self.witnesses) - self.seen_by):
            self.note("unwitnessed", f"no tree head it was compared with is cosigned by {did}")
        if sound:
            self._loose_ends(session)

    def _entries(self, session: Session, sound: bool, progress: Progress) -> None:
        """Every entry by itself: strict parse, signatures, ledger, columns; receipts against their intents;
        and nothing twice."""
        last, total = 0, session.bounds()[1] + 1
        intents: set[bytes] = set()
        names: set[bytes] = set()
        self.keys.operators = [(-1, self.operator)]
        for done, row in enumerate(session.rows(min(session.bounds()[0], 0))):
            if done % 256 == 0:
                progress(done, total)
            what = f"entry {row.seq}"
            self.leaves.append(merkle.leaf_hash(row.envelope))
            try:
                statement = self._statement(row, what)
                fresh = derive_row(row.seq, row.envelope, last)
            except InvalidInputError as exc:
                self.refused(exc)
                last = max(last, row.time)
                continue
            last = fresh.time
            wrong = [n for n in ("kind", "digest", "time", "leaf") if getattr(row, n) != getattr(fresh, n)]
            if wrong and not sound:
                self.note("ledger-index-tampered", f"{what}: {', '.join(wrong)} does not follow from the statement")
            for name in (bytes.fromhex(fresh.digest)[:16], bytes.fromhex(statement.nonce)):
                if name in names:
                    self.note("statement-invalid", f"{what} repeats an earlier statement or its nonce")
                names.add(name)
            if session.find(row.digest) != row.seq:
                self.note("ledger-index-tampered", f"{what} is not found by its digest")
            self._ends(statement, bytes.fromhex(fresh.digest), intents, what)
        progress(total, total)

    def _statement(self, row: Row, what: str) -> Statement:
        envelope = Envelope.parse(row.envelope, what=what)
        statement = parse_statement(envelope, what=what)
        if row.seq == 0 and isinstance(statement, Genesis):
            self.keys = KeyBook()
            self.keys.take(0, statement)
        check_signatures(statement, envelope, self.keys.operator_at(row.seq), what=what)
        if statement.ledger not in (self.ledger, ANY_LEDGER):
            self.note("ledger-mismatch", f"{what} was made for another ledger")
        if row.seq:
            try:
                self.keys.check(statement)
            except ConsentRefusedError as exc:
                raise InvalidInputError(exc.message, file=what, reason=exc.reason) from exc
            self.keys.take(row.seq, statement)
        return statement

    def _ends(self, statement: Statement, digest: bytes, intents: set[bytes], what: str) -> None:
        if isinstance(statement, RenderIntent):
            intents.add(digest)
        elif isinstance(statement, (RenderReceipt, RenderAborted)):
            intent = bytes.fromhex(statement.intent)
            if intent not in intents:
                self.note("statement-invalid", f"{what} ends an intent that is not open")
            intents.discard(intent)

    def _against(self, path: Path) -> None:
        """Compare with a note, a proof, or a delivered file with its proof beside it."""
        proof = path.with_name(path.name + PROOF_SUFFIX)
        more: list[PublicKey] = []
        try:
            if path.suffix != PROOF_SUFFIX and proof.is_file():
                path = proof
            if path.suffix == PROOF_SUFFIX:
                bundle = parse_bundle(read_small_file(path, MAX_BUNDLE), what=str(path))
                note, more = bundle.checkpoint, self._later_keys(bundle)
            else:
                note = read_small_file(path, 1 << 16)
            head = verify_note(note, self.chain, *more)
            compare_head(head, self.leaves, str(path))
            seen = cosignatures(note, self.witnesses.values())
        except InvalidInputError as exc:
            self.note(exc.reason, f"{path}: {exc.problem}")
            return
        except ConsentRefusedError as exc:
            self.refused(exc)
            return
        self.note("agrees", f"{path} saw the first {head.size} of {len(self.leaves)} entries", fatal=False)
        for item in seen:
            self.seen_by.add(item.key)
            self.note("witnessed", f"the first {head.size} entries by {item.text()}", fatal=False)

    def _later_keys(self, bundle: Bundle) -> list[PublicKey]:
        """Keys of the operator that a proof knows and a rolled back ledger does not: each signed in by the last."""
        keys = [self.chain.keys.latest]
        for item in sorted(bundle.support, key=lambda item: item.index):
            envelope = Envelope.parse(item.envelope)
            if envelope.payload_type != KeyRotated.payload_type():
                continue
            statement = parse_statement(envelope, KeyRotated)
            if isinstance(statement, KeyRotated) and statement.old == keys[-1].did and statement.role == "operator":
                new = PublicKey.from_did(statement.new)
                envelope.require(keys[-1], new)
                keys.append(new)
        return keys

    def _loose_ends(self, session: Session) -> None:
        for intent, state in self.chain.open.items():
            self.note("open-intent", f"render {intent[:16]} began at {state.time} and has not ended", fatal=False)
        for receipt, name, path, _done in session.deliveries(waiting=True):
            if session.find(receipt) is not None:
                where = "waits" if Path(path).is_file() else "is missing"
                self.note(
                    "undelivered",
                    f"{name} has receipt {receipt[:16]} but was not delivered; {path} {where}",
                    fatal=False,
                )
        for item in drop.scan(self.folder / "revocations", self.ledger, self.operator):
            if item.problem:
                self.note("revocation-unusable", item.problem, fatal=False)

    def _refusals(self) -> None:
        for folder in (self.folder, self.sidecar):
            previous, count = "none", 0
            for line in read_refusals(folder):
                try:
                    envelope = Envelope.parse(line, what="refusals.jsonl")
                    statement = parse_statement(envelope, Refusal, what="refusals.jsonl")
                    if not envelope.signers([self.operator, *(key for _start, key in self.keys.operators)]):
                        raise InvalidInputError("not signed by the operator", file="refusals.jsonl")
                    if not isinstance(statement, Refusal) or statement.previous != previous:
                        raise InvalidInputError("a line is missing or moved", file="refusals.jsonl")
                except InvalidInputError as exc:
                    self.note("refusals-tampered", f"{folder}: line {count + 1}: {exc.problem}")
                    break
                previous, count = sha256_hex(line), count + 1
            if count:
                self.note("refusals", f"{folder / 'refusals.jsonl'} holds {count} refusals", fatal=False)


def renew_high_water(folder: Path | str, *, sidecar: Path | str | None = None) -> int:
    """Write the high-water note anew from the ledger's own verified head: a deliberate act of the operator.

    Returns the ledger's size. What an attacker rolled back before this is no longer seen from the note.
    """
    from .outside import write_high_water

    target = Path(folder).absolute()
    outside = Path(sidecar).absolute() if sidecar else default_sidecar(target)
    operator, ledger = read_identity(target)
    with Store(target / "ledger.db").session(write=False) as session:
        chain = read_all(session, ledger, operator)
        note = session.checkpoints()[0][1]
    write_high_water(outside, note)
    return len(chain)


def high_water_path(folder: Path) -> Path:
    """Where the default high-water note of a ledger lies."""
    return default_sidecar(folder) / HIGH_WATER
