"""Pulses a few hundred at a time.  Truth: all of them in one piece, as learning does it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voicekit.features.frames import HOP_LENGTH
from voicekit.models import source_filter
from voicekit.models.source_filter import batch_pulses, harmonic_part

RELATIVE_TOL = 1e-6


@pytest.mark.parametrize(("f0_hz", "items"), [(0.0, 1), (110.0, 1), (900.0, 2)])
def test_the_same_sound_as_in_one_piece(f0_hz: float, items: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = 150
    random = torch.Generator().manual_seed(4)
    amplitude = 0.05 * torch.randn(items, frames, 80, generator=random).cumsum(1) - 4
    phase = 0.1 * torch.randn(items, frames, 16, generator=random)
    f0 = np.full((items, frames), max(f0_hz, 1.0))
    pulses = batch_pulses(f0, np.full((items, frames), f0_hz > 0))
    assert len(pulses.time) == pytest.approx(items * frames * HOP_LENGTH / 24_000 * f0_hz, abs=items)
    learnt = harmonic_part(amplitude.requires_grad_(), phase, pulses, frames * HOP_LENGTH)
    with torch.inference_mode():
        made = harmonic_part(amplitude, phase, pulses, frames * HOP_LENGTH)
        monkeypatch.setattr(source_filter, "PULSES_AT_ONCE", 37)
        few = harmonic_part(amplitude, phase, pulses, frames * HOP_LENGTH)
    largest = max(float(learnt.detach().abs().max()), 1e-9)
    assert learnt.requires_grad == (f0_hz > 0)
    for other in (made, few):
        assert float((other - learnt.detach()).abs().max()) <= RELATIVE_TOL * largest


def test_who_speaks_first_can_learn_afterwards() -> None:
    """What is computed once and kept must not be bound to the mode in which it was first wanted."""
    source_filter._pulse_constants.cache_clear()
    source_filter.synthesis_matrix.cache_clear()
    amplitude, phase = torch.zeros(1, 20, 80), torch.zeros(1, 20, 16)
    pulses = batch_pulses(np.full((1, 20), 150.0), np.ones((1, 20), dtype=bool))
    with torch.inference_mode():
        harmonic_part(amplitude, phase, pulses, 20 * HOP_LENGTH)
    harmonic_part(amplitude.requires_grad_(), phase, pulses, 20 * HOP_LENGTH).sum().backward()
    assert amplitude.grad is not None and float(amplitude.grad.abs().max()) > 0
