"""Intervals by resampling: how far a figure might move with other sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A figure and its interval; `low` and `high` hold the middle `coverage` of the resampled figures."""

    value: float
    low: float
    high: float
    coverage: float = 0.95


def bootstrap_ratio(
    numerator: npt.ArrayLike, denominator: npt.ArrayLike, *, seed: int = 0, resamples: int = 10_000
) -> Interval:
    """Ratio of two totals over the same items, with a paired percentile interval.

    Both systems are drawn with the same items, so what makes an item hard for both cancels.

    Parameters
    ----------
    numerator, denominator : array_like
        (I,) e.g. word errors of two systems on the same I sentences.
    seed : int
        Of the resampling.
    resamples : int

    Returns
    -------
    Interval
        95 %; infinite where a denominator is zero.

    Raises
    ------
    ValueError
        The two differ in length or are empty.

    Source
    ------
    M. Bisani, H. Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP
    2004.
    """
    top, bottom = _paired(numerator, denominator)
    draws = _draws(len(top), seed, resamples)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.divide(top.sum(), bottom.sum())
        ratios = top[draws].sum(1) / bottom[draws].sum(1)
    # 0/0 says nothing of either system: leave it out.
    return _interval(float(value), ratios[~np.isnan(ratios)])


def bootstrap_mean(values: npt.ArrayLike, *, seed: int = 0, resamples: int = 10_000) -> Interval:
    """Mean of (I,) values with a 95 % percentile interval."""
    array, _ = _paired(values, values)
    return _interval(float(array.mean()), array[_draws(len(array), seed, resamples)].mean(1))


def _paired(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[F64, F64]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"paired values must be equally long, non-empty lists, not {a.shape} and {b.shape}")
    return a, b


def _draws(items: int, seed: int, resamples: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, items, (resamples, items))


def _interval(value: float, resampled: F64) -> Interval:
    if not len(resampled):
        return Interval(value, float("nan"), float("nan"))
    # 'higher'/'lower' rather than interpolation: infinities must not become nan.
    low = float(np.quantile(resampled, 0.025, method="lower"))
    high = float(np.quantile(resampled, 0.975, method="higher"))
    return Interval(value, low, high)
