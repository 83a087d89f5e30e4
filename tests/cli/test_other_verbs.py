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

VERBS = ["quickstart", "narrate", "sing", "voices", "pitch", "correct", "convert", "train", "studio"]
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


@pytest.fixture
def sung_take(tmp_path: Path) -> Path:
    """Two detuned notes."""
    rate = 16_000
    t = np.arange(2 * rate) / rate
    hz = 440 * 2 ** ((np.where(t < 1, 57.35, 59.6) - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / rate
    wave = sum(np.cos(k * phase) / k for k in range(1, 12)) * 0.05
    wave[:2000] = wave[-2000:] = 0
    path = tmp_path / "take.wav"
    soundfile.write(path, wave, rate)
    return path


def test_own_take_is_attested_and_corrected(run: Run, tmp_path: Path, sung_take: Path) -> None:
    studio = tmp_path / "mine"
    line = ["correct", sung_take, "--out", tmp_path / "c.wav", "--scale", "chromatic", "--studio", studio]
    assert run(line).code == 2  # no studio yet
    own = run(["voices", "own", "my-own", sung_take, "--studio", studio, "--json"])
    assert own.code == 0 and own.json["grant"]["tier"] == "D" and "own voice" in own.json["attestation"]
    assert "attest" in own.err
    listed = run(["voices", "--studio", studio, "--json"]).json
    assert [v["name"] for v in listed if any(g["tier"] == "D" for g in v["grants"])] == ["my-own"]
    done = run([*line, "--picture", tmp_path / "c.png", "--json"])
    assert done.code == 0
    assert done.json["permission"] == "operator-attested" and done.json["measured"]["off_after_cents"] < 8
    from PIL import Image

    with Image.open(tmp_path / "c.png") as image:
        assert image.format == "PNG" and image.width > 700
    other = tmp_path / "other.wav"
    soundfile.write(other, soundfile.read(sung_take)[0] * 0.9, 16_000)
    refused = run(["correct", other, "--out", tmp_path / "d.wav", "--scale", "chromatic", "--studio", studio, "--json"])
    assert refused.code == 1 and refused.json["refused"] == "reference-mismatch"
    assert not (tmp_path / "d.wav").exists()


def test_correct_and_own_say_what_is_wrong(run: Run, tmp_path: Path, sung_take: Path) -> None:
    studio = tmp_path / "mine"
    assert run(["voices", "own", "my-own", sung_take, "--studio", studio]).code == 0
    base = ["correct", sung_take, "--out", tmp_path / "c.wav", "--studio", studio]
    for wrong in (
        base,
        [*base, "--scale", "H major"],
        [*base, "--scale", "C", "--strength", "2"],
        [*base, "--scale", "C", "--a4", "loud"],
        [*base, "--scale", "C", "--picture", "x.jpg"],
        [*base, "--curve", tmp_path / "none.csv"],
        ["correct", tmp_path / "none.wav", "--out", tmp_path / "c.wav", "--scale", "C", "--studio", studio],
        ["voices", "own", "my-own", "--studio", studio],
        ["voices", "own", "tone", sung_take, "--studio", studio],
        ["voices", "adopt", "tone", sung_take, "--studio", studio],
    ):
        bad = run(wrong)
        assert bad.code == 2 and bad.err.count("\n") == 1, wrong


def test_picture_shows_the_contour_where_it_is(run: Run, tmp_path: Path, sung_take: Path) -> None:
    """The measured line stands at the right height: found again by its colour."""
    from PIL import Image

    from voicekit.pitch.picture import _BOTTOM, _LEFT, _MEASURED, _RIGHT, _TOP

    done = run(["pitch", sung_take, "--out", tmp_path / "p.png", "--json"])
    assert done.code == 0 and [n["name"] for n in done.json["notes"]] == ["A3+35", "C4-40"]
    with Image.open(tmp_path / "p.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    inside = pixels[_TOP:-_BOTTOM, _LEFT:-_RIGHT]
    drawn = np.abs(inside - np.array(_MEASURED)).sum(2) < 30
    width = inside.shape[1]
    low, high = (
        np.median(np.nonzero(drawn[:, round(a * width / 2) : round(b * width / 2)])[0])
        for a, b in ((0.2, 0.9), (1.1, 1.8))
    )
    # 2.25 semitones apart on a scale that spans 18 or more
    assert 2.25 * 22 * 0.9 < low - high < 2.25 * 22 * 1.25
    drawn_over = run(["pitch", sung_take, "--out", tmp_path / "q.png", "--commanded", tmp_path / "none.csv"])
    assert drawn_over.code == 2
