"""Chords under a melody: those the score gives, or those a Viterbi search finds over the chords of the key."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from voicekit.harmony.keys import KeyGuess, LocalKey, infer_key
from voicekit.harmony.phrases import Ornaments, ornaments, phrase_ends
from voicekit.harmony.theory import Grid, chord_tones, nearest, overlapping
from voicekit.score import Note, Part, Score

__all__ = ["ChordGuess", "infer_chords", "vocabulary"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChordGuess:
    """A chord from a beat to a beat.

    Parameters
    ----------
    onset, end : Fraction
        Beats.
    root : int
        Pitch class; -1 for "no chord".
    kind : str
        As in `voicekit.score.Chord`.
    bass : int
        Pitch class the bass must have; -1: free.
    numeral : str
        Degree in the key, such as ``V7/V``; empty for a given chord.
    confidence : float
        0..1: posterior of this chord there; 1 for a given chord.
    given : bool
        Whether the score has it.
    """

    onset: Fraction
    end: Fraction
    root: int
    kind: str
    bass: int = -1
    numeral: str = ""
    confidence: float = 1.0
    given: bool = False

    @property
    def tones(self) -> tuple[int, ...]:
        """Pitch classes, root first."""
        return chord_tones(self.root, self.kind)


@dataclass(frozen=True)
class State:
    """A chord that may stand at a place: its numeral says what it does.  `target` is what a dominant leads to."""

    root: int
    kind: str
    numeral: str
    prior: float
    target: int = -1

    @property
    def tones(self) -> tuple[int, ...]:
        return chord_tones(self.root, self.kind)


# Degree (semitones over the tonic), kind, numeral, how gladly it is taken, and the degree it wants to lead to.
# The weights are taste, set on hymns and folk songs; no count of a corpus stands behind them.
WORDS: dict[str, tuple[tuple[int, str, str, float, int], ...]] = {
    "major": (
        (0, "major", "I", 0.0, -1),
        (2, "minor", "ii", -0.8, -1),
        (4, "minor", "iii", -1.8, -1),
        (5, "major", "IV", -0.3, -1),
        (7, "major", "V", -0.2, 0),
        (7, "dominant-seventh", "V7", -0.45, 0),
        (9, "minor", "vi", -0.8, -1),
        (11, "diminished", "viio", -1.9, 0),
        (2, "minor-seventh", "ii7", -1.3, -1),
        (2, "major", "V/V", -2.0, 7),
        (2, "dominant-seventh", "V7/V", -2.0, 7),
        (4, "dominant-seventh", "V7/vi", -2.4, 9),
        (9, "dominant-seventh", "V7/ii", -2.6, 2),
        (0, "dominant-seventh", "V7/IV", -2.4, 5),
        (10, "major", "bVII", -2.6, -1),
        (5, "minor", "iv", -3.2, -1),
    ),
    "minor": (
        (0, "minor", "i", 0.0, -1),
        (2, "diminished", "iio", -1.2, -1),
        (3, "major", "III", -0.9, -1),
        (5, "minor", "iv", -0.4, -1),
        (7, "major", "V", -0.2, 0),
        (7, "dominant-seventh", "V7", -0.45, 0),
        (8, "major", "VI", -0.8, -1),
        (10, "major", "VII", -0.7, 3),
        (11, "diminished", "viio", -1.9, 0),
        (2, "half-diminished", "iio7", -1.7, -1),
        (5, "major", "IV", -1.4, -1),
        (7, "minor", "v", -1.3, -1),
        (10, "dominant-seventh", "V7/III", -1.8, 3),
        (0, "dominant-seventh", "V7/iv", -2.6, 5),
        (3, "augmented", "III+", -3.5, 0),
        (2, "minor", "ii", -2.2, -1),
        (0, "major", "I", -3.0, -1),  # a Picardy third, or a tune that turns to major
    ),
}
CADENCE = {"V": 0.6, "I": 0.8, "i": 0.8, "vi": -0.4, "VI": -0.4, "IV": -0.6, "III": -0.4, "v": 0.0, "VII": -0.2}


@functools.lru_cache(maxsize=64)
def _vocabulary(tonic: int, mode: str) -> tuple[State, ...]:
    return tuple(
        State((tonic + step) % 12, kind, numeral, prior, (tonic + target) % 12 if target >= 0 else -1)
        for step, kind, numeral, prior, target in WORDS[mode]
    )


def vocabulary(key: LocalKey) -> tuple[State, ...]:
    """The chords that a key offers."""
    return _vocabulary(key.tonic, key.mode)


def _family(numeral: str) -> str:
    """Tonic, subdominant, dominant or other: T, S, D, X (a dominant of another degree)."""
    if "/" in numeral:
        return "X"
    if numeral in ("V", "V7", "viio", "III+"):
        return "D"
    if numeral in ("IV", "iv", "ii", "ii7", "iio", "iio7"):
        return "S"
    return "T" if numeral in ("I", "i", "vi", "VI") else "O"


def _step(before: State, after: State) -> float:
    """How gladly one chord follows another."""
    if (before.root, before.kind) == (after.root, after.kind):
        return 0.0
    families = _family(before.numeral) + _family(after.numeral)
    if before.root == after.root:
        return 0.1 if after.kind.endswith("seventh") else -0.8
    if families[0] == "X":
        return 0.7 if after.root == before.target else -3.0
    value = {"SD": 0.4, "DT": 0.3, "DS": -1.6, "DO": -0.8, "TS": 0.1, "TD": 0.1, "DX": -1.0}.get(families, 0.0)
    if families[0] == "D" and after.root == before.target:
        value += 0.5
    if before.numeral == "V7" and after.root != before.target and _family(after.numeral) != "T":
        value -= 1.0
    if before.kind in ("diminished", "half-diminished", "augmented") and after.root not in (
        before.target,
        (before.root + 5) % 12,
    ):
        value -= 1.0
    return value


def _fits(note: Note, state: State, length: float, ornament: float, strong: bool) -> float:
    """How well a note that sounds for `length` felt beats sits on a chord."""
    pitch = nearest(note.pitch_midi) % 12
    if pitch in state.tones:
        place = state.tones.index(pitch)
        return length * (1.0, 1.0, 0.85, 0.5)[place]
    if ornament > 0 and not ((pitch + 1) % 12 in state.tones and state.root == (pitch + 9) % 12):
        return -length * (1.4 - 0.8 * ornament)
    return -4.0 * length - (2.0 if strong else 1.0)


@dataclass(frozen=True)
class _Slot:
    """One felt beat: what sounds in it, and how strong its beginning is."""

    onset: Fraction
    end: Fraction
    strength: int
    states: tuple[State, ...]
    closing: bool


def _emission(slot: _Slot, part: Part, marks: Ornaments, unit: float) -> Floats:
    """How well each state of a slot carries what sounds in it."""
    values = np.array([state.prior * 0.35 for state in slot.states])
    for index in overlapping(part.notes, slot.onset, slot.end):
        note = part.notes[index]
        overlap = min(note.end, slot.end) - max(note.onset, slot.onset)
        strong = note.onset <= slot.onset and slot.strength >= 2
        mark = marks.light[index]
        for row, state in enumerate(slot.states):
            values[row] += _fits(note, state, float(overlap) / unit, mark, strong)
    if slot.closing:
        values += [CADENCE.get(state.numeral, -1.5) for state in slot.states]
    return values


def _slots(score: Score, part: Part, key: KeyGuess) -> list[_Slot]:
    """Felt beats of a part that hold any of its notes."""
    grid = Grid.of(score)
    onsets = grid.slots(part.notes[0].onset, part.end)
    ends = [*onsets[1:], max(part.end, onsets[-1])]
    closing = phrase_ends(part)
    found = []
    for onset, end in zip(onsets, ends, strict=True):
        held = overlapping(part.notes, onset, end)
        if end <= onset or not held:
            continue
        ends_here = any(index in closing for index in held)
        found.append(_Slot(onset, end, grid.strength(onset), vocabulary(key.at(onset)), ends_here))
    return found


@functools.lru_cache(maxsize=512)
def _steps(before: tuple[State, ...], after: tuple[State, ...]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How gladly each state follows each, and which are the same chord."""
    same = np.array([[(a.root, a.kind) == (b.root, b.kind) for b in after] for a in before])
    return np.array([[_step(a, b) for b in after] for a in before]), same


def _transition(before: _Slot, after: _Slot, brisk: bool) -> Floats:
    """Costs and rewards of going from each state to each: changes belong on strong beats."""
    change = {3: 0.0, 2: -0.25, 1: -0.35 if brisk else -1.3, 0: -2.5}[after.strength]
    stay = -0.3 if after.strength == 3 else 0.0
    steps, same = _steps(before.states, after.states)
    table = np.where(same, stay, change + steps)
    if before.closing and not after.closing:  # a new phrase begins afresh
        table = np.maximum(table, change - 0.3)
    return table


def _search(slots: list[_Slot], emissions: list[Floats], tables: list[Floats]) -> tuple[list[int], list[float]]:
    """The best path, and the posterior of each of its states by forward and backward sums."""
    best, back = emissions[0], []
    forward = [emissions[0]]
    for table, emission in zip(tables, emissions[1:], strict=True):
        paths = best[:, None] + table
        back.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + emission
        forward.append(np.logaddexp.reduce(forward[-1][:, None] + table, axis=0) + emission)
    backward = [np.zeros(len(slots[-1].states))]
    for table, emission in zip(reversed(tables), reversed(emissions[1:]), strict=True):
        backward.append(np.logaddexp.reduce(table + (backward[-1] + emission)[None, :], axis=1))
    backward.reverse()
    path = [int(best.argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    path.reverse()
    total = np.logaddexp.reduce(forward[-1])
    shares = [float(np.exp(f[s] + b[s] - total)) for f, b, s in zip(forward, backward, path, strict=True)]
    return path, shares


def _inferred(score: Score, part: Part, key: KeyGuess) -> list[ChordGuess]:
    """Chords where the score has none."""
    slots = _slots(score, part, key)
    grid = Grid.of(score)
    lengths = sorted(note.duration / grid.unit(note.onset) for note in part.notes)
    brisk = lengths[len(lengths) // 2] >= 1  # a chorale: one chord to a note is usual
    marks = ornaments(part, grid)
    emissions = [_emission(slot, part, marks, float(grid.unit(slot.onset))) for slot in slots]
    home = key.at(slots[-1].onset).tonic
    emissions[-1] = emissions[-1] + [
        4.0 if state.root == home and _family(state.numeral) == "T" else -4.0 for state in slots[-1].states
    ]
    emissions[0] = emissions[0] + [
        0.8 if _family(s.numeral) in "TD" and "7" not in s.numeral else 0.0 for s in slots[0].states
    ]
    tables = [_transition(a, b, brisk) for a, b in itertools.pairwise(slots)]
    path, shares = _search(slots, emissions, tables)
    found: list[ChordGuess] = []
    counts: list[int] = []
    for slot, state, share in zip(slots, path, shares, strict=True):
        chord = slot.states[state]
        last = found[-1] if found else None
        if last and (last.root, last.kind, last.numeral) == (chord.root, chord.kind, chord.numeral):
            counts[-1] += 1
            mean = last.confidence + (share - last.confidence) / counts[-1]
            found[-1] = ChordGuess(last.onset, slot.end, last.root, last.kind, -1, last.numeral, mean)
        else:
            found.append(ChordGuess(slot.onset, slot.end, chord.root, chord.kind, -1, chord.numeral, share))
            counts.append(1)
    return [
        ChordGuess(
            c.onset, n.onset if n else max(c.end, part.end), c.root, c.kind, -1, c.numeral, min(1.0, c.confidence)
        )
        for c, n in zip(found, [*found[1:], None], strict=True)
    ]


def infer_chords(score: Score, part: Part, key: KeyGuess | None = None) -> tuple[ChordGuess, ...]:
    """Chords under a melody, without gaps from its first note to its last.

    Chord symbols of the score are taken as they stand.  Where there are none (all of the melody, or what comes
    before the first symbol) the best path is sought through the chords of the local key, one choice a felt beat:
    how well each carries what sounds, how gladly one follows another, changes on strong beats, cadences where
    phrases end, the tonic at the last.

    Parameters
    ----------
    score : Score
    part : Part
        The melody.
    key : KeyGuess, optional
        Found from the melody when left out.

    Returns
    -------
    tuple of ChordGuess
        Empty for a part without notes.

    Raises
    ------
    UsageError
        A chord symbol of an unknown kind.
    """
    if not part.notes:
        return ()
    key = key or infer_key(score, part)
    start, end = part.notes[0].onset, part.end
    symbols = [chord for chord in score.chords if chord.onset < end]
    given = []
    for index, chord in enumerate(symbols):
        chord_tones(chord.root, chord.kind)
        until = symbols[index + 1].onset if index + 1 < len(symbols) else end
        begin = max(chord.onset, start)
        if until > begin:
            root = chord.root if chord.kind != "none" else -1
            given.append(ChordGuess(begin, until, root, chord.kind, chord.bass, "", 1.0, True))
    if given and given[0].onset <= start:
        return tuple(given)
    found = _inferred(score, part, key)
    if given:
        edge = given[0].onset
        found = [
            ChordGuess(c.onset, min(c.end, edge), c.root, c.kind, -1, c.numeral, c.confidence)
            for c in found
            if c.onset < edge
        ]
    return (*found, *given)
