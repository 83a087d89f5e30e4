"""The engines that check a spoken consent: flite's voice is heard word for word, and another reader is another."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from consent import InvalidInputError, Recogniser, SpeakerCheck
from consent.challenge import STATEMENT_PPM, WORDS_PPM, compare_words, plain_words
from consent.challenge_words_table import WORDS

ROOT = Path(__file__).resolve().parents[2]
CHALLENGE = ("lottery", "quality", "asleep", "saxophone", "library", "bootstrap")
STATEMENT = (
    "I, Ada Example, allow Example Press to make my synthetic voice for speaking, for commercial use, until the first "
    "of May twenty twenty eight, and I know that I can withdraw this at any time. My words are: "
    + ", ".join(CHALLENGE)
    + "."
)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", STATEMENT, "-o", str(path)], check=True)
    return path


def test_the_entry_points_name_what_is_there() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["consent.engines"]
    assert set(points) == {"recogniser", "speaker-check"}
    for target in points.values():
        module, _colon, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_a_statement_is_understood_without_knowing_it(spoken: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="comes with the test extra")
    from voicekit.evaluate.spoken import make_recogniser

    engine = make_recogniser()
    assert isinstance(engine, Recogniser) and len(engine.model_sha256) == len(engine.pcm_sha256(spoken)) == 64
    heard = engine.words(spoken, tuple(sorted({*WORDS, *plain_words(STATEMENT)})))
    words, sentence = compare_words(heard, STATEMENT, CHALLENGE)
    assert words >= WORDS_PPM and sentence >= STATEMENT_PPM
    other = tuple(reversed(CHALLENGE))
    assert compare_words(heard, STATEMENT, other)[0] < WORDS_PPM


def test_silence_and_noise_answer_no_challenge(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="comes with the test extra")
    from voicekit.evaluate.spoken import make_recogniser

    engine = make_recogniser()
    assert engine.hear(np.zeros(16_000, np.float32), WORDS) == ()
    noise = np.random.default_rng(1).normal(0, 0.1, 64_000).astype(np.float32)
    assert compare_words(engine.hear(noise, WORDS), "", CHALLENGE)[0] < WORDS_PPM


def test_what_is_no_sound_file_is_an_error_of_consent(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="comes with the test extra")
    from voicekit.evaluate.spoken import MAX_SECONDS, make_recogniser

    (tmp_path / "bad.wav").write_bytes(b"nonsense")
    with pytest.raises(InvalidInputError, match=r"bad\.wav"):
        make_recogniser().words(tmp_path / "bad.wav", WORDS)
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(int((MAX_SECONDS + 1) * 8_000), np.float32), 8_000)
    with pytest.raises(InvalidInputError, match="longer than 180 seconds"):
        make_recogniser().words(long, WORDS)


@pytest.mark.slow
def test_one_voice_is_more_like_itself_than_like_another(spoken: Path, tmp_path: Path) -> None:
    pytest.importorskip("resemblyzer", reason="comes with the train extra")
    from voicekit.evaluate.spoken import make_speaker_check

    engine = make_speaker_check()
    assert isinstance(engine, SpeakerCheck)
    text = "The path along the river was dry again by noon, and nobody could say who had lit the lamps."
    for voice in ("slt", "rms"):
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(tmp_path / f"{voice}.wav")], check=True)
    same = engine.similarity_ppm(spoken, tmp_path / "slt.wav")
    other = engine.similarity_ppm(spoken, tmp_path / "rms.wav")
    assert same >= engine.threshold_ppm > other
