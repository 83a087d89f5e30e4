"""Conversion by the house engine: what must stay of a take stays, heard by instruments that know nothing of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.speechlike import speechlike
from voicekit.audio import Audio
from voicekit.engines import convert as converting
from voicekit.engines import load_voice
from voicekit.engines.convert import PulseClock, TargetVoice, auto_transpose
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.engines.house import HouseEngine
from voicekit.engines.neighbours import SHARE, Neighbours
from voicekit.errors import UsageError
from voicekit.evaluate.trackers import track_harvest
from voicekit.models.source_filter import pulse_times
from voicekit.pitch import PitchTrack, track_pitch
from voicekit.pitch.long import track_long

MEDIAN_CENTS_TOL = 10.0
LEVEL_DB_TOL = 2.0
SEAM_TOL = 3e-4  # of full scale: -70 dB; networks multiply in bfloat16
PULSE_SAMPLES_TOL = 1e-6


@pytest.fixture(scope="module")
def engine() -> HouseEngine:
    return HouseEngine(load_voice("alder"))


@pytest.fixture(scope="module")
def take() -> GuideTake:
    wave = speechlike(6.0)
    return GuideTake(lambda a, b: wave[a:b], len(wave), track_pitch(wave, 24_000))


def target(engine: HouseEngine) -> TargetVoice:
    return TargetVoice(
        engine.acoustic, engine.vocoder, engine._content[0], engine.embedding, engine.settings.range_octaves,
        lambda made: made, lambda made: made,
    )  # fmt: skip


def whole(engine: HouseEngine, take: GuideTake, **changes: object) -> np.ndarray:
    return np.concatenate(list(engine._convert(take, ConvertParams("0" * 64, **changes))))  # type: ignore[arg-type]


@pytest.mark.parametrize("frames", [37, 150, 400])
def test_blocks_give_the_same_samples_as_the_whole(engine: HouseEngine, take: GuideTake, frames: int) -> None:
    params = ConvertParams("0" * 64, semitones=2.0, seed=3)
    one = np.concatenate(list(converting.convert(target(engine), take, params, block_frames=10_000)))
    many = np.concatenate(list(converting.convert(target(engine), take, params, block_frames=frames)))
    assert len(one) == len(many) == take.n_samples
    assert np.abs(one - many).max() < SEAM_TOL


def test_a_take_beyond_two_minutes_has_no_seams_either(
    engine: HouseEngine, take: GuideTake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the take is listened to anew for each block; here two seconds count as two minutes."""
    monkeypatch.setattr(converting, "_STATISTICS_FRAMES", 50)
    monkeypatch.setattr(converting, "_STATISTICS_BLOCKS", 4)
    params = ConvertParams("0" * 64)
    one = np.concatenate(list(converting.convert(target(engine), take, params, block_frames=10_000)))
    many = np.concatenate(list(converting.convert(target(engine), take, params, block_frames=90)))
    assert np.abs(one - many).max() < SEAM_TOL


@pytest.mark.parametrize("semitones", [-5.0, 0.0, 7.0])
def test_pitch_is_as_commanded_by_another_tracker(engine: HouseEngine, take: GuideTake, semitones: float) -> None:
    pytest.importorskip("pyworld", reason="Harvest, the other tracker, is in the bench extra")
    made = whole(engine, take, semitones=semitones)
    heard = track_harvest(Audio(made, 24_000), (60.0, 500.0))
    both = take.track.vuv & heard.vuv[: take.n_frames]
    inner = both & np.roll(both, 3) & np.roll(both, -3)
    assert inner.sum() > 200
    cents = 1200 * np.log2(heard.f0_hz[: take.n_frames][inner] / take.track.f0_hz[inner]) - 100 * semitones
    assert np.median(np.abs(cents)) < MEDIAN_CENTS_TOL
    assert np.corrcoef(np.log(heard.f0_hz[: take.n_frames][inner]), np.log(take.track.f0_hz[inner]))[0, 1] > 0.95


def test_levels_and_silences_stay_where_they_were(engine: HouseEngine, take: GuideTake) -> None:
    made = whole(engine, take)
    source = take.read(0, take.n_samples)

    def level(wave: np.ndarray) -> np.ndarray:
        pieces = wave[: len(wave) // 2400 * 2400].reshape(-1, 2400).astype(np.float64)
        return 10 * np.log10((pieces**2).mean(1) + 1e-9)

    loud = level(source) > -35
    assert loud.sum() > 15
    assert np.median(np.abs(level(made)[loud] - level(source)[loud])) < LEVEL_DB_TOL
    silent = level(source) < -75
    assert silent.sum() > 3 and level(made)[silent].max() < -45


def test_the_same_seed_gives_the_same_samples(engine: HouseEngine, take: GuideTake) -> None:
    one, two, other = (whole(engine, take, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_the_two_voices_differ_and_detail_brings_the_source_nearer(engine: HouseEngine, take: GuideTake) -> None:
    heard = converting.take_envelope(take, 0, take.n_frames).numpy()

    def distance(detail: float) -> float:
        made = whole(engine, take, detail=detail)
        again = GuideTake(lambda a, b: made[a:b], len(made), take.track)
        other = converting.take_envelope(again, 0, take.n_frames).numpy()
        apart = (heard - other)[take.track.vuv]
        return float(np.abs(apart - apart.mean(0)).mean())

    bare = distance(0.0)  # all of it may be a little more than half of it away: the voice's vocal tract is another
    assert distance(0.5) < bare and distance(1.0) < bare


def test_pulses_found_in_pieces_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(1)
    f0 = 150 * 2 ** (0.3 * np.sin(np.arange(5_000) / 40) + 0.01 * rng.standard_normal(5_000))
    vuv = np.sin(np.arange(5_000) / 90) > -0.4
    expected, period = pulse_times(np.where(vuv, f0, 0.0), vuv)
    bridged = PitchTrack(np.where(vuv, f0, 0.0), vuv).continuous()
    clock = PulseClock(bridged, vuv)
    found = [(clock.pulses(a, min(5_000, a + 333)), a) for a in range(0, 5_000, 333)]
    times = np.unique(np.round(np.concatenate([p.time.numpy() + 240 * a for p, a in found]), 6))
    assert len(times) == len(expected)
    assert np.abs(times - expected).max() < 1e-3
    again = clock.pulses(1_000, 2_000)
    inside = (expected >= 240_000) & (expected <= 480_000)
    assert np.abs(again.time.numpy() + 240_000 - expected[inside]).max() < PULSE_SAMPLES_TOL
    assert np.allclose(again.period.numpy(), period[inside], rtol=1e-5)


def test_transposition_goes_to_the_voice_or_stays_in_key() -> None:
    f0 = np.full(200, 110.0)
    track = PitchTrack(f0, f0 > 0)
    level = float(np.log2(210 / 150))  # 210 Hz: 11.2 semitones above
    assert auto_transpose(track, level) == 11.0
    assert auto_transpose(track, level, octaves=True) == 12.0
    assert auto_transpose(PitchTrack(np.zeros(9), np.zeros(9, bool)), level) == 0.0


def test_a_long_recording_is_tracked_in_windows_as_a_short_one_is_whole() -> None:
    wave = speechlike(12.0)
    read = lambda a, b: wave[a:b]  # noqa: E731
    one = track_long(read, len(wave), "speech")
    many = track_long(read, len(wave), "speech", window_frames=700)
    assert np.array_equal(one.f0_hz, track_pitch(wave, 24_000).f0_hz)
    both = one.vuv & many.vuv
    assert (one.vuv != many.vuv).mean() < 0.04  # each window adapts its range by what it holds
    assert np.median(np.abs(1200 * np.log2(one.f0_hz[both] / many.f0_hz[both]))) < 1.0


def test_neighbours_draw_towards_the_voices_own_frames(engine: HouseEngine, take: GuideTake) -> None:
    import torch

    with pytest.raises(UsageError, match="no recordings to take neighbours from"):
        whole(engine, take, neighbours=4)
    heard = converting.take_envelope(take, 0, take.n_frames)
    content = engine._content[0]
    vuv = torch.from_numpy(take.track.vuv)[None].float()
    with torch.inference_mode():
        seen = content.encode(
            converting.content_features(heard[None], vuv, converting.statistics_of(heard))
        )
        own = Neighbours.of(*seen, heard + 2.0)  # level does not matter
        made = own.near(*seen, torch.zeros(1, take.n_frames, 80), 1)[0]
        centred = heard - heard.mean(1, keepdim=True)
    # its own nearest neighbour is itself (but for frames that all sound alike): `SHARE` of what is made is its own
    same = (made - SHARE * centred).abs().amax(1) < 1e-3
    assert same.float().mean() > 0.8
    kept = converting.own_frames(content, [take, take])
    assert 500 <= len(kept.keys) < 2 * take.n_frames
    assert torch.allclose(kept.keys.norm(dim=1), torch.ones(len(kept.keys)))
    with pytest.raises(UsageError, match="too little"):
        Neighbours.of(seen[0][..., :100], seen[1][..., :100], heard[:100])


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"semitones": 40.0}, "too far"), ({"neighbours": 99}, "not possible"), ({"detail": 1.5}, "not possible"),
     ({"seed": -1}, "seed")],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ConvertParams("0" * 64, **changes)  # type: ignore[arg-type]


def test_every_parameter_is_in_the_digest_that_a_permit_names() -> None:
    digests = {
        ConvertParams(sha, **changes).digest()  # type: ignore[arg-type]
        for sha in ("0" * 64, "1" * 64)
        for changes in ({}, {"semitones": 1.0}, {"neighbours": 2}, {"detail": 0.1}, {"seed": 4}, {"use": "x"})
    }
    assert len(digests) == 12
