"""Low room tone instead of digital silence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["RoomTone"]

_POLE = 0.96
# One-pole low-pass, corner near 290 Hz at 44.1 kHz: darker than white noise, as rooms are.

_RUN = 256
_RUNS = 64
# The filter y[n] = g x[n] + p y[n-1] is worked off in runs short enough for p ** -n to stay exact.
_RISE = _POLE ** -np.arange(_RUN)
_FALL = _POLE ** np.arange(_RUN)
_LAST_FALL = float(_FALL[-1])


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
        # the variance of the filter's output is g^2 / (1 - p^2): g sets the level exactly
        self._gain = 10.0 ** (level_dbfs / 20.0) * np.sqrt(1.0 - _POLE * _POLE)
        self._last = float(self._random.standard_normal()) * 10.0 ** (level_dbfs / 20.0)
        self._held = np.zeros(0, dtype=np.float32)

    def next(self, count: int) -> NDArray[np.float32]:
        """The next samples.

        Parameters
        ----------
        count : int

        Returns
        -------
        ndarray, shape (count,), float32
        """
        parts, have = [self._held], len(self._held)
        while have < count:
            parts.append(self._more())
            have += len(parts[-1])
        joined = np.concatenate(parts)
        self._held = joined[count:]
        return joined[:count]

    def _more(self) -> NDArray[np.float32]:
        white = self._random.standard_normal((_RUNS, _RUN)) * self._gain
        toned = np.cumsum(white * _RISE, axis=1) * _FALL  # each run as if silence went before
        before = np.empty(_RUNS)  # the last sample that went before each run
        for index, last in enumerate(toned[:, -1].tolist()):
            before[index] = self._last
            self._last = last + self._last * _POLE * _LAST_FALL
        toned += (before * _POLE)[:, None] * _FALL
        return np.asarray(toned.reshape(-1), dtype=np.float32)
