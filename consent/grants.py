"""Grants and revocations of a ledger: adding, withdrawing, and what is left of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import drop
from .audit import AuditReport, audit_folder
from .authority import Assurance, KeyKnowledge, assure, check_signatures, guardian_missing, may_revoke, vouched_keys
from .core import BACKWARDS_SECONDS, SOFTWARE
from .draft import BuiltGrant, GrantDraft
from .envelope import Envelope
from .errors import ConsentRefusedError, InvalidInputError, UsageError
from .faults import reach
from .keyring import KeyRing
from .keys import PublicKey, SigningKey, read_small_file
from .known import KnownKey, read_known
from .persons import SIDE_NOTICE, SIDE_PERSON
from .policy import Decision, enrolment_problem, state_of
from .reading import Progress
from .records import house_grant, read_record
from .scope import UNLIMITED, Scope
from .statements import (
    ANY_LEDGER,
    Enrolment,
    Grant,
    KeyEnrolled,
    KeyRotated,
    Party,
    Revocation,
    WeightsRef,
    new_nonce,
    parse_statement,
)
from .store import Session

__all__ = ["Balance", "GrantBook", "GrantInfo", "clock_refusal", "keep_aside"]


@dataclass(frozen=True)
class Balance:
    """What is left of a grant. `UNLIMITED` stands for no limit."""

    renders_left: int
    seconds_left: int
    renders_used: int
    seconds_used: int
    not_before: int
    not_after: int
    state: str

    def as_dict(self) -> dict[str, int | str]:
        """For JSON."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class GrantInfo:
    """A grant at a glance."""

    digest: str
    voice: str
    basis: str
    assurance: Assurance
    scope: Scope
    intended_use: str
    balance: Balance

    @property
    def tier(self) -> str:
        """Assurance tier, by this ledger's own list of known keys."""
        return self.assurance.tier

    @property
    def state(self) -> str:
        """active, revoked, key-revoked, superseded, expired, not-yet-valid, recheck-due, record-missing or
        record-exceeded."""
        return self.balance.state

    @property
    def not_before(self) -> int:
        """Start, seconds since 1970 UTC."""
        return self.balance.not_before

    @property
    def not_after(self) -> int:
        """End, seconds since 1970 UTC."""
        return self.balance.not_after

    @property
    def renders_left(self) -> int:
        """Renders left."""
        return self.balance.renders_left

    @property
    def seconds_left(self) -> int:
        """Seconds of sound left."""
        return self.balance.seconds_left

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "grant": self.digest,
            "voice": self.voice,
            "basis": self.basis,
            "tier": self.tier,
            "tier_text": self.assurance.text(),
            "spoken": self.assurance.spoken,
            "intended_use": self.intended_use,
            "scope": self.scope.as_obj(),
            **self.balance.as_dict(),
        }


class GrantBook(KeyRing):
    """The half of `Ledger` that deals with grants."""

    def operator_party(self) -> Party:
        """The operator as named in the first entry, with the key that is in force now."""
        with self._read("show"):
            genesis = self._chain.genesis
            if genesis is None:
                raise InvalidInputError("entry 0 is no genesis", reason="statement-kind")
            return Party(self._chain.keys.latest.did, genesis.operator.name, genesis.operator.contact)

    def add_grant(self, draft: GrantDraft, key: SigningKey | None = None, *, guardian: SigningKey | None = None) -> str:
        """Sign and append a grant.

        Parameters
        ----------
        draft : GrantDraft
            From `read_draft`.
        key : SigningKey, optional
            The speaker's own key; without it the operator attests.
        guardian : SigningKey, optional
            For a minor: the key the draft names as `guardian_key`.

        Returns
        -------
        str
            The grant's digest.
        """
        party = self.operator_party()
        moment, back = self._moment()
        if back:
            refusal = clock_refusal(self._now(), self._chain.last_time)
            raise ConsentRefusedError(refusal.reason, refusal.message, remedy=refusal.remedy)
        self._check_reference_files(draft.reference_files())
        subject = key.public.did if key else ""
        built = draft.build(ledger=self.id, operator=party, now=moment, subject_key=subject)
        signers = [item for item in (key, guardian) if item and item.public != self.operator]
        digest = self._admit(built.grant.sign(*signers, self.operator_signing_key()))
        with self._write("grant") as session:
            keep_aside(session, built)
        return digest

    def add_record(self, envelope: bytes, *, release_keys: Sequence[PublicKey]) -> str:
        """Append the signed record of a no-donor voice, once.

        Parameters
        ----------
        envelope : bytes
            The content of `record.dsse.json`.
        release_keys : sequence of PublicKey
            Keys trusted to publish voices.

        Returns
        -------
        str
            The record's digest.
        """
        record = read_record(envelope, release_keys=release_keys)
        with self._write("record") as session:
            if record.digest not in self._chain.decisive:
                self._append(session, [Envelope.parse(envelope)])
        return record.digest

    def grant_house_voice(
        self, record: str, *, intended_use: str = "", days: int = 3_650, scope: Scope | None = None
    ) -> str:
        """Grant the use of a no-donor voice in this studio; never wider than its record offers.

        Returns the grant's digest.
        """
        party = self.operator_party()
        asset = self._chain.records.get(record)
        if asset is None:
            raise UsageError(f"the ledger has no voice record {record[:16]}; add it with add_record first")
        moment, _back = self._moment()
        grant = house_grant(
            asset,
            ledger=self.id,
            operator=party,
            now=moment,
            intended_use=intended_use,
            days=days,
            scope=scope,
        )
        return self._admit(grant.sign(self.operator_signing_key()))

    def add_enrolment(
        self,
        grant: str,
        *,
        method: str,
        references: Sequence[str],
        base: Sequence[WeightsRef],
        derived: Sequence[WeightsRef],
        measured: Mapping[str, int | str] | None = None,
    ) -> str:
        """Sign and append that a voice was built under a grant; only then do its files count as agreed to.

        Parameters
        ----------
        grant : str
            Digest of an active grant that allows the adaptation.
        method : str
            ``embedding`` or ``low-rank``.
        references : sequence of str
            SHA-256 of the recordings it was made from; the grant names every one.
        base, derived : sequence of WeightsRef
            Models it was built on, and files that came of it, with their licences.
        measured : mapping
            Integers and short texts.

        Returns
        -------
        str
            The entry's digest.

        Raises
        ------
        ConsentRefusedError
            no-grant, the grant's state, adaptation-not-granted, reference-mismatch, weights-mismatch.
        """
        with self._write("enrol") as session:
            moment, back = self._moment()
            if back:
                refusal = clock_refusal(self._now(), self._chain.last_time)
                raise ConsentRefusedError(refusal.reason, refusal.message, remedy=refusal.remedy)
            if grant not in self._chain.grants:
                raise ConsentRefusedError("no-grant", f"the ledger has no grant {grant[:16]}")
            standing = self._chain.standing(grant, loose=self._loose())
            state = state_of(standing, moment)
            if state != "active":
                raise ConsentRefusedError(state, f"the grant is {state.replace('-', ' ')}", statements=(grant,))
            statement = Enrolment(
                ledger=self.id,
                nonce=new_nonce(),
                time=moment,
                grant=grant,
                voice=standing.grant.voice,
                method=method,
                references=tuple(references),
                base=tuple(base),
                derived=tuple(derived),
                measured=tuple((measured or {}).items()),
                software=SOFTWARE,
            )
            problem = enrolment_problem(standing.grant, statement)
            if problem is not None:
                raise ConsentRefusedError(*problem, statements=(grant,), remedy="Have the speaker sign a grant for it")
            return self._append(session, [statement.sign(self.operator_signing_key())])[0]

    def enrolments(self, voice: str = "") -> tuple[tuple[str, Enrolment], ...]:
        """Entries about voices that were built, oldest first, with their digests; those of one voice, or all."""
        with self._read("list"):
            found = [item for items in self._chain.enrolments.values() for item in items]
            return tuple(
                sorted(
                    ((digest, item) for digest, item in found if voice in ("", item.voice)),
                    key=lambda pair: self._chain.decisive[pair[0]],
                )
            )

    def grant_statement(self, digest: str) -> Grant:
        """A grant as it was signed."""
        with self._read("show"):
            if digest not in self._chain.grants:
                raise UsageError(f"the ledger has no grant {digest[:16]}")
            return self._chain.grants[digest][0]

    def add_statement(self, data: bytes) -> str:
        """Append a grant or revocation that was signed elsewhere; the operator countersigns a grant.

        Raises
        ------
        InvalidInputError
            Malformed, wrongly signed, or made for another ledger.
        """
        envelope = Envelope.parse(data, what="statement")
        statement = parse_statement(envelope, Grant, Revocation, what="statement")
        if isinstance(statement, Grant) and self.operator not in envelope.signers([self.operator]):
            signed = Envelope.sign(envelope.payload_type, envelope.payload, self.operator_signing_key())
            envelope = Envelope(envelope.payload_type, envelope.payload, envelope.signatures + signed.signatures)
        return self._admit(envelope)

    #: Further looks at a reference recording: each takes its path or bytes and says what makes it synthetic, or ''.
    reference_detectors: tuple[Callable[[Path | bytes], str], ...] = ()

    def _check_reference_files(self, paths: Sequence[Path]) -> None:
        """Refuse recordings that are synthetic; a `Ledger` can look."""

    def _check_reference_hashes(self, grant: Grant) -> None:
        """Refuse references that are outputs of this ledger; a `Ledger` can look."""

    def _admit(self, envelope: Envelope) -> str:
        """The one way in for grants and revocations."""
        envelope = Envelope.parse(envelope.to_bytes(), what="statement")
        statement = parse_statement(envelope, Grant, Revocation, what="statement")
        check_signatures(statement, envelope, self.operator, what="statement")
        if isinstance(statement, Grant):
            self._check_reference_hashes(statement)
        with self._write("admit") as session:
            moment, _back = self._moment()
            allowed = (self.id, ANY_LEDGER) if isinstance(statement, Revocation) else (self.id,)
            if statement.ledger not in allowed:
                raise InvalidInputError(
                    "made for another ledger", remedy="Have it signed for this one", reason="ledger-mismatch"
                )
            if envelope.digest in self._chain.decisive or statement.nonce in self._chain.nonces:
                raise InvalidInputError("already in the ledger", reason="statement-replayed")
            if statement.time > moment + BACKWARDS_SECONDS:
                raise InvalidInputError("signed in the future", remedy="Check the clocks", reason="time-in-future")
            if isinstance(statement, Grant) and guardian_missing(statement, envelope):
                raise InvalidInputError(
                    "a minor's grant is signed by the guardian's key it names",
                    remedy="Sign with --guardian-key as well",
                    reason="signature-invalid",
                )
            if isinstance(statement, Revocation):
                target = self._chain.target(statement.target)
                if target is None:
                    raise UsageError(f"the ledger has no grant or record {statement.target[:16]}")
                if not may_revoke(statement, target, self._chain.keys.same):
                    raise ConsentRefusedError(
                        "key-mismatch",
                        "this key may not revoke that statement",
                        statements=(statement.target,),
                        remedy="Sign with the speaker's or the operator's key (a record: the release key)",
                    )
            self._chain.keys.check(statement)
            if isinstance(statement, Revocation):
                reach("before-revocation")
            digest = self._append(session, [envelope])[0]
        if isinstance(statement, Revocation):
            reach("after-revocation")
        return digest

    def make_revocation(self, target: str, key: SigningKey, *, reason: str = "withdrawn") -> bytes:
        """A loose revocation: keep it, hand it to the speaker, or drop it into `revocations/` to make it
        count."""
        with self._read("revoke"):
            moment, _back = self._moment()
            return self._revocation(target, key, reason, moment).to_bytes()

    def _revocation(self, target: str, key: SigningKey, reason: str, moment: int) -> Envelope:
        statement = Revocation(
            ledger=self.id,
            nonce=new_nonce(),
            time=moment,
            target=target,
            by=key.public.did,
            effective=moment,
            reason=reason,
        )
        return statement.sign(key)

    def revoke(self, target: str, *, key: SigningKey | None = None, reason: str = "withdrawn") -> str:
        """Revoke a grant or a voice record; returns the revocation's digest.

        Parameters
        ----------
        target : str
            Digest of the grant or record.
        key : SigningKey, optional
            The speaker's, guardian's or release key; the operator's own when left out.
        reason : str
            Short slug.
        """
        with self._read("revoke"):
            moment, _back = self._moment()
        return self._admit(self._revocation(target, key or self.operator_signing_key(), reason, moment))

    def revoke_by_file(self, path: Path) -> str:
        """Revoke by a loose file, which also stays in the drop folder's care if it lies there."""
        data = read_small_file(path, 1 << 16)
        envelope, _revocation = drop.read_revocation(data, self.id, self.operator, what=str(path))
        return self._admit(envelope)

    def audit(self, against: Sequence[Path | str] = (), progress: Progress | None = None) -> AuditReport:
        """Look at the whole ledger without believing anything; see `consent.audit.audit_folder`."""
        return audit_folder(self.folder, sidecar=self.sidecar, against=against, progress=progress)

    def balance(self, grant: str) -> Balance:
        """What is left of a grant; open intents count as used."""
        with self._read("list"):
            return self._balance(grant, self._loose())

    def grants(self) -> tuple[GrantInfo, ...]:
        """All grants, oldest first."""
        with self._read("list"):
            loose = self._loose()
            ring = self._key_knowledge()
            return tuple(
                GrantInfo(
                    digest,
                    grant.voice,
                    grant.basis,
                    assure(grant, envelope, ring),
                    grant.scope,
                    grant.intended_use,
                    self._balance(digest, loose),
                )
                for digest, (grant, envelope) in self._chain.grants.items()
            )

    def known_keys(self) -> tuple[KnownKey, ...]:
        """Keys the operator knows by other ways (`keys/known.txt`)."""
        return read_known(self.folder)

    def key_knowledge(self) -> KeyKnowledge:
        """What this ledger and its operator's list know about keys."""
        with self._read("list"):
            return self._key_knowledge()

    def _key_knowledge(self) -> KeyKnowledge:
        known = read_known(self.folder)
        named = frozenset(item.key for item in known)
        events = self._chain.key_events.values()
        enrolments = [(s, e) for s, e in events if isinstance(s, KeyEnrolled)]
        rotations = [(s, e) for s, e in events if isinstance(s, KeyRotated)]
        operators = frozenset(key.did for _start, key in self._chain.keys.operators)
        vouched, others = vouched_keys(enrolments, rotations, named, operators)
        publishers = {item.publisher.key for item in self._chain.records.values()}
        witnesses = {item.key for item in known if item.role == "witness"}
        return KeyKnowledge(named, vouched, frozenset(others | publishers | witnesses | operators))

    def _balance(self, digest: str, loose: Sequence[Revocation]) -> Balance:
        if digest not in self._chain.grants:
            raise UsageError(f"the ledger has no grant {digest[:16]}")
        standing = self._chain.standing(digest, loose=loose)
        scope, spent = standing.grant.scope, standing.spent
        moment, _back = self._moment()
        return Balance(
            _left(scope.max_renders, spent.renders),
            _left(scope.max_seconds, spent.seconds),
            spent.renders,
            spent.seconds,
            standing.grant.validity.not_before,
            standing.grant.validity.not_after,
            state_of(standing, moment),
        )


def keep_aside(session: Session, built: BuiltGrant) -> None:
    """Keep what a grant commits to and does not hold: the person, erasable, and the notice's text."""
    if built.person is not None:
        session.put_side(SIDE_PERSON, built.person.commitment, built.person.to_bytes())
    if built.notice:
        session.put_side(SIDE_NOTICE, built.grant.notice.sha256, built.notice.encode("utf-8"))


def _left(limit: int, used: int) -> int:
    return UNLIMITED if limit == UNLIMITED else max(limit - used, 0)


def clock_refusal(system: int, last: int) -> Decision:
    """The refusal of a clock that was set back."""
    return Decision(
        False,
        "clock-set-back",
        f"the system clock is {last - system} s behind the ledger's last entry",
        remedy="Set the clock right",
    )
