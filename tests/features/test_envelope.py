"""The envelope against signals whose spectrum is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from voicekit.features.envelope import LOG_FLOOR, envelope
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE, frame_count, frame_times
from voicekit.features.mel import analysis_matrix, band_centres, synthesis_matrix

LEVEL_TOL_NEPERS = 0.06


def pulse_train(f0_hz: float, seconds: float, amplitude: float) -> torch.Tensor:
    """A band-limited pulse train by its Fourier series, scaled so that the power density is `amplitude` squared."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.zeros_like(t)
    for k in range(1, int(SAMPLE_RATE / 2 / f0_hz) + 1):
        if k * f0_hz < SAMPLE_RATE / 2:
            wave += 2 * f0_hz / SAMPLE_RATE * np.cos(2 * np.pi * k * f0_hz * t)
    return torch.from_numpy((wave * amplitude * math.sqrt(SAMPLE_RATE / f0_hz)).astype(np.float32))


@pytest.mark.parametrize("f0_hz", [80.0, 131.0, 220.0, 440.0, 880.0])
def test_a_flat_pulse_train_has_a_flat_envelope_at_every_f0(f0_hz: float) -> None:
    found = envelope(pulse_train(f0_hz, 0.5, 0.1), torch.full((50,), f0_hz))[10:40]
    below = band_centres() < 11_500.0 - f0_hz  # beyond the last harmonic there is nothing to read
    assert (found[:, below] - math.log(0.1)).abs().max() < LEVEL_TOL_NEPERS


def test_the_level_of_white_noise_is_read_right() -> None:
    noise = torch.randn(SAMPLE_RATE * 4, generator=torch.Generator().manual_seed(1)) * 0.1
    # The log of a smoothed periodogram lies a little below the log of its mean: within 0.15 nepers here.
    assert envelope(noise, torch.zeros(400)).mean().item() == pytest.approx(math.log(0.1), abs=0.15)


def test_a_resonance_stays_where_it_is_when_f0_moves() -> None:
    """One formant at 1000 Hz drawn by its closed-form magnitude: the peak band must not depend on F0."""
    for f0_hz in (90.0, 180.0, 300.0):
        t = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
        wave = np.zeros_like(t)
        for k in range(1, int(11_000 / f0_hz)):
            f = k * f0_hz
            wave += np.cos(2 * np.pi * f * t + k) / (1 + ((f - 1000.0) / 150.0) ** 2)
        found = envelope(torch.from_numpy(wave.astype(np.float32)), torch.full((50,), f0_hz))[10:40].mean(0)
        peak = float(band_centres()[int(found.argmax())])
        assert abs(peak - 1000.0) <= f0_hz / 2 + 40.0  # harmonics sample the spectrum no finer than that


def test_long_input_in_chunks_is_the_same_as_in_one() -> None:
    wave = torch.randn(HOP_LENGTH * 300, generator=torch.Generator().manual_seed(2))
    f0 = torch.full((300,), 150.0)
    assert torch.allclose(envelope(wave, f0, chunk=64), envelope(wave, f0, chunk=1000), atol=1e-4)


def test_silence_gives_the_floor() -> None:
    assert (envelope(torch.zeros(HOP_LENGTH * 20), torch.zeros(20)) == LOG_FLOOR).all()


def test_bands_average_and_interpolate_with_weights_that_sum_to_one() -> None:
    assert torch.allclose(analysis_matrix(1025).sum(0), torch.ones(80), atol=1e-5)
    assert torch.allclose(synthesis_matrix(513).sum(0), torch.ones(513), atol=1e-5)


def test_frames_cover_the_samples() -> None:
    assert frame_count(1) == 1 and frame_count(240) == 1 and frame_count(241) == 2
    assert frame_times(2).tolist() == pytest.approx([0.005, 0.015])
