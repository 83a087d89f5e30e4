"""Intervals by resampling, against what theory says of them."""

from __future__ import annotations

import numpy as np
import pytest

from voicekit.evaluate import bootstrap_mean, bootstrap_ratio


def test_ratio_of_a_multiple_has_no_width() -> None:
    errors = np.array([1, 0, 2, 5, 3, 0, 1])
    found = bootstrap_ratio(2 * errors, errors)  # paired: whatever is drawn, the ratio is two
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)


def test_unpaired_spread_shows() -> None:
    found = bootstrap_ratio([4, 0, 4, 0, 4, 0], [0, 2, 0, 2, 0, 2])
    assert found.value == 2.0
    assert found.low < 1.0
    assert found.high > 4.0


def test_mean_interval_is_that_of_the_normal_law() -> None:
    values = np.random.default_rng(3).normal(10.0, 2.0, 400)
    found = bootstrap_mean(values)
    half = 1.96 * values.std() / 20.0  # standard error, 400 items
    RELATIVE_TOL = 0.06
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.value == pytest.approx(half, rel=RELATIVE_TOL)
    assert found.value - found.low == pytest.approx(half, rel=RELATIVE_TOL)


def test_same_seed_same_interval() -> None:
    first = bootstrap_ratio([1, 2, 3, 0], [2, 2, 1, 1], seed=5)
    assert first == bootstrap_ratio([1, 2, 3, 0], [2, 2, 1, 1], seed=5)


def test_a_faultless_rival_gives_infinity_not_an_error() -> None:
    assert bootstrap_ratio([1, 1], [0, 0]).value == float("inf")


@pytest.mark.parametrize(("a", "b"), [([1, 2], [1]), ([], [])])
def test_unpaired_lists_are_refused(a: list[int], b: list[int]) -> None:
    with pytest.raises(ValueError, match="equally long"):
        bootstrap_ratio(a, b)
