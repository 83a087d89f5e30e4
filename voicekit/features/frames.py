"""The one time grid of the package: 24 kHz audio, one frame every 240 samples (10 ms).

Frame ``t`` covers the samples ``[240 t, 240 (t + 1))`` and its centre is at ``240 t + 120``; an utterance of
T frames has exactly ``240 T`` samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 24_000  #: samples per second of everything the house engine makes
HOP_LENGTH = 240  #: samples per frame
FRAME_RATE = SAMPLE_RATE / HOP_LENGTH  #: frames per second (100)


def frame_count(n_samples: int) -> int:
    """Frames needed to cover `n_samples` samples."""
    return -(-n_samples // HOP_LENGTH)


def frame_times(n_frames: int) -> npt.NDArray[np.float64]:
    """Centre of each frame in seconds, shape (T,)."""
    return (np.arange(n_frames, dtype=np.float64) + 0.5) * (HOP_LENGTH / SAMPLE_RATE)


def pad_to_frames(waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Append zeros so that the waveform (N,) fills whole frames."""
    missing = frame_count(len(waveform)) * HOP_LENGTH - len(waveform)
    return np.pad(waveform, (0, missing)) if missing else waveform
