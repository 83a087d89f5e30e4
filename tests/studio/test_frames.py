"""Frames found in a person's recordings are kept for the next conversion: encrypted, for a permit, and no longer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent import ConsentRefusedError
from tests.support import person
from voicekit.audio import read_audio
from voicekit.engines import enrolled as engine_module
from voicekit.studio import ConvertOptions, Studio
from voicekit.studio.enrol_state import _MAGIC, _NONCE
from voicekit.studio.enrolled import open_vault
from voicekit.studio.frames import FRAMES_SUFFIX, kept_or_made

NEAR = ConvertOptions(neighbours=4)


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        person.quick(patch)
        yield


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("person"))


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return person.say(tmp_path_factory.mktemp("guide"), "slt", person.SENTENCES[:1], "guide")[0]


def build(folder: Path, takes: list[Path], guide: Path) -> Studio:
    """With ada, built from the takes, and one conversion into her."""
    made, _grant = person.build(folder, takes, ("speech", "conversion"), guide)
    made.convert(guide, voice="ada", out=folder / "first.wav", options=NEAR)
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, takes: list[Path], guide: Path) -> Iterator[Studio]:
    with build(tmp_path_factory.mktemp("shared"), takes, guide) as made:
        yield made


@pytest.fixture
def studio(shared: Studio) -> Studio:
    """For tests that leave it as it was; nothing is kept yet."""
    for path in kept(shared):
        path.unlink()
    return shared


def kept(studio: Studio) -> list[Path]:
    return list(studio.folder.rglob(f"*{FRAMES_SUFFIX}"))


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def found_again(*_args: object) -> None:
        raise AssertionError("the frames were looked for again")

    monkeypatch.setattr(engine_module, "own_frames", found_again)


def test_the_second_conversion_finds_them_and_sounds_the_same(
    studio: Studio, guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    real = engine_module.own_frames
    monkeypatch.setattr(engine_module, "own_frames", lambda *args: found.append(real(*args)) or found[-1])
    one = studio.convert(guide, voice="ada", out=tmp_path / "a.wav", options=NEAR)
    (path,) = kept(studio)
    forbid(monkeypatch)
    two = studio.convert(guide, voice="ada", out=tmp_path / "b.wav", options=NEAR)
    assert np.array_equal(read_audio(one.path).samples, read_audio(two.path).samples)
    named = {item.sha256 for item in two.receipt.operands if item.role == "reference"}
    assert len(named) == 6  # the permit names the recordings all the same
    data = path.read_bytes()
    middle = found[0].envelopes[len(found[0].envelopes) // 2, :12].numpy()
    secrets = [middle.astype(kind).tobytes()[:16] for kind in ("<f2", "<f4", "<f8")]
    assert not [one for one in secrets if one in data] and path.stat().st_mode & 0o077 == 0


def test_what_the_ledger_publishes_does_not_open_them(
    studio: Studio, guide: Path, takes: list[Path], tmp_path: Path
) -> None:
    studio.convert(guide, voice="ada", out=tmp_path / "a.wav", options=NEAR)
    (path,) = kept(studio)
    body = path.read_bytes()[len(_MAGIC) :]
    hashes = [hashlib.sha256(take.read_bytes()).digest() for take in takes]
    tries = [*hashes, hashlib.sha256(b"".join(hashes)).digest(), bytes(32)]
    for key in tries:
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(body[:_NONCE], body[_NONCE:], None)


@pytest.mark.parametrize("change", ["bits", "short", "empty", "another"])
def test_a_changed_file_is_not_believed(
    studio: Studio, guide: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = studio.convert(guide, voice="ada", out=tmp_path / "a.wav", options=NEAR)
    (path,) = kept(studio)
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(
        {
            "bits": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "short": data[:-20],
            "empty": b"",
            "another": _MAGIC + b"x" * 64,
        }[change]
    )
    two = studio.convert(guide, voice="ada", out=tmp_path / "b.wav", options=NEAR)
    assert np.array_equal(read_audio(one.path).samples, read_audio(two.path).samples)
    forbid(monkeypatch)  # and it was put right
    studio.convert(guide, voice="ada", out=tmp_path / "c.wav", options=NEAR)


def test_they_are_for_these_recordings_and_this_listener(tmp_path: Path) -> None:
    path = tmp_path / f"ada-1{FRAMES_SUFFIX}"
    recordings = {"a.wav": b"one", "b.wav": b"two"}
    assert kept_or_made(path, recordings, "listener 1", lambda: b"first") == b"first"
    assert kept_or_made(path, recordings, "listener 1", lambda: b"second") == b"first"
    assert kept_or_made(path, recordings, "listener 2", lambda: b"second") == b"second"
    for other in ({"a.wav": b"one"}, {"a.wav": b"onet", "b.wav": b"wo"}, {"a.wav": b"one", "c.wav": b"two"}):
        assert kept_or_made(path, other, "listener 2", lambda: b"third") == b"third"
        assert kept_or_made(path, recordings, "listener 2", lambda: b"second") == b"second"


def test_where_nothing_can_be_written_it_is_slower_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / f"ada-1{FRAMES_SUFFIX}"
    assert kept_or_made(path, {"a.wav": b"one"}, "listener", lambda: b"made") == b"made"


def test_withdrawn_they_serve_nobody_and_go(takes: list[Path], guide: Path, tmp_path: Path) -> None:
    studio = build(tmp_path, takes, guide)
    (path,) = kept(studio)
    grant = next(one.digest for one in studio.ledger.grants() if one.voice == "ada")
    studio.ledger.revoke(grant, key=person.SPEAKER)
    with pytest.raises(ConsentRefusedError, match=r"^revoked:"):
        studio.convert(guide, voice="ada", out=tmp_path / "b.wav", options=NEAR)
    studio.voices()
    assert not path.exists() and not (tmp_path / "b.wav").exists()
    studio.close()


def test_without_its_recordings_they_go_too(takes: list[Path], guide: Path, tmp_path: Path) -> None:
    studio = build(tmp_path, takes, guide)
    (path,) = kept(studio)
    half = path.with_name(f".{path.name}.77.part")
    half.write_bytes(b"left by a kill")
    vault = open_vault(studio.ledger)
    mine = {item.key for item in vault.list() if takes[0].name in item.files}
    vault._destroy(lambda key: key.key in mine, "retention")
    assert [one.name for one in studio.voices() if one.name == "ada"]  # the voice itself lives on
    assert not path.exists() and not half.exists()
    studio.close()
