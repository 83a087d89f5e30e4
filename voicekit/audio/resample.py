"""Sample rate conversion by soxr, whole or streaming."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from voicekit.audio.types import Audio

__all__ = ["StreamResampler", "reblock", "resample"]


def resample(audio: Audio, sample_rate: int) -> Audio:
    """Convert to another rate (soxr, high quality).

    Parameters
    ----------
    audio : Audio
    sample_rate : int
        Hz.

    Returns
    -------
    Audio
        The same object when the rate is the same already.
    """
    if audio.sample_rate == sample_rate:
        return audio
    moved = soxr.resample(audio.samples, audio.sample_rate, sample_rate, quality="HQ")
    return Audio(np.ascontiguousarray(moved, dtype=np.float32), sample_rate)


class StreamResampler:
    """Convert a stream of blocks, constant memory.

    The number of samples that come out in all is ``round(n * out / in)``: soxr's
    tail is cut or padded by the sample or two that its rounding may differ, so
    that durations can be told beforehand.

    Parameters
    ----------
    rate_in, rate_out : int
        Hz.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self.rate_in = rate_in
        self.rate_out = rate_out
        self._stream = None if rate_in == rate_out else soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32")

    def out_length(self, samples_in: int) -> int:
        """Samples that come out for so many that go in."""
        return (samples_in * self.rate_out + self.rate_in // 2) // self.rate_in

    def run(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Convert all blocks of one stream.

        Parameters
        ----------
        blocks : iterable of ndarray, shape (N,), float32

        Yields
        ------
        ndarray, shape (N,), float32
        """
        if self._stream is None:
            yield from blocks
            return
        taken = given = 0
        for block in blocks:
            taken += len(block)
            moved = self._stream.resample_chunk(np.ascontiguousarray(block, dtype=np.float32))
            given += len(moved)
            if len(moved):
                yield moved
        rest = self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        missing = self.out_length(taken) - given
        if missing > len(rest):
            rest = np.concatenate([rest, np.zeros(missing - len(rest), dtype=np.float32)])
        if missing > 0:
            yield rest[:missing]


def reblock(blocks: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Cut a stream into blocks of one size, the last one shorter.

    Later steps then see the same blocks whatever the pieces were, so their
    result does not depend on how the stream was delivered.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (N,)
    size : int
        Samples in a block.

    Yields
    ------
    ndarray, shape (size,) or, at the end, shorter
    """
    held: list[NDArray[np.float32]] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count < size:
            continue
        joined = np.concatenate(held)
        whole = count - count % size
        for start in range(0, whole, size):
            yield joined[start : start + size]
        held = [joined[whole:]]
        count -= whole
    if count:
        yield np.concatenate(held)
