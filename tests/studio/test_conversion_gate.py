"""Every way round the gate for conversion, tried; written before the conversion was.

The judge is what lies on the disk and what the ledger holds, not the studio's word.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile

from consent import ConsentRefusedError, Operand, Use, verify_file
from tests.support.tone import ToneHouse, make_voice, offered, several
from voicekit.audio import read_audio, sha256_file
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.errors import InputError, UsageError
from voicekit.pipelines import Cancelled
from voicekit.pitch import track_pitch
from voicekit.studio import ConvertOptions, Studio

RATE = 16_000
ALL = ("speech", "singing", "conversion")


def spoken(seconds: float = 1.2, hz: float = 120.0, seed: int = 0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (0.2 * np.sin(2 * np.pi * t))) / RATE
    wave = 0.1 * sum(np.cos(k * phase) / k for k in range(1, 12))
    wave[:1600] = wave[-1600:] = 0
    return wave + 1e-4 * np.random.default_rng(seed).standard_normal(len(t))


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "take.wav"
    path.parent.mkdir()
    soundfile.write(path, spoken(), RATE)
    return path


@pytest.fixture
def house(tmp_path: Path) -> ToneHouse:
    return ToneHouse(make_voice(tmp_path / "voice", scope=offered(modes=ALL)))


@pytest.fixture
def own(studio: Studio, take: Path) -> Studio:
    """A studio with a voice that may convert, whose operator attested that this take is of their own voice."""
    studio.attest_own_voice("my-own", [take])
    return studio


def kinds(studio: Studio) -> list[str]:
    with sqlite3.connect(f"file:{studio.folder / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        return [kind for (kind,) in db.execute("select kind from entry order by seq")]


def nothing_made(folder: Path) -> bool:
    return not folder.exists() or not [p for p in folder.rglob("*") if p.is_file() and p.name != "lock"]


def refused(studio: Studio, take: Path, out: Path, reason: str, **changes: object) -> None:
    denied = kinds(studio).count("render-denied")
    with pytest.raises(ConsentRefusedError) as caught:
        studio.convert(take, **({"voice": "tone", "out": out} | changes))  # type: ignore[arg-type]
    assert caught.value.reason == reason
    assert nothing_made(out.parent)
    assert kinds(studio).count("render-denied") == denied + 1


def test_a_converted_take_carries_a_proof_from_the_voice_and_one_from_the_take(
    own: Studio, take: Path, tmp_path: Path
) -> None:
    made = own.convert(take, voice="tone", out=tmp_path / "out" / "c.wav")
    assert verify_file(made.path).voice == "tone"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["c.wav", "c.wav.2.voiceproof", "c.wav.voiceproof"]
    assert verify_file(made.path, proof=made.source_proof).voice == "my-own"
    assert kinds(own)[-2:] == ["render-receipt", "render-receipt"]
    source, voice = made.receipts
    assert (source.use.mode, voice.use.mode) == ("conversion", "conversion")
    assert {o.sha256 for o in source.operands if o.role == "reference"} == {sha256_file(take)}
    for receipt in made.receipts:
        said = dict(receipt.measured)
        assert said["source_sha256"] == sha256_file(take) and said["permission"] == "operator-attested"
        assert receipt.outputs[0].sha256 == sha256_file(made.path)
    assert made.measured["semitones"] == 3.0
    # an independent look at the result: three semitones above the take, as the tone voice asks
    before = track_pitch(read_audio(take).samples, RATE)
    after = track_pitch(made.audio.samples, made.audio.sample_rate)
    moved = 12 * np.log2(np.median(after.f0_hz[after.vuv]) / np.median(before.f0_hz[before.vuv]))
    assert abs(moved - 3.0) < 0.1


def test_nobody_attested_the_take(studio: Studio, take: Path, tmp_path: Path) -> None:
    refused(studio, take, tmp_path / "out" / "c.wav", "no-grant")
    assert "render-aborted" in kinds(studio)  # of the voice, which was asked for first


def test_the_voice_has_no_grant(tmp_path: Path, take: Path, house: ToneHouse) -> None:
    with Studio.create(tmp_path / "bare", voices=house.source()) as studio:
        studio.attest_own_voice("my-own", [take])
        refused(studio, take, tmp_path / "out" / "c.wav", "no-grant")


@pytest.mark.parametrize("modes", [("speech",), ("speech", "singing")])
def test_a_grant_for_speech_or_song_does_not_convert(tmp_path: Path, take: Path, modes: tuple[str, ...]) -> None:
    house = ToneHouse(make_voice(tmp_path / "other", scope=offered(modes=modes)))
    with Studio.create(tmp_path / "s", voices=house.source()) as studio:
        studio.adopt_house_voice("tone")
        studio.attest_own_voice("my-own", [take])
        refused(studio, take, tmp_path / "out" / "c.wav", "mode-not-granted")


def test_another_take_is_not_covered(own: Studio, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, spoken(seed=5), RATE)
    refused(own, other, tmp_path / "out" / "c.wav", "reference-mismatch")


def test_a_delivered_file_of_the_voice_is_not_ones_own_take(own: Studio, take: Path, tmp_path: Path) -> None:
    made = own.convert(take, voice="tone", out=tmp_path / "first" / "c.wav")
    refused(own, made.path, tmp_path / "out" / "c.wav", "reference-mismatch")


def test_a_take_swapped_after_it_was_hashed_is_not_what_is_heard(own: Studio, take: Path, tmp_path: Path) -> None:
    plain = own.convert(take, voice="tone", out=tmp_path / "a" / "c.wav")

    def swap(progress: object) -> None:
        if progress.stage != "read":  # type: ignore[attr-defined]
            soundfile.write(take, spoken(hz=300.0, seed=3), RATE)

    swapped = own.convert(take, voice="tone", out=tmp_path / "b" / "c.wav", progress=swap)
    assert sha256_file(swapped.path) == sha256_file(plain.path)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"commercial": True}, "commercial-not-granted"),
        ({"purpose": "podcast"}, "purpose-not-granted"),
        ({"territories": ("FR",)}, "territory-not-granted"),
    ],
)
def test_the_axes_of_the_takes_grant_hold_too(
    studio: Studio, take: Path, tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    studio.attest_own_voice("my-own", [take], purposes=("music",), commercial=False, territories=("DE",))
    good: dict[str, object] = {"purpose": "music", "territories": ("DE",)}
    chosen = ConvertOptions(**(good | options))  # type: ignore[arg-type]
    refused(studio, take, tmp_path / "out" / "c.wav", reason, options=chosen)


@pytest.mark.parametrize("whose", ["tone", "my-own"])
@pytest.mark.parametrize("stage", ["convert", "encode", "deliver"])
def test_revoked_while_rendering(own: Studio, take: Path, tmp_path: Path, whose: str, stage: str) -> None:
    grant = own.grants(whose)[0].id
    seen: list[str] = []

    def revoke(progress: object) -> None:
        if progress.stage == stage and not seen:  # type: ignore[attr-defined]
            seen.append(stage)
            own.ledger.revoke(grant)

    with pytest.raises(ConsentRefusedError) as caught:
        own.convert(take, voice="tone", out=tmp_path / "out" / "c.wav", progress=revoke)
    assert caught.value.reason == "revoked" and seen
    assert nothing_made(tmp_path / "out")
    assert "render-receipt" not in kinds(own)
    refused(own, take, tmp_path / "out" / "c.wav", "revoked")


def guide(seed: int = 0) -> GuideTake:
    wave = read_wave(seed)
    return GuideTake(lambda a, b: wave[a:b], len(wave), track_pitch(wave, 24_000))


def read_wave(seed: int) -> np.ndarray:
    return np.repeat(spoken(seed=seed), 2)[:24_000].astype(np.float32)


def permit_of(studio: Studio, house: ToneHouse, params: ConvertParams, mode: str = "conversion", voice: str = "tone"):  # type: ignore[no-untyped-def]
    return studio.ledger.request(
        Use(mode=mode, purpose="personal", languages=("en",), seconds=2),
        voice=voice,
        operands=house.open_engine(voice).conversion_operands,
        params_sha256=params.digest(),
        text_commit=studio.ledger.commit_text("x"),
    )


def real_and_tone(tmp_path: Path):  # type: ignore[no-untyped-def]
    """The real engine's door, on an engine without networks: what asks the permit is `Engine.convert` itself."""
    from voicekit.engines.base import Engine

    class Silent(Engine):
        name, voice, version, sample_rate = "silent", "tone", "silent-1", 24_000

        def __init__(self, house: ToneHouse) -> None:
            self.operands = house.open_engine("tone").operands
            self.made = 0

        @property
        def listener(self):  # type: ignore[no-untyped-def]
            from voicekit.engines.retune import method_operands

            return (method_operands()[2],)

        def _speak(self, spoken, params):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        def _convert(self, take, params):  # type: ignore[no-untyped-def]
            for _ in range(2):
                self.made += 1
                yield np.zeros(240, dtype=np.float32)

    return Silent


def test_the_engine_itself_wants_the_permit_of_this_very_conversion(
    studio: Studio, house: ToneHouse, tmp_path: Path
) -> None:
    silent = real_and_tone(tmp_path)(house)
    mine, other = ConvertParams("a" * 64), ConvertParams("b" * 64)
    for params, permit, reason in (
        (other, permit_of(studio, house, mine), "permit-other-params"),
        (mine, permit_of(studio, house, mine, mode="speech"), "mode-not-granted"),
        (mine, permit_of(studio, house, mine, mode="singing"), "mode-not-granted"),
    ):
        with pytest.raises(ConsentRefusedError) as caught:
            next(silent.convert(permit, guide(), params))
        assert caught.value.reason == reason and not silent.made
    good = permit_of(studio, house, mine)
    assert len(list(silent.convert(good, guide(), mine))) == 2
    running = silent.convert(good, guide(), mine)
    next(running)
    studio.ledger.abort(good, "cancelled")
    with pytest.raises(ConsentRefusedError):
        next(running)  # asked again before each block


def test_the_permit_of_another_voice_does_not_open_this_one(tmp_path: Path, take: Path) -> None:
    one = ToneHouse(make_voice(tmp_path / "one", name="one", scope=offered(modes=ALL)), name="one")
    two = ToneHouse(make_voice(tmp_path / "two", name="two", scope=offered(modes=ALL)), name="two")
    with Studio.create(tmp_path / "s", voices=several(one, two)) as studio:
        for house in (one, two):
            studio.adopt_house_voice(house.name)
        params = ConvertParams("a" * 64)
        permit = permit_of(studio, one, params, voice="one")
        with pytest.raises(ConsentRefusedError) as caught:
            next(two.open_engine("two").convert(permit, guide(), params))
        assert caught.value.reason == "weights-mismatch"


def test_another_content_encoder_is_refused(own: Studio, house: ToneHouse, take: Path, tmp_path: Path) -> None:
    """What listens to the take shapes the sound, so the record names it; a changed file is no longer that."""
    foreign = Operand("content.safetensors", "c" * 64, "weights", "CC-BY-4.0")
    with pytest.raises(ConsentRefusedError, match="not the file that was agreed to"):
        own.ledger.request(
            Use(mode="conversion", purpose="personal", languages=("en",), seconds=2),
            voice="tone",
            operands=(*house.open_engine("tone").operands, foreign),
            params_sha256="0" * 64,
            text_commit=own.ledger.commit_text("x"),
        )


def test_stopped_on_request_leaves_nothing(own: Studio, take: Path, tmp_path: Path) -> None:
    cancel = Event()

    def stop(progress: object) -> None:
        if progress.stage == "convert":  # type: ignore[attr-defined]
            cancel.set()

    with pytest.raises(Cancelled):
        own.convert(take, voice="tone", out=tmp_path / "out" / "c.wav", progress=stop, cancel=cancel)
    assert nothing_made(tmp_path / "out") and kinds(own)[-1] == "render-aborted"


def test_what_cannot_be_converted_is_told_before_any_permit(own: Studio, take: Path, tmp_path: Path) -> None:
    before = kinds(own)
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(RATE), RATE)
    with pytest.raises(InputError, match="no pitch was found"):
        own.convert(silence, voice="tone", out=tmp_path / "out" / "c.wav")
    (tmp_path / "words.wav").write_text("no sound")
    with pytest.raises(InputError, match="not a sound file"):
        own.convert(tmp_path / "words.wav", voice="tone", out=tmp_path / "out" / "c.wav")
    with pytest.raises(UsageError, match="take itself"):
        own.convert(take, voice="tone", out=take)
    with pytest.raises(UsageError, match="unknown voice"):
        own.convert(take, voice="nobody", out=tmp_path / "out" / "c.wav")
    with pytest.raises(UsageError, match="cannot write this kind"):
        own.convert(take, voice="tone", out=tmp_path / "out" / "c.xyz")
    with pytest.raises(UsageError, match="no transposition"):
        own.convert(take, voice="tone", out=tmp_path / "out" / "c.wav", transpose="up")
    assert kinds(own) == before and nothing_made(tmp_path / "out")


def test_song_is_moved_by_octaves_and_semitones_as_given(own: Studio, take: Path, tmp_path: Path) -> None:
    song = own.convert(take, voice="tone", out=tmp_path / "s.wav", options=ConvertOptions(kind="song"))
    given = own.convert(take, voice="tone", out=tmp_path / "g.wav", transpose=-2.5)
    assert (song.measured["semitones"], given.measured["semitones"]) == (12.0, -2.5)
    assert any("stays in its key" in one for one in song.notices)
    assert not given.notices
