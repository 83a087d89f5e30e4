"""Pitch tracking against tones whose F0 is known, and contours made fit to be commanded."""

from __future__ import annotations

import numpy as np
import pytest

from voicekit.pitch import PitchTrack, tidy, track_pitch

CENTS_TOL = 3.0


def buzz(f0: np.ndarray, rate: int) -> np.ndarray:
    """Ten harmonics of an instantaneous F0 (N,)."""
    phase = 2 * np.pi * np.cumsum(f0) / rate
    return sum(np.cos(k * phase) / k for k in range(1, 11)).astype(np.float32) * 0.1


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100])
def test_a_steady_tone(rate: int) -> None:
    track = track_pitch(buzz(np.full(rate, 196.0), rate), rate)
    assert len(track.f0_hz) == 100
    assert track.vuv[5:-5].all()
    assert np.abs(1200 * np.log2(track.f0_hz[5:-5] / 196.0)).max() < CENTS_TOL


def test_a_glide_is_followed_in_time() -> None:
    rate = 24_000
    f0 = 150.0 * 2.0 ** (np.arange(2 * rate) / rate / 2)  # half an octave a second
    track = track_pitch(buzz(f0, rate), rate)
    expected = f0[(np.arange(200) * 240 + 120)]
    inner = slice(10, -10)
    assert np.abs(1200 * np.log2(track.f0_hz[inner] / expected[inner])).max() < CENTS_TOL


def test_noise_and_silence_and_a_blip_are_unvoiced() -> None:
    rng = np.random.default_rng(1)
    assert track_pitch(rng.normal(0, 0.1, 24_000).astype(np.float32), 24_000).vuv.mean() < 0.1
    assert not track_pitch(np.zeros(24_000, dtype=np.float32), 24_000).vuv.any()
    assert not track_pitch(np.zeros(100, dtype=np.float32), 24_000).vuv.any()


def test_unvoiced_stretches_are_bridged() -> None:
    f0 = np.array([100.0, 0.0, 0.0, 200.0])
    bridged = PitchTrack(f0, f0 > 0).continuous()
    assert bridged[1] == pytest.approx(100.0 * 2 ** (1 / 3)) and bridged[3] == pytest.approx(200.0)


def test_tidy_takes_out_octave_slips_islands_and_edges_but_keeps_vibrato() -> None:
    t = np.arange(200) / 100
    clean = 220.0 * 2.0 ** (50.0 * np.sin(2 * np.pi * 5.5 * t) / 1200)  # 5.5 Hz, 50 cents
    f0 = clean.copy()
    f0[60:66] *= 2.0
    f0[120] *= 0.5
    f0[150:160] = 0.0
    f0[154:156] = 300.0
    f0[0] = 400.0
    found = tidy(PitchTrack(f0, f0 > 0))
    assert not found.vuv[150:160].any()
    cents = 1200 * np.abs(np.log2(found.f0_hz[found.vuv] / clean[found.vuv]))
    assert np.median(cents) < 5.0
    assert cents.max() < 100.0
