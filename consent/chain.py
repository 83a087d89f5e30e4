"""A verified history: what its entries say, extended as entries are added.

`reading` establishes that stored rows are what was signed for; here their meaning is taken in. Entries that
decide (genesis, keys, grants, records, revocations) are parsed strictly and their signatures checked each time
a ledger is opened. Of renders only what the gate needs is kept: what is spent, and what is open.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from .authority import check_signatures, may_revoke
from .encoding import sha256_hex
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError
from .keybook import KEY_KINDS, KeyBook
from .keys import PublicKey
from .merkle import leaf_hash
from .policy import Standing
from .snapshot import OpenIntent, Snapshot, block_digest
from .statements import (
    ANY_LEDGER,
    LEDGER_KINDS,
    AssetRegistered,
    Enrolment,
    Genesis,
    Grant,
    HeadKey,
    RenderReceipt,
    Revocation,
    Spent,
    Statement,
    parse_statement,
)
from .store import Row
from .tree import BLOCK, Tree
from .tree_head import Checkpoint

__all__ = ["DECISIVE", "RESTORE", "Chain", "Entry", "OpenIntent", "derive_row", "origin_of"]

RESTORE = "Run `consent audit` to see the extent, then restore the ledger from a backup"
DECISIVE = frozenset({"genesis", "grant", "revocation", "asset-registered", Enrolment.KIND, HeadKey.KIND, *KEY_KINDS})


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


def _light(envelope: bytes) -> Entry:
    # Only for bytes under a verified root: they passed the strict parser when they were appended.
    outer = json.loads(envelope)
    payload = base64.b64decode(outer["payload"])
    obj = json.loads(payload)
    return Entry(LEDGER_KINDS[outer["payloadType"]].KIND, sha256_hex(payload), int(obj["time"]), obj)


def derive_row(seq: int, envelope: bytes, previous_time: int) -> Row:
    """The index columns of an entry. Its time is its statement's, but never before its predecessor's."""
    return _row(seq, envelope, _light(envelope), previous_time)


def _row(seq: int, envelope: bytes, entry: Entry, previous_time: int) -> Row:
    moment = max(previous_time, entry.own_time)
    return Row(seq, entry.kind, entry.digest, moment, leaf_hash(envelope), envelope)


@dataclass
class Chain:
    """A ledger's verified history, extended as entries are added.

    Parameters
    ----------
    ledger : str
        Ledger id.
    operator : PublicKey
        A key of the operator that the caller trusts; the history must lead to it, or on from it.
    """

    ledger: str
    operator: PublicKey
    leaves: Tree = field(default_factory=Tree)
    content: list[bytes] = field(default_factory=list)
    recent: list[tuple[str, str, int]] = field(default_factory=list)
    last_time: int = 0
    head: Checkpoint | None = None
    keys: KeyBook = field(default_factory=KeyBook)
    genesis: Genesis | None = None
    decisive: dict[str, int] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)
    grants: dict[str, tuple[Grant, Envelope]] = field(default_factory=dict)
    voices: dict[str, list[str]] = field(default_factory=dict)
    records: dict[str, AssetRegistered] = field(default_factory=dict)
    revocations: dict[str, list[Revocation]] = field(default_factory=dict)
    enrolments: dict[str, list[tuple[str, Enrolment]]] = field(default_factory=dict)
    head_keys: list[tuple[int, bytes]] = field(default_factory=list)
    key_events: dict[str, tuple[Statement, Envelope]] = field(default_factory=dict)
    superseded: set[str] = field(default_factory=set)
    open: dict[str, OpenIntent] = field(default_factory=dict)
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    kept: int = 0
    _envelopes: Any = field(default_factory=sha256, repr=False)

    def __len__(self) -> int:
        return len(self.leaves)

    def next_row(self, envelope: bytes) -> Row:
        """Take in one more entry, and return the row that is to be stored for it."""
        entry = _light(envelope)
        row = _row(len(self), envelope, entry, self.last_time)
        self._take(row, entry)
        return row

    def take(self, row: Row) -> Row:
        """Take in one more entry whose bytes are believed; returns the row it ought to be stored as."""
        entry = _light(row.envelope)
        fresh = _row(len(self), row.envelope, entry, self.last_time)
        self._take(fresh, entry)
        return fresh

    def _take(self, row: Row, entry: Entry) -> None:
        if entry.kind in DECISIVE:
            self._decisive(row)
        elif row.seq == 0:
            raise _invalid("entry 0 is no genesis")
        else:
            self._apply(row, entry)
        self.leaves.append(row.leaf)
        self.recent.append((row.kind, row.digest, row.time))
        self.last_time = row.time
        if len(self.recent) > 1:
            self._envelopes.update(b"\0")
        self._envelopes.update(row.envelope)
        if len(self.recent) == BLOCK:
            self._close_block()

    def _close_block(self) -> None:
        rows = zip(self.leaves[-BLOCK:], self.recent, strict=True)
        lines = (f"{leaf.hex().upper()} {digest} {kind} {moment}" for leaf, (kind, digest, moment) in rows)
        self.content.append(block_digest("\n".join(lines).encode(), self._envelopes.digest()))
        self.recent, self._envelopes = [], sha256()
        size = len(self)
        self.snapshot = Snapshot(
            size=size,
            root=self.leaves.root(),
            time=self.last_time,
            content=(),
            subtrees=(),
            decisive=tuple(self.decisive.values()),
            spent=dict(self.spent),
            open=dict(self.open),
        )

    def full_snapshot(self) -> Snapshot | None:
        """The state at the last complete block, with all that a later opening needs."""
        if self.snapshot is None:
            return None
        blocks = self.snapshot.size // BLOCK
        subtrees = tuple(self.leaves.block_root(i) for i in range(blocks))
        return Snapshot(**{**self.snapshot.__dict__, "content": tuple(self.content[:blocks]), "subtrees": subtrees})

    def adopt(self, snapshot: Snapshot, decisive: Sequence[Row]) -> None:
        """Begin from a believed snapshot whose leaves were added already, and the rows of its decisive entries."""
        for row in decisive:
            self._decisive(row)
        self.content = list(snapshot.content)
        self.last_time = snapshot.time
        self.spent, self.open = dict(snapshot.spent), dict(snapshot.open)
        self.snapshot, self.kept = snapshot, snapshot.size

    def _apply(self, row: Row, entry: Entry) -> None:
        obj = entry.obj
        if entry.kind == "render-intent":
            seconds = int(obj["use"].get("seconds", 1))
            self.open[entry.digest] = OpenIntent(obj["grant"], seconds, entry.own_time, row.seq)
        elif entry.kind == "render-aborted":
            self.open.pop(obj["intent"], None)
        elif entry.kind == "render-receipt":
            self.open.pop(obj["intent"], None)
            milli = sum(o["seconds_milli"] for o in obj["outputs"] if "same_as" not in o)
            renders, seconds = self.spent.get(obj["grant"], (0, 0))
            self.spent[obj["grant"]] = (renders + 1, seconds + -(-milli // 1_000))

    def _decisive(self, row: Row) -> None:
        what = f"entry {row.seq}"
        try:
            envelope = Envelope.parse(row.envelope, what=what)
            statement = parse_statement(envelope, what=what)
            if row.seq == 0:
                self._begin(statement, envelope)
            check_signatures(statement, envelope, self.keys.operator_at(row.seq), what=what)
            if statement.ledger not in (self.ledger, ANY_LEDGER):
                raise InvalidInputError("made for another ledger", file=what)
            if row.digest in self.decisive or statement.nonce in self.nonces:
                raise InvalidInputError("repeats an earlier statement", file=what)
            if row.seq and isinstance(statement, Genesis):
                raise InvalidInputError("a second genesis", file=what)
            if row.seq:
                self.keys.check(statement)
        except InvalidInputError as exc:
            raise _invalid(str(exc)) from exc
        except ConsentRefusedError as exc:
            if exc.reason == "ledger-replaced":
                raise
            raise _invalid(f"{what}: {exc.message}") from exc
        self.decisive[row.digest] = row.seq
        self.nonces.add(statement.nonce)
        self._decide(row.digest, statement, envelope)
        self.keys.take(row.seq, statement)

    def _begin(self, statement: Statement, envelope: Envelope) -> None:
        if not isinstance(statement, Genesis):
            raise InvalidInputError("is no genesis", file="entry 0")
        if statement.ledger != self.ledger:
            raise ConsentRefusedError(
                "ledger-replaced",
                f"ledger {statement.ledger} lies where {self.ledger} belongs",
                remedy="Restore the ledger that belongs here",
            )
        envelope.require(PublicKey.from_did(statement.operator.key), what="entry 0")
        self.genesis = statement
        self.keys.take(0, statement)

    def _decide(self, digest: str, statement: Statement, envelope: Envelope) -> None:
        if isinstance(statement, Grant):
            for old in statement.supersedes:
                if self._may_supersede(statement, envelope, old):
                    self.superseded.add(old)
            self.grants[digest] = (statement, envelope)
            self.voices.setdefault(statement.voice, []).append(digest)
        elif isinstance(statement, AssetRegistered):
            self.records[digest] = statement
        elif isinstance(statement, Enrolment):
            self.enrolments.setdefault(statement.grant, []).append((digest, statement))
        elif isinstance(statement, Revocation):
            self.revocations.setdefault(statement.target, []).append(statement)
        elif isinstance(statement, HeadKey):
            self.head_keys.append((self.decisive[digest], base64.b64decode(statement.public)))
        elif statement.KIND in KEY_KINDS:
            self.key_events[digest] = (statement, envelope)

    def _may_supersede(self, new: Grant, envelope: Envelope, old: str) -> bool:
        # A grant signed by its speaker is replaced by nobody but the speaker, with the key that stands there now.
        if old not in self.grants:
            return False
        before, before_envelope = self.grants[old]
        if before.voice != new.voice or not self.keys.same(before.subject.key, new.subject.key):
            return False
        signed = before_envelope.signers([PublicKey.from_did(before.subject.key)])
        return not signed or bool(envelope.signers([PublicKey.from_did(new.subject.key)]))

    def head_key(self, size: int | None = None) -> tuple[int, bytes] | None:
        """The second key that must sign the tree head of `size` entries, and the entry that brought it in."""
        stop = len(self) if size is None else size
        return next((found for found in reversed(self.head_keys) if found[0] < stop), None)

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
            moments += [item.effective for item in known if may_revoke(item, target, self.keys.same)]
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
            key_revoked_from=self.keys.revoked_from(statement.subject.key, statement.subject.guardian_key),
            record=self.records.get(statement.record) if statement.record else None,
            enrolments=tuple(item for _digest, item in self.enrolments.get(grant, [])),
        )

    def standings(
        self, voice: str, *, grant: str | None = None, loose: Sequence[Revocation] = ()
    ) -> Iterator[Standing]:
        """Everything about the grants of one voice, or about one of them."""
        for name in self.voices.get(voice, []):
            if grant in (None, name):
                yield self.standing(name, loose=loose)

    def receipt(self, envelope: bytes) -> RenderReceipt:
        """Parse a receipt entry strictly."""
        statement = parse_statement(Envelope.parse(envelope), RenderReceipt)
        if not isinstance(statement, RenderReceipt):
            raise InvalidInputError("not a receipt", reason="statement-kind")
        return statement


def _invalid(problem: str) -> ConsentRefusedError:
    return ConsentRefusedError("statement-invalid", problem, remedy=RESTORE)
