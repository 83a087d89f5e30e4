"""The house voices as shipped: only with a permit, the same bytes for the same seed, pitch and pace as commanded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import parselmouth
import pytest
import torch

from consent import ConsentRefusedError, Ledger, Permit, PublicKey, Use
from voicekit.engines import list_voices, load_voice, open_engine, release_keys
from voicekit.engines.base import SpeechParams
from voicekit.engines.house import HouseEngine
from voicekit.engines.voices import DEFAULT_VOICE
from voicekit.errors import InputError, UsageError

VOICES = [voice.name for voice in list_voices()]
RESULTS = Path(__file__).resolve().parents[2] / "bench" / "results" / "intelligibility.json"
CENTS_TOL = 15.0


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("engine-ledger")
    with Ledger.init(folder / "ledger", operator_name="test", sidecar=folder / "sidecar") as made:
        for name in VOICES:
            keys = [PublicKey.from_did(did) for did in release_keys()]
            made.grant_house_voice(made.add_record(load_voice(name).record, release_keys=keys))
        yield made


@pytest.fixture(scope="module")
def engines() -> dict[str, HouseEngine]:
    return {name: open_engine(name) for name in VOICES}  # type: ignore[misc]


def permit_for(ledger: Ledger, engine: HouseEngine, mode: str = "speech") -> Permit:
    return ledger.request(
        Use(mode=mode, purpose="test", seconds=30),
        voice=engine.voice,
        operands=engine.operands,
        params_sha256="0" * 64,
        text_commit=ledger.commit_text("test"),
    )


def heard_f0(samples: np.ndarray) -> parselmouth.Pitch:
    return parselmouth.Sound(samples.astype(np.float64), 24_000).to_pitch_ac(pitch_floor=40, pitch_ceiling=700)


def test_six_voices_are_shipped_and_they_are_small() -> None:
    assert len(VOICES) >= 6
    files = {path for name in VOICES for path in load_voice(name).weights}
    assert sum(path.stat().st_size for path in files) <= 40 * 1024 * 1024


def test_no_reader_can_be_spoken_as_from_the_shipped_weights(engines: dict[str, HouseEngine]) -> None:
    for engine in engines.values():
        assert engine.acoustic.speakers.weight.numel() == 0


@pytest.mark.parametrize("name", VOICES)
def test_the_same_seed_gives_the_same_samples(ledger: Ledger, engines: dict[str, HouseEngine], name: str) -> None:
    engine = engines[name]
    permit = permit_for(ledger, engine)
    first = engine.speak(permit, "The wind went round the house.", SpeechParams(seed=3))
    again = engine.speak(permit, "The wind went round the house.", SpeechParams(seed=3))
    other = engine.speak(permit, "The wind went round the house.", SpeechParams(seed=4))
    assert np.array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)
    assert first.sample_rate == 24_000 and first.samples.dtype == np.float32
    assert 0.9 < len(first.samples) / 24_000 < 4.0
    assert 0.02 < np.sqrt(np.mean(first.samples**2)) < 0.3


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("semitones", [-12.0, -5.0, 7.0, 12.0])
def test_the_pitch_moves_by_what_was_commanded(
    ledger: Ledger, engines: dict[str, HouseEngine], voice: str, semitones: float
) -> None:
    engine = engines[voice]
    permit = permit_for(ledger, engine)
    text = "Many a man lay alone on the warm yellow moorland."  # nearly all voiced
    plain = heard_f0(engine.speak(permit, text, SpeechParams()).samples)
    moved = heard_f0(engine.speak(permit, text, SpeechParams(pitch_semitones=semitones)).samples)
    times = np.arange(0.2, 2.0, 0.01)  # the same moments: which frames count as voiced changes with the pitch
    cents = [1200 * np.log2(moved.get_value_at_time(t) / plain.get_value_at_time(t)) for t in times]
    assert np.isfinite(cents).sum() > 0.6 * len(times)
    assert abs(np.nanmedian(cents) - 100 * semitones) < CENTS_TOL


def test_twice_the_rate_is_about_half_the_time(ledger: Ledger, engines: dict[str, HouseEngine]) -> None:
    engine = engines[VOICES[0]]
    permit = permit_for(ledger, engine)
    text = "They walked along the wall, and nobody said a word about the boat."
    slow = len(engine.speak(permit, text, SpeechParams(rate=0.7)).samples)
    fast = len(engine.speak(permit, text, SpeechParams(rate=1.4)).samples)
    assert slow / fast == pytest.approx(2.0, rel=0.2)


def test_a_question_ends_higher_than_a_statement(ledger: Ledger, engines: dict[str, HouseEngine]) -> None:
    engine = engines[VOICES[0]]
    permit = permit_for(ledger, engine)

    def last_pitch(text: str) -> float:
        wave = engine.speak(permit, text, SpeechParams()).samples.astype(np.float64)
        heard = parselmouth.Sound(wave, 24_000).to_pitch_ac(pitch_floor=50, pitch_ceiling=500)
        voiced = heard.selected_array["frequency"]
        return float(np.median(voiced[voiced > 0][-8:]))

    assert 12 * np.log2(last_pitch("You will come along?") / last_pitch("You will come along.")) > 2.0  # semitones


def test_a_very_long_sentence_is_spoken_whole(ledger: Ledger, engines: dict[str, HouseEngine]) -> None:
    engine = engines[VOICES[0]]
    permit = permit_for(ledger, engine)
    text = "and the river ran on " * 60
    made = engine.speak(permit, text, SpeechParams())
    assert len(made.samples) / 24_000 > 40


@pytest.mark.parametrize("text", ["", "...", "— , —", "《》"])
def test_what_cannot_be_spoken_is_refused_with_a_remedy(
    ledger: Ledger, engines: dict[str, HouseEngine], text: str
) -> None:
    engine = engines[VOICES[0]]
    with pytest.raises(InputError, match="pronounced"):
        engine.speak(permit_for(ledger, engine), text, SpeechParams())


def test_an_engine_speaks_for_its_own_permit_alone(ledger: Ledger, engines: dict[str, HouseEngine]) -> None:
    first, second = engines[VOICES[0]], engines[VOICES[1]]
    with pytest.raises(ConsentRefusedError) as refused:
        second.speak(permit_for(ledger, first), "Hello.", SpeechParams())
    assert refused.value.reason == "weights-mismatch"
    with pytest.raises(ConsentRefusedError) as refused:
        first.speak(permit_for(ledger, first, mode="singing"), "Hello.", SpeechParams())
    assert refused.value.reason == "mode-not-granted"
    used = permit_for(ledger, first)
    ledger.abort(used, "cancelled")
    with pytest.raises(ConsentRefusedError):
        first.speak(used, "Hello.", SpeechParams())


def test_one_byte_of_the_weights_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    import dataclasses
    import shutil

    info = load_voice(VOICES[0])
    shutil.copytree(info.folder.parent, tmp_path / "voices")
    target = tmp_path / "voices" / "_model" / "vocoder.safetensors"
    data = bytearray(target.read_bytes())
    data[-5] ^= 1
    target.write_bytes(bytes(data))
    changed = HouseEngine(dataclasses.replace(info, folder=tmp_path / "voices" / info.name))
    with pytest.raises(ConsentRefusedError) as refused:
        permit_for(ledger, changed)
    assert refused.value.reason == "weights-mismatch"


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    import dataclasses
    import shutil

    info = load_voice(VOICES[0])
    shutil.copytree(info.folder.parent, tmp_path / "voices")
    (tmp_path / "voices" / info.name / "voice.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(InputError, match=r"voice\.safetensors"):
        HouseEngine(dataclasses.replace(info, folder=tmp_path / "voices" / info.name))


def test_rates_and_shifts_out_of_range_and_unknown_voices_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="rate"):
        SpeechParams(rate=9.0)
    with pytest.raises(UsageError, match="semitones"):
        SpeechParams(pitch_semitones=60)
    with pytest.raises(UsageError, match=VOICES[0]):
        open_engine("nobody-of-that-name")


@pytest.mark.parametrize("name", VOICES)
def test_a_recogniser_understands_each_voice(ledger: Ledger, engines: dict[str, HouseEngine], name: str) -> None:
    """Loose on purpose (the bench measures): at least half the words of three sentences, by pocketsphinx."""
    pytest.importorskip("pocketsphinx", reason="the recogniser is in the test extra")
    from voicekit.evaluate.recogniser import Recogniser
    from voicekit.evaluate.words import count_word_errors, plain_words

    engine = engines[name]
    permit = permit_for(ledger, engine)
    recogniser = Recogniser()
    texts = (
        "The boy was there when the sun rose.",
        "Two blue fish swam in the tank.",
        "Four hours of steady work faced us.",
    )
    found = [
        count_word_errors(plain_words(t), plain_words(recogniser.hear(engine.speak(permit, t, SpeechParams()))))
        for t in texts
    ]
    assert sum(f.errors for f in found) / sum(f.words for f in found) < 0.5


def test_calm_lowers_what_is_near_silence_and_nothing_else() -> None:
    from voicekit.engines.house import CALM_LEVEL, calm

    level = torch.tensor([-1.5, -4.4, -5.5, -8.0])
    envelope = level[None, :, None].expand(1, 4, 80).clone()  # flat: each frame's level is its value
    made = calm(envelope, 1.0)[0, :, 0]
    assert torch.equal(made[:2], level[:2])
    assert torch.allclose(made[2:], 2 * level[2:] - CALM_LEVEL, atol=1e-5)
    assert torch.equal(calm(envelope, 0.0), envelope)


def test_the_default_voice_stands_first_and_is_the_one_understood_best() -> None:
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))["results"]["voices"]
    errors = {name: measured[f"voicekit {name}"]["wer"] for name in VOICES}
    assert VOICES[0] == DEFAULT_VOICE == min(errors, key=errors.__getitem__)
    assert VOICES[1:] == sorted(VOICES[1:])
