"""The attack list of enrolment: each is tried with real recordings, and refused with its own reason.

Who speaks is judged by resemblyzer and what is said by pocketsphinx, neither of which is ours; flite's voices rms and
slt stand for two people.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pytest
import soundfile

from consent import ConsentRefusedError, Permit, Use, WeightsRef
from consent.engines import Engines
from consent.spoken import SpokenAnswer
from tests.support import person
from voicekit.engines.base import SpeechParams
from voicekit.engines.house import HouseEngine
from voicekit.engines.voices import MODEL_FOLDER, VoiceInfo
from voicekit.enrol import adapt, builder
from voicekit.enrol.checks import UnfitError
from voicekit.score import Lyric, Meter, Note, Part, Score, Tempo, TempoMap
from voicekit.studio import EnrolOptions, NarrateOptions, Studio
from voicekit.studio import enrolment as enrolment_module
from voicekit.studio.enrolled import enrolled_voices, open_enrolled, open_vault
from voicekit.studio.enrolment import operands_of

CLIP = NarrateOptions(profile="clip", formats=("wav",))
NOTES = (Note(F(0), F(1), 60.0, Lyric("la")),)
SCORE = Score((Part("one", NOTES),), TempoMap([Tempo(F(0), 120)]), (Meter(F(0), 4, 4),), title="A")


def refuses(reason: str) -> Any:
    return pytest.raises(ConsentRefusedError, match=rf"^{reason}:")


@pytest.fixture(scope="module")
def engines() -> Engines:
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("resemblyzer")
    from voicekit.evaluate.spoken import make_recogniser, make_speaker_check

    return Engines(make_recogniser(), make_speaker_check())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, engines: Engines) -> None:
    monkeypatch.setattr(adapt, "STEPS", 10)
    monkeypatch.setattr(builder, "STEPS", 10)
    monkeypatch.setattr(enrolment_module, "find_engines", lambda: engines)


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("rms"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("slt"), "slt", stem="other")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio.create(tmp_path / "studio", "Test Operator") as made:
        yield made


def options(takes: list[Path], **changes: Any) -> EnrolOptions:
    return EnrolOptions(transcript=person.transcript(takes[0].parent, takes), measure=False, **changes)


def enrolled(studio: Studio, takes: list[Path]) -> str:
    grant = person.give(studio, takes)
    studio.enrol("ada", takes, grant=grant, options=options(takes))
    return grant


def read_aloud(text: str, path: Path, voice: str = "rms") -> Path:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
    return path


def no_voice(studio: Studio) -> None:
    assert not enrolled_voices(studio.ledger) and not studio.ledger.enrolments()
    assert not list((studio.folder / "ledger").glob("vault/*.sealed"))


# whose recordings, whose word


def test_somebody_elses_recording(
    studio: Studio, takes: list[Path], others: list[Path], engines: Engines, tmp_path: Path
) -> None:
    """rms reads the statement; the recordings are slt's."""
    draft = person.draft(others)
    named = [{**one, "file": one["name"]} for one in draft.data["references"]]
    with_files = replace(draft, data={**draft.data, "references": named})
    challenge = studio.ledger.open_challenge(with_files)
    spoken = read_aloud(challenge.statement, tmp_path / "statement.wav")
    with refuses("speaker-mismatch"):
        studio.ledger.complete_challenge(with_files, SpokenAnswer(spoken, engines=engines))
    # An operator who leaves the check of the voice out gets a grant of a lower tier, and is refused here.
    unchecked = SpokenAnswer(spoken, challenge.id, Engines(engines.recogniser))
    grant = studio.ledger.complete_challenge(with_files, unchecked)
    with refuses("speaker-mismatch"):
        studio.enrol("ada", others, grant=grant, options=options(others, statement=spoken))
    no_voice(studio)


def test_another_persons_recording_among_ones_own(studio: Studio, takes: list[Path], others: list[Path]) -> None:
    mixed = [*takes[:4], *others[:2]]
    texts = (*person.SENTENCES[:4], *person.SENTENCES[:2])
    grant = person.give(studio, mixed)
    given = EnrolOptions(transcript=person.transcript(takes[0].parent, mixed, texts), measure=False)
    with pytest.raises(UnfitError, match="is not like the others") as caught:
        studio.enrol("ada", mixed, grant=grant, options=given)
    assert caught.value.reason == "several-speakers"
    no_voice(studio)


def test_a_statement_from_before_and_other_words(
    studio: Studio, takes: list[Path], engines: Engines, tmp_path: Path
) -> None:
    draft = person.draft(takes)
    old = studio.ledger.open_challenge(draft)
    recording = read_aloud(old.statement, tmp_path / "old.wav")
    only_words = Engines(engines.recogniser)
    studio.ledger.complete_challenge(draft, SpokenAnswer(recording, old.id, only_words))
    with refuses("challenge-used"):
        studio.ledger.complete_challenge(draft, SpokenAnswer(recording, old.id, only_words))
    wide = person.draft(takes, scope={"modes": ["speech", "singing"]})
    new = studio.ledger.open_challenge(wide)
    with refuses("challenge-mismatch"):
        studio.ledger.complete_challenge(wide, SpokenAnswer(recording, new.id, only_words))
    wrong = new.statement.rsplit(":", 1)[0] + ": window, table, orange, garden, yellow, river."
    with refuses("challenge-mismatch"):
        answer = SpokenAnswer(read_aloud(wrong, tmp_path / "wrong.wav"), new.id, only_words)
        studio.ledger.complete_challenge(wide, answer)


def test_another_statement_than_the_grants(studio: Studio, takes: list[Path], engines: Engines, tmp_path: Path) -> None:
    draft = person.draft(takes)
    challenge = studio.ledger.open_challenge(draft)
    spoken = read_aloud(challenge.statement, tmp_path / "statement.wav")
    answer = SpokenAnswer(spoken, challenge.id, Engines(engines.recogniser))
    grant = studio.ledger.complete_challenge(draft, answer)
    with refuses("challenge-mismatch"):
        studio.enrol("ada", takes, grant=grant, options=options(takes, statement=takes[0]))
    no_voice(studio)


def test_a_synthetic_recording(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    enrolled(studio, takes)
    take = studio.narrate(" ".join(person.SENTENCES), voice="ada", out=tmp_path / "out", options=CLIP)
    with refuses("reference-synthetic"):  # by its hash
        person.give(studio, [take.path], voice="eve")
    copy = tmp_path / "copy.wav"  # other samples, the tags left in
    data = bytearray(take.path.read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(bytes(data))
    grant = person.give(studio, [copy], voice="eve")
    with refuses("reference-synthetic"):
        studio.enrol("eve", [copy], grant=grant, options=EnrolOptions(measure=False))


def test_a_detector_of_ones_own_is_asked(studio: Studio, takes: list[Path]) -> None:
    grant = person.give(studio, takes)
    studio.ledger.reference_detectors = (lambda data: "it carries our watermark",)
    with pytest.raises(ConsentRefusedError, match="our watermark"):
        studio.enrol("ada", takes, grant=grant, options=options(takes))
    no_voice(studio)


def test_a_recording_exchanged_after_consent(
    studio: Studio, takes: list[Path], others: list[Path], tmp_path: Path
) -> None:
    grant = person.give(studio, takes)
    swapped = tmp_path / takes[0].name
    shutil.copy(others[0], swapped)
    with refuses("reference-mismatch"):
        studio.enrol("ada", [swapped, *takes[1:]], grant=grant, options=options(takes))
    longer = tmp_path / takes[1].name  # the right one, cut
    samples, rate = soundfile.read(takes[1])
    soundfile.write(longer, samples[: len(samples) // 2], rate)
    with refuses("reference-mismatch"):
        studio.enrol("ada", [takes[0], longer], grant=grant, options=options(takes))
    no_voice(studio)


# what was built


def test_an_edited_embedding(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    grant = enrolled(studio, takes)
    vault = open_vault(studio.ledger)
    with refuses("weights-mismatch"):
        vault.seal("ada", {"ada.voice.safetensors": b"another timbre"}, grant)
    path = next(item.path for item in vault.list() if "ada.voice.safetensors" in item.files)
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(bytes(data))
    with refuses("seal-broken"):
        studio.narrate("One two.", voice="ada", out=tmp_path / "out", options=CLIP)
    assert not list((tmp_path / "out").rglob("*.wav"))


def test_an_embedding_of_one_under_the_grant_of_another(studio: Studio, takes: list[Path], others: list[Path]) -> None:
    enrolled(studio, takes)
    (entry,) = (item for _digest, item in studio.ledger.enrolments("ada"))
    grant = person.give(studio, others, voice="eve")
    made = studio.ledger.add_enrolment(
        grant,
        method="embedding",
        references=[str(one["file_sha256"]) for one in person.draft(others).data["references"]],
        base=entry.base,
        derived=[WeightsRef("eve.voice.safetensors", "e" * 64, "CC-BY-4.0")],
    )
    assert made
    with refuses("weights-mismatch"):
        use = Use("speech", "audiobook", seconds=1)
        (voice,) = enrolled_voices(studio.ledger)
        studio.ledger.request(
            use, voice="eve", operands=operands_of(voice), params_sha256="0" * 64, text_commit="0" * 64
        )


def unsealed(studio: Studio) -> bytes:
    """The plaintext, as a program with a permit gets it."""
    (voice,) = enrolled_voices(studio.ledger)
    permit = allowed(studio)
    with open_vault(studio.ledger).unseal(permit, "ada") as files:
        (data,) = (bytes(value) for value in files.values())
    studio.ledger.abort(permit, "test")
    assert voice.entry.derived[0].name == "ada.voice.safetensors"
    return data


def allowed(studio: Studio) -> Permit:
    (voice,) = (one for one in enrolled_voices(studio.ledger) if one.name == "ada")
    use = Use("speech", "audiobook", seconds=1)
    return studio.ledger.request(
        use, voice="ada", operands=operands_of(voice), params_sha256="0" * 64, text_commit="0" * 64
    )


def test_an_unsealed_copy(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    """Somebody kept the plaintext, and lays it where a house voice lies."""
    grant = enrolled(studio, takes)
    folder = tmp_path / "voices" / "copy"
    folder.mkdir(parents=True)
    (folder / "voice.safetensors").write_bytes(unsealed(studio))
    shutil.copytree(MODEL_FOLDER, folder.parent / "_model")
    engine = HouseEngine(VoiceInfo("copy", folder, {}))
    name = next(voice.name for voice in studio.voices() if voice.shipped)
    studio.adopt_house_voice(name)
    with refuses("weights-mismatch"):
        studio.ledger.request(
            Use("speech", "audiobook", seconds=1), voice=name, operands=engine.operands, params_sha256="0" * 64,
            text_commit="0" * 64,
        )  # fmt: skip
    shut = open_enrolled(studio.ledger, enrolled_voices(studio.ledger)[0])
    permit = allowed(studio)
    studio.ledger.revoke(grant, key=person.SPEAKER)
    with refuses("revoked"):  # a permit from before does not open what was shut
        shut.speak(permit, "one two", SpeechParams())
    with refuses("revoked"):
        studio.ledger.request(
            Use("speech", "audiobook", seconds=1), voice="ada", operands=engine.operands, params_sha256="0" * 64,
            text_commit="0" * 64,
        )  # fmt: skip


def test_an_engine_without_a_permit_for_it(studio: Studio, takes: list[Path]) -> None:
    enrolled(studio, takes)
    (voice,) = enrolled_voices(studio.ledger)
    engine: Any = open_enrolled(studio.ledger, voice)
    assert not hasattr(engine, "embedding") and not hasattr(engine, "acoustic")
    house = next(one.name for one in studio.voices() if one.shipped)
    studio.adopt_house_voice(house)
    other = studio._voices.open_engine(house)
    permit = studio.ledger.request(
        Use("speech", "audiobook", seconds=1), voice=house, operands=tuple(other.operands), params_sha256="0" * 64,
        text_commit="0" * 64,
    )  # fmt: skip
    for act in (engine.speak, engine.sing):
        with pytest.raises(ConsentRefusedError):
            act(permit, "one", SpeechParams())
    with pytest.raises(ConsentRefusedError):
        next(engine.stream(permit, "one", SpeechParams()))
    assert not hasattr(engine, "embedding")


def test_a_grant_for_speech_does_not_sing(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    enrolled(studio, takes)
    with refuses("mode-not-granted"):
        studio.sing(SCORE, voice="ada", out=tmp_path / "song")
    assert not list((tmp_path / "song").rglob("*.wav"))
    engine: Any = open_enrolled(studio.ledger, enrolled_voices(studio.ledger)[0])
    permit = allowed(studio)
    with pytest.raises(ConsentRefusedError):  # nor with a permit for speech
        engine.sing(permit, None, None)
    take = takes[0]
    studio.attest_own_voice("my-own", [take])
    with refuses("mode-not-granted"):
        studio.convert(take, voice="ada", source_voice="my-own", out=tmp_path / "converted.wav")


def test_a_grant_for_singing_sings(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    grant = person.give(studio, takes, scope={"modes": ["speech", "singing"]})
    studio.enrol("ada", takes, grant=grant, options=options(takes))
    song = studio.sing(SCORE, voice="ada", out=tmp_path / "song")
    assert [part.voice for part in song.parts] == ["ada"]
