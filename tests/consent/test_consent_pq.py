"""The second signature on tree heads: ML-DSA-44 as c2sp.org/tlog-cosignature has it, demanded once it is declared.

The signed bytes are put together here by hand from the specification and checked with `cryptography` itself.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from consent import ConsentRefusedError, InvalidInputError, Ledger, UsageError, verify_file
from consent.audit import audit_folder
from consent.pq import available, check_second, public_of
from consent.store import Store
from consent.tree_head import parse_note, read_checkpoint
from tests.consent.world import SPEAKER, World

if not available():
    pytest.skip("this cryptography has no ML-DSA", allow_module_level=True)


@pytest.fixture
def twice(world: World) -> World:
    world.ledger.sign_heads_twice()
    world.grant()
    return world


def stored(world: World) -> bytes:
    with Store(world.path / "ledger.db").session(write=False) as session:
        return session.checkpoints()[0][1]


def replace(world: World, note: bytes) -> None:
    world.ledger.close()
    with Store(world.path / "ledger.db").session(write=True) as session:
        session._db.execute("UPDATE checkpoint SET note = ?", (note,))


def test_the_second_line_is_what_the_specification_says(twice: World) -> None:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    note = stored(twice)
    head = read_checkpoint(note)
    (_first, (name, blob)) = parse_note(note)[1]
    public = public_of(twice.ledger.operator_signing_key())
    origin = twice.ledger.origin.encode()
    assert name == twice.ledger.origin and len(public) == 1312 and len(blob) == 4 + 8 + 2420
    assert blob[:4] == hashlib.sha256(origin + b"\n\x06" + public).digest()[:4]
    assert blob[4:12] == bytes(8)
    message = b"subtree/v1\n\x00" + bytes([len(origin)]) + origin + bytes(8) + bytes([len(origin)]) + origin
    message += bytes(8) + head.size.to_bytes(8, "big") + head.root
    MLDSA44PublicKey.from_public_bytes(public).verify(blob[12:], message)


def test_a_ledger_goes_on_and_is_opened_and_audited(twice: World) -> None:
    final = twice.deliver()
    twice.reopen()
    assert twice.ledger.heads_signed_twice() and audit_folder(twice.path).ok
    found = verify_file(final)
    assert found.ok and found.post_quantum == "verified" and "ML-DSA-44 verified on the tree head" in found.text()
    with pytest.raises(UsageError, match="already"):
        twice.ledger.sign_heads_twice()


def test_a_ledger_without_it_says_none(world: World) -> None:
    world.grant()
    assert verify_file(world.deliver()).post_quantum == "none" and not world.ledger.heads_signed_twice()


def test_a_missing_second_signature_is_noticed(twice: World) -> None:
    lines = stored(twice).decode().splitlines(keepends=True)
    replace(twice, "".join(lines[:-1]).encode())
    with pytest.raises(ConsentRefusedError, match="more signatures, or fewer") as caught:
        Ledger.open(twice.path, now=twice.clock)
    assert caught.value.reason == "checkpoint-invalid"
    assert not audit_folder(twice.path).ok


def test_a_changed_second_signature_is_noticed(twice: World) -> None:
    lines = stored(twice).decode().splitlines(keepends=True)
    dash, name, blob64 = lines[-1].split(" ")
    blob = bytearray(base64.b64decode(blob64))
    blob[500] ^= 1
    bent = "".join(lines[:-1]) + f"{dash} {name} {base64.b64encode(bytes(blob)).decode()}\n"
    with pytest.raises(InvalidInputError, match="does not verify"):
        check_second(bent.encode(), public_of(twice.ledger.operator_signing_key()))
    replace(twice, bent.encode())
    with pytest.raises(ConsentRefusedError, match="does not verify"):
        Ledger.open(twice.path, now=twice.clock)


def test_a_second_line_that_nobody_declared_is_noticed(world: World) -> None:
    from consent.pq import sign_second

    replace(world, sign_second(stored(world), world.ledger.operator_signing_key()))
    with pytest.raises(ConsentRefusedError, match="more signatures, or fewer"):
        Ledger.open(world.path, now=world.clock)


def test_the_second_key_changes_with_the_operators(twice: World) -> None:
    final = twice.deliver(name="before.mp3")
    before = public_of(twice.ledger.operator_signing_key())
    twice.ledger.rotate_operator()
    assert public_of(twice.ledger.operator_signing_key()) != before
    after = twice.deliver(name="after.mp3")
    twice.reopen()
    twice.grant(SPEAKER)
    for file in (final, after):
        assert verify_file(file).ok and verify_file(file).post_quantum == "verified"
    assert audit_folder(twice.path, against=[final, after]).ok


def test_where_it_cannot_be_checked_that_is_said(twice: World, monkeypatch: pytest.MonkeyPatch) -> None:
    final = twice.deliver()
    monkeypatch.setattr("consent.pq.available", lambda: False)
    found = verify_file(final)
    assert found.ok and found.post_quantum == "not checked"


def test_a_witness_can_cosign_such_a_head(twice: World, tmp_path: Path) -> None:
    from consent.cosign import cosignatures, parse_request
    from consent.witness import Witness

    witness = Witness(tmp_path / "w", SPEAKER)
    signed = witness.sign(parse_request(twice.ledger.witness_request(0)), 1_795_000_000, twice.ledger.operator)
    assert cosignatures(signed, [SPEAKER.public]) and twice.ledger.keep_cosigned(signed) == 3
    assert check_second(signed, public_of(twice.ledger.operator_signing_key()))
