"""A person's voice converts and sings in harmony, within its grant; its recordings are opened for a permit alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from consent import ConsentRefusedError, Permit, Use, verify_file
from tests.support import person
from voicekit.audio import read_audio
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.errors import UsageError
from voicekit.evaluate.trackers import track_harvest
from voicekit.pitch import track_pitch
from voicekit.score import Lyric, Meter, Note, Part, Score, Tempo, TempoMap
from voicekit.studio import ConvertOptions, SingOptions, Studio
from voicekit.studio.enrolled import enrolled_voices, open_enrolled, open_vault

CENTS_TOL = 15.0
NOTES = (Note(F(0), F(1), 60.0, Lyric("la")), Note(F(1), F(1), 64.0, Lyric("lo")))
SCORE = Score((Part("one", NOTES),), TempoMap([Tempo(F(0), 120)]), (Meter(F(0), 4, 4),), title="A")
HARMONY = SingOptions(harmony="third-above")


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        person.quick(patch)
        yield


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return person.say(tmp_path_factory.mktemp("person"))


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody else's take."""
    return person.say(tmp_path_factory.mktemp("guide"), "slt", person.SENTENCES[:1], "guide")[0]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, takes: list[Path], guide: Path) -> Iterator[Studio]:
    made, _grant = person.build(tmp_path_factory.mktemp("s"), takes, ("speech", "singing", "conversion"), guide)
    with made:
        yield made


def kinds(studio: Studio) -> list[str]:
    with sqlite3.connect(f"file:{studio.folder / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        return [kind for (kind,) in db.execute("select kind from entry order by seq")]


def refuses(reason: str) -> Any:
    return pytest.raises(ConsentRefusedError, match=rf"^{reason}:")


def test_a_take_becomes_the_persons(studio: Studio, guide: Path, tmp_path: Path) -> None:
    made = studio.convert(guide, voice="ada", out=tmp_path / "c.wav")
    found = verify_file(made.path)
    assert found.ok and (found.voice, found.basis) == ("ada", "consent")
    assert verify_file(made.path, proof=made.source_proof).voice == "my-own"
    before = read_audio(guide)
    after = read_audio(made.path)
    pytest.importorskip("pyworld")  # its Harvest, which had no part in it: the pitch is the take's, moved as was said
    one, two = (track_harvest(audio, (50.0, 600.0)) for audio in (before, after))
    n = min(len(one.vuv), len(two.vuv))
    both = one.vuv[:n] & two.vuv[:n]
    off = 1200 * np.log2(two.f0_hz[:n][both] / one.f0_hz[:n][both]) - 100 * made.measured["semitones"]
    assert np.median(np.abs(off)) < CENTS_TOL
    assert -14 <= made.measured["semitones"] <= -4  # slt is a woman's voice, rms a man's


def test_harmony_in_ones_own_voice(studio: Studio, tmp_path: Path) -> None:
    song = studio.sing(SCORE, voice="ada", out=tmp_path / "song", options=HARMONY)
    assert [part.voice for part in song.parts] == ["ada", "ada"]
    assert all(verify_file(part.file).ok for part in song.parts) and verify_file(song.mix).voice == "ada"


@pytest.mark.parametrize("modes", [("speech",), ("speech", "singing")])
def test_other_modes_do_not_convert(tmp_path: Path, takes: list[Path], guide: Path, modes: tuple[str, ...]) -> None:
    made, _grant = person.build(tmp_path, takes, modes, guide)
    with made:
        for options in (ConvertOptions(), ConvertOptions(neighbours=0), ConvertOptions(neighbours=4)):
            with refuses("mode-not-granted"):
                made.convert(guide, voice="ada", out=tmp_path / "out" / "c.wav", options=options)
        if "singing" not in modes:
            with refuses("mode-not-granted"):
                made.sing(SCORE, voice="ada", out=tmp_path / "song", options=HARMONY)
        assert not list(tmp_path.rglob("*.voiceproof")) and not list((tmp_path / "song").rglob("*.wav"))


def test_neighbours_come_from_the_sealed_recordings(
    studio: Studio, guide: Path, takes: list[Path], tmp_path: Path
) -> None:
    plain = studio.convert(guide, voice="ada", out=tmp_path / "a.wav", options=ConvertOptions(neighbours=0))
    near = studio.convert(guide, voice="ada", out=tmp_path / "b.wav")
    assert any("own recordings, 4 for each" in notice for notice in near.notices)
    assert verify_file(near.path).ok
    named = {item.sha256 for item in near.receipt.operands if item.role == "reference"}
    (voice,) = enrolled_voices(studio.ledger)
    assert named == set(voice.entry.references) and len(named) == len(takes)
    assert not [item for item in plain.receipt.operands if item.role == "reference"]
    one, two = (read_audio(path).samples for path in (plain.path, near.path))
    assert len(one) == len(two) and np.abs(one - two).max() > 0.01
    samples, _rate = soundfile.read(takes[0], dtype="int16")
    piece = samples[len(samples) // 2 :][:64].astype("<i2").tobytes()
    assert not [p for p in studio.folder.rglob("*") if p.is_file() and piece in p.read_bytes()]


def test_a_house_voice_has_no_neighbours_and_no_permit_is_asked_for(
    studio: Studio, guide: Path, tmp_path: Path
) -> None:
    house = next(one.name for one in studio.voices() if one.shipped)
    studio.adopt_house_voice(house)
    before = kinds(studio)
    with pytest.raises(UsageError, match="no recordings to take neighbours from"):
        studio.convert(guide, voice=house, out=tmp_path / "c.wav", options=ConvertOptions(neighbours=4))
    assert kinds(studio) == before


def test_what_is_kept_of_the_take_where_nobody_chose(studio: Studio, guide: Path, tmp_path: Path) -> None:
    house = next(one.name for one in studio.voices() if one.shipped)
    studio.adopt_house_voice(house)

    def made(voice: str, number: int, **options: Any) -> np.ndarray:
        out = tmp_path / f"{voice}-{number}.wav"
        return read_audio(studio.convert(guide, voice=voice, out=out, options=ConvertOptions(**options)).path).samples

    for voice, usual, other in (("ada", 0.2, 0.35), (house, 0.35, 0.2)):
        plain = made(voice, 0)
        assert np.array_equal(plain, made(voice, 1, detail=usual))
        assert not np.array_equal(plain, made(voice, 2, detail=other))


def permit(studio: Studio, params: ConvertParams, *, recordings: bool, mode: str = "conversion") -> Permit:
    (voice,) = enrolled_voices(studio.ledger)
    engine = open_enrolled(studio.ledger, voice)
    chosen = engine.operands_for(params) if recordings else engine.conversion_operands  # type: ignore[attr-defined]
    return studio.ledger.request(
        Use(mode, "personal", languages=("en",), seconds=5), voice="ada", operands=chosen,
        params_sha256=params.digest(), text_commit=studio.ledger.commit_text("x"),
    )  # fmt: skip


def test_recordings_open_for_a_permit_that_names_them_alone(studio: Studio) -> None:
    wave = np.repeat(0.1 * np.sin(np.arange(12_000) / 20.0), 2).astype(np.float32)
    take = GuideTake(lambda a, b: wave[a:b], len(wave), track_pitch(wave, 24_000))
    (voice,) = enrolled_voices(studio.ledger)
    engine: Any = open_enrolled(studio.ledger, voice)
    vault = open_vault(studio.ledger)
    near, plain = ConvertParams("a" * 64, neighbours=4), ConvertParams("a" * 64)
    without = permit(studio, near, recordings=False)
    with refuses("reference-mismatch"):
        next(engine.convert(without, take, near))
    assert engine.neighbours is None
    with refuses("reference-mismatch"):
        vault.unseal_references(without, "ada")
    with refuses("permit-other-params"):  # the recordings are named, the choices are others
        next(engine.convert(permit(studio, near, recordings=True), take, ConvertParams("a" * 64, neighbours=5)))
    speech = permit(studio, near, recordings=True, mode="speech")
    with refuses("mode-not-granted"):
        next(engine.convert(speech, take, near))
    good = permit(studio, near, recordings=True)
    with refuses("permit-other-voice"):
        vault.unseal_references(good, "eve")
    assert len(next(engine.convert(good, take, near)))
    opened = engine.neighbours
    assert opened.keys.abs().sum() > 0 and opened.envelopes.abs().sum() > 0
    assert len(next(engine.convert(permit(studio, plain, recordings=False), take, plain)))
    assert engine.neighbours is None  # they went with the permit they were opened for
    assert opened.keys.abs().sum() == 0 and opened.envelopes.abs().sum() == 0
    studio.ledger.abort(good, "test")
    with refuses("permit-used"):
        vault.unseal_references(good, "ada")


def test_recordings_that_may_be_kept_no_longer(tmp_path: Path, takes: list[Path], guide: Path) -> None:
    made, grant = person.build(tmp_path, takes, ("speech", "conversion"), guide)
    with made:
        vault = open_vault(made.ledger)
        sealed = [item for item in vault.list() if item.grant == grant and takes[0].name in item.files]
        vault._destroy(lambda key: key.key in {item.key for item in sealed}, "retention")
        with refuses("voice-key-destroyed"):
            made.convert(guide, voice="ada", out=tmp_path / "c.wav", options=ConvertOptions(neighbours=4))
        assert not (tmp_path / "c.wav").exists()
        left = made.convert(guide, voice="ada", out=tmp_path / "d.wav")
        assert not [item for item in left.receipt.operands if item.role == "reference"]


def test_withdrawn_is_withdrawn_for_recordings_too(tmp_path: Path, takes: list[Path], guide: Path) -> None:
    made, grant = person.build(tmp_path, takes, ("speech", "conversion"), guide)
    with made:
        params = ConvertParams("a" * 64, neighbours=4)
        open_permit = permit(made, params, recordings=True)
        vault = open_vault(made.ledger)
        made.ledger.revoke(grant, key=person.SPEAKER)
        with refuses("revoked"):
            vault.unseal_references(open_permit, "ada")
        with refuses("revoked"):
            made.convert(guide, voice="ada", out=tmp_path / "c.wav", options=ConvertOptions(neighbours=4))
