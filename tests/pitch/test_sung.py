"""The tracker for singing, against curves that are known exactly."""

from __future__ import annotations

import time

import numpy as np
import parselmouth
import pytest

from voicekit.evaluate.signals import SAMPLE_RATE, SungSpec, sung_signal
from voicekit.features.frames import frame_times
from voicekit.pitch import SungTracker, track_sung_pitch
from voicekit.pitch.candidates import find_candidates, frames_of, low_band
from voicekit.units import cents_between

SEED = 40


def rpa_50(truth: np.ndarray, found: np.ndarray) -> float:
    both = (truth > 0) & (found > 0)
    return float((np.abs(cents_between(truth[both], found[both])) <= 50.0).sum() / (truth > 0).sum())


def praat(waveform: np.ndarray, n_frames: int, **options: float) -> np.ndarray:
    pitch = parselmouth.Sound(waveform.astype(np.float64), SAMPLE_RATE).to_pitch_ac(time_step=0.01, **options)
    return np.array([np.nan_to_num(pitch.get_value_at_time(t)) for t in frame_times(n_frames)])


def test_candidates_stand_on_our_frames_exactly() -> None:
    """A glide tells the time of each frame: half a frame's error would be 6 cents."""
    cents_tol = 0.1
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(200 * 2 ** (t / 2 * 2)) / SAMPLE_RATE
    wave = (0.1 * sum(np.cos(k * phase) / k for k in range(1, 8))).astype(np.float32)
    for size in (2 * SAMPLE_RATE, 2 * SAMPLE_RATE - 101):
        n = frames_of(size, SAMPLE_RATE)
        found = find_candidates(low_band(wave[:size], SAMPLE_RATE), n, 75.0, 1400.0)
        truth = 200 * 2 ** frame_times(n)
        inner = slice(10, n - 10)
        near = np.abs(np.log2(np.maximum(found.hz, 1) / truth[:, None])).argmin(1)
        error = cents_between(truth, found.hz[np.arange(n), near])[inner]
        assert np.abs(error).max() < cents_tol


@pytest.mark.parametrize(
    ("low", "changes", "least"),
    [
        (36.0, {}, 0.97),
        (48.0, {"vibrato_cents": 60.0}, 0.97),
        (60.0, {"glide_s": 0.3}, 0.97),
        (72.0, {"vibrato_cents": 120.0, "vibrato_hz": 6.5}, 0.95),
        (48.0, {"snr_db": 10.0}, 0.93),
        (60.0, {"reverb_s": 0.5}, 0.93),
        (60.0, {"jitter": 0.01, "breath_db": -20.0}, 0.97),
    ],
)
def test_follows_what_praat_loses(low: float, changes: dict[str, float], least: float) -> None:
    signal = sung_signal(SungSpec(low_midi=low, high_midi=low + 12, seconds=5.0, **changes), SEED)
    truth = signal.truth.f0_hz
    track = track_sung_pitch(signal.waveform, SAMPLE_RATE)
    ours = rpa_50(truth, track.f0_hz)
    assert len(track.f0_hz) == len(truth)
    assert ours > least
    assert ours >= rpa_50(truth, praat(signal.waveform, len(truth))) - 0.002  # its default: 75 to 600 Hz
    assert ours >= rpa_50(truth, praat(signal.waveform, len(truth), pitch_ceiling=1400.0)) - 0.002
    octaves = track.vuv & signal.truth.vuv
    assert (np.abs(cents_between(truth[octaves], track.f0_hz[octaves])) > 600).mean() < 0.01


def test_a_leap_of_two_octaves_within_a_take() -> None:
    parts = [
        sung_signal(SungSpec(low_midi=low, high_midi=low + 3, seconds=2.5, vibrato_cents=50), SEED + low)
        for low in (45, 69)
    ]
    wave = np.concatenate([part.waveform for part in parts])
    truth = np.concatenate([part.truth.f0_hz for part in parts])
    assert rpa_50(truth, track_sung_pitch(wave, SAMPLE_RATE).f0_hz) > 0.96


def test_vibrato_is_not_flattened() -> None:
    """The extent that comes back is the one that was made, at a low and at a high note."""
    extent_tol = 0.08
    for midi in (45.0, 60.0, 76.0):
        t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
        hz = 440 * 2 ** ((midi - 69 + 0.8 * np.sin(2 * np.pi * 6.0 * t)) / 12)
        phase = 2 * np.pi * np.cumsum(hz) / SAMPLE_RATE
        wave = (0.1 * sum(np.cos(k * phase) / k for k in range(1, 8))).astype(np.float32)
        found = track_sung_pitch(wave, SAMPLE_RATE).f0_hz[50:250]
        assert (found > 0).all()
        cents = 1200 * np.log2(found / np.median(found))
        extent = np.sqrt(2) * cents.std()
        assert abs(extent / 80.0 - 1) < extent_tol, midi


@pytest.mark.parametrize("kind", ["silence", "noise", "hum", "short", "empty"])
def test_nothing_voiced_in_what_is_no_voice(kind: str) -> None:
    rng = np.random.default_rng(0)
    wave = {
        "silence": np.zeros(SAMPLE_RATE),
        "noise": 0.1 * rng.standard_normal(2 * SAMPLE_RATE),
        "hum": np.full(SAMPLE_RATE, 0.2),
        "short": 0.1 * np.ones(300),
        "empty": np.zeros(0),
    }[kind].astype(np.float32)
    track = track_sung_pitch(wave, SAMPLE_RATE)
    assert track.vuv.sum() <= 0.02 * len(track.vuv)
    assert len(track.vuv) == frames_of(len(wave), SAMPLE_RATE)


def test_level_and_rate_do_not_matter() -> None:
    import soxr

    signal = sung_signal(SungSpec(seconds=4.0, vibrato_cents=40), SEED)
    plain = track_sung_pitch(signal.waveform, SAMPLE_RATE)
    for wave, rate in (
        (signal.waveform * np.float32(1e-3), SAMPLE_RATE),
        (soxr.resample(signal.waveform, SAMPLE_RATE, 48_000), 48_000),
        (soxr.resample(signal.waveform, SAMPLE_RATE, 44_100), 44_100),
    ):
        again = track_sung_pitch(wave, rate)
        assert len(again.vuv) == len(plain.vuv)
        both = again.vuv & plain.vuv
        assert (again.vuv == plain.vuv).mean() > 0.98
        assert np.abs(cents_between(plain.f0_hz[both], again.f0_hz[both])).max() < 20
    assert (track_sung_pitch(signal.waveform, SAMPLE_RATE).f0_hz == plain.f0_hz).all()


def test_costs_are_really_used() -> None:
    signal = sung_signal(SungSpec(seconds=4.0, snr_db=10.0), SEED)
    strict = track_sung_pitch(signal.waveform, SAMPLE_RATE, tracker=SungTracker(voicing_threshold=0.9))
    lax = track_sung_pitch(signal.waveform, SAMPLE_RATE, tracker=SungTracker(voicing_threshold=0.2))
    assert strict.vuv.sum() < lax.vuv.sum()


@pytest.mark.slow
def test_costs_less_than_ten_times_praats_default() -> None:
    signal = sung_signal(SungSpec(seconds=20.0), SEED)
    track_sung_pitch(signal.waveform, SAMPLE_RATE)

    def least(work: object) -> float:
        times = []
        for _ in range(5):
            start = time.process_time()
            work()  # type: ignore[operator]
            times.append(time.process_time() - start)
        return min(times)

    ours = least(lambda: track_sung_pitch(signal.waveform, SAMPLE_RATE))
    theirs = least(lambda: parselmouth.Sound(signal.waveform.astype(np.float64), SAMPLE_RATE).to_pitch())
    assert ours < 10 * theirs
