"""A look-ahead limiter that holds a true-peak ceiling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voicekit.master.window import running_mean, running_minimum

__all__ = ["Limiter", "loud_runs", "true_peaks"]

_OVERSAMPLING = 4
_TAPS = 12  # per phase


_SEGMENT = 256
_QUIET = 0.65
# Engines give 24 kHz, so there is nothing above 12 kHz: at 44.1 kHz the worst sine of it has samples
# of at least cos(pi 12 / 44.1) = 0.656 of its peak. Segments below that share need no oversampling.


def _interpolator() -> NDArray[np.float32]:
    """Windowed sinc that passes up to the source's Nyquist frequency, a row per phase."""
    place = np.arange(-_OVERSAMPLING * _TAPS // 2, _OVERSAMPLING * _TAPS // 2 + 1)
    taps = np.sinc(place / _OVERSAMPLING) * np.kaiser(len(place), 6.0)
    rows = np.zeros((_OVERSAMPLING, _TAPS + 1))
    for phase in range(_OVERSAMPLING):
        row = taps[phase::_OVERSAMPLING]
        rows[phase, : len(row)] = row / row.sum()  # every phase passes a constant exactly
    return rows.astype(np.float32)


_BACKWARDS = tuple(np.ascontiguousarray(row[::-1]) for row in _interpolator()[1:])  # as correlation wants them


def _dense_peaks(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    # output 4 n + phase of the interpolated wave is sum over k of row[phase][k] wave[n - k];
    # the filter's middle lies _TAPS / 2 samples late
    late = _TAPS // 2
    each = np.abs(waveform)  # phase 0: the sinc passes the samples themselves
    for row in _BACKWARDS:
        dense = np.correlate(waveform, row, "full")[late : late + len(waveform)]
        np.maximum(each, np.abs(dense), out=each)
    before = np.concatenate([each[:1], each[:-1]])  # the gap before a sample belongs to both its ends
    return np.asarray(np.maximum(each, before))


def loud_runs(levels: NDArray[np.float32], above: float, reach: int = 0) -> list[tuple[int, int]]:
    """Stretches of whole segments in which something is above a level.

    Parameters
    ----------
    levels : ndarray, shape (N,), magnitudes
    above : float
    reach : int
        Samples to add on either side.

    Returns
    -------
    list of (start, stop)
        Ascending, apart from each other, within the array.
    """
    whole = len(levels) // _SEGMENT
    loud = np.zeros(whole + 3, dtype=bool)  # quiet before the first and after the last
    loud[1 : whole + 1] = levels[: whole * _SEGMENT].reshape(whole, _SEGMENT).max(axis=1) > above
    loud[whole + 1] = levels[whole * _SEGMENT :].max(initial=0.0) > above
    edges = np.flatnonzero(loud[1:] != loud[:-1])
    runs: list[tuple[int, int]] = []
    for start, stop in edges.reshape(-1, 2) * _SEGMENT:
        low, high = max(0, int(start) - reach), min(len(levels), int(stop) + reach)
        if runs and low <= runs[-1][1]:
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    return runs


def true_peaks(waveform: NDArray[np.float32], above: float = 0.0) -> NDArray[np.float32]:
    """Largest magnitude around each sample, between samples included.

    Parameters
    ----------
    waveform : ndarray, shape (N,)
    above : float
        True peaks at or below this level need not be found; saves most of the work.

    Returns
    -------
    ndarray, shape (N,), float32
        Maximum over the four times oversampled signal within one sample on
        either side; at least the sample's own magnitude.

    Source
    ------
    The method of ITU-R BS.1770 annex 2 (four times oversampling) with our own
    49-tap interpolator.
    """
    peaks = np.abs(waveform)
    for start, stop in loud_runs(peaks, above * _QUIET, reach=2 * _TAPS):
        np.maximum(peaks[start:stop], _dense_peaks(waveform[start:stop]), out=peaks[start:stop])
    return peaks


class Limiter:
    """Hold the true peak of a stream under a ceiling, with smooth gain.

    The needed gain is held over the look-ahead (running minimum) and smoothed
    by two running means whose reach together is the same, so at every peak the
    smooth gain is at most the needed gain: nothing is clipped, nothing clicks.
    The delay is taken out again: as many samples come out as go in.

    Parameters
    ----------
    ceiling_dbtp : float
    sample_rate : int
        Hz.
    lookahead_s : float
        Half of the gain's window, seconds.
    """

    def __init__(self, ceiling_dbtp: float, sample_rate: int, lookahead_s: float = 0.008) -> None:
        self._ceiling = 10.0 ** (ceiling_dbtp / 20.0)
        self._half = max(2, round(lookahead_s * sample_rate) // 2 * 2)
        # What must be known on either side of a sample: hold + smooth + the interpolator's reach.
        self._margin = 2 * self._half + 3 * _TAPS
        self._past = np.zeros(self._margin, dtype=np.float32)
        self._wait = np.zeros(0, dtype=np.float32)
        self.reduction_db = 0.0
        """Largest gain reduction so far, dB, positive."""

    def process(self, block: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Take a block, give what is decided.

        Parameters
        ----------
        block : ndarray, shape (N,), float32
        last : bool
            The stream ends with this block.

        Returns
        -------
        ndarray, float32
            Late by the look-ahead; the sum of all lengths equals the input's.
        """
        wait = np.concatenate([self._wait, block])
        future = np.zeros(self._margin, dtype=np.float32) if last else np.zeros(0, dtype=np.float32)
        ready = len(wait) if last else len(wait) - self._margin
        if ready <= 0:
            self._wait = wait
            return np.zeros(0, dtype=np.float32)
        seen = np.concatenate([self._past, wait, future])
        core = seen[self._margin : self._margin + ready]
        out = self._limit(core, seen[: ready + 2 * self._margin])
        self._past = seen[ready : ready + self._margin]
        self._wait = wait[ready:]
        return out

    def _limit(self, core: NDArray[np.float32], seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """``core`` with its peaks held; ``seen`` is the same with a margin on both sides."""
        peaks = true_peaks(seen, self._ceiling)
        runs = loud_runs(peaks, self._ceiling, reach=2 * self._half)
        if not runs:
            return core
        out = core.copy()
        for start, stop in runs:
            loud = np.maximum(peaks[start:stop].astype(np.float64), 1e-9)
            needed = np.minimum(1.0, self._ceiling / loud)
            held = running_minimum(needed, self._half)
            # two means of half the reach reach as far as the hold
            gain = running_mean(running_mean(held, self._half // 2), self._half // 2)
            low, high = max(start, self._margin), min(stop, len(seen) - self._margin)
            if low >= high:
                continue
            gain = gain[low - start : high - start]
            out[low - self._margin : high - self._margin] *= gain.astype(np.float32)
            self.reduction_db = max(self.reduction_db, float(-20.0 * np.log10(max(gain.min(), 1e-9))))
        return out
