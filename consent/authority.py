"""Who must have signed a statement, and what the signatures on a grant are worth."""

from __future__ import annotations

from .envelope import Envelope
from .errors import InvalidInputError
from .keys import PublicKey
from .statements import AssetRegistered, Genesis, Grant, KeyEnrolled, Revocation, Statement, key_of

__all__ = ["TIERS", "check_signatures", "may_revoke", "tier"]

TIERS: dict[str, str] = {
    "A": "the speaker's own key signed and the spoken challenge matched",
    "B": "a key that is not the operator's signed as the speaker",
    "C": "the spoken challenge matched; the operator's key signed",
    "D": "the operator attests it; no key but the operator's signed",
    "not applicable (no donor)": "a blend of many voices; nobody's voice was lent, so nobody consented",
}


def check_signatures(statement: Statement, envelope: Envelope, operator: PublicKey, *, what: str = "") -> None:
    """Demand the signatures a statement needs by its kind.

    Whether a revocation's signer may revoke its target is `may_revoke`'s question.

    Raises
    ------
    InvalidInputError
        reason signature-invalid or key-mismatch.
    """
    where = what or statement.KIND
    if isinstance(statement, Genesis):
        envelope.require(key_of(statement.operator.key), what=where)
        if statement.operator.key != operator.did:
            raise InvalidInputError("the ledger has another operator", file=where, reason="key-mismatch")
    elif isinstance(statement, AssetRegistered):
        envelope.require(key_of(statement.publisher.key), what=where)
    elif isinstance(statement, Revocation):
        envelope.require(key_of(statement.by), what=where)
    elif isinstance(statement, KeyEnrolled):
        envelope.require(operator, key_of(statement.key), what=where)
    else:
        if isinstance(statement, Grant) and statement.grantee.key != operator.did:
            raise InvalidInputError("the grant is to another operator", file=where, reason="key-mismatch")
        envelope.require(operator, what=where)


def may_revoke(revocation: Revocation, target: Statement) -> bool:
    """Whether the signer of `revocation` may withdraw `target`.

    A grant: its subject, the subject's guardian, or the operator it was given to. A voice record: its
    publisher.
    """
    if isinstance(target, Grant):
        return revocation.by in {target.subject.key, target.subject.guardian_key, target.grantee.key} - {""}
    if isinstance(target, AssetRegistered):
        return revocation.by == target.publisher.key
    return False


def tier(grant: Grant, envelope: Envelope) -> str:
    """Assurance tier recomputed from the signatures; never read from a claim.

    Spoken evidence may be hashed in already, but until its check is recomputable here it lifts no tier.
    """
    if grant.basis == "no-donor":
        return "not applicable (no donor)"
    if grant.subject.key != grant.grantee.key and envelope.signers([key_of(grant.subject.key)]):
        return "B"
    return "D"
