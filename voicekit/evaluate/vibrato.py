"""Vibrato of a note: is there one, how fast, how wide.

A sinusoid over a parabola is fitted to the pitch of the note, at every rate a voice swings at.  A note counts as one
with vibrato only if that sinusoid explains most of what moves in it, for three cycles or more: the standard deviation
of a contour, which is often taken for an extent, is drift, jitter and the tracker's noise in a note that has none.

Source
------
E. Prame, "Vibrato extent and intonation in professional Western lyric singing", JASA 102(1), 1997: rates of 4 to 8 Hz,
extent as half the distance between highest and lowest pitch.  Ours is fitted by least squares over the whole note, not
taken from its peaks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.features.frames import FRAME_RATE

__all__ = ["Vibrato", "extent_at", "fit_vibrato"]

F64 = npt.NDArray[np.float64]

RATES_HZ = np.arange(4.0, 8.001, 0.05)
LEAST_CYCLES = 3.0
LEAST_REGULARITY = 0.6  #: see tests/evaluate/test_vibrato.py: what wanders without vibrato hardly ever comes to it
LEAST_CENTS = 10.0


@dataclass(frozen=True)
class Vibrato:
    """What was fitted.

    Attributes
    ----------
    rate_hz : float
    extent_cents : float
        Half the distance between highest and lowest pitch.
    regularity : float
        Share of the movement about the slow course that the sinusoid explains, 0 to 1.
    cycles : float
    """

    rate_hz: float
    extent_cents: float
    regularity: float
    cycles: float

    @property
    def is_regular(self) -> bool:
        """Whether this is a vibrato and not a fluctuation."""
        return (
            self.cycles >= LEAST_CYCLES
            and self.regularity >= LEAST_REGULARITY
            and self.extent_cents >= LEAST_CENTS
        )


def _slow(size: int) -> F64:
    """(T, 3) constant, slope and bend."""
    t = np.linspace(-1.0, 1.0, size)
    return np.stack([np.ones(size), t, t**2], axis=1)


def _swing(size: int, rate_hz: float) -> F64:
    phase = 2.0 * np.pi * rate_hz * np.arange(size) / FRAME_RATE
    return np.stack([np.cos(phase), np.sin(phase)], axis=1)


def _residual(columns: F64, values: F64) -> tuple[F64, float]:
    found, *_ = np.linalg.lstsq(columns, values, rcond=None)
    return found, float(np.sum((values - columns @ found) ** 2))


def fit_vibrato(pitch_midi: F64) -> Vibrato | None:
    """Fit the pitch of one note.

    Parameters
    ----------
    pitch_midi : ndarray
        (T,) semitones at 100 frames a second, without the glides at its ends.

    Returns
    -------
    Vibrato or None
        None for a note too short for three cycles at any rate.
    """
    size = len(pitch_midi)
    if size < LEAST_CYCLES * FRAME_RATE / RATES_HZ[-1]:
        return None
    cents = 100.0 * np.asarray(pitch_midi, dtype=np.float64)
    slow = _slow(size)
    _, moved = _residual(slow, cents)
    best: tuple[float, float, float] | None = None
    for rate in RATES_HZ:
        if rate * size / FRAME_RATE < LEAST_CYCLES:
            continue
        found, left = _residual(np.hstack([slow, _swing(size, rate)]), cents)
        if best is None or left < best[0]:
            best = (left, float(rate), float(np.hypot(found[3], found[4])))
    if best is None:
        return None
    left, rate, extent = best
    return Vibrato(rate, extent, 1.0 - left / max(moved, 1e-12), rate * size / FRAME_RATE)


def extent_at(pitch_midi: F64, rate_hz: float) -> float:
    """Extent in cents of a note's swing (T,) at a rate that is known (from the take it was made of)."""
    cents = 100.0 * np.asarray(pitch_midi, dtype=np.float64)
    found, _ = _residual(np.hstack([_slow(len(cents)), _swing(len(cents), rate_hz)]), cents)
    return float(np.hypot(found[3], found[4]))
