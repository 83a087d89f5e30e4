"""The ledger: the gate every render goes through, and the grants behind it.

Two phases. `request` decides and durably writes a RenderIntent, or a RenderDenied. After synthesis
`complete` re-reads the files, decides again and writes a RenderReceipt, or a RenderAborted. Only then does
`deliver` give a file its name.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .core import SOFTWARE
from .encoding import sha256_hex
from .errors import ConsentRefusedError, UsageError
from .grants import GrantBook, clock_refusal
from .outputs import Output, Undelivered, deliver_files, record_outputs, write_proof
from .permit import Permit
from .policy import Decision, decide, decide_one, state_of
from .proof import make_bundle
from .scope import Operand, Use
from .statements import (
    OutputRecord,
    PermitStatement,
    RenderDenied,
    RenderIntent,
    RenderReceipt,
    Spent,
    new_nonce,
)
from .store import Session

__all__ = ["Ledger"]

_DEFAULT_VALID_SECONDS = 86_400
_MAX_VALID_SECONDS = 30 * 86_400


class Ledger(GrantBook):
    """A consent ledger on disk. Thread-safe; several processes may use one folder, each with its own
    object."""

    # the gate

    def commit_text(self, text: str) -> str:
        """Commit to a text without storing it: H(salt || NFC text); the salt lies in an erasable side
        table."""
        salt = secrets.token_bytes(32)
        commitment = sha256_hex(salt + unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass"))
        with self._write("commit") as session:
            session.add_salt(commitment, salt)
        return commitment

    def text_matches(self, commitment: str, text: str) -> bool | None:
        """Whether `text` is what was committed to; None when the salt was erased."""
        with self._read("show") as session:
            salt = session.salt(commitment)
        if salt is None:
            return None
        data = salt + unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
        return sha256_hex(data) == commitment

    def request(
        self,
        use: Use,
        *,
        voice: str,
        operands: Sequence[Operand],
        params_sha256: str,
        text_commit: str,
        grant: str | None = None,
        valid_seconds: int = _DEFAULT_VALID_SECONDS,
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
        grant : str, optional
            Demand this grant; else the narrowest that covers the use is taken.
        valid_seconds : int
            How long the permit lasts (30 days at most).

        Returns
        -------
        Permit

        Raises
        ------
        ConsentRefusedError
            With the reason; a RenderDenied was written (or, when the ledger is unsound, a line beside it).
        """
        if not 0 < valid_seconds <= _MAX_VALID_SECONDS:
            raise UsageError(f"valid_seconds must be between 1 and {_MAX_VALID_SECONDS}")
        files = tuple(operands)
        with self._write("request", voice) as session:
            self._ingest(session)
            moment, back = self._moment()
            if back:
                decision = clock_refusal(self._now(), self._chain.last_time)
            else:
                loose = self._loose()
                standings = [self._chain.standing(name, loose=loose) for name in self._chain.grants]
                decision = decide(standings, voice=voice, use=use, operands=files, now=moment, grant=grant)
            if decision.allowed:
                return self._permit(session, decision, use, files, params_sha256, text_commit, moment, valid_seconds)
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
            ).sign(self.operator_signing_key())
            self._append(session, [denied])
        raise ConsentRefusedError(
            decision.reason,
            decision.message,
            statements=(*filter(None, [decision.grant]), denied.digest),
            remedy=decision.remedy,
        )

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
        self._own(permit)
        with self._mutex:
            if self._stamp() != self._seen:
                # Taken before reading: a change while we read makes the next call read again.
                stamp = self._stamp()
                with self._read("recheck"):
                    pass
                self._seen = stamp
            self._standing_or_refuse(permit)

    def _own(self, permit: Permit) -> None:
        """Demand that the token is this ledger's, whatever key the permit object was made with."""
        Permit.from_token(permit.token, self.operator)
        if permit.ledger != self.id:
            raise ConsentRefusedError("permit-forged", "the permit belongs to another ledger")

    def _standing_or_refuse(self, permit: Permit) -> int:
        moment, back = self._moment()
        if permit.intent in self._chain.closed:
            raise ConsentRefusedError(
                "permit-used",
                "this permit was completed, aborted or interrupted",
                statements=(permit.intent, self._chain.closed[permit.intent]),
                remedy="Request again",
            )
        if permit.intent not in self._chain.open:
            raise ConsentRefusedError("permit-forged", "the ledger knows no such intent", statements=(permit.intent,))
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

    def complete(
        self,
        permit: Permit,
        outputs: Sequence[Output],
        measured: Mapping[str, int | str] | None = None,
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

        Returns
        -------
        RenderReceipt
            A `.voiceproof` lies beside each temporary file, named after the final name.

        Raises
        ------
        ConsentRefusedError
            The intent was closed as aborted: deliver nothing and delete the files.
        """
        self._own(permit)
        files = tuple(outputs)
        refusal: ConsentRefusedError | None = None
        records: tuple[OutputRecord, ...] = ()
        try:
            records = record_outputs(files)
        except ConsentRefusedError as exc:
            refusal = exc
        with self._write("complete", permit.voice) as session:
            self._ingest(session)
            receipt: RenderReceipt | None = None
            try:
                moment = self._standing_or_refuse(permit)
                if refusal is None:
                    receipt = self._receipt(permit, records, measured or {}, moment)
            except ConsentRefusedError as exc:
                refusal = exc
            if receipt is not None:
                envelope = receipt.sign(self.operator_signing_key())
                self._append(session, [envelope])
                for item in files:
                    session.expect_delivery(envelope.digest, item.name, str(Path(item.path).absolute()))
                session.release_intent(permit.intent)
            elif refusal is not None and permit.intent in self._chain.open:
                moment, _back = self._moment()
                self._append(session, [self._aborted(permit.intent, refusal.reason, moment)])
                session.release_intent(permit.intent)
        permit.close()
        if receipt is None:
            raise refusal or ConsentRefusedError("permit-used", "nothing was completed")
        bundle = self.proof(receipt.digest)
        for item in files:
            write_proof(Path(item.path).with_name(item.name), bundle)
        return receipt

    def _receipt(
        self,
        permit: Permit,
        records: tuple[OutputRecord, ...],
        measured: Mapping[str, int | str],
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
        self._own(permit)
        with self._write("abort", permit.voice) as session:
            moment, _back = self._moment()
            if permit.intent in self._chain.open:
                self._append(session, [self._aborted(permit.intent, reason, moment)])
                session.release_intent(permit.intent)
        permit.close()

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
        deliver_files(receipt, self.proof(receipt.digest), plan)
        with self._write("deliver", receipt.voice) as session:
            for source, target in plan.items():
                session.delivered(receipt.digest, target.name, str(target.absolute()))
                stray = source.with_name(target.name + ".voiceproof")
                if source.parent.absolute() != target.parent.absolute():
                    stray.unlink(missing_ok=True)

    # proofs and receipts

    def proof(self, receipt: str) -> bytes:
        """The `.voiceproof` bundle of a receipt, under the newest tree head."""
        with self._read("proof") as session:
            rows = session.rows()
            seq = self._find(receipt)
            statement = self._chain.receipt(rows[seq].envelope)
            wanted = [seq, 0, self._find(statement.intent), self._find(statement.grant)]
            if statement.record:
                wanted.append(self._find(statement.record))
            note = session.checkpoints()[0][1]
            envelopes = [rows[i].envelope for i in wanted]
            return make_bundle(envelopes, self._chain.leaves, wanted, note)

    def receipt(self, digest: str) -> RenderReceipt:
        """A receipt by its digest."""
        with self._read("show") as session:
            return self._chain.receipt(session.rows()[self._find(digest)].envelope)

    def receipt_of(self, intent: str) -> RenderReceipt | None:
        """The receipt that closed an intent, or None when it is open or was aborted."""
        with self._read("show") as session:
            digest = self._chain.closed.get(intent)
            if digest is None:
                return None
            row = session.rows()[self._find(digest)]
            return self._chain.receipt(row.envelope) if row.kind == RenderReceipt.KIND else None

    def undelivered(self) -> tuple[Undelivered, ...]:
        """Files with a receipt that never got their final name."""
        with self._read("show") as session:
            return tuple(
                Undelivered(receipt, name, Path(path))
                for receipt, name, path, done in session.deliveries()
                if not done and receipt in self._chain.digests
            )

    def _find(self, digest: str) -> int:
        if digest not in self._chain.digests:
            raise UsageError(f"the ledger has no statement {digest[:16]}")
        return self._chain.digests[digest]

    def size(self) -> int:
        """Number of entries."""
        with self._read("show"):
            return len(self._chain.leaves)

    def resolve(self, prefix: str) -> str:
        """Full digest of the statement whose digest begins with `prefix` (8 digits at least)."""
        with self._read("show"):
            found = [name for name in self._chain.digests if name.startswith(prefix)]
        if len(prefix) < 8 or len(found) != 1:
            problem = "names several statements" if len(found) > 1 else "names no statement of this ledger"
            raise UsageError(f"{prefix!r} {problem}; give at least 8 digits of its digest (see `consent list`)")
        return found[0]

    def entry(self, digest: str) -> tuple[int, int, bytes]:
        """Place, time and envelope of a statement."""
        with self._read("show") as session:
            row = session.rows()[self._find(digest)]
            return row.seq, row.time, row.envelope
