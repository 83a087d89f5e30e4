"""Hearing a chapter while it is made: its sound in order, block by block, under the chapter's own permit.

What is heard is the very sound of the takes, before mastering.  It is handed to the caller as samples; nothing of it
is a file, and a file still comes with its receipt alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from voicekit.audio import from_int16, to_int16

__all__ = ["Hear", "Listening"]

Hear = Callable[[NDArray[np.float32], int], None]
"""Takes the next samples (n,), float32, and their rate in Hz."""


@dataclass
class Listening:
    """The blocks of one sentence on their way from the thread that speaks it to the one that plays it."""

    blocks: SimpleQueue[NDArray[np.int16] | None] = field(default_factory=SimpleQueue)

    def put(self, samples: NDArray[np.float32]) -> NDArray[np.int16]:
        """Hand on a block as the take will hold it, and give it back so."""
        pcm = to_int16(samples)
        self.blocks.put(pcm)
        return pcm

    def play(self, hear: Hear, sample_rate: int, recheck: Callable[[], None]) -> None:
        """Let everything be heard up to `close`, asking before each block whether the permission still stands."""
        while (pcm := self.blocks.get()) is not None:
            recheck()
            hear(from_int16(pcm), sample_rate)

    def close(self) -> None:
        """There is no more."""
        self.blocks.put(None)
