"""Offline verification of a delivered file. Needs `cryptography` alone; touches no network and no ledger.

Two verdicts that are never mixed: are the records sound, and was the use within the permission? What neither
can show is listed with them.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import merkle
from .authority import (
    NOT_ASSURED,
    TIERS,
    Assurance,
    KeyKnowledge,
    assure,
    check_signatures,
    guardian_missing,
    vouched_keys,
)
from .cosign import Cosignature, cosignatures
from .encoding import b64decode
from .envelope import Envelope
from .errors import ConsentError, InvalidInputError
from .keybook import KeyBook
from .keys import PublicKey, read_small_file
from .outputs import hash_file
from .policy import Standing, check_disclosure, decide_one
from .pq import check_second
from .proof import MAX_BUNDLE, PROOF_SUFFIX, Bundle, Located, parse_bundle
from .scope import Use
from .statements import (
    AssetRegistered,
    Enrolment,
    Genesis,
    Grant,
    HeadKey,
    KeyEnrolled,
    KeyRotated,
    OutputRecord,
    RenderIntent,
    RenderReceipt,
    Spent,
    Statement,
    parse_statement,
)
from .tree_head import Checkpoint, read_checkpoint, verify_checkpoint

__all__ = ["NOT_SHOWN", "Verdict", "Verification", "proofs_of", "verify_file"]

#: What the spoken evidence of a grant shows, in words.
SPOKEN: dict[str, str] = {
    "matched": "the operator's record says that the challenge was understood and the voice was alike",
    "witnessed": "a witness whose key you trust listened to the challenge",
    "unwitnessed": "a witness listened whose key is not among yours",
    "not-checked": "a recording is bound, but neither a program nor a witness checked it",
    "mismatch": "the spoken evidence does not fit this grant",
}

NOT_SHOWN: tuple[str, ...] = (
    "whether the grant has been revoked since the receipt was written",
    "who the persons behind the keys are",
    "whether a key that signed was given up or stolen since",
    "what is on the recording of a spoken consent: its hash is shown, and what the operator measured",
    "whether whoever agreed understood what they agreed to",
    "whether the use is lawful",
    "whether the operator keeps another ledger, or rendered without one",
    "that text, language, territory and content classes are what the operator stated",
    "the true time: the operator's clock is shown, ordered by the ledger",
)


@dataclass(frozen=True)
class Verdict:
    """One question answered. `ok` is None when it could not be decided."""

    ok: bool | None
    problems: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """yes, no or undecided."""
        return {True: "yes", False: "no", None: "undecided"}[self.ok]


@dataclass(frozen=True)
class Verification:
    """What a file and its proof show."""

    file: str
    records: Verdict
    use: Verdict
    voice: str = ""
    basis: str = ""
    assurance: Assurance = NOT_ASSURED
    grant: str = ""
    record: str = ""
    operator: str = ""
    operator_name: str = ""
    publisher: str = ""
    publisher_key: str = ""
    operator_trusted: bool | None = None
    publisher_trusted: bool | None = None
    speaker_trusted: bool | None = None
    witnesses: tuple[Cosignature, ...] = ()
    post_quantum: str = "none"
    ledger: str = ""
    index: int = -1
    size: int = -1
    time: int = 0
    intended_use: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    attributions: tuple[str, ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    not_shown: tuple[str, ...] = NOT_SHOWN

    @property
    def trusted(self) -> bool | None:
        """Whether a trusted key stands behind the records: the operator's, the voice publisher's, or the speaker's,
        who named the operator in the grant; None when no keys were given."""
        if self.operator_trusted is None:
            return None
        return self.operator_trusted or bool(self.publisher_trusted) or bool(self.speaker_trusted)

    @property
    def tier(self) -> str:
        """Assurance tier, as far as the trusted keys show it."""
        return self.assurance.tier

    @property
    def ok(self) -> bool:
        """Both verdicts are yes."""
        return self.records.ok is True and self.use.ok is True

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        out = dict(self.__dict__)
        for name in ("records", "use"):
            verdict: Verdict = getattr(self, name)
            out[name] = {"ok": verdict.ok, "problems": list(verdict.problems)}
        out["assurance"] = dict(self.assurance.__dict__)
        out["tier"] = self.tier
        out["witnesses"] = [dict(item.__dict__) for item in self.witnesses]
        return {"ok": self.ok, "trusted": self.trusted, **out}

    def text(self) -> str:
        """For people."""
        lines = [
            f"{self.file}",
            f"  records sound?          {self.records.word}",
            *(f"    - {item}" for item in self.records.problems),
            f"  use within permission?  {self.use.word}",
            *(f"    - {item}" for item in self.use.problems),
        ]
        if self.voice:
            when = datetime.datetime.fromtimestamp(self.time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            trust = {
                None: "not compared with any key you trust",
                True: "a key you trust",
                False: "not among yours",
            }
            lines += [
                f"  voice     {self.voice} (basis: {self.basis})",
                f"  tier      {self.tier}: {TIERS.get(self.tier, '')}",
                *([f"            {self.assurance.text()}"] if self.assurance.could_be else []),
                *([f"  spoken    {SPOKEN[self.assurance.spoken]}"] if self.assurance.spoken else []),
                f"  use       {_describe(self.asked)}",
                f"  agreed    {self.intended_use}",
                f"  grant     {self.grant}",
                *(
                    [
                        f"  record    {self.record}",
                        f"  publisher {self.publisher}, {self.publisher_key} ({trust[self.publisher_trusted]})",
                    ]
                    if self.record
                    else []
                ),
                f"  operator  {self.operator_name}, {self.operator} ({trust[self.operator_trusted]})",
                f"  ledger    {self.ledger}, entry {self.index} of {self.size}, {when}",
                *([f"  ML-DSA-44 {self.post_quantum} on the tree head"] if self.post_quantum != "none" else []),
                *(f"  witness   {item.text()} saw the first {self.size} entries" for item in self.witnesses),
                *(f"  data      {item}" for item in self.attributions),
            ]
        lines.append("  not shown:")
        lines += [f"    - {item}" for item in self.not_shown]
        return "\n".join(lines)


def _describe(asked: dict[str, Any]) -> str:
    parts = [str(asked.get("mode", "")), str(asked.get("purpose", ""))]
    parts.append("commercial" if asked.get("commercial") else "not commercial")
    parts.append("in " + ", ".join(asked.get("languages", ["en"])))
    parts.append("for " + ", ".join(asked.get("territories", ["001"])))
    if asked.get("title"):
        parts.append(repr(asked["title"]))
    return ", ".join(part for part in parts if part)


class _Broken(Exception):
    """Carries the problem that ends the first verdict."""


@dataclass(frozen=True)
class _Shown:
    """The statements of a bundle, each verified."""

    head: Checkpoint
    index: int
    genesis: Genesis
    receipt: RenderReceipt
    intent: RenderIntent
    grant: Grant
    grant_envelope: Envelope
    grant_digest: str
    record: AssetRegistered | None
    keys: KeyBook
    operator: str
    key_revoked_from: int | None
    found: tuple[tuple[Statement, Envelope], ...] = ()
    enrolments: tuple[Enrolment, ...] = ()


def proofs_of(path: Path | str) -> tuple[Path, ...]:
    """The proofs beside a delivered file: its own, then numbered ones of further voices in it.

    Parameters
    ----------
    path : path
        The audio file.

    Returns
    -------
    tuple of Path
        ``FILE.voiceproof`` first (whether it exists or not), then ``FILE.2.voiceproof`` and so on.
    """
    target = Path(path)
    found: list[tuple[int, Path]] = []
    try:
        names = os.listdir(target.parent)
    except OSError:
        names = []
    for name in names:
        number = name.removeprefix(f"{target.name}.").removesuffix(PROOF_SUFFIX)
        if name == f"{target.name}.{number}{PROOF_SUFFIX}" and number.isascii() and number.isdigit():
            found.append((int(number), target.with_name(name)))
    return (target.with_name(target.name + PROOF_SUFFIX), *(proof for _, proof in sorted(found)))


def verify_file(
    path: Path | str,
    *,
    proof: Path | str | None = None,
    trust: Sequence[PublicKey] = (),
    witnesses: Sequence[PublicKey] = (),
) -> Verification:
    """Verify a delivered file against its `.voiceproof`.

    Parameters
    ----------
    path : path
        The audio file.
    proof : path, optional
        Its proof; default: the file's name with `.voiceproof` appended.
    trust : sequence of PublicKey
        Keys you know: operators', voice publishers', speakers', witnesses'. When given, the operator, the
        publisher or the speaker must be one of them (a speaker also through a witness who vouched for their key).
    witnesses : sequence of PublicKey
        Each of them must have cosigned the tree head of the proof. Those of `trust` that did are shown too.

    Returns
    -------
    Verification

    Raises
    ------
    InvalidInputError
        The file or its proof cannot be read at all.
    """
    target = Path(path)
    beside = Path(proof) if proof else target.with_name(target.name + PROOF_SUFFIX)
    file_sha256, _size = hash_file(target)
    try:
        data = read_small_file(beside, MAX_BUNDLE)
    except InvalidInputError as exc:
        raise InvalidInputError(
            f"its proof {beside} cannot be read: {exc.problem}",
            file=str(target),
            remedy="Get the .voiceproof that was delivered with it, or name it with --proof",
            reason="proof-missing",
        ) from exc
    return verify_bytes(data, file_sha256, name=str(target), trust=trust, witnesses=witnesses)


def verify_bytes(
    bundle: bytes,
    file_sha256: str,
    *,
    name: str,
    trust: Sequence[PublicKey] = (),
    witnesses: Sequence[PublicKey] = (),
) -> Verification:
    """Like `verify_file`, from a bundle's bytes and a file's hash."""
    try:
        parsed = parse_bundle(bundle, what="proof")
        shown = _show(parsed)
        second = _second(parsed.checkpoint, shown)
        seen = cosignatures(parsed.checkpoint, dict.fromkeys((*trust, *witnesses)))
    except (_Broken, ConsentError) as exc:
        undecided = Verdict(None, ("the records that would say so are not sound",))
        return Verification(name, Verdict(False, (str(exc),)), undecided)
    problems: list[str] = []
    output = next((item for item in shown.receipt.outputs if item.sha256 == file_sha256), None)
    if output is None:
        named = next((item for item in shown.receipt.outputs if Path(name).name == item.name), None)
        hint = f" ({named.sha256[:16]}…)" if named else ""
        problems.append(f"the file's SHA-256 {file_sha256[:16]}… is not the one the receipt names{hint}")
    problems += _links(shown)
    missing = {key.did for key in witnesses} - {item.key for item in seen}
    problems += [f"the tree head is not cosigned by {did}" for did in sorted(missing)]
    anchors = {key.did for key in trust}
    publisher_key = shown.record.publisher.key if shown.record else ""
    operator_keys = {key.did for _start, key in shown.keys.operators}
    operator_trusted = bool(operator_keys & anchors) if anchors else None
    publisher_trusted = publisher_key in anchors if anchors else None
    assurance, speaker_known = _assurance(shown, anchors)
    speaker_trusted = speaker_known if anchors else None
    if anchors and not (operator_trusted or publisher_trusted or speaker_trusted):
        problems.append("neither the operator's, the publisher's nor the speaker's key is among those you trust")
    grant, receipt = shown.grant, shown.receipt
    return Verification(
        file=name,
        records=Verdict(not problems, tuple(problems)),
        use=_use_verdict(shown, output),
        voice=receipt.voice,
        basis=grant.basis,
        assurance=assurance,
        grant=shown.grant_digest,
        record=receipt.record,
        operator=shown.operator,
        operator_name=shown.genesis.operator.name,
        publisher=shown.record.publisher.name if shown.record else "",
        publisher_key=publisher_key,
        operator_trusted=operator_trusted,
        publisher_trusted=publisher_trusted,
        speaker_trusted=speaker_trusted,
        witnesses=seen,
        post_quantum=second,
        ledger=shown.head.origin,
        index=shown.index,
        size=shown.head.size,
        time=receipt.time,
        intended_use=grant.intended_use,
        asked=receipt.use.as_obj(),
        attributions=tuple(f"{d.name} ({d.license}): {d.attribution}" for d in shown.record.data)
        if shown.record
        else (),
        measured=dict(receipt.measured),
    )


def _show(bundle: Bundle) -> _Shown:
    """Steps 1 to 4: whose log, its signed head, every statement in it, every signature on it."""
    # 1. The genesis entry says which key and which log; the entries about keys say which key stood when. Nothing
    # of it is believed before the tree head is signed by the key in force, and each entry lies under that head.
    genesis, statements, keys = _read(bundle)
    # 2. The tree head is signed by the key in force at its size, for that log.
    size = read_checkpoint(bundle.checkpoint).size
    head = verify_checkpoint(bundle.checkpoint, keys.operator_at(size), f"voicekit.local/{genesis.ledger}")
    # 3. Every statement is where the proof says, and 4. signed by those who must sign it.
    found: dict[str, tuple[Statement, Envelope]] = {}
    for item, statement, envelope in statements:
        what = f"entry {item.index}"
        merkle.verify_inclusion(merkle.leaf_hash(item.envelope), item.index, head.size, item.path, head.root)
        check_signatures(statement, envelope, keys.operator_at(item.index), what=what)
        if statement.ledger not in (genesis.ledger, "any"):
            raise _Broken(f"{what} was made for another ledger")
        found[envelope.digest] = (statement, envelope)
    receipt_envelope = Envelope.parse(bundle.receipt.envelope)
    receipt = found[receipt_envelope.digest][0]
    if not isinstance(receipt, RenderReceipt):
        raise _Broken("the proof's first statement is no receipt")
    intent = found.get(receipt.intent, (None, None))[0]
    grant, grant_envelope = found.get(receipt.grant, (None, None))
    record = found.get(receipt.record, (None, None))[0] if receipt.record else None
    if not isinstance(intent, RenderIntent):
        raise _Broken("the intent the receipt names is not in the proof")
    if not isinstance(grant, Grant) or grant_envelope is None:
        raise _Broken("the grant the receipt names is not in the proof")
    if receipt.record and not isinstance(record, AssetRegistered):
        raise _Broken("the voice record the receipt names is not in the proof")
    return _Shown(
        head,
        bundle.receipt.index,
        genesis,
        receipt,
        intent,
        grant,
        grant_envelope,
        receipt.grant,
        record if isinstance(record, AssetRegistered) else None,
        keys,
        keys.operator_at(bundle.receipt.index).did,
        keys.revoked_from(grant.subject.key, grant.subject.guardian_key, before=bundle.receipt.index),
        tuple(found.values()),
        _enrolments(statements, receipt),
    )


def _enrolments(statements: list[tuple[Located, Statement, Envelope]], receipt: RenderReceipt) -> tuple[Enrolment, ...]:
    """Entries about voices built under the receipt's grant, if they stood before the intent was written."""
    begun = next(item.index for item, _statement, envelope in statements if envelope.digest == receipt.intent)
    return tuple(
        statement
        for item, statement, _envelope in statements
        if isinstance(statement, Enrolment) and statement.grant == receipt.grant and item.index < begun
    )


def _read(bundle: Bundle) -> tuple[Genesis, list[tuple[Located, Statement, Envelope]], KeyBook]:
    """The statements in the order of their places, and what they say about keys."""
    genesis: Genesis | None = None
    keys, statements = KeyBook(), []
    for item in sorted((bundle.receipt, *bundle.support), key=lambda item: item.index):
        what = f"entry {item.index}"
        envelope = Envelope.parse(item.envelope, what=what)
        statement = parse_statement(envelope, what=what)
        if genesis is None and (item.index != 0 or not isinstance(statement, Genesis)):
            raise _Broken("the ledger's first entry is not in the proof")
        if isinstance(statement, Genesis):
            genesis = statement
        else:
            keys.check(statement)
        keys.take(item.index, statement)
        statements.append((item, statement, envelope))
    if genesis is None:
        raise _Broken("the ledger's first entry is not in the proof")
    return genesis, statements, keys


def _assurance(shown: _Shown, anchors: set[str]) -> tuple[Assurance, bool]:
    """The tier with what the trusted keys show, and whether a known speaker stands behind the grant."""
    known = frozenset(anchors)
    operators = frozenset(key.did for _start, key in shown.keys.operators)
    enrolments = [(s, e) for s, e in shown.found if isinstance(s, KeyEnrolled)]
    rotations = [(s, e) for s, e in shown.found if isinstance(s, KeyRotated)]
    vouched, others = vouched_keys(enrolments, rotations, known, operators)
    publisher = {shown.record.publisher.key} if shown.record else set()
    ring = KeyKnowledge(known, vouched, others | publisher | operators)
    assurance = assure(shown.grant, shown.grant_envelope, ring)
    return assurance, assurance.tier in ("A", "B")


def _second(note: bytes, shown: _Shown) -> str:
    """The second signature, where an entry says that there is one: verified, or not checked; else none."""
    keys = [statement for statement, _envelope in shown.found if isinstance(statement, HeadKey)]
    if not keys:
        return "none"
    return "verified" if check_second(note, b64decode(keys[-1].public, what="head key")) else "not checked"


def _links(shown: _Shown) -> list[str]:
    """Step 5: the statements speak of each other and agree."""
    receipt, intent, grant = shown.receipt, shown.intent, shown.grant
    problems = []
    for name in ("grant", "record", "voice", "operands", "params_sha256", "text_commit"):
        if getattr(receipt, name) != getattr(intent, name):
            problems.append(f"receipt and intent disagree on {name}")
    if receipt.use != intent.use:
        problems.append("receipt and intent disagree on the use")
    if not intent.time <= receipt.time:
        problems.append("the receipt is older than its intent")
    if receipt.voice != grant.voice:
        problems.append("the grant is for another voice")
    if grant.record != receipt.record:
        problems.append("grant and receipt name different voice records")
    if not shown.keys.same(grant.grantee.key, shown.genesis.operator.key):
        problems.append("the grant is to another operator")
    return problems


def _use_verdict(shown: _Shown, output: OutputRecord | None) -> Verdict:
    """Step 6: the policy itself decides again, at the time of the intent and at that of the receipt."""
    if output is None:
        return Verdict(None, ("this file is not an output of the receipt",))
    receipt, problems = shown.receipt, []
    before = Spent(max(receipt.spent.renders - 1, 0), max(receipt.spent.seconds - receipt.seconds, 0))
    revoked_from = shown.key_revoked_from
    standing = Standing(
        shown.grant_digest,
        shown.grant,
        before,
        record=shown.record,
        key_revoked_from=revoked_from,
        enrolments=shown.enrolments,
    )
    real = Use(**{**receipt.use.__dict__, "seconds": receipt.seconds})
    for when, use, moment in (
        ("when it began", receipt.use, shown.intent.time),
        ("when it ended", real, receipt.time),
    ):
        # The estimate is the operator's own; only real seconds can overdraw a budget here.
        asked = Use(**{**use.__dict__, "seconds": 0}) if use is receipt.use else use
        decision = decide_one(standing, use=asked, operands=receipt.operands, now=moment)
        if not decision.allowed:
            problems.append(f"{when}: {decision.reason}: {decision.message}")
    unmet = check_disclosure(shown.grant.disclosure, receipt.marks)
    if unmet is not None:
        problems.append(f"{unmet[0]}: {unmet[1]}")
    if guardian_missing(shown.grant, shown.grant_envelope):
        problems.append("the grant is a minor's, and the guardian's signature is missing")
    return Verdict(not problems, tuple(problems))
