"""Offline verification: good, forged, revoked later, out of scope; and with `cryptography` alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from consent import InvalidInputError, SigningKey, Use, verify_file
from consent.proof import make_bundle
from consent.statements import Grant, RenderIntent, RenderReceipt, new_nonce
from tests.consent.world import RELEASE, SPEAKER, START, STRANGER, USE, World, weights

ROOT = Path(__file__).resolve().parents[2]
HOUSE = (weights("house.safetensors", b"house"),)


@pytest.fixture
def delivered(world: World) -> Path:
    world.grant()
    return world.deliver()


def test_good_file(world: World, delivered: Path) -> None:
    found = verify_file(delivered)
    assert found.ok and found.records.ok and found.use.ok
    assert (found.voice, found.basis, found.tier) == ("ada", "consent", "D")
    assert found.assurance.text() == f"D; B if {SPEAKER.public.did} is known to you as the speaker's: --trust"
    assert found.assurance.text() in found.text()
    assert found.operator == world.ledger.operator.did and found.operator_name == "Operator"
    assert (found.index, found.size, found.time) == (3, 4, START)
    assert any("revoked since" in item for item in found.not_shown)
    text = found.text()
    assert "records sound?          yes" in text and "use within permission?  yes" in text and "not shown" in text
    assert json.loads(json.dumps(found.as_dict()))["ok"] is True


def test_house_file(world: World) -> None:
    record, _grant = world.house()
    final = world.deliver(permit=world.request(voice="house", operands=HOUSE))
    found = verify_file(final, trust=[RELEASE.public])
    assert found.ok and found.trusted is True
    # Trust in the voice's publisher is no trust in the operator, and the text does not say so.
    assert (found.operator_trusted, found.publisher_trusted) == (False, True)
    assert f"{world.ledger.operator.did} (not among yours)" in found.text()
    assert (found.basis, found.tier) == ("no-donor", "not applicable (no donor)")
    assert found.record == record and found.publisher == "voicekit"
    assert found.attributions == ("LibriSpeech (CC-BY-4.0): LibriVox readers",)


def test_trust(world: World, delivered: Path) -> None:
    assert verify_file(delivered, trust=[world.ledger.operator]).trusted is True
    found = verify_file(delivered, trust=[STRANGER.public])
    assert found.records.ok is False and "trust" in found.records.problems[0]


def test_revoked_later_is_still_sound_and_says_what_it_cannot_show(world: World, delivered: Path) -> None:
    world.ledger.revoke(world.ledger.grants()[0].digest, key=SPEAKER)
    assert verify_file(delivered).ok


def test_changed_audio(delivered: Path) -> None:
    delivered.write_bytes(b"sounD")
    found = verify_file(delivered)
    assert found.records.ok is False and "SHA-256" in found.records.problems[0]
    assert found.use.ok is None


def test_missing_and_misplaced_proof(delivered: Path, tmp_path: Path) -> None:
    proof = delivered.with_name("a.mp3.voiceproof")
    moved = tmp_path / "elsewhere.voiceproof"
    proof.rename(moved)
    with pytest.raises(InvalidInputError, match="--proof"):
        verify_file(delivered)
    assert verify_file(delivered, proof=moved).ok


def test_no_byte_of_a_proof_can_change_the_verdict(delivered: Path) -> None:
    proof = delivered.with_name("a.mp3.voiceproof")
    good = proof.read_bytes()
    told = verify_file(delivered).as_dict()
    unnoticed = 0
    for place in range(0, len(good), 13):
        data = bytearray(good)
        data[place] ^= 1 << (place % 8)
        proof.write_bytes(data)
        found = verify_file(delivered)
        if found.ok:
            unnoticed += 1
            assert found.as_dict() == told
    # Nothing at all: envelopes are leaves, key ids and all, and the rest has one spelling.
    assert unnoticed == 0


class Forge:
    """An operator who cheats with the real key: writes what the gate would never write."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = world.ledger.operator_signing_key()
        self.receipt_key: SigningKey | None = None

    def proof(
        self, file: bytes, use: Use = USE, time: int = START, grant: Grant | None = None, **receipt: object
    ) -> bytes:
        from consent import merkle
        from consent.tree_head import Checkpoint, sign_checkpoint

        world = self.world
        info = world.ledger.grants()[0]
        honest, envelope = world.ledger._chain.grants[info.digest]
        grant_envelope = envelope if grant is None else grant.sign(SPEAKER, self.key)
        common = {
            "ledger": world.ledger.id,
            "grant": grant_envelope.digest,
            "voice": honest.voice,
            "use": use,
            "operands": (weights(),),
            "params_sha256": "0" * 64,
            "text_commit": "1" * 64,
            "time": time,
        }
        intent = RenderIntent(**common, nonce=new_nonce(), expires=time + 60).sign(self.key)
        from hashlib import sha256

        values = {
            **common,
            "nonce": new_nonce(),
            "intent": intent.digest,
            "outputs": [
                {
                    "name": "a.mp3",
                    "sha256": sha256(file).hexdigest(),
                    "bytes": 1,
                    "pcm_sha256": "2" * 64,
                    "seconds_milli": 1,
                }
            ],
            "spent": {"renders": 1, "seconds": 1},
            "software": {"name": "x", "version": "1"},
            **receipt,
        }
        signed = RenderReceipt(**values).sign(self.receipt_key or self.key)
        genesis = world.ledger.entry(next(d for d, seq in world.ledger._chain.decisive.items() if seq == 0))[2]
        envelopes = [genesis, grant_envelope.to_bytes(), intent.to_bytes(), signed.to_bytes()]
        leaves = [merkle.leaf_hash(e) for e in envelopes]
        note = sign_checkpoint(Checkpoint(world.ledger.origin, 4, merkle.root(leaves)), self.key)
        wanted = [3, 0, 2, 1]
        return make_bundle([envelopes[i] for i in wanted], leaves, wanted, note)

    def verify(self, **more: object):
        file = self.world.folder / "a.mp3"
        file.write_bytes(b"forged")
        file.with_name("a.mp3.voiceproof").write_bytes(self.proof(b"forged", **more))
        return verify_file(file)


def changed(**values: object) -> Use:
    return Use(**{**USE.__dict__, **values})


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        ("", {}),
        ("mode-not-granted", {"use": changed(mode="singing")}),
        ("territory-not-granted", {"use": changed(territories=("FR",))}),
        ("expired", {"time": START + 1_000 * 86_400}),
        ("not-yet-valid", {"time": START - 2 * 86_400}),
        ("weights-mismatch", {"operands": (weights(content=b"other"),)}),
        ("budget-renders", {"spent": {"renders": 4, "seconds": 1}}),
        ("budget-seconds", {"spent": {"renders": 1, "seconds": 101}}),
    ],
)
def test_second_verdict_is_recomputed_whatever_the_operator_signed(world: World, reason: str, more: dict) -> None:
    world.grant()
    found = Forge(world).verify(**more)
    if reason == "weights-mismatch":
        assert found.records.problems == ("receipt and intent disagree on operands",)
    else:
        assert found.records.ok
    assert found.use.ok is (not reason)
    assert not reason or any(reason in item for item in found.use.problems)


def test_a_grant_the_operator_widened_loses_the_speakers_signature(world: World) -> None:
    world.grant()
    info = world.ledger.grants()[0]
    honest, _envelope = world.ledger._chain.grants[info.digest]
    wide = Grant(**{**honest.__dict__, "scope": {**honest.scope.as_obj(), "modes": ["singing", "speech"]}})

    class Alone(Forge):
        pass

    forge = Alone(world)
    # Only the operator's key is at hand, so the tier falls to D.
    import consent.statements as module

    original = module.Statement.sign
    try:
        module.Statement.sign = lambda self, *keys: original(self, *[k for k in keys if k is not SPEAKER])  # type: ignore
        found = forge.verify(grant=wide, use=changed(mode="singing"))
    finally:
        module.Statement.sign = original  # type: ignore
    assert found.use.ok and (found.tier, found.assurance.could_be) == ("D", "")


def test_a_receipt_in_the_tree_that_the_operator_did_not_sign(world: World) -> None:
    world.grant()
    forge = Forge(world)
    forge.receipt_key = STRANGER
    found = forge.verify()
    assert found.records.ok is False and "no valid signature" in found.records.problems[0]
    assert found.use.ok is None


def test_proof_of_another_operator_signed_by_a_stranger(world: World, delivered: Path) -> None:
    proof = delivered.with_name("a.mp3.voiceproof")
    obj = json.loads(proof.read_bytes())
    envelope = json.loads(obj["receipt"])
    from consent.encoding import b64decode, b64encode, pae

    payload = b64decode(envelope["payload"])
    signature = STRANGER.sign(pae(envelope["payloadType"], payload))
    envelope["signatures"] = [{"keyid": STRANGER.public.did, "sig": b64encode(signature)}]
    obj["receipt"] = json.dumps(envelope, sort_keys=True, separators=(",", ":"))
    proof.write_bytes(json.dumps(obj, sort_keys=True, separators=(",", ":")).encode())
    assert verify_file(delivered).records.ok is False


BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in ("cryptography", "_cffi_backend", "cffi", "consent", "bcrypt"):
            return None
        raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Block())
import socket
socket.socket = None
from consent._cli import main
code = main(sys.argv[1:])
loaded = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(loaded & {"rfc8785", "sqlite_utils", "numpy", "torch", "pandas"}), file=sys.stderr)
assert "sqlite3" not in sys.modules
sys.exit(code)
"""


def test_verify_command_with_cryptography_alone_and_no_network(delivered: Path) -> None:
    command = [sys.executable, "-c", BLOCKED, "verify", "--json", str(delivered)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert done.stderr.strip().endswith("[]")
    delivered.write_bytes(b"changed")
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60).returncode == 1
