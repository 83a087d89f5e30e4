"""The ledger: the gate every render goes through, and the grants behind it.

Two phases. `request` decides and durably writes a RenderIntent, or a RenderDenied. After synthesis
`complete` re-reads the files, decides again and writes a RenderReceipt, or a RenderAborted. Only then does
`deliver` give a file its name.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from .authority import assure, meets
from .content import REVIEW, commit, findings_text, opens, screened
from .core import SOFTWARE
from .envelope import Envelope
from .errors import ConsentError, ConsentRefusedError, UsageError
from .exchange import ExchangeBook
from .faults import reach
from .grants import clock_refusal
from .known import read_minimum_tier
from .outputs import Output, deliver_files, record_outputs, write_proof
from .permit import Permit
from .policy import Decision, Standing, check_disclosure, decide, decide_one, state_of
from .reading import checked
from .scope import Operand, Use
from .spoken import SpokenConsent
from .statements import (
    OutputRecord,
    PermitStatement,
    RenderDenied,
    RenderIntent,
    RenderReceipt,
    Spent,
    new_nonce,
    parse_statement,
)
from .store import Session

__all__ = ["Ledger"]

_DEFAULT_VALID_SECONDS = 86_400
_MAX_VALID_SECONDS = 30 * 86_400


def _too_low(allowed: Decision, minimum: str) -> Decision:
    return Decision(
        False,
        "tier-too-low",
        f"no grant that covers the use reaches tier {minimum}",
        allowed.grant,
        "See `consent list` for what would raise it, or lower the demand",
        considered=allowed.considered,
    )


class Ledger(SpokenConsent, ExchangeBook):
    """A consent ledger on disk. Thread-safe; several processes may use one folder, each with its own
    object."""

    # sealed voices

    _settling = False
    _settled = -1

    @contextmanager
    def settling(self) -> Iterator[None]:
        """While withdrawals are carried out: what is written then asks for no more of it."""
        before, self._settling = self._settling, True
        try:
            yield
        finally:
            self._settling = before

    def _after_write(self, during: str) -> None:
        """Destroy the keys of sealed voices whose grants were withdrawn; see `consent.settling`."""
        seen = sum(len(items) for items in self._chain.revocations.values())
        if self._settling or not (self.folder / "vault").is_dir() or (during != "open" and seen == self._settled):
            return
        from .settling import settle

        try:
            settle(self)
            self._settled = seen
        except (ConsentError, OSError):
            # The entry stands, so no permit is given; the vault says what is wrong when it is opened, and opens nothing
            # before the keys are destroyed.
            self._settled = -1

    # the gate

    def commit_text(self, text: str) -> str:
        """Commit to a text without storing it: H(salt || NFC text); the salt lies in an erasable side
        table."""
        salt = secrets.token_bytes(32)
        commitment = commit(salt, text)
        with self._write("commit") as session:
            session.add_salt(commitment, salt)
        return commitment

    def text_matches(self, commitment: str, text: str) -> bool | None:
        """Whether `text` is what was committed to; None when the salt was erased."""
        with self._read("show") as session:
            salt = session.salt(commitment)
        if salt is None:
            return None
        return opens(salt, commitment, text)

    def request(
        self,
        use: Use,
        *,
        voice: str,
        operands: Sequence[Operand],
        params_sha256: str,
        text_commit: str,
        text: str | None = None,
        grant: str | None = None,
        valid_seconds: int = _DEFAULT_VALID_SECONDS,
        minimum_tier: str = "",
    ) -> Permit:
        """Ask for leave to render; the answer is in the ledger before this returns.

        Parameters
        ----------
        use : Use
            What for.
        voice : str
            Whose voice.
        operands : sequence of Operand
            Every file that will shape the sound, hashed from the bytes that were loaded.
        params_sha256, text_commit : str
            Hash of the engine's parameters; commitment to the text (`commit_text`).
        text : str, optional
            What will be said. It is screened (`consent.content`), classes that are found join `use.content`, and
            nothing of it is stored. It must be the text of the commitment.
        grant : str, optional
            Demand this grant; else the narrowest that covers the use is taken.
        valid_seconds : int
            How long the permit lasts (30 days at most).
        minimum_tier : str, optional
            A, B, C or D: take only grants that reach it by this ledger's own knowledge of keys. A voice
            without a donor reaches any. The studio's own demand (`consent minimum-tier`) holds beside it.

        Returns
        -------
        Permit

        Raises
        ------
        ConsentRefusedError
            With the reason; a RenderDenied was written (or, when the ledger is unsound, a line beside it).
        """
        if minimum_tier not in ("", "A", "B", "C", "D"):
            raise UsageError(f"minimum_tier is A, B, C or D, not {minimum_tier!r}")
        if not 0 < valid_seconds <= _MAX_VALID_SECONDS:
            raise UsageError(f"valid_seconds must be between 1 and {_MAX_VALID_SECONDS}")
        files = tuple(operands)
        use, findings = screened(use, text)
        with self._write("request", voice) as session:
            if text is not None and not opens(session.salt(text_commit), text_commit, text):
                raise UsageError("the text is not the one that was committed to; call commit_text with it first")
            self._ingest(session)
            moment, back = self._moment()
            if back:
                decision = clock_refusal(self._now(), self._chain.last_time)
            else:
                standings = self._chain.standings(voice, grant=grant, loose=self._loose())
                decision = decide(standings, voice=voice, use=use, operands=files, now=moment, grant=grant)
                demanded = [item for item in (minimum_tier, read_minimum_tier(self.folder)) if item]
                if decision.allowed and demanded:
                    minimum_tier = min(demanded)
                    again = decide(
                        self._reaching(voice, grant, minimum_tier),
                        voice=voice, use=use, operands=files, now=moment, grant=grant,
                    )  # fmt: skip
                    decision = again if again.allowed else _too_low(decision, minimum_tier)
            permit: Permit | None = None
            if decision.allowed:
                permit = self._permit(session, decision, use, files, params_sha256, text_commit, moment, valid_seconds)
            else:
                denied = self._deny(session, decision, voice, use, files, params_sha256, text_commit, moment)
        if permit is not None:
            reach("after-intent")
            return permit
        reach("after-denied")
        where = findings_text(findings, use.content) if decision.reason == "content-refused" else ""
        raise ConsentRefusedError(
            decision.reason,
            f"{decision.message}; the screen found {where}" if where else decision.message,
            statements=(*filter(None, [decision.grant]), denied),
            remedy=REVIEW if where else decision.remedy,
        )

    def _reaching(self, voice: str, grant: str | None, minimum: str) -> list[Standing]:
        """Standings of the grants that reach a tier."""
        knowledge = self._key_knowledge()
        return [
            item
            for item in self._chain.standings(voice, grant=grant, loose=self._loose())
            if meets(assure(*self._chain.grants[item.digest], knowledge).tier, minimum)
        ]

    def _deny(
        self,
        session: Session,
        decision: Decision,
        voice: str,
        use: Use,
        files: tuple[Operand, ...],
        params_sha256: str,
        text_commit: str,
        moment: int,
    ) -> str:
        denied = RenderDenied(
            ledger=self.id,
            nonce=new_nonce(),
            time=moment,
            reason=decision.reason,
            voice=voice,
            use=use,
            operands=files,
            grants=decision.considered,
            params_sha256=params_sha256,
            text_commit=text_commit,
            clock=self._now(),
        )
        reach("before-denied")
        return self._append(session, [denied.sign(self.operator_signing_key())])[0]

    def _permit(
        self,
        session: Session,
        decision: Decision,
        use: Use,
        operands: tuple[Operand, ...],
        params_sha256: str,
        text_commit: str,
        moment: int,
        valid_seconds: int,
    ) -> Permit:
        grant = self._chain.grants[decision.grant][0]
        common: dict[str, Any] = {
            "ledger": self.id,
            "time": moment,
            "grant": decision.grant,
            "record": grant.record,
            "voice": grant.voice,
            "use": use,
            "operands": operands,
            "params_sha256": params_sha256,
            "text_commit": text_commit,
            "expires": min(moment + valid_seconds, grant.validity.not_after),
        }
        intent = RenderIntent(nonce=new_nonce(), **common).sign(self.operator_signing_key())
        reach("before-intent")
        self._append(session, [intent])
        session.hold_intent(intent.digest, self._life.name)
        token = PermitStatement(nonce=new_nonce(), intent=intent.digest, **common).sign(self.operator_signing_key())
        return Permit(token.to_bytes(), self.operator)

    def recheck(self, permit: Permit) -> None:
        """Refuse if the permit has been overtaken by a revocation or by time. Cheap; call it between
        sentences.

        Raises
        ------
        ConsentRefusedError
            revoked, expired, permit-used, permit-expired, permit-forged, clock-set-back, ledger-tampered ...
        """
        with self._mutex:
            if self._stamp() != self._seen:
                # Taken before reading: a change while we read makes the next call read again.
                stamp = self._stamp()
                with self._read("recheck"):
                    pass
                self._seen = stamp
            self._standing_or_refuse(self._own(permit))

    def _own(self, permit: Permit) -> Permit:
        """Demand that the token is this ledger's, whatever key the permit object was made with.

        A permit outlives a replacement of the operator's key as long as its intent is open: it must be signed by
        the key that signed the intent. Returns the permit as its token has it: what else the object says of itself
        is not believed.
        """
        keys = [key for _start, key in self._chain.keys.operators]
        if permit.intent in self._chain.open:
            keys = [self._chain.keys.operator_at(self._chain.open[permit.intent].seq)]
        for key in keys[:-1]:
            if key == permit.operator:
                keys = [key]
        own = Permit.from_token(permit.token, keys[-1])
        if own.ledger != self.id or own.intent != permit.intent:
            raise ConsentRefusedError("permit-forged", "the permit belongs to another ledger, or to another intent")
        return own

    def _agrees(self, session: Session, permit: Permit) -> None:
        """Demand that an open intent says what the permit says: neither was made without the other."""
        row = checked(session, self._chain.leaves, self._chain.open[permit.intent].seq)
        intent = parse_statement(Envelope.parse(row.envelope), RenderIntent)
        for name in ("time", "grant", "record", "voice", "use", "operands", "params_sha256", "text_commit", "expires"):
            if getattr(intent, name) != getattr(permit.statement, name) or intent.digest != permit.intent:
                raise ConsentRefusedError(
                    "permit-forged", f"permit and intent disagree on {name}", statements=(permit.intent,)
                )

    def _standing_or_refuse(self, permit: Permit, session: Session | None = None) -> int:
        moment, back = self._moment()
        if permit.intent not in self._chain.open:
            self._refuse_closed(permit, session)
        if back:
            refusal = clock_refusal(self._now(), self._chain.last_time)
            raise ConsentRefusedError(refusal.reason, refusal.message, remedy=refusal.remedy)
        standing = self._chain.standing(permit.grant, loose=self._loose(), without=permit.intent)
        state = state_of(standing, moment)
        if state != "active":
            raise ConsentRefusedError(
                state,
                f"the grant for {permit.voice} is now {state.replace('-', ' ')}",
                statements=(permit.grant, permit.intent),
                remedy="Stop, and deliver nothing of it",
            )
        if moment >= permit.expires:
            raise ConsentRefusedError("permit-expired", "this permit's time ran out", statements=(permit.intent,))
        return moment

    def _refuse_closed(self, permit: Permit, session: Session | None) -> NoReturn:
        if session is None:
            with self._read("recheck") as own:
                self._refuse_closed(permit, own)
        ended = self._closing(session, permit.intent)
        if ended is None:
            raise ConsentRefusedError("permit-forged", "the ledger knows no such intent", statements=(permit.intent,))
        raise ConsentRefusedError(
            "permit-used",
            "this permit was completed, aborted or interrupted",
            statements=(permit.intent, ended.digest),
            remedy="Request again",
        )

    def complete(
        self,
        permit: Permit,
        outputs: Sequence[Output],
        measured: Mapping[str, int | str] | None = None,
        marks: Sequence[str] = (),
    ) -> RenderReceipt:
        """Hash the finished files, decide once more, and write the receipt; the files may be delivered after
        that.

        Parameters
        ----------
        permit : Permit
            From `request`.
        outputs : sequence of Output
            Finished files under temporary names.
        measured : mapping
            Anything worth keeping: lower-case names, integers or short texts.
        marks : sequence of str
            What the files carry and the caller found in them after encoding: metadata (tags inside), watermark,
            audible (a spoken notice). A grant may demand them.

        Returns
        -------
        RenderReceipt
            A `.voiceproof` lies beside each temporary file, named after the final name.

        Raises
        ------
        ConsentRefusedError
            The intent was closed as aborted: deliver nothing and delete the files.
        """
        given, files = permit, tuple(outputs)
        refusal: ConsentRefusedError | None = None
        records: tuple[OutputRecord, ...] = ()
        try:
            records = record_outputs(files)
        except ConsentRefusedError as exc:
            refusal = exc
        with self._write("complete", permit.voice) as session:
            permit = self._own(given)
            self._ingest(session)
            receipt: RenderReceipt | None = None
            try:
                moment = self._standing_or_refuse(permit, session)
                self._agrees(session, permit)
                if refusal is None:
                    receipt = self._receipt(permit, records, measured or {}, tuple(marks), moment)
            except ConsentRefusedError as exc:
                refusal = exc
            if receipt is not None:
                envelope = receipt.sign(self.operator_signing_key())
                reach("before-receipt")
                self._append(session, [envelope])
                for item in files:
                    session.expect_delivery(envelope.digest, item.name, str(Path(item.path).absolute()))
                session.release_intent(permit.intent)
            elif refusal is not None and permit.intent in self._chain.open:
                moment, _back = self._moment()
                reach("before-aborted")
                self._append(session, [self._aborted(permit.intent, refusal.reason, moment)])
                session.release_intent(permit.intent)
        reach("after-aborted" if receipt is None else "after-receipt")
        given.close()
        if receipt is None:
            raise refusal or ConsentRefusedError("permit-used", "nothing was completed")
        bundle = self.proof(receipt.digest)
        reach("before-completed-proof")
        for item in files:
            write_proof(Path(item.path).with_name(item.name), bundle)
        reach("after-completed-proof")
        return receipt

    def _receipt(
        self,
        permit: Permit,
        records: tuple[OutputRecord, ...],
        measured: Mapping[str, int | str],
        marks: tuple[str, ...],
        moment: int,
    ) -> RenderReceipt:
        standing = self._chain.standing(permit.grant, loose=self._loose(), without=permit.intent)
        statement = permit.statement
        draft = RenderReceipt(
            ledger=self.id,
            nonce=new_nonce(),
            time=moment,
            intent=permit.intent,
            grant=permit.grant,
            record=permit.record,
            voice=permit.voice,
            use=statement.use,
            operands=statement.operands,
            params_sha256=statement.params_sha256,
            text_commit=statement.text_commit,
            outputs=records,
            measured=tuple(measured.items()),
            marks=marks,
            spent=Spent(0, 0),
            software=SOFTWARE,
        )
        # The real length counts against the budget, not the estimate.
        real = Use(**{**statement.use.__dict__, "seconds": draft.seconds})
        decision = decide_one(standing, use=real, operands=statement.operands, now=moment)
        if not decision.allowed:
            raise ConsentRefusedError(
                decision.reason,
                decision.message,
                statements=(permit.grant, permit.intent),
                remedy=decision.remedy,
            )
        unmet = check_disclosure(standing.grant.disclosure, draft.marks)
        if unmet is not None:
            remedy = "Mark the files as the grant demands, check the marks, and declare them with marks="
            raise ConsentRefusedError(*unmet, statements=(permit.grant, permit.intent), remedy=remedy)
        spent = Spent(standing.spent.renders + 1, standing.spent.seconds + draft.seconds)
        return RenderReceipt(**{**draft.__dict__, "spent": spent})

    def abort(self, permit: Permit, reason: str) -> None:
        """Close an intent without output.

        Parameters
        ----------
        permit : Permit
            From `request`.
        reason : str
            Short slug such as cancelled or engine-failed.
        """
        with self._write("abort", permit.voice) as session:
            given, permit = permit, self._own(permit)
            moment, _back = self._moment()
            if permit.intent in self._chain.open:
                reach("before-aborted")
                self._append(session, [self._aborted(permit.intent, reason, moment)])
                session.release_intent(permit.intent)
        reach("after-aborted")
        given.close()

    def deliver(self, receipt: RenderReceipt, moves: Mapping[Path, Path]) -> None:
        """Give receipted files their final names: hash again, proof beside the name, then rename.

        Parameters
        ----------
        receipt : RenderReceipt
            From `complete` or `receipt`.
        moves : mapping of Path to Path
            Temporary file -> final path, whose name is the output's name.

        Raises
        ------
        ConsentRefusedError
            reason output-changed.
        """
        plan = {Path(source): Path(target) for source, target in moves.items()}
        bundle = self.proof(receipt.digest)
        reach("before-delivery")
        deliver_files(receipt, bundle, plan)
        reach("before-delivered")
        with self._write("deliver", receipt.voice) as session:
            for source, target in plan.items():
                session.delivered(receipt.digest, target.name, str(target.absolute()))
                stray = source.with_name(target.name + ".voiceproof")
                if source.parent.absolute() != target.parent.absolute():
                    stray.unlink(missing_ok=True)
        reach("after-delivered")
