"""A5 and A8: true statements shown again, elsewhere, or as something else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from ..audit import audit_folder
from ..authority import check_signatures
from ..envelope import Envelope
from ..keys import PublicKey, SigningKey
from ..parts import Software, WeightsRef
from ..permit import Permit
from ..records import read_record
from ..statements import (
    LEDGER_KINDS,
    Enrolment,
    Erasure,
    HeadKey,
    KeyEnrolled,
    KeyRevoked,
    KeyRotated,
    PermitStatement,
    Refusal,
    Statement,
    new_nonce,
    parse_statement,
)
from .forge import append_raw
from .lab import Attack, Lab, reason_of
from .world import RELEASE, SPEAKER, START, STRANGER, World, stored

__all__ = ["ATTACKS", "samples"]


def replays(lab: Lab) -> None:
    """A5."""
    one, two = lab.world("one"), lab.world("two")
    grant = one.grant()
    two.grant()
    envelope = one.ledger.entry(grant)[2]
    lab.refused(
        "grant into another ledger",
        "a signed grant carried into another ledger",
        lambda: two.ledger.add_statement(envelope),
        "ledger-mismatch",
        "key-mismatch",
        files={"grant.dsse.json": envelope},
    )
    lab.refused(
        "grant twice",
        "the same grant added again",
        lambda: one.ledger.add_statement(envelope),
        "statement-replayed",
    )
    statement = parse_statement(Envelope.parse(envelope))
    fields = {**statement.__dict__, "time": statement.time + 1}
    again = type(statement)(**fields).sign(SPEAKER, one.ledger.operator_signing_key()).to_bytes()
    lab.refused(
        "nonce twice",
        "another grant under the nonce of the first",
        lambda: one.ledger.add_statement(again),
        "statement-replayed",
        files={"grant.dsse.json": again},
    )
    foreign = two.ledger.make_revocation(two.ledger.grants()[0].digest, SPEAKER)
    lab.refused(
        "revocation of another ledger",
        "a revocation made for another ledger",
        lambda: one.ledger.add_statement(foreign),
        "ledger-mismatch",
        files={"revocation.dsse.json": foreign},
    )
    (one.path / "revocations" / "foreign.json").write_bytes(foreign)
    lab.control("a foreign revocation revokes nothing", lambda: one.ledger.abort(one.request(), "cancelled"))
    lab.found(
        "foreign revocation reported",
        "the same in the drop folder, audited",
        lambda: [item.reason for item in audit_folder(one.path).findings],
        "revocation-unusable",
    )
    one.ledger.revoke(grant, key=SPEAKER)
    lab.refused(
        "revoked grant again",
        "the grant shown again after it was revoked",
        lambda: one.ledger.add_statement(envelope),
        "statement-replayed",
    )
    lab.refused("and used", "then a use asked for", lambda: one.request(), "revoked")
    permit = two.request()
    two.render(permit)
    lab.refused("permit twice", "a used permit shown again", lambda: two.render(permit, "b.mp3"), "permit-used")
    copy = Permit.from_token(permit.token, two.ledger.operator)
    lab.refused("token twice", "its token read anew", lambda: two.render(copy, "b.mp3"), "permit-used")
    lab.refused("permit elsewhere", "shown to another ledger", lambda: one.render(copy), "permit-forged")
    _cheating_operator(lab)
    _second_receipt(lab)


def _cheating_operator(lab: Lab) -> None:
    """The operator appends the same statement twice with a valid tree head of his own."""
    for case, done in (("statement", "the same envelope"), ("nonce", "a statement with a nonce that was used")):
        world = lab.world(f"cheat-{case}")
        grant = world.grant()
        envelope = world.ledger.entry(grant)[2]
        key = world.ledger.operator_signing_key()
        if case == "nonce":
            statement = parse_statement(Envelope.parse(envelope))
            fields = {**statement.__dict__, "time": statement.time + 1}
            envelope = type(statement)(**fields).sign(SPEAKER, key).to_bytes()
        world.ledger.close()
        append_raw(world.path, [envelope], key, unique=case == "statement")
        lab.refused(
            f"stored {case} twice",
            f"{done} stored twice under a valid tree head",
            world.reopen,
            "statement-invalid",
            "ledger-index-tampered",
            files={"ledger": world.path},
        )


def _second_receipt(lab: Lab) -> None:
    """The operator writes two receipts for one intent."""
    world = lab.world("second-receipt")
    world.grant()
    receipt, _tmp = world.render()
    key = world.ledger.operator_signing_key()
    again = type(receipt)(**{**receipt.__dict__, "nonce": new_nonce()}).sign(key).to_bytes()
    world.ledger.close()
    append_raw(world.path, [again], key)
    lab.found(
        "a second receipt for one intent",
        "under a valid tree head; the ledger is audited",
        lambda: [item.reason for item in audit_folder(world.path).findings if item.fatal],
        "statement-invalid",
        files={"ledger": world.path},
    )


def samples(world: World) -> dict[str, bytes]:
    """A validly signed envelope of each kind, by payload type."""
    world.house()
    first, second = world.grant(), world.grant()
    world.deliver()
    world.ledger.abort(world.request(), "cancelled")
    world.denied(voice="nobody")
    world.ledger.revoke(second, key=SPEAKER)
    permit = world.request(grant=first)
    found: dict[str, bytes] = {}
    for row in stored(world.path):
        found.setdefault(json.loads(row.envelope)["payloadType"], row.envelope)
    found[PermitStatement.payload_type()] = permit.token
    key, ledger = world.ledger.operator_signing_key(), world.ledger.id
    head: dict[str, Any] = {"ledger": ledger, "time": START}
    speaker, stranger = SPEAKER.public.did, STRANGER.public.did
    made: tuple[tuple[Statement, tuple[SigningKey, ...]], ...] = (
        (KeyEnrolled(**head, nonce=new_nonce(), key=speaker, role="subject"), (key, SPEAKER)),
        (
            KeyRotated(**head, nonce=new_nonce(), old=speaker, new=stranger, role="subject", reason="lost"),
            (SPEAKER, STRANGER, key),
        ),
        (
            KeyRevoked(
                **head, nonce=new_nonce(), key=speaker, role="subject", by=speaker, effective=START, reason="lost"
            ),
            (SPEAKER,),
        ),
        (HeadKey(**head, nonce=new_nonce(), algorithm="ml-dsa-44", public="A" * 1750 + "=="), (key,)),
        (Erasure(**head, nonce=new_nonce(), subject=speaker, commitments=(), items=0, reason="asked"), (key,)),
        (Refusal(**head, nonce=new_nonce(), reason="x", during="open", previous="none"), (key,)),
        (
            Enrolment(
                **head, nonce=new_nonce(), grant="1" * 64, voice="ada", method="embedding", references=("2" * 64,),
                base=(WeightsRef(name="base.safetensors", sha256="3" * 64, license="MIT"),),
                derived=(WeightsRef(name="made.safetensors", sha256="4" * 64, license="MIT"),),
                software=Software(name="attacks", version="1"),
            ),
            (key,),
        ),
    )  # fmt: skip
    for statement, keys in made:
        found.setdefault(statement.payload_type(), statement.sign(*keys).to_bytes())
    return found


def _read(data: bytes, kind: str, operator: PublicKey, kinds: dict[str, type[Statement]]) -> str:
    try:
        envelope = Envelope.parse(data)
        statement = parse_statement(envelope, kinds[kind])
        check_signatures(statement, envelope, operator)
    except Exception as exc:  # judged
        return reason_of(exc)
    return "accepted"


def cross_types(lab: Lab) -> None:
    """A8."""
    world = lab.world()
    good = samples(world)
    operator = world.ledger.operator
    kinds: dict[str, type[Statement]] = {
        **LEDGER_KINDS,
        PermitStatement.payload_type(): PermitStatement,
        Refusal.payload_type(): Refusal,
    }
    keys = (SPEAKER, STRANGER, RELEASE, world.ledger.operator_signing_key())
    missing = sorted(set(kinds) - set(good))
    if missing:
        lab.holds("samples", "a sample of each kind is made", lambda: not missing, f"all but {', '.join(missing)}")
    own, shown, relabelled, resigned, renamed = (Counter[str]() for _ in range(5))
    for kind, data in good.items():
        answer = _read(data, kind, operator, kinds)
        own["read as what it is" if answer == "accepted" else answer] += 1
        envelope = Envelope.parse(data)
        lab.keep(f"samples/{kind.split('.')[-1].split('+')[0]}.dsse.json", data)
        for other in kinds:
            if other == kind:
                continue
            shown[_read(data, other, operator, kinds)] += 1
            labelled = Envelope(other, envelope.payload, envelope.signatures).to_bytes()
            relabelled[_read(labelled, other, operator, kinds)] += 1
            # The right keys sign the old content under the new type.
            signed = Envelope.sign(other, envelope.payload, *keys).to_bytes()
            resigned[_read(signed, other, operator, kinds)] += 1
            # And once more with the kind inside changed to match, the other fields as they were.
            inner = json.dumps({**json.loads(envelope.payload), "kind": kinds[other].KIND}, separators=(",", ":"))
            renamed[_read(Envelope.sign(other, inner.encode(), *keys).to_bytes(), other, operator, kinds)] += 1
    lab.tally("own kind", "control: every sample read as what it is", own, "read as what it is")
    lab.tally("as another kind", "every sample where another kind is wanted", shown, "statement-kind")
    lab.tally(
        "relabelled",
        "every sample with each other payload type, signatures as they were",
        relabelled,
        "statement-kind",
        "signature-invalid",
    )
    lab.tally("signed anew", "the same content signed anew under each other payload type", resigned, "statement-kind")
    lab.tally(
        "renamed inside",
        "and with the kind inside the payload changed to match",
        renamed,
        "field-invalid",
        "statement-kind",
        "statement-not-canonical",
    )
    _signature_without_type(lab, world, good)
    _doors(lab, world, good)


def _signature_without_type(lab: Lab, world: World, good: dict[str, bytes]) -> None:
    """Signatures over the payload alone, or over another framing, count for nothing."""
    kind, data = next((k, d) for k, d in good.items() if "revocation" in k)
    envelope = Envelope.parse(data)
    grant_type = next(k for k in good if ".grant+" in k)
    framings: dict[str, bytes] = {
        "payload alone": envelope.payload,
        "another type": b"DSSEv1 %d %b %d %b"
        % (len(grant_type), grant_type.encode(), len(envelope.payload), envelope.payload),
        "no lengths": b"DSSEv1 " + kind.encode() + b" " + envelope.payload,
    }
    for case, message in framings.items():
        signed = Envelope(kind, envelope.payload, ((SPEAKER.public.did, SPEAKER.sign(message)),)).to_bytes()
        lab.refused(
            f"signed over {case}",
            f"a revocation whose signature is over {case}",
            lambda signed=signed: world.ledger.add_statement(signed),  # type: ignore[misc]
            "signature-invalid",
            files={"revocation.dsse.json": signed},
        )


def _doors(lab: Lab, world: World, good: dict[str, bytes]) -> None:
    """Every public door is shown every wrong kind."""
    operator = world.ledger.operator

    def permit(data: bytes) -> object:
        return Permit.from_token(data, operator)

    def record(data: bytes) -> object:
        return read_record(data, release_keys=[RELEASE.public])

    def statement(data: bytes) -> object:
        return world.ledger.add_statement(data)

    doors: tuple[tuple[str, tuple[str, ...], Callable[[bytes], object], tuple[str, ...]], ...] = (
        ("permit", ("permit",), permit, ("permit-forged",)),
        ("voice record", ("asset-registered",), record, ("statement-kind",)),
        ("statement", ("grant", "revocation"), statement, ("statement-kind",)),
    )
    for name, right, door, reasons in doors:
        seen: Counter[str] = Counter()
        for kind, data in good.items():
            if kind.split(".")[-1].split("+")[0] in right:
                continue
            try:
                door(data)
                seen["accepted"] += 1
            except Exception as exc:  # judged
                seen[reason_of(exc)] += 1
        lab.tally(f"door {name}", f"every other kind shown where a {name} is wanted", seen, *reasons)
    folder = world.path / "revocations"
    before = world.ledger.grants()
    for number, (kind, data) in enumerate(good.items()):
        if ".revocation+" not in kind:
            (folder / f"{number}.json").write_bytes(data)
    lab.holds(
        "drop folder",
        "every other kind dropped among the loose revocations",
        lambda: [g.state for g in world.ledger.grants()] == [g.state for g in before],
        "nothing is revoked",
    )


ATTACKS = (
    Attack(
        "A5",
        "a true statement replayed",
        "Refused: every statement names its ledger and carries a nonce of 128 bits; both are compared.",
        replays,
    ),
    Attack(
        "A8",
        "a signature for one kind shown for another",
        "Refused: the payload type is part of what is signed, and the kind stands in the payload as well.",
        cross_types,
    ),
)
