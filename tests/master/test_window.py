"""Running minimum and mean against scipy's filters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import lfilter

from voicekit.master.roomtone import RoomTone
from voicekit.master.window import running_mean, running_minimum


@pytest.mark.parametrize("reach", [0, 1, 2, 7, 176, 352])
@pytest.mark.parametrize("count", [1, 5, 400, 5000])
def test_same_as_scipy(reach: int, count: int) -> None:
    values = np.random.default_rng(count).uniform(0.1, 1.0, count)
    size = 2 * reach + 1
    assert np.array_equal(running_minimum(values, reach), minimum_filter1d(values, size, mode="nearest"))
    np.testing.assert_allclose(running_mean(values, reach), uniform_filter1d(values, size, mode="nearest"), atol=1e-12)


def test_room_tone_is_the_one_pole_filter_it_says() -> None:
    level = 10 ** (-70 / 20)
    white = np.random.Generator(np.random.PCG64(3)).standard_normal(20_001)
    gain = level * np.sqrt(1 - 0.96**2)
    truth, _ = lfilter([gain], [1, -0.96], white[1:], zi=np.array([0.96 * white[0] * level]))
    np.testing.assert_allclose(RoomTone(-70.0, 3).next(20_000), truth, rtol=1e-5, atol=1e-10)
