"""Tiers A and B need a key that somebody outside knows: an operator's second key (attack A6) ends at C at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent import InvalidInputError, SigningKey, verify_file
from consent.authority import KeyKnowledge, assure, vouched_keys
from consent.known import add_known, read_known
from consent.statements import KeyEnrolled, KeyRotated, new_nonce
from tests.consent.world import RELEASE, SPEAKER, START, STRANGER, World

NOTARY = SigningKey.from_seed(b"n" * 32)
SECOND = SigningKey.from_seed(b"o" * 32)  # the operator's own second key


def enrol(world: World, key: SigningKey, *signers: SigningKey, role: str = "subject", holder: str = "") -> KeyEnrolled:
    """Append an enrolment signed by operator, key and `signers`."""
    statement = KeyEnrolled(
        ledger=world.ledger.id, nonce=new_nonce(), time=START, key=key.public.did, role=role, holder_commit=holder
    )
    with world.ledger._write("test") as session:
        world.ledger._append(session, [statement.sign(world.ledger.operator_signing_key(), key, *signers)])
    return statement


def test_an_operators_second_key_ends_at_d_for_a_stranger(world: World) -> None:
    world.grant(SECOND)
    found = verify_file(world.deliver())
    assert (found.tier, found.assurance.could_be, found.assurance.if_known) == ("D", "B", SECOND.public.did)


def test_the_speakers_key_among_the_trusted_gives_b(world: World) -> None:
    world.grant(SPEAKER)
    final = world.deliver()
    found = verify_file(final, trust=[SPEAKER.public])
    assert found.ok and found.tier == "B" and found.trusted
    # Trust in the operator is no knowledge of the speaker.
    assert verify_file(final, trust=[world.ledger.operator]).tier == "D"
    assert verify_file(final, trust=[STRANGER.public]).records.ok is False


@pytest.mark.parametrize("role", ["operator", "publisher"])
def test_a_key_with_another_role_is_never_the_speakers(world: World, role: str) -> None:
    if role == "operator":
        key = world.ledger.operator_signing_key()
    else:
        key = RELEASE
        world.house()
    digest = world.grant(key)
    add_known(world.path, key.public, "speaker")
    info = next(item for item in world.ledger.grants() if item.digest == digest)
    assert (info.tier, info.assurance.could_be) == ("D", "")


def test_a_witness_on_the_list_is_not_the_speaker(world: World) -> None:
    world.grant(STRANGER)
    add_known(world.path, STRANGER.public, "witness")
    assert world.ledger.grants()[0].tier == "D"


def test_a_known_witness_who_signed_the_enrolment_vouches_for_the_key(world: World) -> None:
    enrol(world, SPEAKER, NOTARY)
    world.grant(SPEAKER)
    final = world.deliver()
    assert verify_file(final).tier == "D"
    found = verify_file(final, trust=[NOTARY.public])
    assert found.ok and found.tier == "B"
    assert verify_file(final, trust=[world.ledger.operator]).tier == "D"


@pytest.mark.parametrize("signers", [(), (STRANGER,)])
def test_an_enrolment_nobody_known_signed_vouches_for_nothing(world: World, signers: tuple[SigningKey, ...]) -> None:
    enrol(world, SECOND, *signers)
    world.grant(SECOND)
    assert verify_file(world.deliver(), trust=[NOTARY.public, world.ledger.operator]).tier == "D"


def test_the_enrolled_key_cannot_vouch_for_itself_nor_the_operator_for_it(world: World) -> None:
    statement = KeyEnrolled(
        ledger=world.ledger.id, nonce=new_nonce(), time=START, key=SECOND.public.did, role="subject"
    )
    envelope = statement.sign(world.ledger.operator_signing_key(), SECOND)
    known = frozenset({world.ledger.operator.did, SECOND.public.did})
    vouched, _others = vouched_keys([(statement, envelope)], [], known, frozenset({world.ledger.operator.did}))
    assert vouched == frozenset()


def test_a_key_enrolled_for_two_persons_or_two_parts_is_nobodys(world: World) -> None:
    operator = world.ledger.operator_signing_key()

    def made(role: str, holder: str):
        statement = KeyEnrolled(
            ledger=world.ledger.id,
            nonce=new_nonce(),
            time=START,
            key=SPEAKER.public.did,
            role=role,
            holder_commit=holder,
        )
        return statement, statement.sign(operator, SPEAKER, NOTARY)

    known = frozenset({NOTARY.public.did})
    one = made("subject", "1" * 64)
    assert vouched_keys([one], [], known, frozenset({operator.public.did}))[0] == {SPEAKER.public.did}
    for other in (made("subject", "2" * 64), made("witness", "1" * 64)):
        vouched, others = vouched_keys([one, other], [], known, frozenset({operator.public.did}))
        assert (vouched, others) == (frozenset(), {SPEAKER.public.did})


def test_a_rotated_key_stands_with_the_known_one(world: World) -> None:
    digest = world.grant(SPEAKER)
    grant, envelope = world.ledger._chain.grants[digest]
    turn = KeyRotated(
        ledger=world.ledger.id,
        nonce=new_nonce(),
        time=START,
        old=SPEAKER.public.did,
        new=STRANGER.public.did,
        role="subject",
        reason="new-phone",
    )
    operator = world.ledger.operator_signing_key()
    known = frozenset({STRANGER.public.did})
    vouched, others = vouched_keys(
        [], [(turn, turn.sign(SPEAKER, STRANGER, operator))], known, frozenset({operator.public.did})
    )
    assert assure(grant, envelope, KeyKnowledge(known, vouched, others)).tier == "B"
    assert assure(grant, envelope, KeyKnowledge(known)).tier == "D"


def test_the_list_of_known_keys_is_read_strictly(tmp_path: Path) -> None:
    assert read_known(tmp_path) == ()
    add_known(tmp_path, SPEAKER.public, "speaker", "Ada  Example")
    add_known(tmp_path, NOTARY.public, "witness")
    assert [(item.role, item.name) for item in read_known(tmp_path)] == [("speaker", "Ada Example"), ("witness", "")]
    path = tmp_path / "keys" / "known.txt"
    path.write_text(path.read_text() + "did:key:zNonsense speaker\n")
    with pytest.raises(InvalidInputError, match="line 4"):
        read_known(tmp_path)
