"""The synthesiser against Fourier series and against Praat."""

from __future__ import annotations

import numpy as np
import parselmouth
import pytest
import torch

from voicekit.features.envelope import envelope
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.models.source_filter import batch_pulses, harmonic_part, noise_part, pulse_times
from voicekit.models.vocoder import Vocoder

CENTS_TOL = 1.0


def sound(f0: np.ndarray, level: float = -2.0) -> torch.Tensor:
    frames = len(f0)
    pulses = batch_pulses(f0[None], f0[None] > 0)
    return harmonic_part(torch.full((1, frames, 80), level), torch.zeros(1, frames, 16), pulses, frames * HOP_LENGTH)[0]


@pytest.mark.parametrize("f0_hz", [65.41, 130.81, 261.63, 523.25, 1046.5])  # C2 to C6
def test_a_commanded_note_is_what_praat_hears(f0_hz: float) -> None:
    wave = sound(np.full(150, f0_hz)).numpy().astype(np.float64)
    heard = parselmouth.Sound(wave, SAMPLE_RATE).to_pitch_ac(
        time_step=0.01, pitch_floor=f0_hz * 0.7, pitch_ceiling=f0_hz * 1.4
    )
    values = heard.selected_array["frequency"][20:-20]
    assert (values > 0).all()
    assert np.abs(1200 * np.log2(values / f0_hz)).max() < CENTS_TOL


def test_pulses_lie_where_the_integral_of_f0_passes_whole_numbers() -> None:
    """A linear glide: the phase is the integral of F0, in closed form a f + b t^2 / 2."""
    frames = 200
    centres = (np.arange(frames) + 0.5) * HOP_LENGTH / SAMPLE_RATE
    f0 = 100.0 + 50.0 * centres
    time, period = pulse_times(f0, np.ones(frames, dtype=bool))
    t = time / SAMPLE_RATE
    # between the first and last frame centres F0 is linear (in the log, which differs by < 1e-4 here)
    inside = (t > centres[0]) & (t < centres[-1])
    cycles = 100.0 * t + 25.0 * t**2
    offset = cycles[inside] - np.round(cycles[inside])
    assert np.ptp(offset) < 2e-3
    assert period[inside] == pytest.approx(SAMPLE_RATE / (100.0 + 50.0 * t[inside]), rel=1e-3)


def test_nothing_sounds_in_unvoiced_frames() -> None:
    f0 = np.full(100, 150.0)
    f0[40:60] = 0.0
    time, _ = pulse_times(f0, f0 > 0)
    assert not ((time >= 40 * HOP_LENGTH) & (time < 60 * HOP_LENGTH)).any()


@pytest.mark.parametrize("beyond", [0.0, 0.5, 1.0])
def test_pulses_go_on_beyond_what_is_voiced_as_far_as_is_said(beyond: float) -> None:
    f0 = np.where(np.arange(120) < 60, 110.0, 190.0)
    vuv = np.array([0] * 20 + [1] * 40 + [0] * 9 + [1] * 30 + [0] * 21, dtype=bool)
    plain, _ = pulse_times(f0, vuv, phase=0.3)
    time, _ = pulse_times(f0, vuv, phase=0.3, beyond=beyond)
    assert set(plain) <= set(time) and (np.diff(time) > 0).all()
    ends = {20: 110.0, 60: 110.0, 69: 190.0, 99: 190.0}  # frames and the F0 there
    outside = sorted(set(time) - set(plain))
    for at in outside:
        near = min(ends, key=lambda end: abs(end * HOP_LENGTH - at))
        assert abs(near * HOP_LENGTH - at) <= beyond * SAMPLE_RATE / ends[near] + 1
    # a whole period holds exactly one pulse, wherever it begins
    assert len(outside) == 4 if beyond == 1.0 else len(outside) <= 4 * beyond + 2


@pytest.mark.parametrize("f0_hz", [80.0, 200.0, 600.0])
def test_what_was_put_in_is_what_the_envelope_says(f0_hz: float) -> None:
    wave = sound(np.full(100, f0_hz))
    assert (envelope(wave, torch.full((100,), f0_hz))[20:80] + 2.0).abs().max() < 0.06


def test_noise_has_the_level_asked_for_from_the_first_sample_to_the_last() -> None:
    white = torch.randn(1, HOP_LENGTH * 400, generator=torch.Generator().manual_seed(3))
    made = noise_part(torch.full((1, 800, 80), -2.0), white)[0]
    for part in (made, made[:4800], made[-4800:]):
        assert part.std().item() == pytest.approx(np.exp(-2.0), rel=0.06)


def test_an_untrained_vocoder_keeps_level_and_length() -> None:
    frames = 120
    f0 = np.full((1, frames), 140.0)
    env = torch.full((1, frames, 80), -3.0)
    noise = torch.randn(1, frames * HOP_LENGTH, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        made = Vocoder()(env, torch.ones(1, frames), batch_pulses(f0, f0 > 0), noise)
    assert made.shape == (1, frames * HOP_LENGTH)
    assert made[0, 2400:-2400].square().mean().sqrt().item() == pytest.approx(np.exp(-3.0), rel=0.15)


def test_the_network_never_sees_f0() -> None:
    """Its decisions for an envelope are the same whatever the pulses: the pitch cannot leak."""
    import inspect

    names = list(inspect.signature(Vocoder.parameters_of).parameters)
    assert names == ["self", "envelope", "vuv"]
