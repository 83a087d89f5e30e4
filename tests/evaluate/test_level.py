"""Level and edges, against sines of known amplitude."""

from __future__ import annotations

import numpy as np
import pytest

from voicekit.evaluate import active_rms, set_level, trim_silence

RATE = 16_000


def sine(seconds: float, amplitude: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * 200.0 * t)).astype(np.float32)


def test_active_rms_of_a_sine_does_not_see_the_pauses() -> None:
    with_pauses = np.concatenate([np.zeros(RATE, np.float32), sine(1.0, 0.2), np.zeros(RATE, np.float32)])
    assert active_rms(with_pauses, RATE) == pytest.approx(0.2 / np.sqrt(2), rel=1e-3)


def test_set_level_reaches_the_level() -> None:
    assert active_rms(set_level(sine(0.5, 0.9), RATE), RATE) == pytest.approx(0.05, rel=1e-3)


def test_set_level_stops_at_the_peak() -> None:
    wave = sine(0.5, 0.1)
    wave[100] = 1.0
    assert np.abs(set_level(wave, RATE, rms=0.5)).max() == pytest.approx(0.99, rel=1e-5)


def test_silence_stays_silence() -> None:
    silent = np.zeros(RATE, np.float32)
    assert active_rms(silent, RATE) == 0.0
    assert not set_level(silent, RATE).any()
    assert len(trim_silence(silent, RATE)) == RATE
    assert len(trim_silence(np.zeros(0, np.float32), RATE)) == 0


def test_trim_keeps_what_it_says() -> None:
    quiet = np.random.default_rng(0).normal(0, 1e-5, RATE).astype(np.float32)  # -97 dB against the sine
    wave = np.concatenate([quiet, sine(0.5, 0.5), quiet])
    assert len(trim_silence(wave, RATE, keep_s=0.05)) == pytest.approx(0.6 * RATE, abs=0.011 * RATE)
    assert len(trim_silence(wave, RATE, keep_s=0.0)) == pytest.approx(0.5 * RATE, abs=0.011 * RATE)
