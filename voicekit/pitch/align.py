"""A score's notes laid upon a sung take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voicekit.errors import UsageError
from voicekit.features.frames import FRAME_RATE
from voicekit.score import Part, Score

__all__ = ["TargetNote", "align_notes", "notes_of_part"]

F64 = npt.NDArray[np.float64]

_CAP = 2.5  # semitones: a wrong note costs no more, so that one does not drag its neighbours
_STAY_FRAMES = 4  # the shortest a note is held
_RUSH_COST = 0.004  # for each frame that a note is shorter or longer than its share of the take


@dataclass(frozen=True)
class TargetNote:
    """A note as it is wanted.

    Attributes
    ----------
    onset_s, stop_s : float
        Seconds from the start of the score.
    pitch_midi : float
    """

    onset_s: float
    stop_s: float
    pitch_midi: float


def notes_of_part(score: Score, part: Part) -> tuple[TargetNote, ...]:
    """A part's notes in seconds; tied notes are one already, rests fall away."""
    seconds = score.tempo.seconds
    return tuple(
        TargetNote(float(seconds(note.onset)), float(seconds(note.onset + note.duration)), float(note.pitch_midi))
        for note in part.notes
    )


def align_notes(
    midi: F64, vuv: npt.NDArray[np.bool_], target: Sequence[TargetNote], *, in_time: bool
) -> tuple[list[tuple[int, int, float]], list[str]]:
    """Where in a take each note of a score is sung.

    Parameters
    ----------
    midi : ndarray
        (T,) pitch, bridged where unvoiced.
    vuv : ndarray
        (T,) bool.
    target : sequence of TargetNote
        In order.
    in_time : bool
        Take the notes' own times; else a monotone alignment (dynamic time warping over voiced frames) finds them,
        in the octave that fits best.

    Returns
    -------
    placed : list of (start, stop, pitch_midi)
        Frames.
    notices : list of str
        What was assumed, and what does not fit.

    Raises
    ------
    UsageError
        More notes than voiced frames can hold.
    """
    if in_time:
        frames = [
            (round(n.onset_s * FRAME_RATE), min(round(n.stop_s * FRAME_RATE), len(midi)), n.pitch_midi) for n in target
        ]
        placed = [(a, b, pitch) for a, b, pitch in frames if b > a]
        dropped = len(frames) - len(placed)
        return placed, [f"{dropped} notes of the score lie beyond the end of the take"] if dropped else []
    voiced = np.flatnonzero(vuv)
    if len(voiced) < _STAY_FRAMES * len(target):
        raise UsageError(
            f"{len(target)} notes cannot be found in {len(voiced) / FRAME_RATE:.1f} s of voiced sound",
            "give the part and the section that were sung",
        )
    pitches = np.array([note.pitch_midi for note in target])
    lengths = np.array([note.stop_s - note.onset_s for note in target])
    sung = midi[voiced]
    tries = {}
    home = 12.0 * round((float(np.median(sung)) - _weighted_median(pitches, lengths)) / 12.0)
    for octave in (home, home - 12.0, home + 12.0):
        tries[octave] = _path(sung, pitches + octave, lengths)
    octave = min(tries, key=lambda o: tries[o][0])
    cost, edges = tries[octave]
    notices = []
    if octave:
        notices.append(f"the score was moved by {octave / 12:+.0f} octave(s) to where the take is sung")
    if cost / len(sung) > 1.0:
        notices.append("the take hardly follows this score: more than half of it is a semitone or more away")
    placed = []
    for i, pitch in enumerate(pitches):
        start, stop = int(voiced[edges[i]]), int(voiced[edges[i + 1] - 1]) + 1
        placed.append((start, stop, float(pitch + octave)))
    return placed, notices


def _weighted_median(values: F64, weights: F64) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])


def _path(sung: F64, pitches: F64, lengths: F64) -> tuple[float, npt.NDArray[np.intp]]:
    """Cheapest monotone path: its cost, and the frame at which each note begins (N + 1,)."""
    n_frames, n_notes = len(sung), len(pitches)
    share = np.maximum(lengths / lengths.sum() * n_frames, 1.0)
    total = np.full(n_notes, np.inf)
    total[0] = 0.0
    begun = np.zeros((n_frames, n_notes), dtype=bool)
    held = np.zeros(n_notes)  # frames that the best path to this state has stayed in it
    for t in range(n_frames):
        local = np.minimum(np.abs(sung[t] - pitches), _CAP)
        if t:
            # A note that is left early, or held beyond its share, pays for it; a little, as singers take time.
            leave = total + _RUSH_COST * np.maximum(share - held, 0.0) + np.where(held < _STAY_FRAMES, 50.0, 0.0)
            enter = np.concatenate([[np.inf], leave[:-1]])
            stay = total + np.where(held > share, _RUSH_COST, 0.0)
            begun[t] = enter < stay
            total = np.where(begun[t], enter, stay)
            held = np.where(begun[t], 1.0, held + 1.0)
        else:
            held[0] = 1.0
        total = total + local
    edges = np.zeros(n_notes + 1, dtype=np.intp)
    edges[n_notes] = n_frames
    note = n_notes - 1
    for t in range(n_frames - 1, 0, -1):
        if note > 0 and begun[t, note]:
            edges[note] = t
            note -= 1
    return float(total[-1]), edges
