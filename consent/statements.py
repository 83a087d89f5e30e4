# ruff: noqa: RUF009 - the field functions are `dataclasses.field` with a check; they share no state
"""The statements of a ledger: what each kind holds, and how it becomes bytes and comes back.

A statement is a JSON object (strings, integers, booleans), canonical by RFC 8785, signed in a DSSE envelope
whose payload type names the kind. Its name is the SHA-256 of its payload. Times are whole seconds since 1970
UTC.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar

from .encoding import canonical, dump, is_canonical, parse_json, sha256_hex
from .envelope import Envelope
from .errors import InvalidInputError
from .fields import Record, did, hexes, many, measures, nested, text, texts, whole
from .keys import PublicKey, SigningKey
from .parts import (
    SLUG,
    Compensation,
    DataSource,
    Disclosure,
    Evidence,
    Notice,
    OutputRecord,
    Party,
    Reference,
    Representation,
    Retention,
    Software,
    Spent,
    Subject,
    Validity,
    WeightsRef,
    Withdrawal,
    moment,
)
from .scope import Operand, Scope, Use

__all__ = [
    "ANY_LEDGER",
    "LEDGER_KINDS",
    "MARKS",
    "AssetRegistered",
    "Compensation",
    "DataSource",
    "Disclosure",
    "Enrolment",
    "Erasure",
    "Evidence",
    "Genesis",
    "Grant",
    "HeadKey",
    "KeyEnrolled",
    "KeyRevoked",
    "KeyRotated",
    "Notice",
    "OutputRecord",
    "Party",
    "PermitStatement",
    "Reference",
    "Refusal",
    "RenderAborted",
    "RenderDenied",
    "RenderIntent",
    "RenderReceipt",
    "Representation",
    "Retention",
    "Revocation",
    "Software",
    "Spent",
    "Statement",
    "Subject",
    "Validity",
    "WeightsRef",
    "Withdrawal",
    "key_of",
    "new_nonce",
    "parse_statement",
]

SPEC = "voicekit-consent/1"
#: Ledger field of statements that are made once and hold in every ledger (voice records, their revocation).
ANY_LEDGER = "any"

_DAY = 86_400
FIVE_YEARS = 1_827 * _DAY
_VOICE = "[a-z0-9][a-z0-9_-]{0,63}"
_LEDGER = "[0-9a-f]{32}"


#: Marks a delivered file may carry, as its maker declares them in the receipt.
MARKS = frozenset({"metadata", "watermark", "audible"})


def new_nonce() -> str:
    """128 random bits as hexadecimal digits."""
    return secrets.token_hex(16)


@dataclass(frozen=True, kw_only=True)
class Statement(Record):
    """Common head of all statements: which ledger, a nonce against replay, a time."""

    KIND: ClassVar[str] = ""

    ledger: str = text(f"{_LEDGER}|{ANY_LEDGER}")
    nonce: str = hexes(32)
    time: int = moment()

    @classmethod
    def payload_type(cls) -> str:
        """DSSE payload type of this kind."""
        return f"application/vnd.voicekit.{cls.KIND}+json;version=1"

    def as_obj(self) -> dict[str, Any]:
        """The JSON object, with its kind and format version."""
        return {"spec": SPEC, "kind": self.KIND, **super().as_obj()}

    @property
    def digest(self) -> str:
        """SHA-256 of the payload: the statement's name."""
        return sha256_hex(dump(self.as_obj()))

    def sign(self, *keys: SigningKey) -> Envelope:
        """Wrap in an envelope signed by `keys`."""
        return Envelope.sign(self.payload_type(), canonical(self.as_obj()), *keys)

    def check(self) -> None:
        """Only voice records and revocations may hold in every ledger."""
        if self.ledger == ANY_LEDGER and self.KIND not in ("asset-registered", "revocation"):
            raise InvalidInputError("must name one ledger", place="ledger", reason="field-invalid")


@dataclass(frozen=True, kw_only=True)
class Genesis(Statement):
    """First entry: the ledger's id and its operator's key."""

    KIND: ClassVar[str] = "genesis"
    operator: Party = nested(Party)
    software: Software = nested(Software)


@dataclass(frozen=True, kw_only=True)
class KeyEnrolled(Statement):
    """A key made known to the ledger; signed by the operator and, as proof of possession, by the key
    itself."""

    KIND: ClassVar[str] = "key-enrolled"
    key: str = did()
    role: str = text("subject|guardian|witness")
    holder_commit: str = hexes(64, default="")


@dataclass(frozen=True, kw_only=True)
class KeyRotated(Statement):
    """A key replaced by another; signed by both. From this entry on the new key stands where the old one stood."""

    KIND: ClassVar[str] = "key-rotated"
    old: str = did()
    new: str = did()
    role: str = text("operator|subject|guardian|witness")
    reason: str = text(SLUG)

    def check(self) -> None:
        """Two different keys."""
        super().check()
        if self.old == self.new:
            raise InvalidInputError("is the old key", place="new", reason="field-invalid")


@dataclass(frozen=True, kw_only=True)
class KeyRevoked(Statement):
    """A speaker's, guardian's or witness's key that counts no longer; signed by that key or by the operator."""

    KIND: ClassVar[str] = "key-revoked"
    key: str = did()
    role: str = text("subject|guardian|witness")
    by: str = did()
    effective: int = moment()
    reason: str = text(SLUG)


@dataclass(frozen=True, kw_only=True)
class HeadKey(Statement):
    """A second key of the operator that signs every later tree head too; the heads themselves show that it is held."""

    KIND: ClassVar[str] = "head-key"
    algorithm: str = text("ml-dsa-44")
    public: str = text("[A-Za-z0-9+/]{1750}==", low=1752, high=1752)


@dataclass(frozen=True, kw_only=True)
class Erasure(Statement):
    """Personal data was erased from the side tables: which commitments can no longer be opened, and why."""

    KIND: ClassVar[str] = "erasure"
    subject: str = did()
    commitments: tuple[str, ...] = texts("[0-9a-f]{64}", most=100_000)
    items: int = whole()
    reason: str = text(SLUG)


@dataclass(frozen=True, kw_only=True)
class Grant(Statement):
    """A speaker's permission, or what stands in for one; `basis` says which."""

    KIND: ClassVar[str] = "grant"
    voice: str = text(_VOICE)
    basis: str = text("consent|dedication|no-donor")
    subject: Subject = nested(Subject)
    grantee: Party = nested(Party)
    notice: Notice = nested(Notice)
    intended_use: str = text(low=20, high=4_000)
    scope: Scope = nested(Scope)
    validity: Validity = nested(Validity)
    weights: tuple[WeightsRef, ...] = many(WeightsRef)
    references: tuple[Reference, ...] = many(Reference, default=())
    retention: Retention = nested(Retention)
    recipients: tuple[str, ...] = texts(default=())
    withdrawal: Withdrawal = nested(Withdrawal)
    disclosure: Disclosure = nested(Disclosure)
    representation: Representation = nested(Representation)
    compensation: Compensation = nested(Compensation)
    evidence: tuple[Evidence, ...] = many(Evidence, default=())
    supersedes: tuple[str, ...] = texts("[0-9a-f]{64}", default=())
    adaptation: str = text("embedding|low-rank", default="")

    def check(self) -> None:
        """Description long enough, minors' rules, and a record behind every voice without a donor."""
        super().check()
        if len(self.intended_use.split()) < 20:
            raise InvalidInputError(
                "needs at least 20 words that say what the voice will be used for",
                place="intended_use",
                remedy="Name the products, projects and audiences",
                reason="field-invalid",
            )
        length = self.validity.not_after - self.validity.not_before
        if not self.subject.adult and (length > FIVE_YEARS or not self.subject.guardian_key):
            raise InvalidInputError(
                "a minor's grant lasts five years at most and names a guardian's key",
                place="validity",
                reason="field-invalid",
            )
        if (self.basis == "no-donor") != bool(self.record):
            raise InvalidInputError(
                "a no-donor grant, and only such a grant, has one voice record as evidence",
                place="evidence",
                reason="field-invalid",
            )
        if self.adaptation and (not self.references or self.basis == "no-donor"):
            raise InvalidInputError(
                "a voice can only be built from reference recordings that the grant names",
                place="adaptation",
                remedy="Name the recordings under [[references]]",
                reason="field-invalid",
            )

    @property
    def record(self) -> str:
        """Digest of the voice record a no-donor grant rests on ('' for others)."""
        records = [item.sha256 for item in self.evidence if item.kind == "record"]
        return records[0] if len(records) == 1 else ""


@dataclass(frozen=True, kw_only=True)
class Revocation(Statement):
    """Withdraws a grant or a voice record. Honoured as a ledger entry and as a loose file."""

    KIND: ClassVar[str] = "revocation"
    target: str = hexes(64)
    by: str = did()
    effective: int = moment()
    reason: str = text(SLUG)


@dataclass(frozen=True, kw_only=True)
class AssetRegistered(Statement):
    """The signed record of a shipped voice without a donor: what it was made of, measured, and offers."""

    KIND: ClassVar[str] = "asset-registered"
    voice: str = text(_VOICE)
    basis: str = text("no-donor")
    publisher: Party = nested(Party)
    offered: Scope = nested(Scope)
    not_after: int = moment(default=0)
    weights: tuple[WeightsRef, ...] = many(WeightsRef, low=1)
    data: tuple[DataSource, ...] = many(DataSource, low=1)
    measurement: tuple[tuple[str, Any], ...] = measures()
    recipe: str = text(high=4_000)
    statement: str = text(high=4_000)


@dataclass(frozen=True, kw_only=True)
class Enrolment(Statement):
    """A voice was built under a grant: from which of its references, on which models, and what came of it.

    Signed by the operator. It permits nothing by itself: the grant must allow the adaptation (see
    `consent.policy.enrolment_problem`), and files count as agreed to only together with it.
    """

    KIND: ClassVar[str] = "enrolment"
    grant: str = hexes(64)
    voice: str = text(_VOICE)
    method: str = text("embedding|low-rank")
    references: tuple[str, ...] = texts("[0-9a-f]{64}", low=1)
    base: tuple[WeightsRef, ...] = many(WeightsRef, low=1, most=32)
    derived: tuple[WeightsRef, ...] = many(WeightsRef, low=1, most=32)
    measured: tuple[tuple[str, Any], ...] = measures(default=())
    software: Software = nested(Software)

    def check(self) -> None:
        """No file is both what was there and what was made."""
        super().check()
        if {item.sha256 for item in self.base} & {item.sha256 for item in self.derived}:
            raise InvalidInputError("a derived file is one of the base", place="derived", reason="field-invalid")


@dataclass(frozen=True, kw_only=True)
class RenderIntent(Statement):
    """Written durably before any sound is made."""

    KIND: ClassVar[str] = "render-intent"
    grant: str = hexes(64)
    record: str = hexes(64, default="")
    voice: str = text(_VOICE)
    use: Use = nested(Use)
    operands: tuple[Operand, ...] = many(Operand, low=1)
    params_sha256: str = hexes(64)
    text_commit: str = hexes(64)
    expires: int = moment()


@dataclass(frozen=True, kw_only=True)
class RenderReceipt(Statement):
    """Written before any file gets its final name: the files, and everything that made them."""

    KIND: ClassVar[str] = "render-receipt"
    intent: str = hexes(64)
    grant: str = hexes(64)
    record: str = hexes(64, default="")
    voice: str = text(_VOICE)
    use: Use = nested(Use)
    operands: tuple[Operand, ...] = many(Operand, low=1)
    params_sha256: str = hexes(64)
    text_commit: str = hexes(64)
    outputs: tuple[OutputRecord, ...] = many(OutputRecord, low=1, most=2_000)
    measured: tuple[tuple[str, Any], ...] = measures(default=())
    marks: tuple[str, ...] = texts(choices=MARKS, default=())
    spent: Spent = nested(Spent)
    software: Software = nested(Software)

    def check(self) -> None:
        """File names differ, and `same_as` names a sound of the same length that is itself counted."""
        super().check()
        first = {item.name: item for item in self.outputs if not item.same_as}
        if len({item.name for item in self.outputs}) != len(self.outputs):
            raise InvalidInputError("two outputs have one name", place="outputs", reason="field-invalid")
        for item in self.outputs:
            if not item.same_as:
                continue
            twin = first.get(item.same_as)
            if twin is None or abs(twin.seconds_milli - item.seconds_milli) > 1_000:
                raise InvalidInputError(
                    f"{item.name} is not the same sound as {item.same_as}",
                    place="outputs",
                    reason="field-invalid",
                )

    @property
    def seconds(self) -> int:
        """Seconds counted against the budget, rounded up."""
        return -(-sum(item.seconds_milli for item in self.outputs if not item.same_as) // 1_000)


@dataclass(frozen=True, kw_only=True)
class RenderDenied(Statement):
    """A refused request: proof that the gate said no."""

    KIND: ClassVar[str] = "render-denied"
    reason: str = text(SLUG)
    voice: str = text(high=100)
    use: Use = nested(Use)
    operands: tuple[Operand, ...] = many(Operand, default=())
    grants: tuple[str, ...] = texts("[0-9a-f]{64}", default=())
    params_sha256: str = hexes(64, default="")
    text_commit: str = hexes(64, default="")
    clock: int = whole(default=0)


@dataclass(frozen=True, kw_only=True)
class RenderAborted(Statement):
    """A begun render that ended without output."""

    KIND: ClassVar[str] = "render-aborted"
    intent: str = hexes(64)
    reason: str = text(SLUG)


@dataclass(frozen=True, kw_only=True)
class PermitStatement(Statement):
    """A single-use permit for one intent, checkable without the ledger. Never stored in it."""

    KIND: ClassVar[str] = "permit"
    intent: str = hexes(64)
    grant: str = hexes(64)
    record: str = hexes(64, default="")
    voice: str = text(_VOICE)
    use: Use = nested(Use)
    operands: tuple[Operand, ...] = many(Operand, low=1)
    params_sha256: str = hexes(64)
    text_commit: str = hexes(64)
    expires: int = moment()


@dataclass(frozen=True, kw_only=True)
class Refusal(Statement):
    """A refusal kept beside a ledger that can no longer be appended to soundly; each names the one before."""

    KIND: ClassVar[str] = "refusal"
    reason: str = text(SLUG)
    during: str = text(SLUG)
    previous: str = text("[0-9a-f]{64}|none")
    voice: str = text(high=100, default="")


LEDGER_KINDS: dict[str, type[Statement]] = {
    kind.payload_type(): kind
    for kind in (
        Genesis,
        KeyEnrolled,
        KeyRotated,
        KeyRevoked,
        HeadKey,
        Erasure,
        Grant,
        Revocation,
        AssetRegistered,
        Enrolment,
        RenderIntent,
        RenderReceipt,
        RenderDenied,
        RenderAborted,
    )
}


def parse_statement(envelope: Envelope, *kinds: type[Statement], what: str = "statement") -> Statement:
    """Read an envelope's payload as a statement of one of `kinds` (any ledger kind when none is named).

    Signatures are not checked here; `consent.authority` knows whose are needed.

    Raises
    ------
    InvalidInputError
        Wrong kind, malformed or not canonical.
    """
    allowed = kinds or tuple(LEDGER_KINDS.values())
    kind = next((item for item in allowed if item.payload_type() == envelope.payload_type), None)
    if kind is None:
        wanted = ", ".join(item.KIND for item in allowed)
        raise InvalidInputError(
            f"{envelope.payload_type[:80]!r} where {wanted} is wanted", file=what, reason="statement-kind"
        )
    obj = parse_json(envelope.payload, what=what)
    if obj.pop("spec", None) != SPEC or obj.pop("kind", None) != kind.KIND:
        raise InvalidInputError("the payload's kind and its type disagree", file=what, reason="statement-kind")
    try:
        statement = kind.from_obj(obj)
    except InvalidInputError as exc:
        raise InvalidInputError(exc.problem, file=what, place=exc.place, remedy=exc.remedy, reason=exc.reason) from exc
    # One spelling per meaning: order of lists, defaults left out, RFC 8785.
    if not is_canonical(envelope.payload, statement.as_obj()):
        raise InvalidInputError("the payload is not in canonical form", file=what, reason="statement-not-canonical")
    return statement


def key_of(did_key: str) -> PublicKey:
    """The public key of a did:key field (already admitted when the statement was read)."""
    return PublicKey.from_did(did_key)
