"""Cosignatures by c2sp.org/tlog-cosignature, and a witness that is not led astray.

The signed bytes are put together here by hand from the specification and checked with `cryptography` itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent import ConsentRefusedError, InvalidInputError, Ledger, SigningKey, UsageError, verify_file
from consent._cli import main
from consent.audit import audit_folder
from consent.cosign import cosign, cosignatures, parse_request, witness_name
from consent.tree_head import read_checkpoint
from consent.witness import Witness
from tests.consent.world import SPEAKER, START, STRANGER, World

WITNESS = SigningKey.from_seed(b"w" * 32)


def head_of(world: World) -> bytes:
    return world.ledger.witness_request(world.ledger.size()).partition(b"\n\n")[2]


def see(world: World, folder: Path, *, old: int | None = None, moment: int = START) -> bytes:
    witness = Witness(folder, WITNESS)
    seen = witness.seen(world.ledger.origin)
    start = old if old is not None else (seen.size if seen else 0)
    return witness.sign(parse_request(world.ledger.witness_request(start)), moment, world.ledger.operator)


def test_a_cosignature_is_what_the_specification_says(world: World) -> None:
    note = head_of(world)
    signed = cosign(note, WITNESS, 1_679_315_147, "witness.example.com/w1")
    line = signed.decode().splitlines()[-1]
    dash, name, blob64 = line.split(" ")
    blob = base64.b64decode(blob64, validate=True)
    assert (dash, name, len(blob)) == ("—", "witness.example.com/w1", 4 + 8 + 64)
    assert blob[:4] == hashlib.sha256(b"witness.example.com/w1\n\x04" + WITNESS.public.raw).digest()[:4]
    assert int.from_bytes(blob[4:12], "big") == 1_679_315_147
    body = note.decode().split("\n\n")[0] + "\n"
    message = b"cosignature/v1\ntime 1679315147\n" + body.encode()
    Ed25519PublicKey.from_public_bytes(WITNESS.public.raw).verify(blob[12:], message)
    (found,) = cosignatures(signed, [WITNESS.public, STRANGER.public])
    assert (found.name, found.key, found.time) == ("witness.example.com/w1", WITNESS.public.did, 1_679_315_147)


@pytest.mark.parametrize("place", [5, 20, 70])
def test_a_changed_cosignature_is_an_error_not_a_silence(world: World, place: int) -> None:
    signed = cosign(head_of(world), WITNESS, START)
    text, _space, blob64 = signed.decode().rstrip("\n").rpartition(" ")
    blob = bytearray(base64.b64decode(blob64))
    blob[place] ^= 1
    bent = f"{text} {base64.b64encode(bytes(blob)).decode()}\n".encode()
    with pytest.raises(InvalidInputError, match="does not verify"):
        cosignatures(bent, [WITNESS.public])
    assert cosignatures(bent, [STRANGER.public]) == ()  # a line of an unknown key is skipped


def test_a_cosignature_counts_for_one_head_alone(world: World) -> None:
    one = cosign(head_of(world), WITNESS, START)
    world.grant()
    two = head_of(world) + one.decode().splitlines(keepends=True)[-1].encode()
    with pytest.raises(InvalidInputError, match="does not verify"):
        cosignatures(two, [WITNESS.public])


def test_a_witness_follows_a_growing_ledger(world: World, tmp_path: Path) -> None:
    see(world, tmp_path / "w")
    for _ in range(3):
        world.grant()
        signed = see(world, tmp_path / "w")
    assert Witness(tmp_path / "w", WITNESS).seen(world.ledger.origin).size == 4
    assert cosignatures(signed, [WITNESS.public])[0].name == witness_name(WITNESS.public)
    again = see(world, tmp_path / "w", moment=START + 60)  # the same head once more: a newer time
    assert cosignatures(again, [WITNESS.public])[0].time == START + 60


def test_a_witness_refuses_what_it_cannot_follow(world: World, tmp_path: Path) -> None:
    world.grant()
    world.grant()
    witness = Witness(tmp_path / "w", WITNESS)
    with pytest.raises(InvalidInputError, match="never seen here"):
        witness.sign(parse_request(head_of(world)), START)
    see(world, tmp_path / "w")
    old = shutil.copytree(world.path, tmp_path / "old" / "ledger")
    shutil.copytree(world.ledger.sidecar, tmp_path / "old" / "ledger.highwater")
    world.grant()
    with pytest.raises(ConsentRefusedError, match="there is no proof") as caught:
        witness.sign(parse_request(head_of(world)), START)
    assert caught.value.reason == "witness-inconsistent" and "--request 3" in caught.value.remedy
    with pytest.raises(ConsentRefusedError, match="there is no proof"):
        see(world, tmp_path / "w", old=2)
    see(world, tmp_path / "w")
    # The older copy: fewer entries, then another history of the same and of a greater size.
    with Ledger.open(old, now=world.clock) as fork:
        rolled = parse_request(fork.witness_request(0))
        with pytest.raises(ConsentRefusedError, match="has 3 entries, but this witness has seen 4"):
            witness.sign(rolled, START)
        key = fork.make_revocation(fork.grants()[0].digest, SPEAKER)
        fork.add_statement(key)
        with pytest.raises(ConsentRefusedError, match="are not those this witness has seen"):
            witness.sign(parse_request(fork.witness_request(4)), START)
        fork.add_statement(fork.make_revocation(fork.grants()[1].digest, SPEAKER))
        with pytest.raises(ConsentRefusedError, match="do not continue the 4"):
            witness.sign(parse_request(fork.witness_request(4)), START)
    assert witness.seen(world.ledger.origin).size == 4


def test_a_witness_believes_its_own_record_alone(world: World, tmp_path: Path) -> None:
    see(world, tmp_path / "w")
    (record,) = (tmp_path / "w").glob("*.note")
    kept = record.read_bytes()
    record.write_bytes(b"\n".join(kept.split(b"\n")[:-2]) + b"\n")  # its own line is gone
    with pytest.raises(InvalidInputError, match="not this witness's own record"):
        see(world, tmp_path / "w")
    record.write_bytes(kept)
    with pytest.raises(InvalidInputError, match="not this witness's own record"):
        Witness(tmp_path / "w", STRANGER).seen(world.ledger.origin)


def test_a_request_is_read_strictly(world: World) -> None:
    good = world.ledger.witness_request(0)
    assert parse_request(good).old == 0 and read_checkpoint(parse_request(good).note).size == 1
    for bad in (
        good.replace(b"old 0", b"old 00"),
        good.replace(b"old 0", b"old x"),
        b"old 1\nAAAA\n\n" + head_of(world),
    ):
        with pytest.raises(InvalidInputError):
            parse_request(bad)
    with pytest.raises(UsageError, match="cannot continue 9"):
        world.ledger.witness_request(9)


def test_a_stranger_sees_which_trusted_witnesses_saw_the_head(world: World, tmp_path: Path) -> None:
    world.grant()
    final = world.deliver()
    assert verify_file(final, witnesses=[WITNESS.public]).records.ok is False
    assert world.ledger.keep_cosigned(see(world, tmp_path / "w")) == 4
    world.grant()  # the ledger goes on; the proof is made under the head that was seen
    receipt = json.loads(final.with_name(final.name + ".voiceproof").read_bytes())["receipt"]
    digest = hashlib.sha256(base64.b64decode(json.loads(receipt)["payload"])).hexdigest()
    final.with_name(final.name + ".voiceproof").write_bytes(world.ledger.proof(digest))
    found = verify_file(final, witnesses=[WITNESS.public])
    assert found.ok and found.size == 4 and [item.key for item in found.witnesses] == [WITNESS.public.did]
    assert f"witness   {WITNESS.public.did}" in found.text() and found.as_dict()["witnesses"][0]["time"] == START
    assert verify_file(final).witnesses == () and verify_file(final).ok
    other = verify_file(final, witnesses=[STRANGER.public])
    assert other.records.problems == (f"the tree head is not cosigned by {STRANGER.public.did}",)


def test_a_cosigned_note_that_does_not_belong_here_is_not_kept(world: World, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nobody cosigned it"):
        world.ledger.keep_cosigned(head_of(world))
    stranger = World(tmp_path / "other")
    with pytest.raises((InvalidInputError, ConsentRefusedError)):
        world.ledger.keep_cosigned(see(stranger, tmp_path / "w"))


def test_an_audit_against_a_cosigned_note(world: World, tmp_path: Path) -> None:
    world.grant()
    note = tmp_path / "cosigned.note"
    note.write_bytes(see(world, tmp_path / "w"))
    good = audit_folder(world.path, against=[note], witnesses=[WITNESS.public])
    assert good.ok and "witnessed note" not in good.text() and "note witnessed: the first 2 entries" in good.text()
    bad = audit_folder(world.path, against=[note], witnesses=[STRANGER.public])
    assert not bad.ok and [item.reason for item in bad.findings if item.fatal] == ["unwitnessed"]


def test_the_commands_of_keys_and_witnesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("VOICEKIT_STUDIO", str(tmp_path / "studio"))

    def call(*args: object) -> tuple[int, dict]:
        code = main([*map(str, args), "--json"])
        return code, json.loads(capsys.readouterr().out)

    assert call("init", "--operator", "Press")[0] == 0
    for name in ("old", "new", "notary", "w"):
        call("keygen", tmp_path / f"{name}.key")
    did = call("enroll-key", tmp_path / "old.key", "--name", "Ada", "--witness-key", tmp_path / "notary.key")[1]["key"]
    new = call("rotate-key", "--key", tmp_path / "old.key", "--new-key", tmp_path / "new.key")[1]["key"]
    listed = {item["did"]: item for item in call("keys")[1]["keys"]}
    assert (listed[did]["state"], listed[did]["replaced_by"], listed[new]["state"]) == ("replaced", new, "active")
    assert call("revoke-key", new, "--reason", "stolen")[0] == 0
    assert {i["did"]: i["state"] for i in call("keys")[1]["keys"]}[new] == "revoked"
    before = {item["did"] for item in listed.values() if item["role"] == "operator"}
    assert call("rotate-key", "--no-passphrase")[1]["key"] not in before
    code, error = call("rotate-key", "--key", tmp_path / "old.key")
    assert code == 2 and "--new-key" in error["error"]["message"]

    state = ("--key", tmp_path / "w.key", "--state", tmp_path / "w")
    code, signed = call("witness", *state, "--out", tmp_path / "one.note")
    assert code == 0 and signed["size"] == 5
    assert call("audit", "--against", tmp_path / "one.note", "--witness", signed["key"])[0] == 0
    # The witness on another machine: a request goes there, a cosigned note comes back.
    call("enroll-key", tmp_path / "w.key", "--role", "witness")
    assert call("witness", "--request", 5, "--out", tmp_path / "ask")[0] == 0
    code, remote = call("witness", tmp_path / "ask", *state)
    assert code == 0 and remote["size"] == 6 and remote["file"].endswith("ask.cosigned")
    assert call("witness", "--keep", tmp_path / "ask.cosigned")[1]["size"] == 6
    assert call("witness", tmp_path / "one.note", *state)[1]["error"]["reason"] == "witness-inconsistent"
