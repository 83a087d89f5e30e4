"""``voicekit voices references | enroll | remove``: what is printed is what the studio said."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voicekit._cli import main


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "take.wav"
    soundfile.write(path, np.random.default_rng(3).normal(size=16_000) * 0.05, 16_000)
    return path


def test_references_are_what_a_draft_wants(take: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "references", "--audio", str(take)]) == 0
    (row,) = tomllib.loads(capsys.readouterr().out)["references"]
    samples, _rate = soundfile.read(take, dtype="int16")
    assert row == {
        "name": "take.wav",
        "file_sha256": hashlib.sha256(take.read_bytes()).hexdigest(),
        "pcm_sha256": hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest(),
        "seconds_milli": 1000,
    }
    assert main(["voices", "references", "--audio", str(take), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [row]


def test_a_grant_is_named(take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "enroll", "ada", "--audio", str(take), "--studio", str(tmp_path / "s")]) == 2
    assert "--grant" in capsys.readouterr().err


def test_no_such_voice_to_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    studio = tmp_path / "studio"
    from voicekit.studio import Studio

    Studio.create(studio, "Test").close()
    assert main(["voices", "remove", "ada", "--studio", str(studio)]) == 2
    assert "holds no voice ada" in capsys.readouterr().err
