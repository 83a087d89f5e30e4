"""Laundering: an earlier synthetic output offered as reference audio, by hash, by proof, by metadata, by a detector."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from consent import ConsentRefusedError, SigningKey
from consent.synthetic import marks
from consent.vault import Vault
from tests.consent.world import SPEAKER, World, draft

SOUND = os.urandom(3_000)


def refuses():
    return pytest.raises(ConsentRefusedError, match=r"^reference-synthetic:")


def add(world: World, reference: dict[str, object], key: SigningKey | None = SPEAKER) -> str:
    made = draft(world.folder)
    table = {"name": "ref.wav", "pcm_sha256": "9" * 64, "seconds_milli": 1_000, **reference}
    return world.ledger.add_grant(type(made)({**made.data, "references": [table]}, "", "draft", world.folder), key)


def test_an_own_output_is_refused_by_its_file_and_by_its_samples(world: World) -> None:
    world.grant()
    receipt, _ = world.render(content=SOUND)
    size = world.ledger.size()
    for reference in (
        {"file_sha256": hashlib.sha256(SOUND).hexdigest()},
        {"file_sha256": "8" * 64, "pcm_sha256": receipt.outputs[0].pcm_sha256},
    ):
        with refuses() as caught:
            add(world, reference)
        assert caught.value.statements == (receipt.digest,)
    assert world.ledger.size() == size
    assert add(world, {"file_sha256": "8" * 64})


def test_it_is_refused_too_when_the_grant_was_signed_elsewhere(world: World) -> None:
    world.grant()
    world.render(content=SOUND)
    made = draft(world.folder)
    data = {**made.data, "references": [{"name": "a", "file_sha256": hashlib.sha256(SOUND).hexdigest()}]}
    data["references"][0] |= {"pcm_sha256": "9" * 64, "seconds_milli": 1}
    built = type(made)(data, "", "draft", world.folder).build(
        ledger=world.ledger.id,
        operator=world.ledger.operator_party(),
        now=world.clock(),
        subject_key=SPEAKER.public.did,
    )
    with refuses():
        world.ledger.add_statement(built.grant.sign(SPEAKER).to_bytes())


def test_a_file_with_a_proof_beside_it_is_refused(world: World) -> None:
    (world.folder / "ref.wav").write_bytes(SOUND)
    reference = {"file": "ref.wav"}
    add(world, reference)
    (world.folder / "ref.wav.voiceproof").write_bytes(b"anything")
    with refuses():
        add(world, reference)


@pytest.mark.parametrize(
    "mark",
    [
        b"AI-generated speech",
        "AI-Generated Speech".encode("utf-16-le"),
        b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        b"compositeWithTrainedAlgorithmicMedia",
        b"DIGITAL_SOURCE_TYPE=something",
        b"jumbc2pa.assertions....",
        b"urn:c2pa:0b4c",
        b"ada (synthetic voice)",
    ],
)
@pytest.mark.parametrize("place", ["beginning", "end of a large file"])
def test_metadata_that_say_so_are_found(world: World, mark: bytes, place: str) -> None:
    data = b"RIFF" + mark + b"\0" * 500 if place == "beginning" else os.urandom(3 << 20) + mark
    (world.folder / "ref.wav").write_bytes(data)
    with refuses():
        add(world, {"file": "ref.wav"})
    assert marks(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SOUND,
        b"c2pa",
        b"urn:c2pa: DIGITAL_SOURCE_TYPE=http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
        b"speech about artificial intelligence",
    ],
)
def test_recordings_are_not_suspected(data: bytes) -> None:
    assert marks(data) == ""


def test_real_recordings_are_not_suspected() -> None:
    from tests.consent.world import SHARED

    files = sorted((SHARED / "corpus").rglob("*.flac"))[:40] + sorted((SHARED / "corpus").rglob("*.wav"))[:40]
    if not files:
        pytest.skip(f"no recordings at {SHARED / 'corpus'}; set VOICEKIT_SHARED")
    assert [path for path in files if marks(path)] == []


def test_what_this_studio_writes_is_found_in_every_format(tmp_path: Path) -> None:
    """The studio's own tags, as the encoder really writes them."""
    np = pytest.importorskip("numpy")
    from voicekit.audio import FORMATS, Tags, open_writer

    for kind in sorted(FORMATS):
        with open_writer(tmp_path / f"a.{kind}", 44_100, tags=Tags(title="x")) as writer:
            writer.write(np.zeros(48_000, dtype=np.float32))
        assert marks(writer.path), kind


def test_a_detector_of_the_caller_is_asked(world: World) -> None:
    (world.folder / "ref.wav").write_bytes(SOUND)
    world.ledger.reference_detectors = (lambda data: "", lambda data: f"a watermark in {Path(data).name}")
    with pytest.raises(ConsentRefusedError, match=r"^reference-synthetic: .*watermark in ref.wav"):
        add(world, {"file": "ref.wav"})


def test_sealing_a_synthetic_reference_is_refused(world: World) -> None:
    content = SOUND + b"AI-generated speech"
    made = draft(world.folder)
    table = {"name": "ref.wav", "file_sha256": hashlib.sha256(content).hexdigest()}
    table |= {"pcm_sha256": "9" * 64, "seconds_milli": 1}
    digest = world.ledger.add_grant(
        type(made)({**made.data, "references": [table]}, "", "draft", world.folder), SPEAKER
    )
    vault = Vault.open(world.ledger)
    with refuses():
        vault.seal("ada", {"ref.wav": content}, digest)
    path = world.folder / "ref.wav"
    path.write_bytes(content)
    shutil.copy(path, world.folder / "other.wav")
    with refuses():
        vault.seal("ada", {"ref.wav": world.folder / "other.wav"}, digest)
    assert vault.list() == ()
