"""Takes: whole or not there, whatever happens to the disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from consent import Permit, Use
from tests.support.tone import ToneHouse
from voicekit.errors import InputError
from voicekit.pipelines import TakeStore
from voicekit.pipelines import takes as takes_module
from voicekit.pipelines.takes import StoredTake
from voicekit.studio import Studio

KEY = "ab" * 32


@pytest.fixture
def permit(studio: Studio, house: ToneHouse) -> Permit:
    return studio.ledger.request(
        Use(mode="speech", purpose="audiobook"),
        voice="tone",
        operands=house.open_engine("tone").operands,
        params_sha256="0" * 64,
        text_commit=studio.ledger.commit_text("x"),
    )


@pytest.fixture
def take() -> StoredTake:
    return StoredTake(np.random.default_rng(1).integers(-9999, 9999, 5000).astype(np.int16), 24000)


def test_kept_and_fetched_exactly(tmp_path: Path, permit: Permit, take: StoredTake) -> None:
    store = TakeStore(tmp_path / "takes")
    assert store.fetch(permit, permit.operands, KEY) is None
    store.keep(permit, permit.operands, KEY, take)
    got = TakeStore(tmp_path / "takes").fetch(permit, permit.operands, KEY)
    assert got is not None and np.array_equal(got.pcm, take.pcm) and got.sample_rate == 24000
    played, rate = soundfile.read(str(store.path(KEY)), dtype="int16")  # any player opens it
    assert rate == 24000 and np.array_equal(played, take.pcm)
    assert [path.name for path in (tmp_path / "takes").rglob("*") if path.is_file()] == [f"{KEY}.flac"]


def test_any_flipped_byte_of_sound_is_found(tmp_path: Path, permit: Permit, take: StoredTake) -> None:
    store = TakeStore(tmp_path / "takes")
    store.keep(permit, permit.operands, KEY, take)
    whole = store.path(KEY).read_bytes()
    for place in range(0, len(whole), 97):
        data = bytearray(whole)
        data[place] ^= 0x10
        store.path(KEY).parent.mkdir(exist_ok=True)
        store.path(KEY).write_bytes(data)
        got = store.fetch(permit, permit.operands, KEY)
        # a byte of padding may change nothing; wrong sound may never come out
        assert got is None or np.array_equal(got.pcm, take.pcm), place
        if got is None:
            assert not store.path(KEY).exists()
    assert len(store.damaged) > 50
    for cut in (0, 1, 50, len(whole) // 2, len(whole) - 1):
        store.path(KEY).write_bytes(whole[:cut])
        assert store.fetch(permit, permit.operands, KEY) is None


def test_a_take_under_another_name_is_not_taken(tmp_path: Path, permit: Permit, take: StoredTake) -> None:
    store = TakeStore(tmp_path / "takes")
    store.keep(permit, permit.operands, KEY, take)
    other = "cd" * 32
    store.path(other).parent.mkdir(parents=True)
    store.path(other).write_bytes(store.path(KEY).read_bytes())
    assert store.fetch(permit, permit.operands, other) is None


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    for name in ("../../etc/passwd", "ab", "AB" * 32, "ab" * 31 + "/x"):
        with pytest.raises(ValueError, match="not the name of a take"):
            store.path(name)


def test_full_disk_leaves_nothing_half(
    tmp_path: Path, permit: Permit, take: StoredTake, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TakeStore(tmp_path / "takes")

    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(takes_module.os, "fsync", refuse)
    with pytest.raises(InputError, match=r"the disk is full.*run the same command again"):
        store.keep(permit, permit.operands, KEY, take)
    monkeypatch.undo()
    assert [path for path in (tmp_path / "takes").rglob("*") if path.is_file()] == []


def test_sweep_takes_only_what_the_dead_left(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f"{int(child.stdout)}-0.partial"
    mine = tmp_path / f"{os.getpid()}-0.partial"
    dead.write_bytes(b"x")
    mine.write_bytes(b"x")
    store.sweep()
    assert mine.exists() and not dead.exists()


def test_other_sound_under_a_true_label_is_not_taken(tmp_path: Path, permit: Permit, take: StoredTake) -> None:
    """A whole FLAC file with the right name in it, whose samples are not those the label tells."""
    store = TakeStore(tmp_path / "takes")
    store.keep(permit, permit.operands, KEY, take)
    with soundfile.SoundFile(str(store.path(KEY))) as sound:
        label = sound.comment
    with soundfile.SoundFile(str(store.path(KEY)), "w", 24000, 1, subtype="PCM_16", format="FLAC") as sound:
        sound.comment = label
        sound.write(take.pcm[::-1])
    assert store.fetch(permit, permit.operands, KEY) is None
    assert store.damaged == [KEY]
