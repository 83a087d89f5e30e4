"""Conversions between Hz, cents, MIDI numbers, seconds, samples and frames.

Scalars give scalars and arrays give arrays. MIDI numbers are real: 69.5 is a
quarter tone above A4 = 440 Hz.
"""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

__all__ = [
    "cents_between",
    "cents_to_ratio",
    "clock",
    "hz_to_midi",
    "midi_to_hz",
    "ratio_to_cents",
    "samples_to_seconds",
    "seconds_to_frames",
    "seconds_to_samples",
]

A4_HZ = 440.0
A4_MIDI = 69.0

Number = TypeVar("Number", float, npt.NDArray[np.floating])


def hz_to_midi(f0_hz: Number) -> Number:
    """Frequency in Hz (above 0) as a real MIDI number; A4 = 440 Hz = 69."""
    return cast(Number, A4_MIDI + 12.0 * np.log2(f0_hz / A4_HZ))


def midi_to_hz(pitch_midi: Number) -> Number:
    """Real MIDI number as a frequency in Hz."""
    return cast(Number, A4_HZ * 2.0 ** ((pitch_midi - A4_MIDI) / 12.0))


def ratio_to_cents(ratio: Number) -> Number:
    """Frequency ratio (above 0) in cents; 2.0 is 1200."""
    return cast(Number, 1200.0 * np.log2(ratio))


def cents_to_ratio(cents: Number) -> Number:
    """Cents as a frequency ratio; 1200 is 2.0."""
    return cast(Number, 2.0 ** (cents / 1200.0))


def cents_between(from_hz: Number, to_hz: Number) -> Number:
    """Distance in cents from one frequency to another; positive is upwards."""
    return cast(Number, 1200.0 * np.log2(to_hz / from_hz))


def seconds_to_samples(duration_s: float, sample_rate: int) -> int:
    """Seconds as a count of samples, rounded to the nearest (ties to even)."""
    return round(duration_s * sample_rate)


def samples_to_seconds(samples: int, sample_rate: int) -> float:
    """Samples as seconds."""
    return samples / sample_rate


def seconds_to_frames(duration_s: float, sample_rate: int, hop_length: int) -> int:
    """Seconds as a count of analysis frames, rounded to the nearest (ties to even)."""
    return round(duration_s * sample_rate / hop_length)


def clock(duration_s: float) -> str:
    """Seconds for people: ``0:07``, ``12:34``, ``1:02:03``.

    Raises
    ------
    ValueError
        ``duration_s`` is negative.
    """
    if duration_s < 0:
        raise ValueError(f"a duration is not negative: {duration_s}")
    total = round(duration_s)
    hours, minutes, seconds = total // 3600, total // 60 % 60, total % 60
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}"
    return f"{minutes}:{seconds:02d}"
