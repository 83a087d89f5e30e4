"""A running conversion: how late it is, what it keeps, and that it asks all the time."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.speechlike import speechlike
from voicekit.audio import Audio
from voicekit.engines import load_voice
from voicekit.engines.guide import ConvertParams, GuideTake
from voicekit.engines.house import HouseEngine
from voicekit.engines.stream import ConversionStream, StreamSettings
from voicekit.errors import UsageError
from voicekit.evaluate.trackers import track_harvest
from voicekit.pitch import track_pitch

MEDIAN_CENTS_TOL = 15.0


@pytest.fixture(scope="module")
def engine() -> HouseEngine:
    return HouseEngine(load_voice("alder"))


def guide(wave: np.ndarray) -> GuideTake:
    return GuideTake(lambda a, b: wave[a:b], len(wave), track_pitch(wave, 24_000))


def test_it_is_as_late_as_it_says_and_loses_no_sample(engine: HouseEngine) -> None:
    pytest.importorskip("pyworld", reason="Harvest, the other tracker, is in the bench extra")
    asked: list[int] = []
    settings = StreamSettings()
    stream = ConversionStream(
        engine._target(), guide(speechlike(4.0)), ConvertParams("0" * 64), settings, lambda: asked.append(1)
    )
    wave = speechlike(3.0, seed=4)
    came = []
    given = 0
    rng = np.random.default_rng(2)
    while given < len(wave):
        size = int(rng.integers(100, 3_000))
        came.append(stream.push(wave[given : given + size]))
        given = min(len(wave), given + size)
        late = given - sum(map(len, came))
        assert late <= (stream.latency_s + 0.01) * 24_000  # a frame may be half full
    came.append(stream.close())
    made = np.concatenate(came)
    assert len(made) == len(wave)
    assert stream.latency_s == 0.5 and len(asked) == 14  # thirteen hops, and the rest

    # what came out says the same tune, without clicks where blocks meet
    before, after = track_pitch(wave, 24_000), track_harvest(Audio(made, 24_000), (60.0, 400.0))
    both = before.vuv & after.vuv[: len(before.vuv)]
    inner = both & np.roll(both, 3) & np.roll(both, -3)
    cents = 1200 * np.log2(after.f0_hz[: len(both)][inner] / before.f0_hz[inner])
    assert inner.sum() > 60 and np.median(np.abs(cents)) < MEDIAN_CENTS_TOL
    bends = np.abs(np.diff(made, 2))
    borders = np.arange(4_800, len(made) - 2, 4_800)
    near = np.array([bends[b - 2 : b + 2].max() for b in borders])
    assert near.max() <= bends.max() and np.median(near) < np.quantile(bends, 0.99)


def test_it_stops_when_the_permit_does(engine: HouseEngine) -> None:
    class Withdrawn(Exception):
        pass

    left = [3]

    def ask() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Withdrawn

    stream = ConversionStream(
        engine._target(), guide(speechlike(4.0)), ConvertParams("0" * 64), StreamSettings(), ask
    )
    with pytest.raises(Withdrawn):
        stream.push(speechlike(3.0, seed=4))


def test_what_cannot_work_is_refused(engine: HouseEngine) -> None:
    with pytest.raises(UsageError, match="three seconds"):
        engine._convert_live(guide(speechlike(1.0)), ConvertParams("0" * 64), None, lambda: None)
    with pytest.raises(UsageError, match="ahead"):
        StreamSettings(ahead_frames=2)
    with pytest.raises(UsageError, match="remember"):
        StreamSettings(memory_frames=60)
