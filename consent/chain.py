"""From stored rows to a verified history: tree head, root, index columns, and what the entries say.

Order matters. First the signed tree head, then the root over the stored bytes, then the columns that follow
from those bytes; only then is any entry believed. Parsed entries are remembered under the hash of their very
bytes, so remembering cannot hide a change.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from . import merkle
from .authority import check_signatures, may_revoke
from .encoding import sha256_hex
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError
from .keys import PublicKey
from .policy import Standing
from .statements import (
    LEDGER_KINDS,
    AssetRegistered,
    Grant,
    RenderReceipt,
    Revocation,
    Spent,
    Statement,
    parse_statement,
)
from .store import Row
from .tree_head import Checkpoint, parse_note, verify_checkpoint

__all__ = ["Chain", "Entry", "OpenIntent", "derive_row", "origin_of"]

_RESTORE = "Run `consent audit` to see the extent, then restore the ledger from a backup"


def origin_of(ledger: str) -> str:
    """Name of the log in its tree heads."""
    return f"voicekit.local/{ledger}"


@dataclass(frozen=True)
class Entry:
    """One believed entry: what follows from its bytes, and its payload."""

    kind: str
    digest: str
    own_time: int
    obj: dict[str, Any]


@dataclass(frozen=True)
class OpenIntent:
    """A begun render without an end."""

    grant: str
    seconds: int
    time: int


def _light(envelope: bytes) -> Entry:
    # Only for bytes under a verified root: they passed the strict parser when they were appended.
    outer = json.loads(envelope)
    payload = base64.b64decode(outer["payload"])
    obj = json.loads(payload)
    return Entry(LEDGER_KINDS[outer["payloadType"]].KIND, sha256_hex(payload), int(obj["time"]), obj)


def derive_row(seq: int, envelope: bytes, previous_time: int) -> Row:
    """The index columns of an entry. Its time is its statement's, but never before its predecessor's."""
    entry = _light(envelope)
    return Row(
        seq,
        entry.kind,
        entry.digest,
        max(previous_time, entry.own_time),
        merkle.leaf_hash(envelope),
        envelope,
    )


@dataclass
class Chain:
    """A ledger's verified history, extended as entries are added.

    Parameters
    ----------
    ledger : str
        Ledger id.
    operator : PublicKey
        Key that signs tree heads.
    """

    ledger: str
    operator: PublicKey
    leaves: list[bytes] = field(default_factory=list)
    columns: list[tuple[str, str, int, bytes]] = field(default_factory=list)
    last_time: int = 0
    head: Checkpoint | None = None
    digests: dict[str, int] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)
    grants: dict[str, tuple[Grant, Envelope]] = field(default_factory=dict)
    records: dict[str, AssetRegistered] = field(default_factory=dict)
    revocations: dict[str, list[Revocation]] = field(default_factory=dict)
    superseded: set[str] = field(default_factory=set)
    open: dict[str, OpenIntent] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)

    def verify(self, rows: Sequence[Row], checkpoints: Sequence[tuple[int, bytes]]) -> None:
        """Verify everything that is stored, then take in what is new since the last call.

        Raises
        ------
        ConsentRefusedError
            checkpoint-invalid, ledger-tampered, ledger-index-tampered, ledger-time-tampered,
            statement-invalid.
        """
        head = self._verify_head(checkpoints)
        leaves = self._verify_leaves(rows, head)
        if leaves[: len(self.leaves)] != self.leaves:
            # Another history than this object has seen, under a valid head: forget, and read it all again.
            self._forget()
            raise ConsentRefusedError(
                "ledger-forked",
                "the history changed under a running program",
                remedy="Two histories exist under one key: keep both and find out which is true",
            )
        self._verify_columns(rows)
        for row in rows[len(self.leaves) :]:
            self.take(row)
        self.head = head

    def _verify_head(self, checkpoints: Sequence[tuple[int, bytes]]) -> Checkpoint:
        if len(checkpoints) != 1:
            raise ConsentRefusedError(
                "checkpoint-invalid", f"{len(checkpoints)} tree heads where one belongs", remedy=_RESTORE
            )
        size, note = checkpoints[0]
        try:
            head = verify_checkpoint(note, self.operator, origin_of(self.ledger))
            lone = len(parse_note(note)[1]) == 1
        except InvalidInputError as exc:
            raise ConsentRefusedError("checkpoint-invalid", str(exc), remedy=_RESTORE) from exc
        if head.size != size or not lone:
            raise ConsentRefusedError("checkpoint-invalid", "the tree head and its row disagree", remedy=_RESTORE)
        return head

    def _verify_leaves(self, rows: Sequence[Row], head: Checkpoint) -> list[bytes]:
        for expected, row in enumerate(rows):
            if row.seq != expected:
                raise ConsentRefusedError("ledger-tampered", f"entry {expected} is missing or moved", remedy=_RESTORE)
        if len(rows) != head.size:
            raise ConsentRefusedError(
                "ledger-tampered", f"{len(rows)} entries where {head.size} were signed for", remedy=_RESTORE
            )
        leaves = [sha256(b"\x00" + row.envelope).digest() for row in rows]
        if merkle.root(leaves) != head.root:
            odd = [row.seq for row, leaf in zip(rows, leaves, strict=True) if row.leaf != leaf]
            where = f"entry {odd[0]}" if odd else "an entry (its index was changed along with it)"
            raise ConsentRefusedError("ledger-tampered", f"{where} is not what was signed for", remedy=_RESTORE)
        return leaves

    def _verify_columns(self, rows: Sequence[Row]) -> None:
        last = 0
        for row in rows:
            if row.seq < len(self.columns):
                kind, digest, moment, leaf = self.columns[row.seq]
            else:
                try:
                    fresh = derive_row(row.seq, row.envelope, last)
                except (KeyError, TypeError, ValueError) as exc:
                    raise ConsentRefusedError(
                        "statement-invalid", f"entry {row.seq} is no statement ({exc})", remedy=_RESTORE
                    ) from exc
                kind, digest, moment, leaf = fresh.kind, fresh.digest, fresh.time, fresh.leaf
            if row.time != moment:
                raise ConsentRefusedError(
                    "ledger-time-tampered", f"the time of entry {row.seq} was changed", remedy=_RESTORE
                )
            if (row.kind, row.digest, row.leaf) != (kind, digest, leaf):
                raise ConsentRefusedError(
                    "ledger-index-tampered",
                    f"an index column of entry {row.seq} was changed",
                    remedy=_RESTORE,
                )
            last = moment

    def _forget(self) -> None:
        fresh = Chain(self.ledger, self.operator)
        self.__dict__.update(fresh.__dict__)

    def take(self, row: Row) -> None:
        """Take in one more entry whose bytes are believed."""
        entry = _light(row.envelope)
        if entry.digest in self.digests or entry.obj["nonce"] in self.nonces:
            raise ConsentRefusedError(
                "statement-invalid", f"entry {row.seq} repeats an earlier statement", remedy=_RESTORE
            )
        self.leaves.append(row.leaf)
        self.columns.append((row.kind, row.digest, row.time, row.leaf))
        self.digests[entry.digest] = row.seq
        self.nonces.add(entry.obj["nonce"])
        self.last_time = row.time
        self._apply(row, entry)

    def _apply(self, row: Row, entry: Entry) -> None:
        obj = entry.obj
        if entry.kind in ("grant", "revocation", "asset-registered"):
            # These decide; they are parsed strictly and their signatures checked each time a ledger is
            # opened.
            self._decisive(row)
        elif entry.kind == "render-intent":
            self.open[entry.digest] = OpenIntent(obj["grant"], int(obj["use"].get("seconds", 1)), entry.own_time)
        elif entry.kind == "render-aborted":
            self.open.pop(obj["intent"], None)
            self.closed[obj["intent"]] = entry.digest
        elif entry.kind == "render-receipt":
            self.open.pop(obj["intent"], None)
            self.closed[obj["intent"]] = entry.digest
            milli = sum(o["seconds_milli"] for o in obj["outputs"] if "same_as" not in o)
            renders, seconds = self.spent.get(obj["grant"], (0, 0))
            self.spent[obj["grant"]] = (renders + 1, seconds + -(-milli // 1_000))

    def _decisive(self, row: Row) -> None:
        what = f"entry {row.seq}"
        try:
            envelope = Envelope.parse(row.envelope, what=what)
            statement = parse_statement(envelope, what=what)
            check_signatures(statement, envelope, self.operator, what=what)
        except InvalidInputError as exc:
            raise ConsentRefusedError("statement-invalid", str(exc), remedy=_RESTORE) from exc
        if isinstance(statement, Grant):
            for old in statement.supersedes:
                if self._may_supersede(statement, envelope, old):
                    self.superseded.add(old)
            self.grants[row.digest] = (statement, envelope)
        elif isinstance(statement, AssetRegistered):
            self.records[row.digest] = statement
        elif isinstance(statement, Revocation):
            self.revocations.setdefault(statement.target, []).append(statement)

    def _may_supersede(self, new: Grant, envelope: Envelope, old: str) -> bool:
        # A grant signed by its speaker is replaced by nobody but the speaker.
        if old not in self.grants:
            return False
        before, before_envelope = self.grants[old]
        subject = PublicKey.from_did(before.subject.key)
        if before.voice != new.voice or before.subject.key != new.subject.key:
            return False
        return not before_envelope.signers([subject]) or bool(envelope.signers([subject]))

    def target(self, digest: str) -> Statement | None:
        """The grant or voice record of that name."""
        if digest in self.grants:
            return self.grants[digest][0]
        return self.records.get(digest)

    def revoked_from(self, digest: str, loose: Sequence[Revocation] = ()) -> int | None:
        """Earliest effective time of a valid revocation of a grant or of its voice record."""
        moments: list[int] = []
        names = [digest]
        if digest in self.grants and self.grants[digest][0].record:
            names.append(self.grants[digest][0].record)
        for name in names:
            target = self.target(name)
            if target is None:
                continue
            known = [*self.revocations.get(name, []), *(r for r in loose if r.target == name)]
            moments += [item.effective for item in known if may_revoke(item, target)]
        return min(moments, default=None)

    def spent_of(self, grant: str, *, without: str = "") -> Spent:
        """Receipts plus open intents under a grant, leaving one intent out."""
        renders, seconds = self.spent.get(grant, (0, 0))
        for name, intent in self.open.items():
            if intent.grant == grant and name != without:
                renders, seconds = renders + 1, seconds + intent.seconds
        return Spent(renders, seconds)

    def standing(self, grant: str, *, loose: Sequence[Revocation] = (), without: str = "") -> Standing:
        """Everything the policy wants to know about one grant."""
        statement, _envelope = self.grants[grant]
        return Standing(
            digest=grant,
            grant=statement,
            spent=self.spent_of(grant, without=without),
            revoked_from=self.revoked_from(grant, loose),
            superseded=grant in self.superseded,
            record=self.records.get(statement.record) if statement.record else None,
        )

    def receipt(self, envelope: bytes) -> RenderReceipt:
        """Parse a receipt entry strictly."""
        statement = parse_statement(Envelope.parse(envelope), RenderReceipt)
        if not isinstance(statement, RenderReceipt):
            raise InvalidInputError("not a receipt", reason="statement-kind")
        return statement
