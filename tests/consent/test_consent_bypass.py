"""Ways round the gate, each of which must fail. Written before the gate was."""

from __future__ import annotations

import json

import pytest

from consent import ConsentRefusedError, Output, Permit, SigningKey, Use
from consent.encoding import b64decode, b64encode
from consent.statements import PermitStatement, new_nonce
from tests.consent.world import DAY, START, STRANGER, World, weights


def refuses(reason: str):
    return pytest.raises(ConsentRefusedError, match=f"^{reason}:")


def forged(permit: Permit, key: SigningKey, **changes: object) -> bytes:
    """The same permit with fields changed, signed by another key."""
    return PermitStatement(**{**permit.statement.__dict__, "nonce": new_nonce(), **changes}).sign(key).to_bytes()


def test_forged_permit_is_refused_by_worker_and_ledger(world: World) -> None:
    world.grant()
    permit = world.request()
    token = forged(permit, STRANGER, use=Use("singing", "audiobook"))
    with refuses("permit-forged"):
        Permit.from_token(token, world.ledger.operator)
    # Made with the forger's own key it is consistent in itself; the ledger still refuses it.
    alien = Permit.from_token(token, STRANGER.public)
    with refuses("permit-forged"):
        world.ledger.recheck(alien)
    with refuses("permit-forged"):
        world.ledger.complete(alien, [Output(world.folder / "x", "x.mp3", "2" * 64, 1)])


def test_every_bit_of_a_permit_token_counts(world: World) -> None:
    world.grant()
    permit = world.request()
    unnoticed = 0
    for place in range(len(permit.token)):
        token = bytearray(permit.token)
        token[place] ^= 1
        try:
            changed = Permit.from_token(bytes(token), world.ledger.operator)
        except ConsentRefusedError as exc:
            assert exc.reason == "permit-forged"
            continue
        # The key id is a hint that decides nothing: it alone may change, and changes nothing.
        assert json.loads(bytes(token))["signatures"][0]["keyid"] != world.ledger.operator.did
        assert changed.statement == permit.statement
        unnoticed += 1
    assert unnoticed <= len(world.ledger.operator.did)


def test_a_permit_whose_attributes_were_overwritten_is_refused(world: World) -> None:
    world.grant()
    permit = world.request()
    other = PermitStatement(**{**permit.statement.__dict__, "use": Use("singing", "audiobook")})
    object.__setattr__(permit, "_statement", other)
    with refuses("mode-not-granted"):
        permit.require(mode="singing", operands=[weights()], now=START)


def test_permit_is_used_up_by_its_receipt(world: World) -> None:
    world.grant()
    permit = world.request()
    copy = Permit.from_token(permit.token, world.ledger.operator)
    world.render(permit)
    with refuses("permit-used"):
        permit.require(mode="speech", operands=[weights()], now=START)
    for again in (permit, copy):
        with refuses("permit-used"):
            world.ledger.recheck(again)
        with refuses("permit-used"):
            world.render(again, name="b.mp3")
    assert not (world.folder / "b.mp3.voiceproof").exists()


def test_permit_is_used_up_by_abort(world: World) -> None:
    world.grant()
    permit = world.request()
    world.ledger.abort(permit, "cancelled")
    with refuses("permit-used"):
        world.render(permit)


def test_permit_expires_for_worker_and_ledger(world: World) -> None:
    world.grant()
    permit = world.request(valid_seconds=60)
    permit.require(mode="speech", operands=[weights()], now=START + 59)
    with refuses("permit-expired"):
        permit.require(mode="speech", operands=[weights()], now=START + 60)
    world.clock.time += 60
    with refuses("permit-expired"):
        world.ledger.recheck(permit)
    with refuses("permit-expired"):
        world.render(permit)


def test_permit_never_outlives_its_grant(world: World) -> None:
    world.grant(end=START + 100)
    assert world.request(valid_seconds=DAY).expires == START + 100


def test_permit_holds_for_its_mode_and_files_alone(world: World) -> None:
    world.grant()
    permit = world.request()
    with refuses("mode-not-granted"):
        permit.require(mode="singing", operands=[weights()], now=START)
    with refuses("weights-mismatch"):
        permit.require(mode="speech", operands=[weights(content=b"weightz")], now=START)
    with refuses("weights-mismatch"):
        permit.require(mode="speech", operands=[], now=START)


def test_permit_of_another_ledger_is_refused(tmp_path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = World(tmp_path / "one"), World(tmp_path / "two")
    one.grant(), two.grant()
    with refuses("permit-forged"):
        two.render(one.request())


def test_output_changed_between_render_and_receipt_and_delivery(world: World) -> None:
    world.grant()
    permit = world.request()
    tmp = world.folder / "a.part"
    tmp.write_bytes(b"sound")
    with refuses("output-changed"):
        world.ledger.complete(permit, [Output(tmp, "a.mp3", "2" * 64, 1_000, sha256="3" * 64)])
    receipt, tmp = world.render()
    tmp.write_bytes(b"other")
    final = world.folder / "out" / "a.mp3"
    with refuses("output-changed"):
        world.ledger.deliver(receipt, {tmp: final})
    assert not final.exists()


def test_a_symbolic_link_is_no_output(world: World) -> None:
    world.grant()
    (world.folder / "real").write_bytes(b"sound")
    (world.folder / "link.part").symlink_to(world.folder / "real")
    with refuses("output-changed"):
        world.ledger.complete(world.request(), [Output(world.folder / "link.part", "a.mp3", "2" * 64, 1)])


def test_token_with_the_payload_of_an_intent_is_no_permit(world: World) -> None:
    world.grant()
    permit = world.request()
    _seq, _time, intent = world.ledger.entry(permit.intent)
    with refuses("permit-forged"):
        Permit.from_token(intent, world.ledger.operator)
    relabelled = json.loads(intent)
    relabelled["payloadType"] = PermitStatement.payload_type()
    assert b64encode(b64decode(relabelled["payload"])) == relabelled["payload"]
    with refuses("permit-forged"):
        Permit.from_token(json.dumps(relabelled).encode(), world.ledger.operator)
