"""A person's voice from grant to withdrawal: enrolled, used like any other, gone when they say so."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import safetensors.torch
import soundfile

from consent import ConsentRefusedError, verify_file
from tests.support import person
from voicekit.errors import InputError, UsageError
from voicekit.studio import Cancelled, EnrolOptions, EnrolStep, NarrateOptions, Studio
from voicekit.studio.enrolled import open_vault

CLIP = NarrateOptions(profile="clip", formats=("wav",))


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("person"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    person.quick(monkeypatch, 20)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    with Studio.create(tmp_path / "studio", "Test Operator") as made:
        yield made


def options(takes: list[Path], **changes: object) -> EnrolOptions:
    return EnrolOptions(transcript=person.transcript(takes[0].parent, takes), **changes)  # type: ignore[arg-type]


def kinds(studio: Studio) -> list[str]:
    return [entry.statement.KIND for entry in studio.ledger.entries()]


def test_from_grant_to_withdrawal(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    grant = person.give(studio, takes)
    made = studio.enrol("ada", takes, grant=grant, options=options(takes))
    assert [check.ok for check in made.checks].count(False) == 0
    assert made.voice.card["tier"] == "D" and made.voice.card["grant"] == grant
    assert "ada" in {voice.name for voice in studio.voices()}
    assert not studio.voice("ada").shipped
    take = studio.narrate("The wind blew over the hills.", voice="ada", out=tmp_path / "out", options=CLIP)
    found = verify_file(take.path)
    assert found.ok, found.text()
    assert (found.voice, found.basis, found.grant) == ("ada", "consent", grant)
    assert len(studio.ledger.affected(grant)) == 1
    studio.ledger.revoke(grant, key=person.SPEAKER)
    with pytest.raises(ConsentRefusedError, match=r"^revoked:"):
        studio.narrate("Again.", voice="ada", out=tmp_path / "out2", options=CLIP)
    assert "ada" not in {voice.name for voice in studio.voices()}
    assert not list((studio.folder / "ledger" / "vault").glob("*.sealed"))
    erased = [entry.statement.reason for entry in studio.ledger.entries(("erasure",))]
    assert erased == ["enrolment-finished", "delete-voice"]
    assert verify_file(take.path).ok  # what was made before stays provable; the account names it


def test_two_voices_do_not_sound_the_same(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    """The embedding does something: the same words differ from a house voice's in the same studio."""
    studio.enrol("ada", takes, grant=person.give(studio, takes), options=options(takes))
    studio.adopt_house_voice("rowan" if "rowan" in {v.name for v in studio.voices()} else studio.voices()[0].name)
    name = next(voice.name for voice in studio.voices() if voice.granted and voice.shipped)
    sounds = []
    for voice in ("ada", name):
        take = studio.narrate("One two three.", voice=voice, out=tmp_path / voice, options=CLIP)
        sounds.append(soundfile.read(take.path)[0])
    assert len(sounds[0]) != len(sounds[1]) or np.abs(sounds[0] - sounds[1]).max() > 0.01


def test_a_withdrawal_stops_a_running_render_and_leaves_no_file(
    studio: Studio, takes: list[Path], tmp_path: Path
) -> None:
    grant = person.give(studio, takes)
    studio.enrol("ada", takes, grant=grant, options=options(takes))
    out = tmp_path / "out"

    def withdraw(progress: object) -> None:
        if getattr(progress, "sentence", 0) == 1 and "revocation" not in kinds(studio):
            studio.ledger.revoke(grant, key=person.SPEAKER)

    with pytest.raises(ConsentRefusedError, match=r"^revoked:"):
        studio.narrate("One two. Three four. Five six. Seven.", voice="ada", out=out, options=CLIP, progress=withdraw)
    assert "render-aborted" in kinds(studio)
    assert not [path for path in out.rglob("*") if path.suffix in (".wav", ".voiceproof")]
    assert not list(studio.takes_folder.rglob("*.flac")), "sentences of a voice that must be gone are kept"


def test_a_stopped_enrolment_goes_on(studio: Studio, takes: list[Path]) -> None:
    grant = person.give(studio, takes)
    cancel, seen = Event(), []

    def stop(step: object) -> None:
        seen.append((step.stage, step.fraction))  # type: ignore[attr-defined]
        if step.stage == "embedding" and step.fraction > 0:  # type: ignore[attr-defined]
            cancel.set()

    with pytest.raises(Cancelled):
        studio.enrol("ada", takes, grant=grant, options=options(takes), progress=stop, cancel=cancel)
    assert "enrolment" not in kinds(studio)
    (state,) = (studio.folder / "enrol").glob("*.state")
    assert state.stat().st_mode & 0o777 == 0o600
    steps: list[EnrolStep] = []
    made = studio.enrol("ada", grant=grant, options=EnrolOptions(resume=True), progress=steps.append)
    stages = [f"{step.stage} {step.fraction:.1f}" for step in steps]
    assert "embedding 0.5" not in stages and "embedding 1.0" in stages
    whole = [step.done for step in steps]
    assert whole == sorted(whole) and whole[-1] == pytest.approx(1.0), "the bar of the whole went back"
    assert "went on from what was kept" in made.notices
    assert not list((studio.folder / "enrol").iterdir())


def test_a_changed_state_is_refused(studio: Studio, takes: list[Path]) -> None:
    grant, cancel = person.give(studio, takes), Event()
    with pytest.raises(Cancelled):
        studio.enrol(
            "ada", takes, grant=grant, options=options(takes), cancel=cancel,
            progress=lambda step: cancel.set() if step.stage == "align" and step.fraction == 1 else None,
        )  # fmt: skip
    (state,) = (studio.folder / "enrol").glob("*.state")
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 1
    state.write_bytes(bytes(data))
    with pytest.raises(InputError, match="does not open"):
        studio.enrol("ada", takes, grant=grant, options=options(takes, resume=True))


def test_removed_means_removed(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    grant = person.give(studio, takes)
    studio.enrol("ada", takes, grant=grant, options=options(takes))
    assert studio.remove_voice("ada") == 2  # recordings, and what was built
    with pytest.raises(ConsentRefusedError, match=r"^voice-key-destroyed:"):
        studio.narrate("Again.", voice="ada", out=tmp_path / "out", options=CLIP)


def test_nothing_of_a_person_lies_in_plain(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    grant = person.give(studio, takes)
    studio.enrol("ada", takes, grant=grant, options=options(takes))
    pieces = secrets_of(studio, takes)
    studio.narrate("The wind blew.", voice="ada", out=tmp_path / "out", options=CLIP)
    for path in studio.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for name, piece in pieces.items():
                assert piece not in data, (path, name)


def secrets_of(studio: Studio, takes: list[Path]) -> dict[str, bytes]:
    """Bytes that must not lie anywhere: the embedding as it is sealed and as floats, samples of the recordings."""
    from consent import Use
    from voicekit.studio.enrolled import enrolled_voices
    from voicekit.studio.enrolment import operands_of

    (voice,) = enrolled_voices(studio.ledger)
    permit = studio.ledger.request(
        Use("speech", "audiobook", seconds=1), voice="ada", operands=operands_of(voice), params_sha256="0" * 64,
        text_commit="0" * 64,
    )  # fmt: skip
    with open_vault(studio.ledger).unseal(permit, "ada") as files:
        (data,) = (bytes(value) for value in files.values())
    studio.ledger.abort(permit, "test")
    embedding = safetensors.torch.load(data)["embedding"]
    samples, _rate = soundfile.read(io.BytesIO(takes[0].read_bytes()), dtype="int16")
    middle = samples[len(samples) // 2 :][:64]
    return {
        "embedding, half": embedding.numpy().tobytes()[:32],
        "embedding, float": embedding.float().numpy().tobytes()[:32],
        "embedding, double": embedding.double().numpy().tobytes()[:32],
        "samples, int16": middle.astype("<i2").tobytes(),
        "samples, float": (middle / 32768.0).astype("<f4").tobytes(),
        "file": takes[0].read_bytes()[1000:1064],
    }


def test_a_house_voices_name_is_not_taken(studio: Studio, takes: list[Path]) -> None:
    name = studio.voices()[0].name
    grant = person.give(studio, takes, voice=name)
    with pytest.raises(UsageError, match="is a house voice"):
        studio.enrol(name, takes, grant=grant, options=options(takes))


def test_an_enrolled_voice_is_not_adopted(studio: Studio, takes: list[Path]) -> None:
    studio.enrol("ada", takes, grant=person.give(studio, takes), options=options(takes))
    with pytest.raises(UsageError, match="is a person's voice"):
        studio.adopt_house_voice("ada")


def test_a_model_that_has_to_be_fetched_is_told_of(
    studio: Studio, takes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from voicekit.engines import coqui

    def fetching(place: str, *, fetch: bool = False, told: Callable[[str], None]) -> None:
        assert fetch
        told(f"fetching {place} (somewhere)")
        raise UsageError("it could not be fetched (no network)", "fetch it by hand")

    monkeypatch.setattr(coqui, "find_model", fetching)
    grant = person.give(studio, takes)
    steps: list[EnrolStep] = []
    with pytest.raises(UsageError, match="no network"):
        studio.enrol("ada", takes, grant=grant, engine="coqui:a/b/c/d", progress=steps.append)
    said: list[str] = []
    with pytest.raises(UsageError, match="no network"):
        studio.attest_own_voice("my-own", takes[:1], engine="coqui:a/b/c/d", told=said.append)
    assert [(one.stage, one.text) for one in steps] == [("fetch", "fetching a/b/c/d (somewhere)")]
    assert said == ["fetching a/b/c/d (somewhere)"]


def test_many_short_recordings_are_sealed_and_drawn_on(studio: Studio, takes: list[Path], tmp_path: Path) -> None:
    sound, rate = soundfile.read(takes[0], dtype="float32")
    many = list(takes)
    for number in range(66):  # more than one sealed file holds
        path = tmp_path / f"short{number:02d}.wav"
        soundfile.write(path, sound[: int(1.2 * rate)] * (0.9 - 0.01 * number), rate, subtype="PCM_16")
        many.append(path)
    grant = person.give(studio, many, scope={"modes": ["speech", "conversion"]})
    texts = person.transcript(tmp_path, takes)
    made = studio.enrol("ada", many, grant=grant, options=EnrolOptions(transcript=texts, measure=False))
    assert len(made.voice.entry.references) == 72
    vault = open_vault(studio.ledger)
    with vault.references("ada", grant) as sealed:
        assert {name: bytes(data) for name, data in sealed.items()} == {one.name: one.read_bytes() for one in many}
    studio.attest_own_voice("my-own", takes[1:2])
    near = studio.convert(takes[1], voice="ada", out=tmp_path / "near.wav")
    assert sum(item.role == "reference" for item in near.receipt.operands) == 72 and verify_file(near.path).ok
