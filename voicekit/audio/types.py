"""A waveform with its rate, and the one rounding to 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicekit.errors import UsageError

__all__ = ["Audio", "from_int16", "to_int16"]

_FULL_SCALE = 32768.0


@dataclass(frozen=True, eq=False)
class Audio:
    """A mono waveform and its sample rate.

    Parameters
    ----------
    samples : ndarray, shape (N,), float32
        Full scale is -1.0 .. 1.0; values beyond it are allowed until encoding.
    sample_rate : int
        Hz, > 0.

    Raises
    ------
    UsageError
        Not one-dimensional, not float32, or a rate of zero or less.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        """Refuse what no later step could use."""
        if self.samples.ndim != 1:
            raise UsageError(f"audio must have shape (N,), not {self.samples.shape}", "mix channels down before")
        if self.samples.dtype != np.float32:
            raise UsageError(f"audio must be float32, not {self.samples.dtype}", "use .astype(np.float32)")
        if self.sample_rate <= 0:
            raise UsageError(f"sample rate must be above 0 Hz, not {self.sample_rate}")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def to_int16(waveform: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round a float waveform to 16 bits, half to even, clipped at full scale.

    Parameters
    ----------
    waveform : ndarray, shape (N,), float
        Full scale -1.0 .. 1.0.

    Returns
    -------
    ndarray, shape (N,), int16
    """
    scaled = np.rint(np.asarray(waveform, dtype=np.float32) * np.float32(_FULL_SCALE))
    return np.asarray(np.clip(scaled, -32768, 32767), dtype=np.int16)


def from_int16(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """Turn 16-bit samples into floats; exact, and the inverse of `to_int16`.

    Parameters
    ----------
    pcm : ndarray, shape (N,), int16

    Returns
    -------
    ndarray, shape (N,), float32
        In -1.0 .. 1.0.
    """
    return pcm.astype(np.float32) / np.float32(_FULL_SCALE)
