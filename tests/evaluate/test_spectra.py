"""Spectral distance, against signals whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest

from voicekit.evaluate import spectral_distance
from voicekit.evaluate.spectra import magnitudes

RATE = 24_000
NOISE = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)


def test_identity_is_zero() -> None:
    found = spectral_distance(NOISE, NOISE, RATE)
    assert found.convergence == 0.0
    assert found.log_magnitude_db == 0.0


def test_a_gain_is_its_decibels() -> None:
    found = spectral_distance(NOISE, NOISE * np.float32(0.5), RATE)
    assert found.convergence == pytest.approx(0.5, abs=1e-6)
    assert found.log_magnitude_db == pytest.approx(20 * np.log10(2), abs=0.01)  # 0.01 dB


def test_grows_with_noise() -> None:
    other = np.random.default_rng(2).normal(0, 0.1, RATE).astype(np.float32)
    found = [spectral_distance(NOISE, NOISE + np.float32(g) * other, RATE) for g in (0.01, 0.1, 1.0)]
    assert found[0].convergence < found[1].convergence < found[2].convergence
    assert found[0].log_magnitude_db < found[1].log_magnitude_db < found[2].log_magnitude_db


def test_top_hz_leaves_out_what_lies_above() -> None:
    t = np.arange(RATE) / RATE
    added = NOISE + (0.3 * np.sin(2 * np.pi * 9000.0 * t)).astype(np.float32)
    below = spectral_distance(NOISE, added, RATE, top_hz=7600.0)
    assert below.convergence < 0.01
    assert spectral_distance(NOISE, added, RATE).convergence > 0.5


def test_magnitude_of_a_sine() -> None:
    t = np.arange(RATE) / RATE
    wave = np.sin(2 * np.pi * 1500.0 * t).astype(np.float32)  # bin 64 of 1024
    inner = magnitudes(wave, 1024)[8:-8]
    assert (inner.argmax(1) == 64).all()
    np.testing.assert_allclose(inner[:, 64], 1024 / 4, rtol=1e-4)  # half the amplitude times the window's sum


def test_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="equally long"):
        spectral_distance(NOISE, NOISE[:-1], RATE)
    with pytest.raises(ValueError, match="silent"):
        spectral_distance(np.zeros(RATE, np.float32), NOISE, RATE)
