"""Who must have signed a statement, and what the signatures on a grant are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .challenge import STATEMENT_PPM, WORDS_PPM, challenge_words
from .envelope import Envelope
from .errors import InvalidInputError
from .keys import PublicKey
from .statements import (
    AssetRegistered,
    Genesis,
    Grant,
    KeyEnrolled,
    KeyRevoked,
    KeyRotated,
    Revocation,
    Statement,
    key_of,
)

__all__ = [
    "NOT_ASSURED",
    "NO_DONOR",
    "TIERS",
    "Assurance",
    "KeyKnowledge",
    "assure",
    "check_signatures",
    "guardian_missing",
    "may_revoke",
    "meets",
    "spoken_state",
    "tier",
    "vouched_keys",
]

NO_DONOR = "not applicable (no donor)"
TIERS: dict[str, str] = {
    "A": "a key known to be the speaker's signed, and the spoken challenge matched",
    "B": "a key known to be the speaker's signed",
    "C": "the spoken challenge matched, by the operator's record; no key known to be the speaker's signed",
    "D": "the operator attests it; no key known to be the speaker's signed",
    NO_DONOR: "a blend of many voices; nobody's voice was lent, so nobody consented",
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
    elif isinstance(statement, KeyRotated):
        envelope.require(key_of(statement.old), key_of(statement.new), operator, what=where)
    elif isinstance(statement, KeyRevoked):
        envelope.require(key_of(statement.by), what=where)
        if statement.by not in (statement.key, operator.did):
            raise InvalidInputError("this key may not revoke that one", file=where, reason="key-mismatch")
    else:
        if isinstance(statement, Grant) and statement.grantee.key != operator.did:
            raise InvalidInputError("the grant is to another operator", file=where, reason="key-mismatch")
        envelope.require(operator, what=where)


def guardian_missing(grant: Grant, envelope: Envelope) -> bool:
    """Whether a minor's grant lacks the signature of the guardian's key it names."""
    return not grant.subject.adult and not envelope.signers([key_of(grant.subject.guardian_key)])


def may_revoke(
    revocation: Revocation, target: Statement, same: Callable[[str, str], bool] = lambda one, other: one == other
) -> bool:
    """Whether the signer of `revocation` may withdraw `target`.

    A grant: its subject, the subject's guardian, or the operator it was given to. A voice record: its
    publisher. `same` says whether two keys stand, or stood, in one place: a key that was replaced or revoked
    may still withdraw, because that only ever takes permission away.
    """
    if isinstance(target, Grant):
        places = {target.subject.key, target.subject.guardian_key, target.grantee.key} - {""}
        return any(same(revocation.by, place) for place in places)
    if isinstance(target, AssetRegistered):
        return same(revocation.by, target.publisher.key)
    return False


@dataclass(frozen=True)
class KeyKnowledge:
    """What whoever judges a grant knows about keys.

    Parameters
    ----------
    known : set of str
        did:keys known to be the speaker's, or a witness's whose word counts.
    vouched : set of str
        Keys enrolled as a speaker's whose enrolment a known witness signed too.
    other_roles : set of str
        Keys that have another part: operator, publisher, witness, guardian, another subject. None of them
        counts as the speaker's, whoever says so.
    """

    known: frozenset[str] = frozenset()
    vouched: frozenset[str] = frozenset()
    other_roles: frozenset[str] = frozenset()


_NOBODY = KeyKnowledge()


@dataclass(frozen=True)
class Assurance:
    """A tier, and what would raise it.

    Parameters
    ----------
    tier : str
        A key of `TIERS`.
    spoken : str
        '' (none), matched, witnessed (a known person listened), unwitnessed (a person listened whose key is
        not known), not-checked, mismatch.
    could_be : str
        The tier if the key `if_known` were known to be what it is called ('' when nothing would raise it).
    if_known : str
        That key.
    """

    tier: str
    spoken: str = ""
    could_be: str = ""
    if_known: str = ""

    def text(self) -> str:
        """In one line."""
        if not self.could_be:
            return self.tier
        whose = "the listening witness's" if self.spoken == "unwitnessed" and self.could_be == "C" else "the speaker's"
        return f"{self.tier}; {self.could_be} if {self.if_known} is known to you as {whose}: --trust"


NOT_ASSURED = Assurance("")


def spoken_state(grant: Grant, envelope: Envelope, ring: KeyKnowledge = _NOBODY) -> tuple[str, str]:
    """What the spoken evidence shows, recomputed from the grant; and the listening witness's key, if any.

    The words must be those of this very grant, the share of them that was understood and the likeness of the voice
    must reach the thresholds, which may not be lower than this program's own for the words. Where the grant names
    reference recordings the voice must have been compared with them.
    """
    spoken = [item for item in grant.evidence if item.kind == "spoken"]
    if len(spoken) != 1:
        return ("mismatch" if spoken else ""), ""
    checks = dict(spoken[0].checks)
    if spoken[0].challenge != " ".join(challenge_words(grant)):
        return "mismatch", ""
    witness = _listener(grant, envelope, checks, ring)
    if witness in ring.known:
        return "witnessed", witness
    if checks.get("text") == "done" and checks.get("voice") in ("done", "no-reference"):
        text = _reaches(checks, "text.words_ppm", WORDS_PPM) and _reaches(checks, "text.statement_ppm", STATEMENT_PPM)
        alike = checks["voice"] == "no-reference" and not grant.references
        voice = alike or _reaches(checks, "voice.similarity_ppm", checks.get("voice.threshold_ppm"))
        if text and voice:
            return "matched", witness
        return ("unwitnessed" if witness else "mismatch"), witness
    return ("unwitnessed" if witness else "not-checked"), witness


def _reaches(checks: Mapping[str, object], name: str, least: object) -> bool:
    found = checks.get(name)
    return isinstance(found, int) and isinstance(least, int) and found >= least


def _listener(grant: Grant, envelope: Envelope, checks: Mapping[str, object], ring: KeyKnowledge) -> str:
    key = checks.get("witness.key")
    if not isinstance(key, str) or key in (grant.subject.key, grant.grantee.key):
        return ""
    try:
        public = key_of(key)
    except InvalidInputError:
        return ""
    return key if envelope.signers([public]) else ""


def assure(grant: Grant, envelope: Envelope, ring: KeyKnowledge = _NOBODY) -> Assurance:
    """Assurance tier recomputed from signatures, spoken evidence and what is known about keys; never a claim.

    A key that signed as the speaker lifts the tier only where somebody outside knows it, or a known witness
    vouched for it: an operator can make a second key and call it the speaker's.
    """
    if grant.basis == "no-donor":
        return Assurance(NO_DONOR)
    spoken, witness = spoken_state(grant, envelope, ring)
    good = spoken in ("matched", "witnessed")
    low, high = ("C", "A") if good else ("D", "B")
    key = grant.subject.key
    barred = ring.other_roles | {grant.grantee.key, grant.subject.guardian_key, witness}
    if key not in barred and envelope.signers([key_of(key)]):
        if key in ring.known | ring.vouched:
            return Assurance(high, spoken)
        return Assurance(low, spoken, high, key)
    if spoken == "unwitnessed":
        return Assurance(low, spoken, "C", witness)
    return Assurance(low, spoken)


def tier(grant: Grant, envelope: Envelope, ring: KeyKnowledge = _NOBODY) -> str:
    """The letter alone; see `assure`."""
    return assure(grant, envelope, ring).tier


def meets(found: str, minimum: str) -> bool:
    """Whether a tier reaches a demanded one. A voice without a donor needs nobody's consent and reaches any."""
    return not minimum or found == NO_DONOR or found <= minimum


def vouched_keys(
    enrolments: Iterable[tuple[KeyEnrolled, Envelope]],
    rotations: Iterable[tuple[KeyRotated, Envelope]],
    known: frozenset[str],
    operators: frozenset[str],
) -> tuple[frozenset[str], frozenset[str]]:
    """Keys a known witness vouched for as a speaker's, and keys that were enrolled for another part.

    An enrolment must also be signed by a known key that is neither the operator's nor the enrolled one. A key that
    was rotated stands with the one it was exchanged for: both signed.
    """
    vouched: set[str] = set()
    others: set[str] = set()
    holders: dict[str, str] = {}
    for statement, envelope in enrolments:
        if statement.role != "subject":
            others.add(statement.key)
            continue
        if holders.setdefault(statement.key, statement.holder_commit) != statement.holder_commit:
            others.add(statement.key)
        outside = known - operators - {statement.key}
        if envelope.signers([key_of(item) for item in outside]):
            vouched.add(statement.key)
    for rotation, _envelope in rotations:
        if rotation.role == "subject":
            pair = {rotation.old, rotation.new}
            if pair & (vouched | known):
                vouched |= pair
        else:
            others |= {rotation.old, rotation.new}
    return frozenset(vouched - others), frozenset(others)
