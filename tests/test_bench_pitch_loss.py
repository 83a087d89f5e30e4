"""Changed sounds of the bench of what commanded F0 loses: each changes what its name says and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.pitch_loss import SHIPPED, SOUNDS, away, held, pulses_of, reaching, render
from voicekit.engines.house import load_vocoder, resynthesise
from voicekit.features.frames import HOP_LENGTH, SAMPLE_RATE
from voicekit.models.source_filter import batch_pulses
from voicekit.pitch import PitchTrack

VUV = np.array([0] * 20 + [1] * 40 + [0] * 9 + [1] * 30 + [0] * 21, dtype=bool)
TRACK = PitchTrack(np.where(VUV, 110.0 * 2 ** (np.arange(120) / 120), 0.0), VUV)
ENVELOPE = np.linspace(-3.0, -9.0, 80, dtype=np.float32) - np.linspace(0.0, 2.0, 120, dtype=np.float32)[:, None]


def test_as_shipped_is_what_the_vocoder_makes() -> None:
    vocoder = load_vocoder()
    made = render(vocoder, ENVELOPE, TRACK, SOUNDS[SHIPPED])
    assert np.abs(made - resynthesise(vocoder, ENVELOPE, TRACK.f0_hz, 0)).max() < 1e-6
    for name, sound in SOUNDS.items():
        if name != SHIPPED:
            assert np.abs(render(vocoder, ENVELOPE, TRACK, sound) - made).max() > 1e-5, name


@pytest.mark.parametrize("beyond", [0.0, 0.5, 1.0])
def test_pulses_go_on_beyond_borders_as_far_as_is_said(beyond: float) -> None:
    plain = batch_pulses(TRACK.f0_hz[None], TRACK.vuv[None]).time.numpy()
    made = pulses_of(TRACK, beyond)
    assert set(plain) <= set(made.time.numpy())
    period = SAMPLE_RATE / 160
    for time in sorted(set(made.time.numpy()) - set(plain)):
        ends = np.flatnonzero(np.diff(np.repeat(VUV, HOP_LENGTH).astype(int))) + 1
        assert np.abs(ends - time).min() <= beyond * 1.5 * period + 1
    assert len(made.time) - len(plain) == pytest.approx(4 * beyond, abs=2 if beyond else 0)
    assert reaching(TRACK, 0.0).tolist() == np.repeat(VUV, HOP_LENGTH).tolist()


def test_frames_next_to_a_voiced_one_take_its_spectrum() -> None:
    numbers = torch.arange(120.0)[None, :, None]
    harmonic, noise, phase = held((numbers, numbers, numbers), torch.from_numpy(VUV)[None].float())
    assert harmonic[0, 20:60, 0].tolist() == list(range(20, 60))
    assert harmonic[0, 18, 0] == 20 and harmonic[0, 61, 0] == 59
    assert torch.equal(noise, numbers) and torch.equal(phase, harmonic)


def test_away_from_borders() -> None:
    assert np.flatnonzero(away(TRACK).vuv).tolist() == [*range(23, 57), *range(72, 96)]
