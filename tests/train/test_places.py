"""Directions in which readers differ are found where they were put, and leave the mean alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voicekit.errors import UsageError
from voicekit.train.blend import SpeakerFacts
from voicekit.train.places import find_directions

READERS = 40
TRUE = np.array([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])  # lengths 5 and 1
APART = np.array([0.0, 0.0, 0.0, 50.0])  # between lower and higher readers


def readers() -> tuple[torch.Tensor, dict[str, int], dict[str, SpeakerFacts]]:
    """Known directions around a mean for each register, and a speaker who is no reader."""
    rng = np.random.default_rng(5)
    names = [f"ls{100 + n}" for n in range(READERS)]
    amounts = rng.standard_normal((READERS, 2))
    high = np.arange(READERS) >= READERS // 2
    table = amounts @ TRUE + np.where(high[:, None], APART, -APART) + 7.0
    facts = {name: SpeakerFacts(name, 0.5 if up else -0.5, -1, 1, 30) for name, up in zip(names, high, strict=True)}
    table = np.vstack([table, 1e3 * np.ones(4)])
    rows = {name: number for number, name in enumerate([*names, "flite_rms"])}
    return torch.from_numpy(table), rows, {**facts, "flite_rms": SpeakerFacts("flite_rms", 0, -1, 1, 30)}


def test_they_are_found_largest_first_and_one_step_is_one_deviation() -> None:
    table, rows, facts = readers()
    found = find_directions(table, rows, facts)
    assert len(found.weights) == 2 and "flite_rms" not in found.readers
    moved = found.weights @ table[[rows[name] for name in found.readers]]
    for step, true in zip(moved.numpy(), TRUE, strict=True):
        length = np.linalg.norm(step)
        assert abs(step @ true) / length / np.linalg.norm(true) > 0.98
        assert length == pytest.approx(np.linalg.norm(true), rel=0.35)  # of twenty readers each
    assert np.abs(moved.numpy()[:, 3]).max() < 1e-6  # not from low to high


def test_a_lean_is_the_same_place_in_another_training() -> None:
    table, rows, facts = readers()
    found = find_directions(table, rows, facts)
    lean = found.lean({0: -1.5, 1: 2.0})
    assert sum(lean.values()) == pytest.approx(0, abs=0.005) and max(map(abs, lean.values())) < 1.0
    turn = torch.from_numpy(np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0])
    here = sum(weight * table[rows[name]] for name, weight in lean.items())
    there = sum(weight * (table @ turn)[rows[name]] for name, weight in lean.items())
    assert torch.allclose(here @ turn, there)
    assert found.lean({}) == {}


def test_what_is_not_there_is_said() -> None:
    table, rows, facts = readers()
    with pytest.raises(UsageError, match="no direction 2"):
        find_directions(table, rows, facts).lean({2: 1.0})
    few = dict(list(facts.items())[:5])
    with pytest.raises(UsageError, match="only 5 readers"):
        find_directions(table, rows, few)
