"""Measuring what was made: RMS, peaks, floor, duration."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicekit.audio import AudioReader, reblock
from voicekit.master.limiter import true_peaks

__all__ = ["Loudness", "LoudnessMeter", "measure_file"]

_FLOOR_WINDOW_S = 0.5
_SILENT_DBFS = -144.0


def _db(ratio: float) -> float:
    return 20.0 * math.log10(ratio) if ratio > 10.0 ** (_SILENT_DBFS / 20.0) else _SILENT_DBFS


@dataclass(frozen=True)
class Loudness:
    """Levels of one sound.

    Parameters
    ----------
    rms_dbfs : float
        Unweighted, over everything; a full-scale sine has -3.01.
    peak_dbfs : float
        Largest sample.
    true_peak_dbtp : float
        Largest value between samples, four times oversampled.
    floor_dbfs : float
        RMS of the quietest half second.
    duration_s : float
    frames : int
        Samples.
    sample_rate : int
        Hz.
    """

    rms_dbfs: float
    peak_dbfs: float
    true_peak_dbtp: float
    floor_dbfs: float
    duration_s: float
    frames: int
    sample_rate: int

    def to_json(self) -> dict[str, float | int]:
        """Numbers rounded to what they are good for."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


class LoudnessMeter:
    """Measure a stream in constant memory.

    Parameters
    ----------
    sample_rate : int
        Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._window = max(1, round(_FLOOR_WINDOW_S * sample_rate))
        self._frames = 0
        self._energy = 0.0
        self._peak = 0.0
        self._true = 0.0
        self._floor = math.inf
        self._part: list[NDArray[np.float32]] = []
        self._part_frames = 0
        self._edge = np.zeros(0, dtype=np.float32)

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples.

        Parameters
        ----------
        block : ndarray, shape (N,), float32
        """
        if not len(block):
            return
        self._frames += len(block)
        peak = float(np.max(np.abs(block)))
        self._peak = max(self._peak, peak)
        joined = np.concatenate([self._edge, block])  # so that a peak between two blocks is seen
        self._edge = joined[-32:]
        self._true = max(self._true, float(true_peaks(joined, self._true).max()))
        self._part.append(block)
        self._part_frames += len(block)
        if self._part_frames >= self._window:
            joined = np.concatenate(self._part)
            whole = len(joined) // self._window * self._window
            windows = joined[:whole].reshape(-1, self._window)
            means = np.einsum("ij,ij->i", windows, windows, dtype=np.float64) / self._window
            self._energy += float(means.sum()) * self._window
            self._floor = min(self._floor, float(means.min()))
            self._part = [joined[whole:]]
            self._part_frames = len(joined) - whole

    def result(self) -> Loudness:
        """The levels of everything taken so far."""
        rest = np.concatenate(self._part) if self._part else np.zeros(0, dtype=np.float32)
        energy = self._energy + float(np.square(rest, dtype=np.float64).sum())
        mean = energy / self._frames if self._frames else 0.0
        floor = self._floor if math.isfinite(self._floor) else mean
        return Loudness(
            rms_dbfs=_db(math.sqrt(mean)),
            peak_dbfs=_db(self._peak),
            true_peak_dbtp=_db(max(self._true, self._peak)),
            floor_dbfs=_db(math.sqrt(floor)),
            duration_s=self._frames / self._rate,
            frames=self._frames,
            sample_rate=self._rate,
        )


def measure_file(path: Path) -> Loudness:
    """Decode a file and measure it.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Loudness

    Raises
    ------
    InputError
        Not a readable sound file.
    """
    with AudioReader(path) as reader:
        meter = LoudnessMeter(reader.sample_rate)
        with ThreadPoolExecutor(1, thread_name_prefix="voicekit-decode") as decoder:
            blocks = reblock(reader.blocks(), 1 << 16)
            coming = decoder.submit(next, blocks, None)
            while (block := coming.result()) is not None:
                coming = decoder.submit(next, blocks, None)  # decoded while this one is measured
                meter.add(block)
    return meter.result()
