"""Comparison of F0 tracks, and the independent trackers on exact signals."""

from __future__ import annotations

import numpy as np
import pytest

from voicekit.audio import Audio
from voicekit.evaluate import compare_pitch
from voicekit.features.frames import frame_times
from voicekit.pitch.tracking import PitchTrack

RATE = 24_000
PACKAGE = {"harvest": "pyworld", "crepe": "torchcrepe"}


def track(*f0_hz: float) -> PitchTrack:
    f0 = np.array(f0_hz)
    return PitchTrack(f0, f0 > 0)


def cents_above(f0_hz: float, cents: float) -> float:
    return f0_hz * 2 ** (cents / 1200)


def test_figures_counted_by_hand() -> None:
    commanded = track(100, 100, 100, 100, 200, 0, 0, 100)
    measured = track(
        cents_above(100, 10), cents_above(100, -30), cents_above(100, 60), cents_above(100, 1200),
        cents_above(200, 20), 150, 0, 0,
    )  # fmt: skip
    found = compare_pitch([(commanded, measured)])
    assert found.frames == 5
    assert found.median_abs_cents == pytest.approx(30.0)  # of 10, 20, 30, 60, 1200
    assert found.bias_cents == pytest.approx(20.0)  # of -30, 10, 20, 60, 1200
    assert found.rmse_cents == pytest.approx(((10**2 + 30**2 + 60**2 + 20**2) / 4) ** 0.5)  # without the 1200
    assert found.within_25 == pytest.approx(2 / 5)
    assert found.within_50 == pytest.approx(3 / 5)
    assert found.octave_share == pytest.approx(1 / 5)
    assert found.voicing_recall == pytest.approx(5 / 6)
    assert found.voicing_agreement == pytest.approx(6 / 8)


def test_pairs_are_pooled_by_frames() -> None:
    long = (track(*[100.0] * 9), track(*[100.0] * 9))
    short = (track(100.0), track(cents_above(100, 100)))
    assert compare_pitch([long, short]).within_50 == pytest.approx(0.9)


def test_nothing_voiced_is_nan_not_a_success() -> None:
    found = compare_pitch([(track(100.0, 0.0), track(0.0, 0.0))])
    assert found.frames == 0
    assert np.isnan(found.median_abs_cents)
    assert np.isnan(found.within_50)
    assert found.voicing_recall == 0.0
    assert np.isnan(compare_pitch([]).voicing_agreement)


def test_tracks_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        compare_pitch([(track(1.0), track(1.0, 1.0))])


def glide(seconds: float, low_hz: float, high_hz: float) -> tuple[Audio, PitchTrack]:
    """A rich tone whose F0 is known at every instant: exponential rise, phase integrated in closed form."""
    t = np.arange(round(seconds * RATE)) / RATE
    slope = np.log(high_hz / low_hz) / seconds
    cycles = low_hz * (np.exp(slope * t) - 1) / slope
    harmonics = sum(np.cos(2 * np.pi * k * cycles) / k for k in range(1, 11))
    times = frame_times(-(-len(t) // 240))
    f0 = low_hz * np.exp(slope * times)
    return Audio((0.1 * harmonics).astype(np.float32), RATE), PitchTrack(f0, np.ones(len(f0), dtype=bool))


@pytest.mark.parametrize("name", ["harvest", "crepe"])
def test_trackers_follow_a_known_glide(name: str) -> None:
    pytest.importorskip(PACKAGE[name], reason="an F0 tracker of the bench extra is not installed")
    from voicekit.evaluate.trackers import TRACKERS

    audio, truth = glide(1.5, 110.0, 220.0)
    found = TRACKERS[name](audio, (60.0, 500.0))
    agreement = compare_pitch([(truth, found)])
    CENTS_TOL = {"harvest": 2.0, "crepe": 12.0}[name]
    # One frame late would be 8 cents of bias: the grid is right.
    BIAS_CENTS_TOL = {"harvest": 2.0, "crepe": 8.0}[name]
    assert agreement.median_abs_cents < CENTS_TOL
    assert abs(agreement.bias_cents) < BIAS_CENTS_TOL
    assert agreement.voicing_recall > 0.95


@pytest.mark.parametrize("name", ["harvest", "crepe"])
def test_trackers_call_silence_unvoiced(name: str) -> None:
    pytest.importorskip(PACKAGE[name], reason="an F0 tracker of the bench extra is not installed")
    from voicekit.evaluate.trackers import TRACKERS

    found = TRACKERS[name](Audio(np.zeros(RATE // 2, np.float32), RATE), (60.0, 500.0))
    assert len(found.vuv) == 50
    assert not found.vuv.any()
