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
from .fields import Record, did, flag, hexes, many, measures, nested, text, texts, whole
from .keys import PublicKey, SigningKey
from .scope import Operand, Scope, Use

__all__ = [
    "ANY_LEDGER",
    "LEDGER_KINDS",
    "MARKS",
    "AssetRegistered",
    "DataSource",
    "Erasure",
    "Genesis",
    "Grant",
    "HeadKey",
    "KeyEnrolled",
    "KeyRevoked",
    "KeyRotated",
    "OutputRecord",
    "Party",
    "PermitStatement",
    "Refusal",
    "RenderAborted",
    "RenderDenied",
    "RenderIntent",
    "RenderReceipt",
    "Revocation",
    "Statement",
    "WeightsRef",
    "new_nonce",
    "parse_statement",
]

SPEC = "voicekit-consent/1"
#: Ledger field of statements that are made once and hold in every ledger (voice records, their revocation).
ANY_LEDGER = "any"

_DAY = 86_400
TEN_YEARS = 3_653 * _DAY
FIVE_YEARS = 1_827 * _DAY
_TIME_LOW, _TIME_HIGH = 1_600_000_000, 32_503_680_000
_VOICE = "[a-z0-9][a-z0-9_-]{0,63}"
_SLUG = "[a-z][a-z0-9-]{0,63}"
_LEDGER = "[0-9a-f]{32}"


#: Marks a delivered file may carry, as its maker declares them in the receipt.
MARKS = frozenset({"metadata", "watermark", "audible"})


def new_nonce() -> str:
    """128 random bits as hexadecimal digits."""
    return secrets.token_hex(16)


def _moment() -> Any:
    return whole(_TIME_LOW, _TIME_HIGH)


@dataclass(frozen=True)
class Party(Record):
    """A key with a name: operator, grantee or publisher."""

    key: str = did()
    name: str = text()
    contact: str = text(default="")


@dataclass(frozen=True)
class Subject(Record):
    """Whose voice it is. The name itself stays outside the ledger; `name_commit` is H(salt || name)."""

    key: str = did()
    name_commit: str = hexes(64, default="")
    adult: bool = flag(default=True)
    guardian_key: str = did(default="")
    jurisdiction: str = text("[A-Z]{2}(-[A-Z0-9]{1,3})?", default="")


@dataclass(frozen=True)
class Notice(Record):
    """The text the speaker was shown: hash, language and version."""

    sha256: str = hexes(64)
    language: str = text("[a-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
    version: str = text(high=40)


@dataclass(frozen=True)
class WeightsRef(Record):
    """A model or configuration file a grant is bound to, and its licence."""

    name: str = text("[^/\\\\]+")
    sha256: str = hexes(64)
    license: str = text(high=100)


@dataclass(frozen=True)
class Reference(Record):
    """A reference recording: hash of the file, hash of its samples, length."""

    name: str = text("[^/\\\\]+")
    file_sha256: str = hexes(64)
    pcm_sha256: str = hexes(64)
    seconds_milli: int = whole(1)


@dataclass(frozen=True)
class Validity(Record):
    """From when, until when, and after how many days it must be confirmed (0: never)."""

    not_before: int = _moment()
    not_after: int = _moment()
    recheck_days: int = whole(0, 3_660, default=0)

    def check(self) -> None:
        """Ends after it begins; ten years at most."""
        if not self.not_before < self.not_after <= self.not_before + TEN_YEARS:
            raise InvalidInputError(
                "must end after it begins and last ten years at most",
                place="not_after",
                remedy="Shorten the term; a longer one needs a new grant",
                reason="field-invalid",
            )


@dataclass(frozen=True)
class Retention(Record):
    """How long reference audio and embeddings are kept, and where: days after the grant has ended, by its last
    day, its withdrawal or its replacement (0: erased on that day)."""

    reference_days: int = whole(0, 3_660)
    embedding_days: int = whole(0, 3_660)
    location: str = text(high=100, default="")


@dataclass(frozen=True)
class Withdrawal(Record):
    """How the speaker withdraws, and what happens then."""

    how: str = text(high=400)
    effect: str = text("stop-new|delete-voice|recall")


@dataclass(frozen=True)
class Disclosure(Record):
    """How the sound must be marked."""

    metadata: bool = flag()
    watermark: bool = flag()
    audible: str = text("never|always|policy")
    credit: str = text(default="")


@dataclass(frozen=True)
class Representation(Record):
    """Counsel, union, and hours of notice before the grant was signed."""

    counsel: bool = flag(default=False)
    union: str = text(default="")
    notice_hours: int = whole(0, 100_000, default=0)


@dataclass(frozen=True)
class Compensation(Record):
    """Kind of payment and a reference to its contract."""

    kind: str = text(_SLUG)
    ref: str = text(default="")


@dataclass(frozen=True)
class Evidence(Record):
    """Something hashed in: a voice record, a document, a spoken statement, a witness.

    The optional measures of a spoken statement are integers in parts per million with their model's hash.
    """

    kind: str = text("record|document|spoken|witness")
    sha256: str = hexes(64)
    note: str = text(high=400, default="")
    challenge: str = text(default="")
    transcript_sha256: str = hexes(64, default="")
    checks: tuple[tuple[str, Any], ...] = measures(default=())


@dataclass(frozen=True)
class DataSource(Record):
    """A body of recordings a voice was trained on."""

    name: str = text()
    license: str = text(high=100)
    attribution: str = text(high=2_000)
    sha256: str = hexes(64, default="")


@dataclass(frozen=True)
class Software(Record):
    """Which program made the statement."""

    name: str = text(high=60)
    version: str = text(high=60)


@dataclass(frozen=True)
class OutputRecord(Record):
    """One delivered file. `same_as` names another output with the same sound in another format."""

    name: str = text("(?!\\.{1,2}$)[^/\\\\\\0]+")
    sha256: str = hexes(64)
    bytes: int = whole()
    pcm_sha256: str = hexes(64)
    seconds_milli: int = whole(0, 10**12)
    same_as: str = text(default="")


@dataclass(frozen=True)
class Spent(Record):
    """Renders and seconds used up under a grant."""

    renders: int = whole()
    seconds: int = whole()


@dataclass(frozen=True, kw_only=True)
class Statement(Record):
    """Common head of all statements: which ledger, a nonce against replay, a time."""

    KIND: ClassVar[str] = ""

    ledger: str = text(f"{_LEDGER}|{ANY_LEDGER}")
    nonce: str = hexes(32)
    time: int = _moment()

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
    reason: str = text(_SLUG)

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
    effective: int = _moment()
    reason: str = text(_SLUG)


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
    reason: str = text(_SLUG)


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
    effective: int = _moment()
    reason: str = text(_SLUG)


@dataclass(frozen=True, kw_only=True)
class AssetRegistered(Statement):
    """The signed record of a shipped voice without a donor: what it was made of, measured, and offers."""

    KIND: ClassVar[str] = "asset-registered"
    voice: str = text(_VOICE)
    basis: str = text("no-donor")
    publisher: Party = nested(Party)
    offered: Scope = nested(Scope)
    not_after: int = whole(_TIME_LOW, _TIME_HIGH, default=0)
    weights: tuple[WeightsRef, ...] = many(WeightsRef, low=1)
    data: tuple[DataSource, ...] = many(DataSource, low=1)
    measurement: tuple[tuple[str, Any], ...] = measures()
    recipe: str = text(high=4_000)
    statement: str = text(high=4_000)


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
    expires: int = _moment()


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
    reason: str = text(_SLUG)
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
    reason: str = text(_SLUG)


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
    expires: int = _moment()


@dataclass(frozen=True, kw_only=True)
class Refusal(Statement):
    """A refusal kept beside a ledger that can no longer be appended to soundly; each names the one before."""

    KIND: ClassVar[str] = "refusal"
    reason: str = text(_SLUG)
    during: str = text(_SLUG)
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
