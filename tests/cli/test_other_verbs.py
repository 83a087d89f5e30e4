"""Start-up, help, voices, quickstart, pitch."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import parselmouth
import pytest
import soundfile

from tests.cli.conftest import Run
from tests.support.tone import ToneHouse, worker_environment

VERBS = ["quickstart", "narrate", "voices", "pitch", "train", "studio"]
START_S = 1.0
HEAVY = ("torch", "gradio", "TTS", "numpy", "scipy", "soundfile", "parselmouth", "sqlite_utils", "av", "lxml")


@pytest.mark.parametrize("line", [["--help"], *[[verb, "--help"] for verb in VERBS if verb != "train"]])
def test_help_is_quick_light_and_has_an_example(line: list[str]) -> None:
    program = (
        "import sys, json; from voicekit._cli import main; code = main(sys.argv[1:]); "
        f"print(json.dumps([code, sorted(set(sys.modules) & set({HEAVY!r}))]), file=sys.stderr)"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, *line],
        capture_output=True,
        text=True,
        env=worker_environment(),
        check=True,
    )
    took = time.monotonic() - start
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0 and loaded == []
    assert "voicekit" in done.stdout and "example" in done.stdout
    assert took < START_S * (3 if _busy() else 1)


def _busy() -> bool:
    """Whether other work keeps all cores of this machine: then seconds on the wall say little."""
    import os

    return os.getloadavg()[0] > (os.cpu_count() or 1)


def test_every_verb_is_in_the_help(run: Run) -> None:
    shown = run(["--help"]).out
    assert all(verb in shown for verb in VERBS)
    assert run([]).code == 2 and run(["dance"]).code == 2
    assert run(["--version"]).out.startswith("voicekit 0.")


def test_voices_from_nothing_to_a_grant(run: Run, tmp_path: Path, house: ToneHouse) -> None:
    studio = tmp_path / "s"
    listed = run(["voices"])
    assert listed.code == 0 and "tone" in listed.out and "no grant" in listed.out
    draft = run(["voices", "draft", "tone"])
    assert draft.code == 0 and 'basis = "no-donor"' in draft.out
    import tomllib

    assert tomllib.loads(draft.out)["voice"] == "tone"
    assert run(["voices", "draft", "tone", "--out", tmp_path / "d.toml"]).code == 0
    assert (tmp_path / "d.toml").read_text() == draft.out
    adopted = run(["voices", "adopt", "tone", "--studio", studio, "--json"])
    assert adopted.code == 0 and adopted.json["grant"]["state"] == "usable"
    again = run(["voices", "adopt", "tone", "--studio", studio, "--json"])
    assert again.json["grant"]["id"] == adopted.json["grant"]["id"]
    listed = run(["voices", "list", "--studio", studio, "--json"])
    assert listed.json[0]["grants"][0]["id"] == adopted.json["grant"]["id"]
    shown = run(["voices", "show", "tone", "--studio", studio])
    assert "sine waves" in shown.out and "speech for any" in shown.out
    for wrong in (
        ["voices", "show"],
        ["voices", "show", "nobody", "--studio", studio],
        ["voices", "adopt", "x"],
    ):
        done = run(wrong)
        assert done.code == 2 and done.err.count("\n") == 1


def test_quickstart_ends_with_both_verdicts(run: Run, tmp_path: Path, house: ToneHouse) -> None:
    text = tmp_path / "chapter.txt"
    text.write_text("A short chapter. It has two sentences.", encoding="utf-8")
    done = run(["quickstart", "--out", tmp_path / "q", "--text", text])
    assert done.code == 0, done
    assert done.out.count("records sound, use within its permission") == 2
    assert "median F0" in done.out and "x real time" in done.out and "RMS -20.50" in done.out
    again = run(["quickstart", "--out", tmp_path / "q", "--text", text, "--json"])
    assert again.code == 0 and again.json["ok"] is True
    assert [entry["use"] for entry in again.json["verified"]] == [True, True]
    assert again.json["take"]["chapters"][0]["skipped"] is True


def test_quickstart_fails_where_the_check_fails(
    run: Run, tmp_path: Path, house: ToneHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "chapter.txt"
    text.write_text("A short chapter.", encoding="utf-8")
    import voicekit.quickstart as module

    real = module.verify_file

    def spoil(file: Path, **options: object) -> object:
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
        return real(file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "verify_file", spoil)
    done = run(["quickstart", "--out", tmp_path / "q", "--text", text])
    assert done.code == 1 and "NOT SOUND" in done.out


def test_pitch_of_a_known_glide(run: Run, tmp_path: Path) -> None:
    """A harmonic glide from 110 to 220 Hz; the tier is read back by Praat itself."""
    cents_tol = 10.0
    rate = 24000
    t = np.arange(2 * rate) / rate
    f0 = 110 * 2 ** (t / 2)
    phase = 2 * np.pi * np.cumsum(f0) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 10)) * 0.1
    path = tmp_path / "glide.wav"
    soundfile.write(path, wave, rate)
    done = run(["pitch", path, "--out", tmp_path / "g.PitchTier", "--json"])
    assert done.code == 0
    assert 1200 * abs(np.log2(done.json["median_f0_hz"] / (110 * np.sqrt(2)))) < cents_tol
    tier = parselmouth.read(str(tmp_path / "g.PitchTier"))
    for time_s in (0.5, 1.0, 1.5):
        got = parselmouth.praat.call(tier, "Get value at time", time_s)
        assert 1200 * abs(np.log2(got / (110 * 2 ** (time_s / 2)))) < cents_tol
    assert run(["pitch", path, "--out", tmp_path / "g.csv"]).code == 0
    rows = (tmp_path / "g.csv").read_text().splitlines()
    assert rows[0] == "time_s,f0_hz,voiced" and len(rows) > 190
    for wrong in (["pitch", path, "--out", "x.txt"], ["pitch", tmp_path / "none.wav"]):
        bad = run(wrong)
        assert bad.code == 2 and bad.err.count("\n") == 1
