"""The half of `Ledger` that gives account: everything it holds about one person, signed, with proofs."""

from __future__ import annotations

from typing import Any

from .account import Account, account_obj, listing, make_lines, make_totals
from .authority import may_revoke
from .consent_record import RecordSource, consent_record
from .encoding import canonical
from .envelope import Envelope
from .errors import ConsentRefusedError
from .grants import clock_refusal
from .statements import Statement, new_nonce, parse_statement
from .store import Row, Session
from .subjects import SubjectBook, SubjectInfo

__all__ = ["AccountBook"]


class AccountBook(SubjectBook):
    """Accounts for speakers."""

    def account(self, wanted: str, *, since: int = 0, until: int | None = None) -> bytes:
        """A signed account of every grant, revocation, render, refusal and abortion of one person.

        Parameters
        ----------
        wanted : str
            did:key, grant or name; see `find_subject`.
        since, until : int
            Seconds since 1970 UTC, both included. Grants are always listed.

        Returns
        -------
        bytes
            The content of a `.voicestatement`; see `consent.account.verify_account`.
        """
        key = self.operator_signing_key()
        with self._read("statement") as session:
            subject = self._find_subject(session, wanted)
            moment, back = self._moment()
            if back:
                refusal = clock_refusal(self._now(), self._chain.last_time)
                raise ConsentRefusedError(refusal.reason, refusal.message, remedy=refusal.remedy)
            last = moment if until is None else until
            rows = [self._place(session, place) for place in self._places(session, subject, since, last)]
            note = session.checkpoints()[0][1]
            paths = [self._chain.leaves.inclusion_proof(row.seq) for row in rows]
            size, root = len(self._chain), self._chain.leaves.root()
        totals: dict[str, Any] = make_totals(make_lines({row.seq: _read(row) for row in rows}, since, last))
        statement = Account(
            ledger=self.id,
            nonce=new_nonce(),
            time=moment,
            operator=self.operator_party(),
            subject=subject.key,
            grants=subject.grants,
            voices=subject.voices,
            since=since,
            until=last,
            size=size,
            root=root.hex(),
            entries=len(rows),
            listing=listing((row.seq, row.digest) for row in rows),
            **totals,
        )
        entries = ((row.seq, row.envelope, path) for row, path in zip(rows, paths, strict=True))
        return canonical(account_obj(statement.sign(key).to_bytes(), note, entries))

    def consent_record(self, grant: str) -> dict[str, Any]:
        """A grant as a consent record after ISO/IEC TS 27560; see `consent.consent_record`."""
        with self._read("show") as session:
            statement, envelope = self._grant(grant), self._chain.grants[grant][1]
            known = [*self._chain.revocations.get(grant, []), *(r for r in self._loose() if r.target == grant)]
            valid = {item.nonce: item for item in known if may_revoke(item, statement, self._chain.keys.same)}
            person, entry = self._person(session, statement), self._find(session, grant)
            moment, _back = self._moment()
        return consent_record(RecordSource(statement, envelope, entry, person, tuple(valid.values()), moment))

    def _places(self, session: Session, subject: SubjectInfo, since: int, until: int) -> list[int]:
        """Entries the account rests on: the first, those about the person, and what these need to be judged."""
        about = self._concerned(session, subject)
        by_digest = {row.digest: row.seq for row, _obj in about}
        chosen = {0, *self._chain.keys.places_about()}
        answered = set()
        for row, obj in about:
            inside = since <= int(obj["time"]) <= until
            decides = row.kind in ("grant", "enrolment", "key-rotated", "key-revoked")
            if decides or (inside and row.kind != "render-intent"):
                chosen.add(row.seq)
            if inside and row.kind == "render-receipt":
                answered.add(obj["intent"])
            if inside and row.kind == "render-aborted":
                chosen.add(by_digest[obj["intent"]])
            if row.kind == "grant":
                record = self._grant(row.digest).record
                if record in self._chain.records:
                    chosen.add(self._find(session, record))
        for row, obj in about:
            if row.kind == "render-intent" and row.digest not in answered and since <= int(obj["time"]) <= until:
                chosen.add(row.seq)
        return sorted(chosen)


def _read(row: Row) -> tuple[Statement, Envelope]:
    envelope = Envelope.parse(row.envelope, what=f"entry {row.seq}")
    return parse_statement(envelope, what=f"entry {row.seq}"), envelope
