"""``voicekit convert``: what it prints, what it refuses, what it exits with."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from consent import verify_file
from tests.cli.conftest import Run
from tests.studio.test_conversion_gate import RATE, spoken
from tests.support.tone import ToneHouse, offered, reseal


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "take.wav"
    soundfile.write(path, spoken(), RATE)
    return path


@pytest.fixture
def ready(tmp_path: Path, run: Run, house: ToneHouse, take: Path) -> Path:
    """A studio with a voice that may convert and an attested take."""
    reseal(house.folder, scope=offered(modes=("speech", "conversion")))
    studio = tmp_path / "studio"
    assert run(["voices", "adopt", "tone", "--studio", studio]).code == 0
    assert run(["voices", "own", "my-own", take, "--studio", studio]).code == 0
    return studio


def test_a_take_is_converted_and_the_numbers_are_json(run: Run, ready: Path, take: Path, tmp_path: Path) -> None:
    line = ["convert", take, "--voice", "tone", "--out", tmp_path / "c.flac", "--studio", ready]
    made = run([*line, "--transpose", "-3.5", "--json"])
    assert made.code == 0 and made.json["measured"]["semitones"] == -3.5
    assert made.json["voice"] == "tone" and made.json["source_voice"] == "my-own" and len(made.json["receipts"]) == 2
    assert verify_file(tmp_path / "c.flac").voice == "tone"
    assert Path(made.json["source_proof"]).is_file()
    plain = run([*line[:5], tmp_path / "d.flac", *line[6:]])
    assert plain.code == 0
    for words in ("voice tone", "operator-attested", "transposed by +3 semitones", "consent verify"):
        assert words in plain.out


def test_a_take_nobody_attested_is_refused_with_its_reason(run: Run, ready: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, spoken(seed=8), RATE)
    line = ["convert", other, "--voice", "tone", "--out", tmp_path / "o" / "c.wav", "--studio", ready]
    refused = run([*line, "--json"])
    assert refused.code == 1 and refused.json["refused"] == "reference-mismatch"
    assert not (tmp_path / "o").exists()


def test_what_is_wrong_is_said_in_a_line(run: Run, ready: Path, take: Path, tmp_path: Path) -> None:
    base = ["convert", take, "--voice", "tone", "--out", tmp_path / "c.wav", "--studio", ready]
    for line, words in (
        ([*base, "--transpose", "up"], "not a transposition: up"),
        ([*base, "--transpose", "99"], "too far"),
        ([*base, "--detail", "2"], "detail of 2"),
        ([*base[:2], "--voice", "nobody", *base[4:]], "unknown voice"),
        (["convert", tmp_path / "none.wav", *base[2:]], "none.wav"),
    ):
        ran = run(line)
        assert ran.code == 2 and words in ran.err, ran.err
    assert not (tmp_path / "c.wav").exists()
