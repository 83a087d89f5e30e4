"""Everything that can go wrong, as one family with stable reason codes.

Three branches, because three different people have to act: the programmer (`UsageError`), whoever supplied a
bad file (`InvalidInputError`) and whoever asked for a use that is not permitted (`ConsentRefusedError`).
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["REASONS", "ConsentError", "ConsentRefusedError", "InvalidInputError", "UsageError"]

#: Stable reason codes of `ConsentRefusedError`, each with one line that says what it means.
REASONS: dict[str, str] = {
    # permission
    "no-grant": "no grant in this ledger covers the voice",
    "expired": "the grant's validity has ended",
    "not-yet-valid": "the grant's validity has not begun",
    "recheck-due": "the grant asks to be confirmed again and the interval has passed",
    "revoked": "the grant, or the voice record under it, was revoked",
    "superseded": "a later grant replaces this one",
    "mode-not-granted": "speech, singing or conversion outside the grant",
    "purpose-not-granted": "purpose outside the grant",
    "commercial-not-granted": "the grant allows non-commercial use alone",
    "language-not-granted": "language outside the grant",
    "territory-not-granted": "territory outside the grant",
    "content-refused": "the speaker refuses this class of content",
    "title-not-granted": "title or project outside the grant",
    "budget-renders": "the grant's number of renders is used up",
    "budget-seconds": "the grant's seconds of sound are used up",
    "weights-mismatch": "the model files are not those of the grant or of the voice record",
    "weights-licence": "the weights' licence does not allow this use",
    "reference-mismatch": "the reference audio is not that of the grant",
    "adaptation-not-granted": "the grant does not allow a voice to be built in this way",
    "enrolment-invalid": "the entry about how a voice was built does not fit its grant",
    "reference-synthetic": "a recording offered as a person's voice is itself synthetic",
    "record-missing": "the grant names a voice record which the ledger does not hold",
    "record-exceeded": "the grant promises more than the voice record offers",
    "record-untrusted": "the voice record is not signed by a trusted release key",
    "tier-too-low": "no grant that covers the use reaches the demanded assurance tier",
    # spoken consent
    "challenge-unknown": "there is no such open challenge",
    "challenge-expired": "the challenge's fifteen minutes are over",
    "challenge-used": "the challenge was used already, or answered wrongly too often",
    "challenge-altered": "the draft, the key or the challenge was changed after the challenge was made",
    "challenge-mismatch": "the recording does not hold the sentence and words of the challenge",
    "speaker-mismatch": "the voice of the recording is not that of the reference recordings",
    "disclosure-unmet": "a mark the grant demands was not declared, or one it forbids was",
    "recipient-not-granted": "the grant does not name that recipient",
    # permits
    "permit-forged": "the permit is not signed by this ledger's operator or does not match its intent",
    "permit-expired": "the permit's time has run out",
    "permit-used": "the permit was already completed, aborted or interrupted",
    "permit-other-voice": "the permit is for another voice",
    "permit-other-text": "the permit is for another text",
    "permit-other-params": "the permit is for other parameters",
    "output-changed": "an output file is not what was announced",
    # sealed voices
    "voice-not-sealed": "the vault holds no such voice",
    "voice-key-destroyed": "the key of the sealed voice was destroyed; nothing opens it any more",
    "seal-broken": "a sealed voice or its wrapped key was changed, cut short or moved",
    "vault-locked": "the vault's passphrase, key file or keyring entry is missing or wrong",
    # the ledger itself
    "ledger-tampered": "a stored statement was changed, removed, added or moved",
    "ledger-index-tampered": "an index column does not follow from the stored statements",
    "ledger-time-tampered": "a stored time does not follow from the stored statements",
    "ledger-schema-changed": "tables, triggers or settings of the database are not those of a ledger",
    "ledger-rolled-back": "the ledger is older than a note kept outside it",
    "ledger-forked": "the ledger and a note kept outside it tell different histories",
    "ledger-replaced": "another ledger lies where this one was",
    "ledger-permissions": "other users may write to the ledger",
    "ledger-busy": "another process holds the ledger's lock",
    "checkpoint-invalid": "the signed tree head is missing or does not verify",
    "highwater-invalid": "the high-water note outside the ledger does not verify",
    "highwater-missing": "the high-water note outside the ledger is missing",
    "clock-set-back": "the system clock is earlier than the ledger's last entry",
    "statement-invalid": "a stored statement is not valid",
    # keys and signatures
    "signature-invalid": "a required signature is missing or does not verify",
    "key-mismatch": "the key is not the one this act needs",
    "key-revoked": "a key the grant or the act rests on was revoked",
    "key-replaced": "the key was replaced by a newer one",
    "witness-inconsistent": "the tree head does not continue the history this witness has seen",
}


class ConsentError(Exception):
    """Base of every error this package raises on purpose."""


class UsageError(ConsentError):
    """The caller's mistake: wrong arguments, wrong order of calls."""


class InvalidInputError(ConsentError):
    """Bytes from outside are malformed, hostile or not what they claim to be.

    Parameters
    ----------
    problem : str
        What is wrong, in one line.
    file, place : str
        Where: the file, and the line, field or entry in it.
    remedy : str
        What the reader can do about it.
    reason : str
        Stable code.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str = "",
        place: str = "",
        remedy: str = "",
        reason: str = "invalid-input",
    ) -> None:
        self.problem, self.file, self.place, self.remedy, self.reason = problem, file, place, remedy, reason
        where = ", ".join(part for part in (file, place) if part)
        text = f"{where}: {problem}" if where else problem
        super().__init__(f"{text}. {remedy}" if remedy else text)


class ConsentRefusedError(ConsentError):
    """The use is not permitted, or the ledger cannot be trusted to say that it is.

    Parameters
    ----------
    reason : str
        One of `REASONS`.
    message : str
        The same for people, with the particulars.
    statements : sequence of str
        Digests of the statements that decided (and of the recorded refusal, last).
    remedy : str
        What the reader can do about it.
    """

    def __init__(self, reason: str, message: str, *, statements: Sequence[str] = (), remedy: str = "") -> None:
        if reason not in REASONS:
            raise UsageError(f"unknown reason code {reason!r}; add it to consent.errors.REASONS")
        self.reason, self.message, self.statements, self.remedy = reason, message, tuple(statements), remedy
        super().__init__(f"{reason}: {message}" + (f". {remedy}" if remedy else ""))
