"""Every family that speaks, loaded by coqui's own code from small models with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.engines.speechlike import speechlike
from tests.support import coqui_models
from voicekit.engines.base import SpeechParams
from voicekit.engines.coqui_files import read_folder, voice_file
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.errors import InputError, UsageError
from voicekit.pitch import PitchTrack, track_pitch

coqui_models.need_coqui()

from tests.pitch.test_told import CENTS_TOL, off_cents  # noqa: E402
from voicekit.engines.coqui import CoquiModel, find_model  # noqa: E402
from voicekit.engines.coqui_voice import CoquiEngine  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


def engine_of(model: CoquiModel, speaker: str = "") -> CoquiEngine:
    data = voice_file(speaker, "", "MIT", ("a test", "CC0-1.0"), model.operands)
    return CoquiEngine("reader", model, data, "reader.voice.json")


@pytest.mark.parametrize("family", ["fast_pitch", "glow_tts", "tacotron2"])
def test_a_model_of_spectra_with_its_vocoder_speaks(folder: Path, family: str) -> None:
    model = CoquiModel(find_model(str(coqui_models.spectral(folder / family, family))))
    assert {one.name for one in model.operands} == {
        "config.json", "model_file.pth", "vocoder--config.json", "vocoder--model_file.pth",
    }  # fmt: skip
    engine = engine_of(model)
    made = engine._speak("the rain fell {e1}on the road", SpeechParams(seed=3))
    assert made.sample_rate == 24_000 and len(made.samples) > 1000 and made.samples.std() > 0
    assert np.array_equal(made.samples, engine._speak("the rain fell {e1}on the road", SpeechParams(seed=3)).samples)


def test_its_pace_is_told_and_taken_back(folder: Path) -> None:
    engine = engine_of(CoquiModel(find_model(str(coqui_models.vits(folder / "vits", speakers=False)))))
    words = "the rain fell on the old road and nobody was there"
    plain, slow = (len(engine._speak(words, SpeechParams(rate=rate)).samples) for rate in (1.0, 0.5))
    assert slow > 1.3 * plain
    assert len(engine._speak(words, SpeechParams()).samples) == plain
    with pytest.raises(UsageError, match="speaks en, and the text is in 'de'"):
        engine._speak("Regen", SpeechParams(language="de"))
    with pytest.raises(InputError, match="can be pronounced"):
        engine._speak("{b300}...", SpeechParams())


def test_a_model_is_told_a_pitch_and_another_tracker_hears_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights have no pitch, so a sound whose F0 is known stands in for what the network makes."""
    model = CoquiModel(find_model(str(coqui_models.vits(folder / "told", speakers=False))))
    wave = speechlike(3.0)
    monkeypatch.setattr(model, "say", lambda *a, **k: wave)
    engine = engine_of(model)
    track = track_pitch(wave, 24_000)
    from tests.pitch.test_told import yin

    for semitones in (-5.0, 7.0):
        made = engine._speak("x", SpeechParams(pitch_semitones=semitones)).samples
        shift = int(np.argmax(np.correlate(np.abs(wave), np.abs(made[:24_000]), "valid")))  # silence was cut off
        frames = round(shift / 240)
        voiced = track.vuv[frames:][: len(made) // 240]
        commanded = yin(wave)[frames:][: len(voiced)] * 2 ** (semitones / 12)
        assert off_cents(made, commanded, voiced) < 2 * CENTS_TOL  # the two frame grids lie up to 5 ms apart


def test_a_converted_take_has_the_pitch_that_was_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = CoquiModel(find_model(str(coqui_models.openvoice(folder / "openvoice"))))
    target = speechlike(3.0, hz=200.0)
    monkeypatch.setattr(model, "turn", lambda heard, voice, seed: target[: len(heard)])
    engine = engine_of(model)
    monkeypatch.setattr(engine, "_known", lambda: {"speaker_embedding": None})
    source = speechlike(3.0)
    track = track_pitch(source, 24_000)
    take = GuideTake(lambda a, b: source[a:b], len(source), track)
    made = np.concatenate(list(engine._convert(take, ConvertParams(source_sha256="0" * 64, semitones=3.0))))
    assert len(made) == len(source)
    commanded = np.where(track.vuv, track.f0_hz, 1.0) * 2 ** (3 / 12)
    assert off_cents(made, commanded, track.vuv & track_pitch(target, 24_000).vuv) < CENTS_TOL


def test_a_long_take_is_cut_where_it_is_quiet() -> None:
    from voicekit.engines.coqui_voice import _pieces

    wave = np.ones(24_000 * 65, dtype=np.float32)
    wave[24_000 * 18 + 480 : 24_000 * 18 + 720] = 0
    frames = len(wave) // 240
    take = GuideTake(lambda a, b: wave[a:b], len(wave), PitchTrack(np.zeros(frames), np.zeros(frames, dtype=bool)))
    pieces = list(_pieces(take))
    assert pieces[0] == (0, 24_000 * 18 + 480)
    assert [stop for _, stop in pieces[:-1]] == [start for start, _ in pieces[1:]]
    assert pieces[-1][1] == len(wave) and max(b - a for a, b in pieces) <= 20 * 24_000


def test_wavlm_runs_no_program(folder: Path, tmp_path: Path) -> None:
    """Coqui evaluates the text that stands in this file."""
    made = coqui_models.knnvc(folder / "knnvc")
    mark = tmp_path / "mark"
    coqui_models.wavlm(made / "wavlm", conv_feature_layers=f"__import__('pathlib').Path({str(mark)!r}).touch() or []")
    with pytest.raises(InputError, match="a program stands"):
        CoquiModel(find_model(str(made)))
    assert not mark.exists()
    (made / "wavlm" / "WavLM-Large.pt").unlink()
    with pytest.raises(InputError, match="is missing"):
        CoquiModel(find_model(str(made)))


def test_a_name_is_never_fetched_unasked_and_without_a_network_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests

    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    asked = []

    def no_network(address: str, *args: object, **kwargs: object) -> None:
        asked.append(address)
        raise requests.ConnectionError("no route to host")

    monkeypatch.setattr(requests, "get", no_network)
    with pytest.raises(UsageError, match="is not on this machine"):
        find_model("tts_models/en/vctk/vits")
    assert asked == []
    with pytest.raises(UsageError, match="could not be fetched") as caught:
        find_model("tts_models/en/vctk/vits", fetch=True)
    assert asked and "vctk" in str(caught.value) and str(tmp_path) in str(caught.value)
    monkeypatch.delenv("COQUI_TOS_AGREED", raising=False)
    with pytest.raises(UsageError, match="CPML"):
        find_model("tts_models/multilingual/multi-dataset/xtts_v2", fetch=True)
    with pytest.raises(UsageError, match="knows no model"):
        find_model("tts_models/en/vctk/nothing", fetch=True)


def test_a_named_model_that_was_fetched_before_is_found_with_its_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    coqui_models.vits(tmp_path / "tts" / "tts_models--en--vctk--vits", terms="")
    found = find_model("tts_models/en/vctk/vits")
    assert (found.terms.license, found.terms.recordings_license) == ("Apache-2.0", "CC-BY-4.0")
    assert CoquiModel(found).speakers == ("p225", "p226", "p227")


def test_what_is_no_model_is_told_apart(tmp_path: Path) -> None:
    for text, why in (("[1]", "not a configuration"), ("{", "not JSON"), ('{"model": "tortoise"}', "cannot be used")):
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=why):
            read_folder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model": "vits", "base_model": "bark"}), encoding="utf-8")
    with pytest.raises(InputError, match="cannot be used"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model": "vits"}', encoding="utf-8")
    (tmp_path / "license.toml").write_text("license = 3", encoding="utf-8")
    with pytest.raises(UsageError, match="short text"):
        read_folder(tmp_path)
    (tmp_path / "license.toml").unlink()
    with pytest.raises(InputError, match="no weights are in it"):
        _ = read_folder(tmp_path).weights
