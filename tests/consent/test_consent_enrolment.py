"""Voices built under a grant: what binds their files to it, and every way around that which we could think of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from consent import (
    ConsentRefusedError,
    InvalidInputError,
    Ledger,
    Operand,
    Output,
    Use,
    WeightsRef,
    read_draft,
    verify_file,
)
from consent import keystore as keystore_module
from consent._cli import main
from consent.account import verify_account
from consent.policy import enrolment_problem
from consent.statements import Enrolment, Grant
from consent.vault import Vault
from consent.verifier import verify_bytes
from consent.voicegrant import read_voicegrant
from tests.consent import stranger
from tests.consent.world import DAY, SPEAKER, START, World, draft

RECORDING = b"RIFF a person reads" * 40
MADE = b"sixty-four numbers of a timbre"
BASE = (WeightsRef("acoustic.safetensors", "a" * 64, "CC-BY-4.0"), WeightsRef("vocoder.safetensors", "b" * 64, "MIT"))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


DERIVED = (WeightsRef("ada.voice.safetensors", sha(MADE), "CC-BY-4.0"),)
FILES = tuple(Operand(item.name, item.sha256, "weights", item.license) for item in (*BASE, *DERIVED))


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore_module, "LOG2_N", 10)


def refuses(reason: str):
    return pytest.raises(ConsentRefusedError, match=rf"^{reason}:")


def grant(world: World, adaptation: str = "embedding", named: tuple[WeightsRef, ...] = (), **more: object) -> str:
    path = draft(world.folder, renders=50, seconds=5_000)
    data = {
        **path.data,
        "adaptation": adaptation,
        "withdrawal": {"how": "Tell the operator.", "effect": "delete-voice"},
        "weights": [item.as_obj() for item in named],
        "references": [
            {"name": "ada.wav", "file_sha256": sha(RECORDING), "pcm_sha256": "7" * 64, "seconds_milli": 61_000}
        ],
        **more,
    }
    return world.ledger.add_grant(type(path)(data, path.text, path.source, path.folder), SPEAKER)


def enrol(world: World, digest: str, **changes: object) -> str:
    values: dict[str, object] = {
        "method": "embedding",
        "references": (sha(RECORDING),),
        "base": BASE,
        "derived": DERIVED,
        "measured": {"similarity_ppm": 800_000},
    }
    return world.ledger.add_enrolment(digest, **{**values, **changes})  # type: ignore[arg-type]


def render(world: World, files: tuple[Operand, ...] = FILES) -> Path:
    permit = world.request(operands=files)
    tmp = world.folder / "a.mp3.part"
    tmp.write_bytes(b"sound")
    receipt = world.ledger.complete(permit, [Output(tmp, "a.mp3", "2" * 64, 9_500)])
    final = world.folder / "out" / "a.mp3"
    world.ledger.deliver(receipt, {tmp: final})
    return final


def test_files_of_an_enrolment_count_and_both_verifiers_say_so(world: World) -> None:
    digest = grant(world)
    with refuses("weights-mismatch"):
        world.request(operands=FILES)
    enrol(world, digest)
    file = render(world)
    found = verify_file(file)
    assert (found.records.word, found.use.word) == ("yes", "yes"), found.text()
    proof = file.with_name("a.mp3.voiceproof").read_text()
    assert stranger.verify(proof, sha(b"sound")) == ("yes", "yes")
    assert world.reopen().enrolments("ada")[0][1].measured == (("similarity_ppm", 800_000),)


def test_a_proof_without_the_enrolment_shows_a_breach(world: World) -> None:
    digest = grant(world)
    enrol(world, digest)
    permit = world.request(operands=FILES)
    tmp = world.folder / "a.mp3.part"
    tmp.write_bytes(b"sound")
    receipt = world.ledger.complete(permit, [Output(tmp, "a.mp3", "2" * 64, 9_500)])
    world.ledger._chain.enrolments.clear()
    bundle = world.ledger.proof(receipt.digest)
    found = verify_bytes(bundle, sha(b"sound"), name="a.mp3")
    assert (found.records.word, found.use.word) == ("yes", "no")
    assert "weights-mismatch" in found.use.problems[0]
    assert stranger.verify(bundle, sha(b"sound")) == ("yes", "no")


def test_without_the_speakers_word_nothing_is_built(world: World) -> None:
    digest = grant(world, adaptation="")
    with refuses("adaptation-not-granted"):
        enrol(world, digest)
    with refuses("adaptation-not-granted"):
        Vault.open(world.ledger).state_key("ada", digest)
    with refuses("adaptation-not-granted"):
        Vault.open(world.ledger).references("ada", digest)
    other = grant(world, "embedding")
    with refuses("adaptation-not-granted"):
        enrol(world, other, method="low-rank")


def test_an_operator_who_signs_around_the_check_gets_no_permit(world: World) -> None:
    digest = grant(world, adaptation="")
    forged = Enrolment(
        ledger=world.ledger.id,
        nonce="e" * 32,
        time=START,
        grant=digest,
        voice="ada",
        method="embedding",
        references=(sha(RECORDING),),
        base=BASE,
        derived=DERIVED,
        software=world.ledger._chain.genesis.software,  # type: ignore[union-attr]
    )
    with world.ledger._write("test") as session:
        world.ledger._append(session, [forged.sign(world.ledger.operator_signing_key())])
    with refuses("weights-mismatch"):
        world.request(operands=FILES)
    with refuses("weights-mismatch"):
        Vault.open(world.ledger).seal("ada", {"ada.voice.safetensors": MADE}, digest)


def test_a_recording_the_grant_does_not_name(world: World) -> None:
    digest = grant(world)
    with refuses("reference-mismatch"):
        enrol(world, digest, references=(sha(RECORDING), "9" * 64))


def test_a_model_the_grant_does_not_name(world: World) -> None:
    digest = grant(world, named=BASE)
    with refuses("weights-mismatch"):
        enrol(world, digest, base=(replace(BASE[0], sha256="c" * 64), BASE[1]))
    enrol(world, digest)
    render(world)


def test_an_edited_file_is_refused(world: World) -> None:
    digest = grant(world)
    enrol(world, digest)
    vault = Vault.open(world.ledger)
    with refuses("weights-mismatch"):
        vault.seal("ada", {"ada.voice.safetensors": MADE + b"!"}, digest)
    edited = (*FILES[:2], replace(FILES[2], sha256=sha(MADE + b"!")))
    with refuses("weights-mismatch"):
        world.request(operands=edited)
    vault.seal("ada", {"ada.voice.safetensors": MADE}, digest)
    with vault.unseal(world.request(operands=FILES), "ada") as plain:
        assert dict(plain) == {"ada.voice.safetensors": MADE}
    path = vault.list()[0].path
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    with refuses("seal-broken"):
        vault.unseal(world.request(operands=FILES), "ada")


def test_files_of_two_enrolments_are_not_mixed(world: World) -> None:
    digest = grant(world)
    enrol(world, digest)
    newer = (replace(BASE[0], sha256="c" * 64), BASE[1])
    enrol(world, digest, base=newer, derived=(WeightsRef("ada.voice.safetensors", "e" * 64, "CC-BY-4.0"),))
    mixed = (Operand("acoustic.safetensors", "c" * 64, "weights", "CC-BY-4.0"), *FILES[1:])
    with refuses("weights-mismatch"):
        world.request(operands=mixed)
    render(world)


def test_the_base_alone_is_no_voice(world: World) -> None:
    digest = grant(world)
    enrol(world, digest)
    with refuses("weights-mismatch"):
        world.request(operands=FILES[:2])


def test_an_enrolment_of_another_voice_does_not_count(world: World) -> None:
    digest = grant(world, named=(*BASE, *DERIVED))
    entry = Enrolment.from_obj(
        {
            "ledger": world.ledger.id,
            "nonce": "d" * 32,
            "time": START,
            "grant": digest,
            "voice": "bob",
            "method": "embedding",
            "references": [sha(RECORDING)],
            "base": [item.as_obj() for item in BASE],
            "derived": [item.as_obj() for item in DERIVED],
            "software": {"name": "x", "version": "1"},
        }
    )
    granted = world.ledger.grant_statement(digest)
    assert enrolment_problem(granted, entry) == ("enrolment-invalid", "the enrolment is for bob, the grant for ada")
    assert enrolment_problem(granted, replace(entry, voice="ada")) is None


def test_the_state_of_an_unfinished_enrolment_dies_with_the_grant(world: World) -> None:
    digest = grant(world)
    vault = Vault.open(world.ledger)
    key = vault.state_key("ada", digest)
    assert bytes(vault.state_key("ada", digest)) == bytes(key) and len(key) == 32
    assert not any(bytes(key) in path.read_bytes() for path in world.folder.rglob("*") if path.is_file())
    assert vault.drop_state("ada") == 1 and vault.drop_state("ada") == 0
    assert bytes(vault.state_key("ada", digest)) != bytes(key)
    world.ledger.revoke(digest, key=SPEAKER)
    with refuses("revoked"):
        vault.state_key("ada", digest)
    assert not vault.list()


def test_references_rest_sealed_and_open_while_the_grant_stands(world: World) -> None:
    digest = grant(world)
    vault = Vault.open(world.ledger)
    vault.seal("ada", {"ada.wav": RECORDING}, digest)
    with vault.references("ada", digest) as plain:
        assert dict(plain) == {"ada.wav": RECORDING}
    world.ledger.revoke(digest, key=SPEAKER)
    with refuses("revoked"):
        vault.references("ada", digest)


def test_what_may_be_kept_no_longer_is_destroyed_on_its_day(world: World) -> None:
    days = {"reference_days": 3, "embedding_days": 10}
    digest = grant(world, retention=days, withdrawal={"how": "Tell the operator.", "effect": "stop-new"})
    enrol(world, digest)
    vault = Vault.open(world.ledger)
    vault.seal("ada", {"ada.wav": RECORDING}, digest)
    vault.seal("ada", {"ada.voice.safetensors": MADE}, digest)
    end = START + 100 * DAY
    for day, left in ((2, 2), (3, 1), (9, 1), (10, 0)):
        world.clock.time = end + day * DAY
        vault.retire()
        assert [item.state for item in vault.list()] == ["sealed"] * left, day
    reasons = [entry.statement.reason for entry in world.ledger.entries(("erasure",))]  # type: ignore[attr-defined]
    assert reasons == ["retention", "retention"]
    assert world.ledger.enrolments("ada")[0][1].measured == (("similarity_ppm", 800_000),)


def test_a_scheduler_destroys_it_with_one_command(world: World, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Recordings, the voice and what a stopped enrolment keeps, each on its day, with nobody using the voice."""
    days = {"reference_days": 3, "embedding_days": 10}
    digest = grant(world, retention=days, withdrawal={"how": "Tell the operator.", "effect": "stop-new"})
    vault = Vault.open(world.ledger)
    vault.seal("ada", {"ada.wav": RECORDING}, digest)
    half = bytes(vault.state_key("ada", digest))  # half built: no entry, no voice
    world.ledger.revoke(digest, key=SPEAKER)
    world.ledger.close()
    monkeypatch.setattr("consent._commands.open_ledger", lambda _args: Ledger.open(world.path, now=world.clock))
    for day, gone, left in ((1, [], {"ada.wav", "state"}), (3, ["ada.wav"], {"state"}), (10, ["state"], set())):
        world.clock.time = START + day * DAY
        assert main(["vault", "retire", "--studio", str(world.path.parent), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [name for item in told["destroyed"] for name in item["files"]] == gone and told["keys"] == len(gone)
        files = list((world.path / "vault").glob("*.sealed"))
        assert len(files) == len(left), "the ciphertext is deleted with its key"
    with Ledger.open(world.path, now=world.clock) as ledger:
        reasons = [entry.statement.reason for entry in ledger.entries(("erasure",))]  # type: ignore[attr-defined]
        assert reasons == ["retention", "retention"]
        with refuses("revoked"):
            Vault.open(ledger).state_key("ada", digest)
    assert not [path for path in world.path.rglob("*") if path.is_file() and half in path.read_bytes()]


def test_a_voice_needs_recordings(world: World) -> None:
    with pytest.raises(InvalidInputError, match="can only be built from reference recordings"):
        grant(world, references=[])


def test_older_grants_are_the_same_bytes(world: World) -> None:
    found: Grant = world.ledger.grant_statement(world.grant())
    assert "adaptation" not in found.as_obj()


def test_the_speakers_account_says_that_a_voice_was_built(world: World) -> None:
    digest = grant(world)
    enrol(world, digest)
    render(world)
    data = world.ledger.account(SPEAKER.public.did)
    found = verify_account(data, what="x")
    assert found.ok and not found.breaches, found.text()
    assert "enrolment" in {line.kind for line in found.lines}


# on its way to another studio


def exported(world: World, tmp_path: Path, **more: object) -> tuple[Path, str, Ledger]:
    other = Ledger.init(tmp_path / "other", operator_name="Other Press", now=world.clock)
    digest = grant(world, recipients=[other.operator.did], **more)
    enrol(world, digest)
    file = tmp_path / "ada.voicegrant"
    world.ledger.export_grant(digest, file, to=other.operator.did)
    return file, digest, other


def test_the_entry_travels_with_its_grant_and_counts_at_home_alone(world: World, tmp_path: Path) -> None:
    file, digest, other = exported(world, tmp_path)
    taken = other.import_grant(file)
    assert taken.enrolment is not None and not taken.here
    assert (taken.enrolment.grant, taken.enrolment.derived, taken.enrolment.base) == (digest, DERIVED, BASE)
    assert other.size() == 1 and not other.enrolments()
    with refuses("no-grant"):
        other.add_enrolment(digest, method="embedding", references=(sha(RECORDING),), base=BASE, derived=DERIVED)
    with pytest.raises(InvalidInputError):
        other.add_statement(taken.enrolment.sign(world.ledger.operator_signing_key()).to_bytes())
    with refuses("no-grant"):
        other.request(
            Use("speech", "audiobook", seconds=1), voice="ada", operands=FILES, params_sha256="0" * 64,
            text_commit="0" * 64,
        )  # fmt: skip
    (tmp_path / "new.toml").write_text(taken.draft, encoding="utf-8")
    new = other.add_grant(read_draft(tmp_path / "new.toml"), SPEAKER)
    assert other.grant_statement(new).adaptation == "embedding"
    with refuses("weights-mismatch"):  # the speaker signed, and nothing was built here yet
        other.request(
            Use("speech", "audiobook", title="Alice", seconds=1, territories=("DE",)), voice="ada", operands=FILES,
            params_sha256="0" * 64, text_commit="0" * 64,
        )  # fmt: skip
    assert other.add_enrolment(new, method="embedding", references=(sha(RECORDING),), base=BASE, derived=DERIVED)


def test_an_entry_that_does_not_fit_does_not_travel(world: World, tmp_path: Path) -> None:
    digest = grant(world)
    forged = Enrolment(
        ledger=world.ledger.id, nonce="e" * 32, time=START, grant=digest, voice="ada", method="low-rank",
        references=(sha(RECORDING),), base=BASE, derived=DERIVED,
        software=world.ledger._chain.genesis.software,  # type: ignore[union-attr]
    )  # fmt: skip
    with world.ledger._write("test") as session:
        world.ledger._append(session, [forged.sign(world.ledger.operator_signing_key())])
    world.ledger.export_grant(digest, tmp_path / "own.voicegrant")
    assert read_voicegrant(tmp_path / "own.voicegrant").enrolments == ()


def test_an_entry_cannot_be_cut_out_or_changed(world: World, tmp_path: Path) -> None:
    file, _digest, other = exported(world, tmp_path)
    data = file.read_bytes()
    place = data.index(b'\\"payload\\"')
    file.write_bytes(data[: place + 40] + bytes([data[place + 40] ^ 1]) + data[place + 41 :])
    with pytest.raises(InvalidInputError):
        other.import_grant(file)
