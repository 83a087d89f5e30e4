"""Mel-cepstral distortion and periodicity, against sounds whose answer is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from voicekit.evaluate import cepstral_distortion, periodicity

RATE = 24_000


def noise(seconds: float = 4.0) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def test_equal_sounds_and_other_levels_are_no_distortion() -> None:
    wave = noise()
    assert cepstral_distortion(wave, wave, RATE) == 0.0
    assert cepstral_distortion(wave, 0.5 * wave, RATE) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("order", [1, 4])
def test_a_ripple_on_the_mel_axis_gives_the_distortion_that_its_size_says(order: int) -> None:
    """Gain exp(a cos(...)) over the mel axis is one cepstral coefficient of a sqrt(bands / 2)."""
    size, bands = 0.1, 40
    wave = noise()
    freqs = np.fft.rfftfreq(len(wave), 1 / RATE)
    place = np.log1p(freqs / 700) / np.log1p(RATE / 2 / 700)  # 0 .. 1
    ripple = np.exp(size * np.cos(np.pi * order * (place * (bands + 1) - 0.5) / bands))
    made = np.fft.irfft(np.fft.rfft(wave) * ripple, len(wave)).astype(np.float32)
    expected = 10 / np.log(10) * np.sqrt(2) * size * np.sqrt(bands / 2)
    assert cepstral_distortion(wave, made, RATE) == pytest.approx(expected, rel=0.12)


def test_lengths_and_silence_are_refused() -> None:
    with pytest.raises(ValueError, match="equally long"):
        cepstral_distortion(noise(), noise()[:-1], RATE)
    with pytest.raises(ValueError, match="silent"):
        cepstral_distortion(np.zeros(RATE, np.float32), noise(1.0), RATE)


def test_a_tone_is_periodic_and_noise_is_not() -> None:
    centres = np.arange(2000, 20_000, 1000)
    tone = np.sin(2 * np.pi * 130 * np.arange(RATE) / RATE).astype(np.float32)
    assert periodicity(tone, RATE, centres).min() > 0.98
    assert periodicity(noise(1.0), RATE, centres).max() < 0.35
