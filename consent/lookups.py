"""What a ledger can be asked about its entries: one statement, all of a kind, proofs, receipts, deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from .cosign import make_request
from .encoding import parse_json
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .grants import GrantBook
from .keys import read_small_file, write_new_file
from .merkle import leaf_hash
from .outputs import Undelivered
from .outside import compare_head, verify_note
from .proof import Located, make_bundle
from .statements import LEDGER_KINDS, Grant, KeyEnrolled, RenderAborted, RenderReceipt, Statement, parse_statement
from .store import Row, Session
from .synthetic import refuse_outputs, refuse_synthetic
from .tree import Tree
from .tree_head import parse_note

__all__ = ["LedgerEntry", "Lookups", "Proven"]

#: The newest tree head that a witness cosigned, in the ledger's folder.
WITNESSED = "witnessed.note"
_PAGE = 256
_KINDS = frozenset(kind.KIND for kind in LEDGER_KINDS.values())


class LedgerEntry(NamedTuple):
    """One entry: its place, its time, its statement's digest, and the statement."""

    seq: int
    time: int
    digest: str
    statement: Statement


@dataclass(frozen=True)
class Proven:
    """Entries with their inclusion proofs under one signed tree head.

    Parameters
    ----------
    checkpoint : bytes
        The signed note.
    entries : dict
        Digest -> envelope, index and audit path.
    """

    checkpoint: bytes
    entries: dict[str, Located]


class Lookups(GrantBook):
    """The half of `Ledger` that reads."""

    def entries(self, kinds: Iterable[str] = (), since: int = 0) -> Iterator[LedgerEntry]:
        """Entries in order, streamed; each is compared with its leaf, then parsed strictly.

        The ledger may be written to meanwhile; what is appended after the first entry was asked for is not
        part of the answer.

        Parameters
        ----------
        kinds : iterable of str
            Kinds such as ``render-receipt``; all when left out.
        since : int
            First place.
        """
        wanted = tuple(kinds)
        if unknown := sorted(set(wanted) - _KINDS):
            raise UsageError(f"no such kind of statement: {', '.join(unknown)}")
        stop, place = self.size(), max(since, 0)
        while place < stop:
            with self._read("show") as session:
                rows = list(islice(session.rows(place, stop, kinds=wanted), _PAGE))
                for row in rows:
                    self._check_leaf(row)
            for row in rows:
                statement = parse_statement(Envelope.parse(row.envelope, what=f"entry {row.seq}"))
                yield LedgerEntry(row.seq, row.time, row.digest, statement)
            place = rows[-1].seq + 1 if len(rows) == _PAGE else stop

    def _check_reference_files(self, paths: Sequence[Path]) -> None:
        """Refuse recordings whose files say that they were generated."""
        for path in paths:
            refuse_synthetic(self, path.name, path)

    def _check_reference_hashes(self, grant: Grant) -> None:
        """Refuse references that are outputs of this ledger, by file or by samples."""
        refuse_outputs(self, [(r.name, digest) for r in grant.references for digest in (r.file_sha256, r.pcm_sha256)])

    def _check_leaf(self, row: Row) -> None:
        if leaf_hash(row.envelope) != self._chain.leaves[row.seq]:
            raise ConsentRefusedError(
                "ledger-tampered",
                f"entry {row.seq} is not what was signed for",
                remedy="Run `consent audit`, then restore the ledger from a backup",
            )

    def proof(self, receipt: str) -> bytes:
        """The `.voiceproof` bundle of a receipt, under the newest tree head."""
        with self._read("proof") as session:
            first = self._row(session, receipt)
            statement = self._chain.receipt(first.envelope)
            names = [statement.intent, statement.grant, *filter(None, [statement.record])]
            grant = self._chain.grants[statement.grant][0]
            places = {self._find(session, name) for name in names} | {0}
            places |= self._chain.keys.places_about(grant.subject.key, grant.subject.guardian_key)
            # Who else signed for the speaker's key: a stranger who knows a witness can follow it.
            places |= {
                self._chain.decisive[digest]
                for digest, (event, _envelope) in self._chain.key_events.items()
                if isinstance(event, KeyEnrolled) and self._chain.keys.same(event.key, grant.subject.key)
            }
            # What says that the model files were built under this grant.
            used = {item.sha256 for item in statement.operands if item.role == "weights"}
            places |= {
                self._chain.decisive[digest]
                for digest, enrolment in self._chain.enrolments.get(statement.grant, [])
                if used & {item.sha256 for item in enrolment.derived}
            }
            note, leaves = session.checkpoints()[0][1], self._chain.leaves
            seen = self._witnessed(max(first.seq, *places) + 1)
            if seen is not None:
                note, leaves = seen[0], Tree(leaves[: seen[1]])
            second = self._chain.head_key(len(leaves))
            places |= {second[0]} if second else set()
            rows = [first, *(self._place(session, seq) for seq in sorted(places))]
            wanted = [row.seq for row in rows]
            return make_bundle([row.envelope for row in rows], leaves, wanted, note)

    def _witnessed(self, least: int) -> tuple[bytes, int] | None:
        """The newest cosigned head that covers the first `least` entries, if there is one."""
        path = self.folder / WITNESSED
        if not path.exists():
            return None
        note = read_small_file(path, 1 << 16)
        head = verify_note(note, self._chain)
        compare_head(head, self._chain.leaves, str(path))
        return (note, head.size) if head.size >= least else None

    def keep_cosigned(self, note: bytes) -> int:
        """Keep a cosigned tree head of this ledger: proofs of the entries it covers are made under it from now on.

        Returns the number of entries it covers. Cosignatures are for others to judge; here only the ledger's own
        signature and its history are checked.
        """
        with self._read("witness"):
            head = verify_note(note, self._chain)
            compare_head(head, self._chain.leaves, "the cosigned note")
            if len(parse_note(note)[1]) < 2:
                raise InvalidInputError("nobody cosigned it", file="checkpoint", reason="checkpoint-invalid")
            write_new_file(self.folder / WITNESSED, note, replace=True, mode=0o644)
            return head.size

    def witness_request(self, old: int) -> bytes:
        """The newest tree head and the proof that it continues one of `old` entries, for a witness."""
        with self._read("witness") as session:
            note = session.checkpoints()[0][1]
            if not 0 <= old <= len(self._chain):
                raise UsageError(f"the ledger has {len(self._chain)} entries; it cannot continue {old}")
            path = self._chain.leaves.consistency_proof(old) if 0 < old < len(self._chain) else []
            return make_request(old, path, note)

    def proofs(self, digests: Iterable[str]) -> Proven:
        """Inclusion proofs of many statements under the newest tree head, in one reading."""
        with self._read("proof") as session:
            leaves = self._chain.leaves
            found: dict[str, Located] = {}
            for digest in digests:
                row = self._row(session, digest)
                found[digest] = Located(row.envelope, row.seq, tuple(leaves.inclusion_proof(row.seq)))
            return Proven(session.checkpoints()[0][1], found)

    def _place(self, session: Session, seq: int) -> Row:
        row = session.row(seq)
        if row is None:
            raise ConsentRefusedError("ledger-tampered", f"entry {seq} is missing")
        self._check_leaf(row)
        return row

    def receipt(self, digest: str) -> RenderReceipt:
        """A receipt by its digest."""
        with self._read("show") as session:
            return self._chain.receipt(self._row(session, digest).envelope)

    def receipt_of(self, intent: str) -> RenderReceipt | None:
        """The receipt that closed an intent, or None when it is open, was aborted or is unknown."""
        with self._read("show") as session:
            row = self._closing(session, intent)
            return self._chain.receipt(row.envelope) if row and row.kind == RenderReceipt.KIND else None

    def _closing(self, session: Session, intent: str) -> Row | None:
        """The entry that ended an intent; it is looked for from the intent onwards."""
        seq = None if intent in self._chain.open else session.find(intent)
        if seq is None:
            return None
        for row in session.rows(seq + 1, len(self._chain), kinds=(RenderReceipt.KIND, RenderAborted.KIND)):
            # The name is digits alone, so it stands in the payload as it is.
            self._check_leaf(row)
            if parse_json(Envelope.parse(row.envelope).payload).get("intent") == intent:
                return row
        return None

    def undelivered(self) -> tuple[Undelivered, ...]:
        """Files with a receipt that never got their final name."""
        with self._read("show") as session:
            return tuple(
                Undelivered(receipt, name, Path(path))
                for receipt, name, path, _done in session.deliveries(waiting=True)
                if session.find(receipt) is not None
            )

    def size(self) -> int:
        """Number of entries."""
        with self._read("show"):
            return len(self._chain)

    def resolve(self, prefix: str) -> str:
        """Full digest of the statement whose digest begins with `prefix` (8 digits at least)."""
        with self._read("show") as session:
            found = session.begins_with(prefix) if len(prefix) >= 8 and prefix.isalnum() else []
        if len(found) != 1:
            problem = "names several statements" if len(found) > 1 else "names no statement of this ledger"
            raise UsageError(f"{prefix!r} {problem}; give at least 8 digits of its digest (see `consent list`)")
        return found[0]

    def entry(self, digest: str) -> tuple[int, int, bytes]:
        """Place, time and envelope of a statement."""
        with self._read("show") as session:
            row = self._row(session, digest)
            return row.seq, row.time, row.envelope

    def checkpoint(self) -> bytes:
        """The newest signed tree head, as a note."""
        with self._read("show") as session:
            return session.checkpoints()[0][1]
