"""Running minimum and running mean in plain numpy.

scipy has both, and its import costs ten times the start of everything else
here; the windows of a limiter are short, so log-step and running-sum forms do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["running_mean", "running_minimum"]


def running_minimum(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Minimum over ``reach`` neighbours on either side; beyond the ends the end values go on.

    Parameters
    ----------
    values : ndarray, shape (N,)
    reach : int
        At least 0.

    Returns
    -------
    ndarray, shape (N,)
    """
    size = 2 * reach + 1
    low = np.pad(values, reach, mode="edge")
    have = 1
    while have * 2 <= size:  # low[i] = min(values[i : i + have])
        low = np.minimum(low[:-have], low[have:])
        have *= 2
    rest = size - have
    return np.minimum(low[: len(values)], low[rest : rest + len(values)])


def running_mean(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Mean over ``reach`` neighbours on either side; beyond the ends the end values go on.

    Parameters
    ----------
    values : ndarray, shape (N,)
    reach : int
        At least 0.

    Returns
    -------
    ndarray, shape (N,)
    """
    size = 2 * reach + 1
    sums = np.concatenate([[0.0], np.cumsum(np.pad(values, reach, mode="edge"))])
    return np.asarray((sums[size:] - sums[:-size]) / size)
