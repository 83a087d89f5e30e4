"""A sung melody as a score: notes out of a pitch contour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.score.model import Note, Notice, Part, Score
from voicekit.score.time_line import Tempo, TempoMap
from voicekit.units import hz_to_midi

__all__ = ["MelodyOptions", "from_contour", "tuning_of"]

Array = npt.NDArray[np.float64]
_STATES_A_SEMITONE = 3
#: Seconds: frames are brought to this step, so that costs do not depend on the tracker's.
_STEP_S = 0.01
#: Frames of a gap this short within a voice do not end a note.
_BRIDGE_S = 0.03


@dataclass(frozen=True)
class MelodyOptions:
    """How a contour becomes notes.

    Parameters
    ----------
    bpm : float
        Tempo in which beats are counted.
    grid : Fraction or None
        Onsets and ends go to the nearest multiple of so many beats; None: left where they are.
    to_semitones : bool
        Pitches go to the nearest semitone of the singer's own tuning, at 440 Hz; else the measured pitch stays.
    min_note_s : float
        Shorter notes join their neighbour, or are dropped where they stand alone.
    jump_cost : float
        Semitone-seconds that a change of note costs: higher gives fewer notes.
    """

    bpm: float = 120.0
    grid: Fraction | None = None
    to_semitones: bool = False
    min_note_s: float = 0.08
    jump_cost: float = 0.08

    def __post_init__(self) -> None:
        if not (math.isfinite(self.bpm) and 1 <= self.bpm <= 10_000):
            raise UsageError(f"a tempo of {self.bpm} quarter notes a minute", "give one from 1 to 10000")
        if self.grid is not None and self.grid <= 0:
            raise UsageError(f"a grid of {self.grid} beats", "give a fraction above 0 such as 1/4")


def tuning_of(pitch_midi: Sequence[float] | Array) -> float:
    """Semitones (-0.5 .. 0.5) by which pitches lie above the 440 Hz semitones, as their circular mean."""
    values = np.asarray(pitch_midi, dtype=np.float64)
    if not len(values):
        return 0.0
    turn = np.exp(2j * np.pi * values).mean()
    return float(np.angle(turn) / (2 * np.pi))


def from_contour(
    times_s: Array, f0_hz: Array, vuv: npt.NDArray[np.bool_], onsets: Sequence[float] | None = None,
    options: MelodyOptions | None = None,
) -> Score:  # fmt: skip
    """Notes of a pitch contour.

    Each voiced stretch is cut where the pitch moves for good: the path through pitches a third of a semitone apart
    that costs least, where a frame costs its distance (a semitone and a half at most) and a change of pitch costs
    `jump_cost`, so that vibrato and glides make no notes.  A note's pitch is the median of its middle.

    Parameters
    ----------
    times_s : array, shape (T,), seconds, rising
    f0_hz : array, shape (T,), Hz
        Only read where `vuv` holds.
    vuv : array of bool, shape (T,)
    onsets : sequence of float, optional
        Seconds at which a new note begins in any case (a syllable on the same pitch, say).
    options : MelodyOptions, optional

    Returns
    -------
    Score
        One part; its notices state the tuning found.

    Raises
    ------
    UsageError
        The arrays do not fit each other, or times do not rise.
    """
    options = options or MelodyOptions()
    times, f0 = np.asarray(times_s, dtype=np.float64), np.asarray(f0_hz, dtype=np.float64)
    voiced = np.asarray(vuv, dtype=bool)
    if not (times.shape == f0.shape == voiced.shape) or times.ndim != 1:
        raise UsageError("times, F0 and voicing are not as long as each other", "give one of each a frame")
    voiced = voiced & np.isfinite(f0) & (f0 > 0)
    if len(times) > 1 and not (np.all(np.diff(times) > 0) and np.isfinite(times).all()):
        raise UsageError("the times of a contour do not rise", "give frames in order")
    found: list[tuple[float, float, float]] = []
    for grid, pitch in _stretches(times, f0, voiced):
        found += _cut(grid, pitch, sorted(onsets or ()), options)
    tuning = tuning_of([pitch for _, _, pitch in found])
    notes = _notes(found, tuning, options)
    notices = (Notice("tuning", f"the voice lies {100 * tuning:+.0f} cents from 440 Hz"),) if found else ()
    tempo = TempoMap([Tempo(Fraction(0), options.bpm)])
    return Score((Part("Melody", tuple(notes)),), tempo, format="recording", notices=notices)


def _stretches(times: Array, f0: Array, voiced: npt.NDArray[np.bool_]) -> list[tuple[Array, Array]]:
    """Voiced stretches on an even grid: times, and real MIDI numbers smoothed by a median of 50 ms."""
    index = np.flatnonzero(voiced)
    if not len(index):
        return []
    usual = float(np.median(np.diff(times))) if len(times) > 1 else _STEP_S
    breaks = np.flatnonzero(np.diff(times[index]) > max(_BRIDGE_S, 1.5 * usual))
    found = []
    for run in np.split(index, breaks + 1):
        start, end = times[run[0]], times[run[-1]] + usual
        count = max(1, round((end - start) / _STEP_S))
        grid = start + (np.arange(count) + 0.5) * (end - start) / count
        pitch = np.interp(grid, times[run] + usual / 2, hz_to_midi(f0[run]))
        padded = np.pad(pitch, 2, mode="edge")
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=-1)
        found.append((np.append(grid - 0.5 * (end - start) / count, end), smooth))
    return found


def _cut(
    edges: Array, pitch: Array, onsets: Sequence[float], options: MelodyOptions
) -> list[tuple[float, float, float]]:
    """Notes of one stretch: start and end in seconds, and pitch."""
    low, high = math.floor(pitch.min()) - 1, math.ceil(pitch.max()) + 1
    states = np.arange(low * _STATES_A_SEMITONE, high * _STATES_A_SEMITONE + 1) / _STATES_A_SEMITONE
    cost = np.minimum(np.abs(pitch[:, None] - states[None, :]), 1.5) * _STEP_S  # (T, S)
    total = cost[0].copy()
    came = np.empty(cost.shape, dtype=np.int32)
    own = np.arange(len(states))
    for frame in range(1, len(pitch)):
        best = int(total.argmin())
        stays = total <= total[best] + options.jump_cost
        came[frame] = np.where(stays, own, best)
        total = np.where(stays, total, total[best] + options.jump_cost) + cost[frame]
    path = [int(total.argmin())]
    for frame in range(len(pitch) - 1, 0, -1):
        path.append(int(came[frame, path[-1]]))
    path.reverse()
    cuts = [0, *(n for n in range(1, len(path)) if path[n] != path[n - 1]), len(path)]
    forced = [int(np.searchsorted(edges, onset)) for onset in onsets if edges[0] < onset < edges[-1]]
    cuts = sorted({*cuts, *(n for n in forced if 0 < n < len(path))})
    cuts = _without_short(cuts, set(forced), pitch, max(1, round(options.min_note_s / _STEP_S)))
    found = []
    for first, last in pairwise(cuts):
        if edges[last] - edges[first] < options.min_note_s / 2:
            continue
        trim = (last - first) // 5
        found.append((float(edges[first]), float(edges[last]), float(np.median(pitch[first + trim : last - trim]))))
    return found


def _without_short(cuts: list[int], forced: set[int], pitch: Array, least: int) -> list[int]:
    """Join pieces shorter than `least` frames to the neighbour that is nearer in pitch; forced onsets stay."""
    while len(cuts) > 2:
        lengths = [b - a for a, b in pairwise(cuts)]
        short = [n for n, length in enumerate(lengths) if length < least]
        choices = []
        for n in short:
            mine = float(np.median(pitch[cuts[n] : cuts[n + 1]]))
            for edge, other in ((n, n - 1), (n + 1, n + 1)):
                if 0 < edge < len(cuts) - 1 and cuts[edge] not in forced:
                    theirs = float(np.median(pitch[cuts[other] : cuts[other + 1]]))
                    choices.append((lengths[n], abs(mine - theirs), edge))
        if not choices:
            break
        del cuts[min(choices)[2]]
    return cuts


def _notes(found: list[tuple[float, float, float]], tuning: float, options: MelodyOptions) -> list[Note]:
    """Seconds to beats, on the grid where one is asked for."""
    notes: list[Note] = []
    for start, end, pitch in found:
        onset, close = (_beat(time, options) for time in (start, end))
        if notes and onset < notes[-1].end:
            onset = notes[-1].end
        if close <= onset:
            if options.grid is None:
                continue
            close = onset + options.grid
        if options.to_semitones:
            pitch = float(round(pitch - tuning))
        notes.append(Note(onset, close - onset, round(pitch, 4)))
    return notes


def _beat(seconds: float, options: MelodyOptions) -> Fraction:
    beat = seconds * options.bpm / 60.0
    if options.grid is not None:
        return round(beat / float(options.grid)) * options.grid
    return Fraction(round(beat * 61_440), 61_440)
