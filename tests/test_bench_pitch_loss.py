"""Changed sounds of the bench of what commanded F0 loses: each changes what its name says and nothing else."""

from __future__ import annotations

import numpy as np
import torch

from bench.pitch_loss import PLAIN, SHIPPED, SOUNDS, away, held, render
from voicekit.engines.house import load_vocoder, resynthesise
from voicekit.pitch import PitchTrack

VUV = np.array([0] * 20 + [1] * 40 + [0] * 9 + [1] * 30 + [0] * 21, dtype=bool)
TRACK = PitchTrack(np.where(VUV, 110.0 * 2 ** (np.arange(120) / 120), 0.0), VUV)
ENVELOPE = np.linspace(-3.0, -9.0, 80, dtype=np.float32) - np.linspace(0.0, 2.0, 120, dtype=np.float32)[:, None]


def test_as_shipped_is_what_the_vocoder_makes() -> None:
    vocoder = load_vocoder()
    made = render(vocoder, ENVELOPE, TRACK, SOUNDS[SHIPPED])
    assert np.abs(made - resynthesise(vocoder, ENVELOPE, TRACK.f0_hz, 0)).max() < 1e-6
    plain = render(vocoder, ENVELOPE, TRACK, SOUNDS[PLAIN])
    for name, sound in SOUNDS.items():
        if name != PLAIN:
            assert np.abs(render(vocoder, ENVELOPE, TRACK, sound) - plain).max() > 1e-5, name


def test_frames_next_to_a_voiced_one_take_its_spectrum() -> None:
    numbers = torch.arange(120.0)[None, :, None]
    harmonic, noise, phase = held((numbers, numbers, numbers), torch.from_numpy(VUV)[None].float())
    assert harmonic[0, 20:60, 0].tolist() == list(range(20, 60))
    assert harmonic[0, 18, 0] == 20 and harmonic[0, 61, 0] == 59
    assert torch.equal(noise, numbers) and torch.equal(phase, harmonic)


def test_away_from_borders() -> None:
    assert np.flatnonzero(away(TRACK).vuv).tolist() == [*range(23, 57), *range(72, 96)]
