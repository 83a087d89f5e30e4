"""Scales: which pitches a correction may aim at."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.pitch.notes import SungNote
from voicekit.units import A4_HZ

__all__ = ["MODES", "Scale", "infer_key", "infer_tuning", "note_name", "parse_scale"]

F64 = npt.NDArray[np.float64]

MODES: dict[str, tuple[float, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "chromatic": tuple(range(12)),
}

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_TONIC = re.compile(r"([A-Ga-g])(#|b|♯|♭)?(?:\s|:|$)")
_REMEDY = 'write "C major", "F# minor", "D dorian", "chromatic", "C: 0 2 4 7 9" or "C cents: 0 204 386 702"'


@dataclass(frozen=True)
class Scale:
    """Pitches that repeat at the octave.

    Attributes
    ----------
    name : str
        For people, such as ``C major``.
    tonic : int
        Pitch class of the tonic, 0 is C.
    cents : tuple of float
        Degrees above the tonic, rising, from 0 up to below 1200.
    a4_hz : float
        Frequency of the A above middle C.
    """

    name: str
    tonic: int
    cents: tuple[float, ...]
    a4_hz: float = A4_HZ

    def degrees_near(self, pitch_midi: float) -> F64:
        """The degrees (D,) within an octave and a half of a pitch, as real MIDI numbers (A4 = 440 Hz is 69)."""
        tuning = 12.0 * np.log2(self.a4_hz / A4_HZ)
        octave = np.floor((pitch_midi - tuning - self.tonic) / 12.0)
        steps = np.asarray(self.cents) / 100.0
        octaves = octave + np.arange(-1, 3)
        return (self.tonic + tuning + 12.0 * octaves[:, None] + steps[None, :]).ravel()

    def nearest(self, pitch_midi: float) -> float:
        """The degree nearest to a pitch."""
        degrees = self.degrees_near(pitch_midi)
        return float(degrees[np.abs(degrees - pitch_midi).argmin()])


def parse_scale(text: str, a4_hz: float = A4_HZ) -> Scale:
    """Read a scale as people write it.

    Parameters
    ----------
    text : str
        ``C major``, ``A minor``, ``D dorian`` and the like; ``chromatic``; degrees in semitones, ``C: 0 2 4 7 9``; or
        in cents, ``C cents: 0 204 386 498 702 884 1088``.
    a4_hz : float
        Reference pitch, 380 to 500 Hz.

    Raises
    ------
    UsageError
        Not a scale.
    """
    if not 380.0 <= a4_hz <= 500.0:
        raise UsageError(f"the reference pitch must lie in 380 .. 500 Hz, not {a4_hz:g}", "A4 is usually 440")
    words = " ".join(text.replace("♯", "#").replace("♭", "b").split())
    if words.lower() == "chromatic":
        return Scale("chromatic", 0, tuple(100.0 * step for step in MODES["chromatic"]), a4_hz)
    match = _TONIC.match(words)
    if not match:
        raise UsageError(f"not a scale: {text}", _REMEDY)
    tonic = (_STEPS[match[1].upper()] + {"#": 1, "b": -1}.get(match[2] or "", 0)) % 12
    name = match[1].upper() + (match[2] or "")
    rest = words[match.end() - (1 if words[match.end() - 1 : match.end()] == ":" else 0) :].strip()
    if ":" in rest:
        kind, _, numbers = rest.partition(":")
        if kind.strip().lower() not in ("", "cents", "semitones"):
            raise UsageError(f"not a scale: {text}", _REMEDY)
        unit = 1.0 if kind.strip().lower() == "cents" else 100.0
        return Scale(words, tonic, _degrees(text, numbers, unit), a4_hz)
    mode = rest.lower() or "major"
    if mode not in MODES:
        raise UsageError(f"unknown mode: {rest}", f"choose from: {', '.join(MODES)}")
    return Scale(f"{name} {mode}", tonic, tuple(100.0 * step for step in MODES[mode]), a4_hz)


def _degrees(text: str, numbers: str, unit: float) -> tuple[float, ...]:
    try:
        values = [float(word) * unit for word in re.split(r"[\s,]+", numbers.strip()) if word]
    except ValueError:
        raise UsageError(f"not a list of degrees: {text}", _REMEDY) from None
    inside = sorted({value for value in values if value < 1200.0})
    if not inside or len(values) > 200 or inside[0] < 0 or not all(np.isfinite(values)) or max(values) > 1200.0:
        raise UsageError(f"degrees lie from 0 up to the octave: {text}", _REMEDY)
    return tuple(inside)


# Source: C. L. Krumhansl, E. J. Kessler, "Tracing the dynamic changes in perceived tonal organization in a spatial
# representation of musical keys", Psychological Review 89 (1982): how well each tone fits after a key was set.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def infer_tuning(notes: tuple[SungNote, ...]) -> float:
    """Reference pitch A4 in Hz by which a take is, on the whole, nearest to equal temperament."""
    if not notes:
        return A4_HZ
    weight = np.array([note.stop - note.start for note in notes], dtype=float)
    angle = np.array([2 * np.pi * note.pitch_midi for note in notes])
    mean = np.sum(weight * np.exp(1j * angle))
    return float(A4_HZ * 2.0 ** (np.angle(mean) / (2 * np.pi) / 12.0))


def infer_key(notes: tuple[SungNote, ...], a4_hz: float = A4_HZ) -> tuple[Scale, float]:
    """The major or minor key that fits the notes best, and how sure that is.

    Parameters
    ----------
    notes : tuple of SungNote
    a4_hz : float

    Returns
    -------
    scale : Scale
        Chromatic where there are no notes.
    confidence : float
        Distance of its correlation from that of the next best key with other notes; 0.1 and more is clear.
    """
    if not notes:
        return parse_scale("chromatic", a4_hz), 0.0
    tuning = 12.0 * np.log2(a4_hz / A4_HZ)
    share = np.zeros(12)
    for note in notes:
        pitch = note.pitch_midi - tuning
        low = int(np.floor(pitch))
        fraction = pitch - low
        length = note.stop - note.start
        share[low % 12] += length * (1 - fraction)
        share[(low + 1) % 12] += length * fraction
    ranked = []
    for tonic in range(12):
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR)):
            ranked.append((float(np.corrcoef(np.roll(profile, tonic), share)[0, 1]), tonic, mode))
    ranked.sort(reverse=True)
    best = ranked[0]
    pitches = {(best[1] + step) % 12 for step in MODES[best[2]]}
    rival = next(r for r in ranked[1:] if {(r[1] + step) % 12 for step in MODES[r[2]]} != pitches)
    return parse_scale(f"{_NAMES[best[1]]} {best[2]}", a4_hz), best[0] - rival[0]


def note_name(pitch_midi: float) -> str:
    """``61`` -> ``C#4``; with the cents where they are five or more: ``61.2`` -> ``C#4+20``."""
    nearest = round(pitch_midi)
    cents = round(100 * (pitch_midi - nearest))
    name = f"{_NAMES[nearest % 12]}{nearest // 12 - 1}"
    return name if abs(cents) < 5 else f"{name}{cents:+d}"
