"""A person whom a coqui model learns: their grant, their recordings, the vault, and every way round them, tried.

Models are small, with random weights; the person is flite, who has consented to anything.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from consent import ConsentRefusedError, Use, verify_file
from consent.engines import Engines
from tests.support import coqui_models, person
from tests.support.tone import ToneHouse, audio_bytes, make_voice
from voicekit.audio import read_audio
from voicekit.errors import UsageError
from voicekit.pipelines import SpeechChoice
from voicekit.studio import ConvertOptions, EnrolOptions, NarrateOptions, Studio
from voicekit.studio import enrolment as enrolment_module

coqui_models.need_coqui()

CLIP = NarrateOptions(formats=("wav",), profile="clip")
ALL = {"modes": ["speech", "conversion"]}
NC = coqui_models.TERMS.replace("Apache-2.0", "LicenseRef-CPML")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def xtts(models: Path) -> Path:
    return coqui_models.xtts(models / "xtts", NC)


@pytest.fixture
def takes(tmp_path: Path) -> list[Path]:
    return person.say(tmp_path / "takes")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(enrolment_module, "find_engines", Engines)
    house = ToneHouse(make_voice(tmp_path / "voice"))
    with Studio.create(tmp_path / "studio", "Test Operator", voices=house.source()) as opened:
        yield opened


def enrol(studio: Studio, takes: list[Path], model: Path, **changes: object) -> str:
    grant = person.give(studio, takes, **({"scope": ALL} | changes))  # type: ignore[arg-type]
    studio.enrol("ada", takes, grant=grant, engine=f"coqui:{model}", options=EnrolOptions())
    return grant


def refused(studio: Studio, out: Path, reason: str, options: NarrateOptions = CLIP) -> str:
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate("The rain fell.", voice="ada", out=out, options=options)
    assert caught.value.reason == reason
    assert audio_bytes(out) == {}
    return str(caught.value)


def test_without_the_persons_grant_nothing_is_learnt(studio: Studio, takes: list[Path], xtts: Path) -> None:
    engine = f"coqui:{xtts}"
    with pytest.raises(UsageError, match="comes without speakers"):
        studio.adopt_model_voice("ada", engine=engine)
    for changes, reason in (({"adaptation": ""}, "adaptation-not-granted"), ({}, "reference-mismatch")):
        named = takes if "adaptation" in changes else takes[:3]
        grant = person.give(studio, named, **changes)
        with pytest.raises(ConsentRefusedError) as caught:
            studio.enrol("ada", takes, grant=grant, engine=engine)
        assert caught.value.reason == reason
    other = [{"name": "model.pth", "sha256": "0" * 64, "license": "MIT"}]
    grant = person.give(studio, takes, weights=other)
    with pytest.raises(ConsentRefusedError) as caught:
        studio.enrol("ada", takes, grant=grant, engine=engine)
    assert caught.value.reason == "weights-mismatch"  # the person named the model, and it is another
    assert "ada" not in {one.name for one in studio.voices()}


def test_a_person_narrates_within_their_grant_and_not_after_it(
    studio: Studio, takes: list[Path], xtts: Path, tmp_path: Path
) -> None:
    grant = enrol(studio, takes, xtts)
    take = studio.narrate("The rain fell.", voice="ada", out=tmp_path / "out", options=CLIP)
    verification = verify_file(take.path)
    assert verification.ok, verification.text()
    assert (verification.voice, verification.basis) == ("ada", "consent")
    assert take.receipt is not None
    files = {one.name for one in take.receipt.operands}
    assert files == {"ada.coqui.safetensors", "config.json", "model.pth", "vocab.json"}
    assert "LicenseRef-CPML" in refused(studio, tmp_path / "sold", "weights-licence", NarrateOptions(commercial=True))
    # nothing of the person lies in the open, and nobody opens it without a permit
    sealed = b"".join(path.read_bytes() for path in studio.folder.rglob("*") if path.is_file())
    assert b"gpt_conditioning_latents" not in sealed
    engine = studio._voices.open_engine("ada")
    with pytest.raises((AttributeError, ConsentRefusedError)):
        engine.speak(None, "hello", studio._voices.make_params(SpeechChoice()))
    assert engine._known() == {}
    studio.ledger.revoke(grant, key=person.SPEAKER)
    with pytest.raises(ConsentRefusedError) as caught:
        studio.narrate("The rain fell again.", voice="ada", out=tmp_path / "late", options=CLIP)
    assert caught.value.reason == "revoked" and not (tmp_path / "late").exists()


def test_an_exchanged_model_and_another_persons_permit_are_refused(
    studio: Studio, takes: list[Path], xtts: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(xtts, tmp_path / "xtts"))
    enrol(studio, takes, model)
    engine = studio._voices.open_engine("ada")
    grant = person.give(studio, takes, voice="bea", scope=ALL)
    studio.enrol("bea", takes, grant=grant, engine=f"coqui:{model}")
    bea = studio._voices.open_engine("bea")
    use = Use("speech", "audiobook", False, ("en",), ("001",), "x", 5)
    permit = studio.ledger.request(
        use, voice="bea", operands=tuple(bea.operands), params_sha256="0" * 64,
        text_commit=studio.ledger.commit_text("x"), text="x",
    )  # fmt: skip
    with pytest.raises(ConsentRefusedError):
        engine.speak(permit, "hello", studio._voices.make_params(SpeechChoice()))
    coqui_models.edit(model, temperature=0.1)
    refused(studio, tmp_path / "out", "weights-mismatch")


@pytest.mark.parametrize("family", ["freevc", "knnvc", "openvoice"])
def test_a_take_is_converted_into_a_person(
    studio: Studio, takes: list[Path], models: Path, tmp_path: Path, family: str
) -> None:
    model = getattr(coqui_models, family)(models / family)
    enrol(studio, takes, model)
    (guide,) = person.say(tmp_path / "guide", "slt", ("The night was dark and still.",), "guide")
    with pytest.raises(ConsentRefusedError) as caught:
        studio.convert(guide, voice="ada", out=tmp_path / "no.wav")
    assert caught.value.reason == "no-grant"  # whose take is it?
    studio.attest_own_voice("my-own", [guide])
    with pytest.raises(ConsentRefusedError) as caught:
        studio.convert(guide, voice="ada", out=tmp_path / "no.wav")
    assert caught.value.reason == "weights-mismatch"  # the attestation lets our encoder listen, not this converter
    studio.attest_own_voice("my-own", [guide], engine=f"coqui:{model}")
    made = studio.convert(guide, voice="ada", out=tmp_path / "yes.wav", options=ConvertOptions(transpose=-2.0))
    for proof in (made.proof, made.source_proof):
        assert proof.exists()
    verification = verify_file(made.path)
    assert verification.ok, verification.text()
    assert verification.voice == "ada" and made.source_voice == "my-own"
    sound, heard = made.audio, read_audio(guide)
    assert abs(len(sound.samples) / sound.sample_rate - len(heard.samples) / heard.sample_rate) < 0.01
    assert np.abs(sound.samples).max() > 0.01
    assert not (tmp_path / "no.wav").exists()
    with pytest.raises(UsageError, match="converts takes and speaks no text"):
        studio.narrate("The rain fell.", voice="ada", out=tmp_path / "out", options=CLIP)
    with pytest.raises(UsageError, match="no recordings to take neighbours from"):
        studio.convert(guide, voice="ada", out=tmp_path / "no.wav", options=ConvertOptions(neighbours=4))
