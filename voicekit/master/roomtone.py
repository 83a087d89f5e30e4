"""Low room tone instead of digital silence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

__all__ = ["RoomTone"]

_POLE = 0.96
# One-pole low-pass, corner near 290 Hz at 44.1 kHz: darker than white noise, as rooms are.


class RoomTone:
    """An endless, seeded, low-passed noise of a given level.

    Parameters
    ----------
    level_dbfs : float
        RMS.
    seed : int
        The same seed gives the same noise, however it is cut into blocks.
    """

    def __init__(self, level_dbfs: float, seed: int) -> None:
        self._random = np.random.Generator(np.random.PCG64(seed))
        # variance of y[n] = g x[n] + p y[n-1] is g^2 / (1 - p^2): g sets the level exactly
        self._gain = 10.0 ** (level_dbfs / 20.0) * np.sqrt(1.0 - _POLE * _POLE)
        start = self._random.standard_normal() * 10.0 ** (level_dbfs / 20.0)
        self._state: NDArray[Any] = np.array([_POLE * start])

    def next(self, count: int) -> NDArray[np.float32]:
        """The next samples.

        Parameters
        ----------
        count : int

        Returns
        -------
        ndarray, shape (count,), float32
        """
        if not count:  # lfilter would hand back an unset state
            return np.zeros(0, dtype=np.float32)
        white = self._random.standard_normal(count)
        toned, self._state = lfilter([self._gain], [1.0, -_POLE], white, zi=self._state)
        return np.asarray(toned, dtype=np.float32)
