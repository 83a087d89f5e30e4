"""Coqui models on the command line: adopted, told apart from the house's voices, narrated; without them, one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from consent import verify_file
from tests.support import coqui_models

Run = Callable[..., object]


def test_without_coqui_it_says_what_to_install(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "TTS", None)
    line = ["voices", "adopt", "reader", "--engine", "coqui:tts_models/en/vctk/vits", "--studio", tmp_path / "studio"]
    ran = run(line)
    assert ran.code == 2 and "voicekit[coqui]" in ran.err


def test_a_model_that_is_not_there_and_no_engine_of_that_name(run: Run, tmp_path: Path) -> None:
    ran = run(["voices", "adopt", "reader", "--engine", "coqui:nowhere", "--studio", tmp_path / "studio"])
    assert ran.code == 2 and "there is no model nowhere" in ran.err
    ran = run(["voices", "adopt", "reader", "--engine", "festival", "--studio", tmp_path / "studio"])
    assert ran.code == 2 and "no engine 'festival'" in ran.err


def test_adopted_and_narrated(run: Run, tmp_path: Path) -> None:
    coqui_models.need_coqui()
    model, studio = coqui_models.vits(tmp_path / "vits", terms=""), tmp_path / "studio"
    engine = f"coqui:{model}"
    adopt = ["voices", "adopt", "reader", "--engine", engine, "--speaker", "p226", "--studio", studio]
    ran = run(adopt)
    assert ran.code == 2 and "whose recordings" in ran.err
    terms = ["--license", "MIT", "--recordings", "readers of a test", "--recordings-license", "CC0-1.0"]
    ran = run([*adopt, *terms, "--json"])
    assert ran.code == 0, ran.err
    assert ran.json["card"]["recordings_license"] == "CC0-1.0" and ran.json["grant"]["basis"] == "dedication"
    (tmp_path / "text.txt").write_text("The rain fell.", encoding="utf-8")
    line = ["narrate", tmp_path / "text.txt", "--voice", "reader", "--engine", engine, "--studio", studio]
    ran = run([*line, "--out", tmp_path / "out", "--profile", "clip", "--format", "wav", "--json"])
    assert ran.code == 0, ran.err
    assert verify_file(Path(ran.json["chapters"][0]["files"][0])).ok
    ran = run(["voices", "show", "reader", "--studio", studio])
    assert ran.code == 0 and "p226" in ran.out
