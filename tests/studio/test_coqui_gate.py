"""Voices of coqui models: every way around the gate, tried, and then the way through it.

The models are real ones of coqui's own classes, made small here with random weights and loaded by coqui's own code.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from consent import ConsentRefusedError, Use, verify_file
from tests.support import coqui_models
from tests.support.tone import ToneHouse, audio_bytes, make_voice
from voicekit.errors import InputError, UsageError
from voicekit.pipelines import SpeechChoice
from voicekit.studio import ModelTerms, NarrateOptions, Studio

coqui_models.need_coqui()

TEXT = "The rain fell. Nobody was on the road."
CLIP = NarrateOptions(formats=("wav",), profile="clip")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coqui_models.vits(tmp_path_factory.mktemp("made") / "vits")


@pytest.fixture
def model(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "vits"))


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    house = ToneHouse(make_voice(tmp_path / "voice"))
    with Studio.create(tmp_path / "studio", "Test Operator", voices=house.source()) as opened:
        yield opened


def adopt(studio: Studio, model: Path, name: str = "reader", speaker: str = "p226") -> None:
    studio.adopt_model_voice(name, engine=f"coqui:{model}", speaker=speaker)


def refused(studio: Studio, out: Path, reason: str, **options: object) -> str:
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate(TEXT, voice="reader", out=out, options=dataclasses.replace(CLIP, **options))  # type: ignore[arg-type]
    assert caught.value.reason == reason
    assert audio_bytes(out) == {}
    return str(caught.value)


def test_without_a_permit_nothing_sounds(studio: Studio, model: Path) -> None:
    adopt(studio, model)
    engine = studio._voices.open_engine("reader")
    params = studio._voices.make_params(SpeechChoice())
    use = Use("speech", "audiobook", False, ("en",), ("001",), "x", 5)

    def permit() -> object:
        return studio.ledger.request(
            use, voice="reader", operands=tuple(engine.operands), params_sha256="0" * 64,
            text_commit=studio.ledger.commit_text("x"), text="x",
        )  # fmt: skip

    with pytest.raises((AttributeError, TypeError, ConsentRefusedError)):
        engine.speak(None, "hello", params)
    used = permit()
    studio.ledger.abort(used, "test")
    with pytest.raises(ConsentRefusedError, match="used"):
        engine.speak(used, "hello", params)
    # a permit for one speaker of a model opens no other speaker of the same files
    adopt(studio, model, "other", "p225")
    with pytest.raises(ConsentRefusedError, match="weights-mismatch"):
        studio._voices.open_engine("other").speak(permit(), "hello", params)
    assert len(engine.speak(permit(), "hello", params).samples) > 0


def test_without_a_grant_nothing_is_made(studio: Studio, model: Path, tmp_path: Path) -> None:
    adopt(studio, model)
    studio.ledger.revoke(studio.grants("reader")[0].id)
    refused(studio, tmp_path / "out", "revoked")


@pytest.mark.parametrize("file", ["model_file.pth", "config.json"])
def test_exchanged_files_of_the_model_are_refused(studio: Studio, model: Path, tmp_path: Path, file: str) -> None:
    adopt(studio, model)
    if file == "config.json":
        coqui_models.edit(model, run_name="another")
    else:
        shutil.copy(coqui_models.vits(tmp_path / "other", seed=1) / file, model / file)
    refused(studio, tmp_path / "out", "weights-mismatch")


def test_another_speaker_of_the_same_model_is_refused(studio: Studio, model: Path, tmp_path: Path) -> None:
    adopt(studio, model)
    path = studio.folder / "coqui" / "reader.voice.json"
    path.write_text(path.read_text(encoding="utf-8").replace("p226", "p225"), encoding="utf-8")
    refused(studio, tmp_path / "out", "weights-mismatch")


def test_a_freer_licence_written_in_afterwards_is_refused(studio: Studio, model: Path, tmp_path: Path) -> None:
    (model / "license.toml").write_text(coqui_models.TERMS.replace("Apache-2.0", "CC-BY-NC-4.0"), encoding="utf-8")
    adopt(studio, model)
    assert "CC-BY-NC-4.0" in refused(studio, tmp_path / "out", "weights-licence", commercial=True)
    path = studio.folder / "coqui" / "reader.voice.json"
    path.write_text(path.read_text(encoding="utf-8").replace("CC-BY-NC-4.0", "Apache-2.0"), encoding="utf-8")
    assert "not Apache-2.0" in refused(studio, tmp_path / "out", "weights-licence", commercial=True)
    refused(studio, tmp_path / "out", "weights-licence")


def test_another_model_named_for_the_voice_is_refused(studio: Studio, model: Path, tmp_path: Path) -> None:
    adopt(studio, model)
    other = coqui_models.vits(tmp_path / "other", seed=1)
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate(TEXT, voice="reader", out=tmp_path / "out", options=CLIP, engine=f"coqui:{other}")
    assert caught.value.reason == "weights-mismatch"


def test_a_house_voice_is_not_passed_to_a_model_nor_the_other_way(studio: Studio, model: Path, tmp_path: Path) -> None:
    adopt(studio, model)
    with pytest.raises(UsageError, match="no voice of a coqui model"):
        studio.narrate(TEXT, voice="tone", out=tmp_path / "out", engine=f"coqui:{model}")
    with pytest.raises(UsageError, match="voice of a coqui model"):
        studio.narrate(TEXT, voice="reader", out=tmp_path / "out", engine="house")
    with pytest.raises(UsageError, match="another voice"):
        studio.adopt_model_voice("tone", engine=f"coqui:{model}", speaker="p225")
    with pytest.raises(UsageError, match="no engine"):
        studio.narrate(TEXT, voice="reader", out=tmp_path / "out", engine="festival")


def test_a_configuration_cannot_reach_files_that_were_not_hashed(studio: Studio, model: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text('{"p225": 0, "p226": 1, "p227": 2}', encoding="utf-8")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["speakers"] = []
    config["model_args"]["speakers_file"] = str(tmp_path / "outside.json")
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match=r"outside\.json is not among the model's files"):
        adopt(studio, model)
    shutil.copy(tmp_path / "outside.json", model / "outside.json")
    adopt(studio, model)
    grant = studio.ledger.grant_statement(studio.grants("reader")[0].id)
    assert {one.name for one in grant.weights} == {"config.json", "model_file.pth", "outside.json", "reader.voice.json"}


def test_a_program_in_the_weights_is_not_run(studio: Studio, model: Path, tmp_path: Path) -> None:
    import torch

    mark = tmp_path / "mark"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (mark,))

    torch.save({"model": Bomb()}, model / "model_file.pth")
    torch.load(model / "model_file.pth", weights_only=False)
    assert mark.exists()  # no dud
    mark.unlink()
    with pytest.raises(InputError, match="coqui cannot load it"):
        adopt(studio, model)
    assert not mark.exists()
    coqui_models.edit(model, model="bark")
    with pytest.raises(InputError, match="programs"):
        adopt(studio, model)


def test_whose_recordings_they_are_must_be_said(studio: Studio, model: Path, tmp_path: Path) -> None:
    (model / "license.toml").unlink()
    with pytest.raises(UsageError, match="whose recordings"):
        adopt(studio, model)
    terms = ModelTerms(recordings="a friend who reads")
    studio.adopt_model_voice("reader", engine=f"coqui:{model}", speaker="p226", terms=terms)
    assert "LicenseRef-unstated" in refused(studio, tmp_path / "out", "weights-licence", commercial=True)
    assert studio.narrate(TEXT, voice="reader", out=tmp_path / "private", options=CLIP).path.exists()


def test_a_narration_goes_through_the_gate_and_verifies(studio: Studio, model: Path, tmp_path: Path) -> None:
    adopt(studio, model)
    take = studio.narrate(TEXT, voice="reader", out=tmp_path / "out", options=CLIP, engine=f"coqui:{model}")
    verification = verify_file(take.path)
    assert verification.ok, verification.text()
    assert (verification.voice, verification.basis) == ("reader", "dedication")
    assert take.receipt is not None
    receipt = {one.name: one.license for one in take.receipt.operands}
    assert receipt == {
        "config.json": "Apache-2.0", "model_file.pth": "Apache-2.0", "reader.voice.json": "CC-BY-4.0",
    }  # fmt: skip
    assert take.audio.samples.std() > 0
    again = studio.narrate(TEXT, voice="reader", out=tmp_path / "again", options=CLIP)
    assert np.array_equal(take.audio.samples, again.audio.samples)
    sold = NarrateOptions(commercial=True, formats=("mp3",))
    assert verify_file(studio.narrate(TEXT, voice="reader", out=tmp_path / "sold", options=sold).path).ok


def test_a_model_of_another_language_says_it_with_its_own_sounds(studio: Studio, model: Path, tmp_path: Path) -> None:
    coqui_models.edit(model, phoneme_language="de")
    adopt(studio, model)
    assert studio.grants("reader")[0].languages == ("de",)
    refused(studio, tmp_path / "english", "language-not-granted")
    options = dataclasses.replace(CLIP, languages=("de",))
    take = studio.narrate("Der Regen fiel.", voice="reader", out=tmp_path / "out", options=options)
    assert take.notices == () and take.receipt is not None
    assert "sounds" not in dict(take.receipt.measured)


def test_adopting_twice_gives_the_same_grant_and_the_card_says_what_it_is(studio: Studio, model: Path) -> None:
    adopt(studio, model)
    adopt(studio, model)
    assert len(studio.grants("reader")) == 1
    voice = studio.voice("reader")
    assert (voice.basis, voice.shipped, voice.granted) == ("dedication", False, True)
    assert "p226" in voice.description and "readers of the test corpus" in voice.description
    with pytest.raises(UsageError, match="has no speaker p999"):
        adopt(studio, model, "nobody", "p999")
    with pytest.raises(UsageError, match="3 speakers"):
        adopt(studio, model, "nobody", "")


def test_what_it_cannot_say_is_said_clearly(studio: Studio, model: Path, tmp_path: Path) -> None:
    adopt(studio, model)
    with pytest.raises(UsageError, match="there is no model"):
        studio.narrate(TEXT, voice="reader", out=tmp_path / "out", engine="coqui:nowhere")
    shutil.rmtree(model)
    with pytest.raises(UsageError, match="there is no model"):
        studio.narrate(TEXT, voice="reader", out=tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no coqui model here"):
        studio.adopt_model_voice("other", engine=f"coqui:{tmp_path / 'empty'}")
