"""Keys in the history: enrolled, replaced, revoked; what stays valid, and what does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from consent import (
    ConsentRefusedError,
    InvalidInputError,
    Ledger,
    SigningKey,
    UsageError,
    audit_folder,
    read_draft,
    verify_file,
)
from consent.authority import check_signatures
from consent.encoding import canonical
from consent.envelope import Envelope
from consent.statements import KeyEnrolled, KeyRotated, parse_statement
from tests.consent.world import SPEAKER, STRANGER, World, draft

NEXT = SigningKey.from_seed(b"n" * 32)
GUARDIAN = SigningKey.from_seed(b"g" * 32)


def entry(world: World, digest: str) -> Envelope:
    return Envelope.parse(world.ledger.entry(digest)[2])


def states(world: World) -> dict[str, tuple[str, str]]:
    known = world.ledger.keys()
    return {info.did: (info.role, info.state) for info in known}


def test_enrolment_proves_possession_and_keeps_the_name_outside(world: World) -> None:
    digest = world.ledger.enroll_key(SPEAKER, "subject", "Ada Example")
    envelope = entry(world, digest)
    statement = parse_statement(envelope, KeyEnrolled)
    assert envelope.signers([SPEAKER.public, world.ledger.operator]) == {SPEAKER.public, world.ledger.operator}
    assert statement.ledger == world.ledger.id and len(statement.holder_commit) == 64
    assert world.ledger.text_matches(statement.holder_commit, "Ada Example") is True
    assert b"Ada" not in envelope.payload
    assert states(world)[SPEAKER.public.did] == ("subject", "active")
    with pytest.raises(InvalidInputError, match="enrolled as subject already"):
        world.ledger.enroll_key(SPEAKER, "subject")
    assert world.ledger.audit().ok


def test_operator_rotation_leaves_everything_before_it_valid(world: World) -> None:
    note = world.folder / "ledger.highwater" / "highwater.note"
    grant = world.grant()
    before = world.deliver()
    old_note = world.folder / "old.note"
    shutil.copy(note, old_note)
    first = world.ledger.operator
    digest = world.ledger.rotate_operator()
    second = world.ledger.operator
    assert second != first and entry(world, digest).signers([first, second]) == {first, second}
    after = world.deliver(name="b.mp3")
    second_grant = world.grant()
    # The high-water note of before is behind, not wrong.
    shutil.copy(old_note, note)
    world.reopen()
    assert world.ledger.operator == second
    world.ledger.rotate_operator(reason="stolen")
    for path in (before, after):
        shown = verify_file(path)
        assert shown.ok, shown.text()
    assert verify_file(before).operator == first.did and verify_file(after).operator == second.did
    # Either key may be the one a stranger knows.
    assert verify_file(after, trust=[first]).ok and verify_file(after, trust=[second]).ok
    assert not verify_file(after, trust=[STRANGER.public]).ok
    report = audit_folder(world.path, against=[old_note, before, after])
    assert report.ok, report.text()
    assert [item.reason for item in report.findings].count("agrees") == 3
    # The operator of today may withdraw what the operator of the first day was given.
    world.ledger.revoke(grant), world.ledger.revoke(second_grant)
    assert {info.state for info in world.ledger.grants()} == {"revoked"}
    known = world.ledger.keys()
    assert [info.state for info in known if info.role == "operator"] == ["replaced", "replaced", "active"]


def test_proof_made_after_rotations_carries_them(world: World) -> None:
    world.grant()
    final = world.deliver()
    receipt = verify_receipt(world)
    for _ in range(3):
        world.ledger.rotate_operator()
    final.with_name(final.name + ".voiceproof").write_bytes(world.ledger.proof(receipt))
    shown = verify_file(final)
    assert shown.ok and shown.size == world.ledger.size()
    # Without the hand-over the head is signed by a stranger.
    proof = final.with_name(final.name + ".voiceproof")
    bundle = json.loads(proof.read_bytes())
    bundle["support"] = [item for item in bundle["support"] if item["index"] < 5]
    proof.write_bytes(canonical(bundle))
    assert verify_file(final).records.ok is False


def verify_receipt(world: World) -> str:
    return next(item.digest for item in world.ledger.entries(["render-receipt"]))


def test_a_program_with_the_old_key_reads_and_writes_no_more(world: World) -> None:
    grant = world.grant()
    other = Ledger.open(world.path, now=world.clock)
    world.ledger.rotate_operator()
    # A program that still holds the old key can read, and is told to open the ledger again.
    assert other.grants()[0].digest == grant
    with pytest.raises(ConsentRefusedError, match=r"^key-replaced:"):
        other.revoke(grant)
    other.close()
    assert world.ledger.audit().ok


def test_permit_of_before_the_rotation_is_honoured(world: World) -> None:
    world.grant()
    permit = world.request()
    world.ledger.rotate_operator()
    world.ledger.recheck(permit)
    receipt, tmp = world.render(permit)
    final = world.folder / "out" / "a.mp3"
    world.ledger.deliver(receipt, {tmp: final})
    shown = verify_file(final)
    assert shown.ok, shown.text()


def test_open_permits_end_when_the_old_key_may_be_in_other_hands(world: World) -> None:
    world.grant()
    permit = world.request()
    world.ledger.rotate_operator(reason="stolen", abort_open=True)
    with pytest.raises(ConsentRefusedError, match=r"^permit-used:"):
        world.ledger.recheck(permit)
    with pytest.raises(ConsentRefusedError, match=r"^permit-used:"):
        world.render(permit)
    assert world.ledger.audit().ok


def test_rotation_with_passphrases(tmp_path: Path) -> None:
    ledger = Ledger.init(tmp_path / "ledger", operator_name="x", passphrase=b"one")
    with pytest.raises(UsageError, match="give a passphrase"):
        ledger.rotate_operator()
    ledger.rotate_operator(new_passphrase=b"two")
    ledger.close()
    with pytest.raises(InvalidInputError):
        Ledger.open(tmp_path / "ledger", passphrase=b"one")
    with Ledger.open(tmp_path / "ledger", passphrase=b"two") as again:
        again.commit_text("x")
    # Without it the ledger opens for reading.
    with Ledger.open(tmp_path / "ledger") as reader:
        assert reader.size() == 2


def test_speaker_rotation_carries_over_to_earlier_grants(world: World) -> None:
    grant = world.grant()
    world.ledger.rotate_key(SPEAKER, NEXT, "subject")
    assert world.ledger.grants()[0].state == "active"
    with pytest.raises(ConsentRefusedError, match=r"^key-replaced:"):
        world.grant(SPEAKER)
    # The new key may supersede and withdraw what the old one signed; a stranger may not.
    with pytest.raises(ConsentRefusedError, match=r"^key-mismatch:"):
        world.ledger.revoke(grant, key=STRANGER)
    draft(world.folder)
    path = world.folder / "draft.toml"
    path.write_text(path.read_text().replace('voice = "ada"', f'voice = "ada"\nsupersedes = ["{grant}"]'))
    newer = world.ledger.add_grant(read_draft(path), NEXT)
    assert {info.digest: info.state for info in world.ledger.grants()} == {grant: "superseded", newer: "active"}
    world.ledger.revoke(newer, key=NEXT)
    assert {info.digest: info.state for info in world.ledger.grants()}[newer] == "revoked"
    world.reopen()
    assert world.ledger.audit().ok


def test_a_certificate_of_the_old_key_still_withdraws(world: World) -> None:
    grant = world.grant()
    certificate = world.ledger.make_revocation(grant, SPEAKER)
    world.ledger.rotate_key(SPEAKER, NEXT, "subject")
    (world.path / "revocations" / "ada.json").write_bytes(certificate)
    assert world.ledger.grants()[0].state == "revoked"


def test_revoked_key_suspends_its_grants_and_signs_no_more(world: World) -> None:
    grant = world.grant()
    permit = world.request()
    world.ledger.revoke_key(SPEAKER.public.did, reason="stolen")
    assert world.ledger.grants()[0].state == "key-revoked"
    with pytest.raises(ConsentRefusedError, match=r"^key-revoked:"):
        world.request()
    with pytest.raises(ConsentRefusedError, match=r"^key-revoked:"):
        world.render(permit)
    with pytest.raises(ConsentRefusedError, match=r"^key-revoked:"):
        world.grant(SPEAKER)
    with pytest.raises(ConsentRefusedError, match=r"^key-revoked:"):
        world.ledger.rotate_key(SPEAKER, NEXT, "subject")
    assert world.grant(NEXT) and world.request()
    assert states(world)[SPEAKER.public.did] == ("subject", "revoked")
    world.ledger.revoke(grant, key=SPEAKER)  # that it may always
    world.reopen()
    assert world.ledger.audit().ok


def test_who_may_revoke_a_key(world: World) -> None:
    world.grant()
    with pytest.raises(InvalidInputError, match="may not revoke"):
        world.ledger.revoke_key(SPEAKER.public.did, key=STRANGER)
    with pytest.raises(InvalidInputError, match="does not know"):
        world.ledger.revoke_key(STRANGER.public.did)
    with pytest.raises(InvalidInputError, match="replaced, not revoked"):
        world.ledger.revoke_key(world.ledger.operator.did)
    world.ledger.revoke_key(SPEAKER.public.did, key=SPEAKER)


def test_a_rotation_needs_both_keys_and_a_known_one(world: World) -> None:
    world.grant()
    with pytest.raises(InvalidInputError, match="does not know"):
        world.ledger.rotate_key(STRANGER, NEXT, "subject")
    operator = world.ledger.operator_signing_key()
    with pytest.raises(InvalidInputError, match="cannot stand in"):
        world.ledger.rotate_key(SPEAKER, operator, "subject")
    world.ledger.rotate_key(SPEAKER, NEXT, "subject")
    with pytest.raises(ConsentRefusedError, match=r"^key-replaced:"):
        world.ledger.rotate_key(NEXT, SPEAKER, "subject")
    # Signed by one of the two alone, it is no rotation.
    statement = KeyRotated(
        ledger=world.ledger.id,
        nonce="0" * 32,
        time=world.clock(),
        old=NEXT.public.did,
        new=STRANGER.public.did,
        role="subject",
        reason="x",
    )
    for keys in ((NEXT, operator), (STRANGER, operator), (NEXT, STRANGER)):
        with pytest.raises(InvalidInputError, match="no valid signature"):
            check_signatures(statement, statement.sign(*keys), world.ledger.operator)
    check_signatures(statement, statement.sign(NEXT, STRANGER, operator), world.ledger.operator)


@pytest.mark.parametrize("kept", ["note", "proof"])
def test_rollback_past_a_rotation_names_both_sizes(world: World, kept: str) -> None:
    world.grant()
    shutil.copy(world.path / "ledger.db", world.folder / "old.db")
    world.ledger.rotate_operator()
    final = world.deliver()
    shutil.copy(world.folder / "old.db", world.path / "ledger.db")
    if kept == "note":
        with pytest.raises(ConsentRefusedError, match=r"^ledger-rolled-back: .*has 2 entries, but .* has seen 5"):
            Ledger.open(world.path, now=world.clock)
        report = audit_folder(world.path)
    else:
        (world.folder / "ledger.highwater" / "highwater.note").unlink()
        report = audit_folder(world.path, against=[final])
    texts = [item.text for item in report.findings if item.reason == "ledger-rolled-back"]
    assert any("has 2 entries" in text and "has seen 5" in text for text in texts), report.text()
