"""Every way around the door for songs, tried; judged by the disk, the ledger's database and what was really sung."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from fractions import Fraction as F
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile

from consent import ConsentRefusedError, Scope, verify_file
from tests.support.tone import ToneHouse, audio_bytes, loose_ends, make_voice, offered, several
from voicekit.errors import InputError, UsageError
from voicekit.pipelines import Cancelled
from voicekit.pipelines.sing import Stem, click_track, mix_stems
from voicekit.score import Lyric, Meter, Note, Part, Score, Tempo, TempoMap
from voicekit.studio import SingOptions, Studio

SINGS = {"modes": ("speech", "singing")}


def score(*names: str) -> Score:
    parts = []
    for k, name in enumerate(names):
        notes = [Note(F(b), F(1), 60.0 + 4 * k + b, Lyric("la")) for b in range(4)]
        parts.append(Part(name, tuple(notes)))
    return Score(tuple(parts), TempoMap([Tempo(F(0), 120)]), (Meter(F(0), 4, 4),), title="Scale")


@pytest.fixture
def high(tmp_path: Path) -> ToneHouse:
    return ToneHouse(make_voice(tmp_path / "high", name="high", scope=offered(**SINGS)), name="high")


@pytest.fixture
def low(tmp_path: Path) -> ToneHouse:
    return ToneHouse(make_voice(tmp_path / "low", name="low", scope=offered(**SINGS)), name="low")


@pytest.fixture
def choir(tmp_path: Path, high: ToneHouse, low: ToneHouse) -> Iterator[Studio]:
    with Studio.create(tmp_path / "choir", "Test Operator", voices=several(high, low)) as studio:
        studio.adopt_house_voice("high")
        studio.adopt_house_voice("low")
        yield studio


def kinds(studio: Studio) -> list[str]:
    with sqlite3.connect(f"file:{studio.folder / 'ledger' / 'ledger.db'}?mode=ro", uri=True) as db:
        return [kind for (kind,) in db.execute("select kind from entry order by seq")]


def nothing_there(out: Path) -> None:
    assert not out.exists() or (audio_bytes(out) == {} and loose_ends(out) == [] and not list(out.rglob("*.wav")))


def test_a_song_in_two_voices_is_delivered_and_every_voice_is_proven(choir: Studio, tmp_path: Path) -> None:
    out = tmp_path / "out"
    song = choir.sing(score("soprano", "bass"), voice=["high", "low"], out=out)
    assert sorted(audio_bytes(out)) == ["01-soprano.wav", "02-bass.wav", "scale-mix.wav"]
    assert [verify_file(part.file).voice for part in song.parts] == ["high", "low"]
    first = verify_file(song.mix)
    second = verify_file(song.mix, proof=out / "scale-mix.wav.2.voiceproof")
    assert first.ok and second.ok and {first.voice, second.voice} == {"high", "low"}
    assert kinds(choir)[-4:] == ["render-intent", "render-intent", "render-receipt", "render-receipt"]
    assert choir.ledger.undelivered() == ()


def test_stems_line_up_and_the_mix_is_their_sum(choir: Studio, tmp_path: Path) -> None:
    song = choir.sing(score("a", "b"), voice=["high", "low"], out=tmp_path / "out")
    stems = [soundfile.read(str(part.file), dtype="float64")[0] for part in song.parts]
    mix, rate = soundfile.read(str(song.mix), dtype="float64")
    assert rate == 48_000 and len(stems[0]) == len(stems[1]) == len(mix)
    start = round((song.measured["lead_in_s"]) * rate)
    for stem in stems:  # silence up to the very sample of the first beat
        assert np.abs(stem[: start - 600]).max() < 1e-5 and np.abs(stem[start : start + 600]).max() > 0.01
    left = right = 0.0
    for stem, pan in zip(stems, (-0.6, 0.6), strict=True):
        left = left + stem * np.sqrt(2) * np.cos((pan + 1) * np.pi / 4)
        right = right + stem * np.sqrt(2) * np.sin((pan + 1) * np.pi / 4)
    gain = 10 ** (song.measured["mix_gain_db"] / 20)
    assert np.abs(mix[:, 0] - gain * left).max() < 1e-3 and np.abs(mix[:, 1] - gain * right).max() < 1e-3


def test_a_voice_granted_for_speech_alone_does_not_sing(studio: Studio, house: ToneHouse, tmp_path: Path) -> None:
    with pytest.raises(ConsentRefusedError) as caught:
        studio.sing(score("solo"), voice="tone", out=tmp_path / "out")
    assert caught.value.reason == "mode-not-granted"
    assert house.spoken == [] and kinds(studio)[-1] == "render-denied"
    nothing_there(tmp_path / "out")


def test_one_voice_without_a_grant_stops_the_whole_song(
    tmp_path: Path, high: ToneHouse, low: ToneHouse
) -> None:
    with Studio.create(tmp_path / "half", voices=several(high, low)) as studio:
        studio.adopt_house_voice("high")
        with pytest.raises(ConsentRefusedError) as caught:
            studio.sing(score("a", "b"), voice=["high", "low"], out=tmp_path / "out")
        assert caught.value.reason == "no-grant"
        assert high.spoken == [] and low.spoken == []
        assert kinds(studio)[-1] == "render-aborted"
        nothing_there(tmp_path / "out")


def test_revoked_while_singing_delivers_nothing_of_anybody(
    choir: Studio, high: ToneHouse, low: ToneHouse, tmp_path: Path
) -> None:
    low.on_speak = lambda name: choir.ledger.revoke(choir.grants("high")[0].id) and None
    with pytest.raises(ConsentRefusedError) as caught:
        choir.sing(score("a", "b"), voice=["low", "high"], out=tmp_path / "out")
    assert caught.value.reason == "revoked"
    nothing_there(tmp_path / "out")
    assert kinds(choir).count("render-receipt") <= 1


def test_a_used_up_budget_of_seconds_refuses_the_real_length(tmp_path: Path, high: ToneHouse) -> None:
    with Studio.create(tmp_path / "short", voices=several(high)) as studio:
        record = (high.folder / "record.dsse.json").read_bytes()
        digest = studio.ledger.add_record(record, release_keys=high.release_keys())
        scope = Scope(("singing",), ("any",), True, ("en",), ("001",), (), ("any",), 5, 4)
        studio.ledger.grant_house_voice(digest, scope=scope)
        with pytest.raises(ConsentRefusedError) as caught:
            studio.sing(score("a"), voice="high", out=tmp_path / "out")
        assert caught.value.reason == "budget-seconds"
        nothing_there(tmp_path / "out")


def test_cancelled_before_the_end_leaves_nothing(choir: Studio, high: ToneHouse, tmp_path: Path) -> None:
    cancel = Event()
    high.on_speak = lambda name: cancel.set()
    with pytest.raises(Cancelled):
        choir.sing(score("a", "b"), voice="high", out=tmp_path / "out", cancel=cancel)
    nothing_there(tmp_path / "out")
    assert kinds(choir)[-1] == "render-aborted"


def test_an_engine_shown_another_permit_refuses(choir: Studio, high: ToneHouse, low: ToneHouse) -> None:
    from consent import Use
    from voicekit.singing import plan_line

    permit = choir.ledger.request(
        Use(mode="speech", purpose="music"),
        voice="high",
        operands=high.open_engine("high").operands,
        params_sha256="0" * 64,
        text_commit="1" * 64,
    )
    line = plan_line(score("a").parts[0], score("a").tempo)
    with pytest.raises(ConsentRefusedError):
        high.open_engine("high").sing(permit, line, 0)  # for speech
    with pytest.raises(ConsentRefusedError):
        low.open_engine("low").sing(permit, line, 0)  # another voice's weights
    assert high.spoken == [] and low.spoken == []


def test_the_same_seed_gives_the_same_bytes(choir: Studio, tmp_path: Path) -> None:
    folders = []
    for name, seed in (("one", 4), ("two", 4), ("three", 5)):
        options = SingOptions(seed=seed, doubles=2, guide=False)
        choir.sing(score("a"), voice="high", out=tmp_path / name, options=options)
        folders.append(audio_bytes(tmp_path / name))
    assert folders[0] == folders[1] != folders[2]
    assert len(folders[0]) == 3


def test_harmony_gives_each_part_its_own_line(choir: Studio, tmp_path: Path) -> None:
    song = choir.sing(score("tune"), voice=["high", "low"], harmony="satb", out=tmp_path / "out")
    assert len(song.parts) == 4 and [part.voice for part in song.parts] == ["high", "low", "high", "low"]
    sums = {part.measured["pcm_sha256"] for part in song.parts}
    assert len(sums) == 4


def test_wrong_calls_are_said_plainly(choir: Studio, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown voice"):
        choir.sing(score("a"), voice="nobody", out=tmp_path / "out")
    with pytest.raises(UsageError, match="no part tuba"):
        choir.sing(score("a"), voice="high", out=tmp_path / "out", options=SingOptions(parts=("tuba",)))
    with pytest.raises(UsageError, match="nothing to sing"):
        choir.sing(Score((), TempoMap()), voice="high", out=tmp_path / "out")
    with pytest.raises(UsageError, match="1 to 8"):
        SingOptions(doubles=9)
    nothing_there(tmp_path / "out")


def test_clicks_stand_on_the_samples_of_the_beats() -> None:
    tempo = TempoMap([Tempo(F(0), 100, ramp_to=140), Tempo(F(8), 140)])
    track = click_track(tempo, [(float(b), b % 4 == 0) for b in range(8)], 6 * 48_000, 0.5)
    loud = np.flatnonzero(np.abs(track) > 0.02)
    begins = loud[np.flatnonzero(np.diff(loud, prepend=-10_000) > 4_800)]
    wanted = [round((0.5 + tempo.seconds(b)) * 48_000) for b in range(8)]
    assert np.abs(begins - wanted).max() <= 15  # where the click has risen above the threshold


def test_a_loud_mix_is_turned_down_and_said_so() -> None:
    tone = np.full(1_000, 0.9, dtype=np.float32)
    mix, gain = mix_stems([Stem(tone), Stem(tone)])
    assert np.abs(mix).max() == pytest.approx(10 ** (-1 / 20), abs=1e-6) and gain == pytest.approx(-6.1, abs=0.1)


def test_edited_timeline_and_pitch_are_sung(choir: Studio, tmp_path: Path) -> None:
    first = choir.sing(score("a"), voice="high", out=tmp_path / "one")
    part = first.parts[0]
    tier = tmp_path / "up.PitchTier"
    lines = part.pitch.read_text().splitlines()
    up = [f"    value = {float(row.split('=')[1]) * 1.5!r}" if "value" in row else row for row in lines]
    tier.write_text("\n".join(up) + "\n")
    options = SingOptions(pitches={"1": str(tier)}, timelines={"a": str(part.timeline)}, guide=False)
    second = choir.sing(score("a"), voice="high", out=tmp_path / "two", options=options)
    peaks = []
    for song in (first, second):
        samples, rate = soundfile.read(str(song.parts[0].file))
        start = round((song.measured["lead_in_s"] + 0.1) * rate)
        piece = samples[start : start + rate // 4] * np.hanning(rate // 4)
        peaks.append(np.abs(np.fft.rfft(piece, 1 << 18)).argmax() * rate / (1 << 18))
    assert peaks[1] / peaks[0] == pytest.approx(1.5, rel=0.01)
    with pytest.raises(UsageError, match="no part z"):
        choir.sing(score("a"), voice="high", out=tmp_path / "x", options=SingOptions(timelines={"z": str(tier)}))


def test_the_score_as_sung_can_be_read_and_sung_again(choir: Studio, tmp_path: Path) -> None:
    from voicekit.score import read_score

    song = choir.sing(score("tune"), voice=["high", "low"], harmony="satb", out=tmp_path / "out")
    for name in ("sung.musicxml", "sung.mid"):
        again = read_score(song.folder / name)
        assert [part.name for part in again.parts] == [part.name for part in song.parts]
        assert [len(part.notes) for part in again.parts] == [4] * 4 or name == "sung.musicxml"


def test_a_recorded_melody_is_a_score(choir: Studio, tmp_path: Path) -> None:
    rate = 24_000
    t = np.arange(rate) / rate
    tones = [sum(np.sin(2 * np.pi * f * k * t) / k for k in range(1, 8)) for f in (220, 330, 275)]
    notes = [tone * np.hanning(rate) * 0.1 for tone in tones]
    take = tmp_path / "tune.wav"
    soundfile.write(take, np.concatenate([np.zeros(4_800), *notes]), rate)
    song = choir.sing(take, voice="high", out=tmp_path / "out", options=SingOptions(guide=False))
    rows = (tmp_path / "out" / "01-melody.TextGrid").read_text().split('name = "notes"')[1]
    pitches = [float(row.split('"')[1]) for row in rows.splitlines() if "text" in row and row.split('"')[1]]
    assert pitches == pytest.approx([57.0, 64.02, 60.86], abs=0.15) and song.title == "tune"
    soundfile.write(take, np.zeros(rate), rate)
    with pytest.raises(InputError, match="no melody"):
        choir.sing(take, voice="high", out=tmp_path / "none")
