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
from .encoding import sha256_hex
from .envelope import Envelope
from .errors import ConsentError, ConsentRefusedError, InvalidInputError
from .keys import PublicKey, read_small_file
from .outside import HIGH_WATER, compare_head, compare_high_water, read_refusals
from .proof import MAX_BUNDLE, PROOF_SUFFIX, parse_bundle
from .statements import ANY_LEDGER, Refusal, RenderReceipt, parse_statement
from .store import Row, Store
from .tree_head import verify_checkpoint

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
    folder: Path | str, *, sidecar: Path | str | None = None, against: Sequence[Path | str] = ()
) -> AuditReport:
    """Audit a ledger: tree, head, index, every signature, drop folder, deliveries, and notes kept elsewhere.

    Parameters
    ----------
    folder : path
        The ledger.
    sidecar : path, optional
        Folder of the high-water note.
    against : sequence of path
        High-water notes, `.voiceproof` files, or delivered files with their proof beside them.

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
    audit.run(against)
    root = merkle.root(audit.leaves).hex()
    return AuditReport(str(target), ledger, len(audit.leaves), root, tuple(audit.findings))


class _Audit:
    def __init__(self, folder: Path, sidecar: Path, operator: PublicKey, ledger: str) -> None:
        self.folder, self.sidecar, self.operator, self.ledger = folder, sidecar, operator, ledger
        self.chain = Chain(ledger, operator)
        self.findings: list[Finding] = []
        self.leaves: list[bytes] = []

    def note(self, reason: str, text: str, *, fatal: bool = True) -> None:
        self.findings.append(Finding(reason, text, fatal))

    def refused(self, exc: ConsentError) -> None:
        reason = exc.reason if isinstance(exc, (ConsentRefusedError, InvalidInputError)) else "error"
        text = exc.message if isinstance(exc, ConsentRefusedError) else str(exc)
        self.note(reason, text)

    def run(self, against: Sequence[Path | str]) -> None:
        deliveries: list[tuple[str, str, str, bool]] = []
        try:
            with Store(self.folder / "ledger.db").session(write=False) as session:
                rows, heads = session.rows(), session.checkpoints()
                deliveries = session.deliveries()
        except ConsentRefusedError as exc:
            self.refused(exc)
            return
        self.leaves = [merkle.leaf_hash(row.envelope) for row in rows]
        sound = True
        try:
            self.chain.verify(rows, heads)
        except ConsentRefusedError as exc:
            self.refused(exc)
            sound = False
        self._entries(rows, sound)
        try:
            compare_high_water(self.sidecar, self.leaves, self.operator, self.origin)
        except ConsentRefusedError as exc:
            self.refused(exc)
        for path in against:
            self._against(Path(path))
        if sound:
            self._loose_ends(rows, deliveries)
        self._refusals()

    @property
    def origin(self) -> str:
        return f"voicekit.local/{self.ledger}"

    def _entries(self, rows: Sequence[Row], sound: bool) -> None:
        """Every entry by itself: strict parse, signatures, ledger, columns; and receipts against their
        intents."""
        last = 0
        intents: set[str] = set()
        for row in rows:
            what = f"entry {row.seq}"
            try:
                envelope = Envelope.parse(row.envelope, what=what)
                statement = parse_statement(envelope, what=what)
                check_signatures(statement, envelope, self.operator, what=what)
                if statement.ledger not in (self.ledger, ANY_LEDGER):
                    self.note("ledger-mismatch", f"{what} was made for another ledger")
                fresh = derive_row(row.seq, row.envelope, last)
            except InvalidInputError as exc:
                self.refused(exc)
                last = max(last, row.time)
                continue
            last = fresh.time
            wrong = [n for n in ("kind", "digest", "time", "leaf") if getattr(row, n) != getattr(fresh, n)]
            if wrong and not sound:
                self.note("ledger-index-tampered", f"{what}: {', '.join(wrong)} does not follow from the statement")
            if statement.KIND == "render-intent":
                intents.add(row.digest)
            if isinstance(statement, RenderReceipt):
                if statement.intent not in intents:
                    self.note("statement-invalid", f"{what} is a receipt without an open intent")
                intents.discard(statement.intent)

    def _against(self, path: Path) -> None:
        """Compare with a note, a proof, or a delivered file with its proof beside it."""
        proof = path.with_name(path.name + PROOF_SUFFIX)
        try:
            if path.suffix != PROOF_SUFFIX and proof.is_file():
                path = proof
            if path.suffix == PROOF_SUFFIX:
                note = parse_bundle(read_small_file(path, MAX_BUNDLE), what=str(path)).checkpoint
            else:
                note = read_small_file(path, 1 << 16)
            head = verify_checkpoint(note, self.operator, self.origin)
            compare_head(head, self.leaves, str(path))
        except InvalidInputError as exc:
            self.note(exc.reason, f"{path}: {exc.problem}")
            return
        except ConsentRefusedError as exc:
            self.refused(exc)
            return
        self.note("agrees", f"{path} saw the first {head.size} of {len(self.leaves)} entries", fatal=False)

    def _loose_ends(self, rows: Sequence[Row], deliveries: Sequence[tuple[str, str, str, bool]]) -> None:
        for intent, state in self.chain.open.items():
            self.note("open-intent", f"render {intent[:16]} began at {state.time} and has not ended", fatal=False)
        for receipt, name, path, done in deliveries:
            if receipt in self.chain.digests and not done:
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
                    envelope.require(self.operator, what="refusals.jsonl")
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
    chain = Chain(ledger, operator)
    with Store(target / "ledger.db").session(write=False) as session:
        heads = session.checkpoints()
        chain.verify(session.rows(), heads)
    write_high_water(outside, heads[0][1])
    return len(chain.leaves)


def high_water_path(folder: Path) -> Path:
    """Where the default high-water note of a ledger lies."""
    return default_sidecar(folder) / HIGH_WATER
