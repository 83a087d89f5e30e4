"""Voices beside a melody: at a fixed distance, in the scale, or on the nearest chord tones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from voicekit.harmony.lattice import Layer, pair_faults, solve
from voicekit.harmony.slices import Slice
from voicekit.harmony.theory import scale

__all__ = ["INTERVALS", "chord_lines", "diatonic_line"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What each distance in semitones costs where a third or a sixth is asked for.  A fourth under or over a chord tone
# is what singers take where the third is foreign to the chord.
INTERVALS: dict[str, tuple[int, dict[int, float]]] = {
    "third": (4, {3: 0.0, 4: 0.0, 5: 1.6, 2: 5.0, 6: 4.0, 7: 4.0, 8: 4.5, 9: 4.5}),
    "sixth": (9, {8: 0.0, 9: 0.0, 7: 1.6, 10: 4.0, 6: 5.0, 5: 3.5, 12: 4.5, 4: 4.5, 3: 4.5}),
}
FORBIDDEN = np.inf
TASTE = 0.4


def _in_key(pitch: int, piece: Slice) -> float:
    """What it costs to sing a pitch class in the key and chord of a moment."""
    pitch_class, tonic = pitch % 12, piece.key.tonic
    tones = piece.chord.tones
    if pitch_class in tones:
        return 0.0
    cost = 0.3 + (0.0, 0.5, 0.9, 1.4)[piece.strength] + (2.5 if piece.closing else 0.0)
    minor = piece.key.mode == "minor"
    if minor and pitch_class == (tonic + 11) % 12:
        return cost + 2.5
    if pitch_class not in scale(tonic, piece.key.mode):
        return cost + 6.0
    if any((pitch_class - tone) % 12 == 1 for tone in tones):
        cost += 1.0  # a semitone over a chord tone is the harshest of all
    return cost


def _diatonic_layer(
    piece: Slice, interval: str, up: int, bounds: tuple[int, int], noise: np.random.Generator | None
) -> Layer:
    """Pitches that may go with one note, beside the melody's own (highest voice first)."""
    rows, costs = [], []
    for distance, price in INTERVALS[interval][1].items():
        pitch = piece.pitch + up * distance
        if not bounds[0] <= pitch <= bounds[1]:
            continue
        cost = price + _in_key(pitch, piece)
        if distance == 6 and pitch % 12 in piece.chord.tones and not piece.foreign:
            cost -= 2.5
        if noise is not None:
            cost += noise.uniform(0.0, TASTE)
        rows.append((pitch, piece.pitch) if up > 0 else (piece.pitch, pitch))
        costs.append(cost)
    return Layer(np.array(rows, dtype=np.int64).reshape(-1, 2), np.array(costs))


def _diatonic_step(slices: Sequence[Slice], own: int, i: int, j: int, before: Ints, after: Ints) -> Floats:
    """Smooth, with the melody's contour, and never two perfect intervals running."""
    delta = (after[None, :, own] - before[:, None, own]).astype(np.float64)
    melody = slices[j].pitch - slices[i].pitch
    size = np.abs(delta)
    cost = 0.12 * size + 0.25 * np.maximum(size - 4, 0) + 0.15 * np.abs(delta - melody)
    cost += 2.0 * (size == 6)
    if not slices[j].starts:  # the chord changes under a held note: so may the voice, but seldom
        cost += 5.0 * (size > 0)
    if slices[i].key.mode == "minor":  # the augmented second between sixth and raised seventh
        sixth, seventh = (slices[i].key.tonic + 8) % 12, (slices[i].key.tonic + 11) % 12
        old, new = before[:, own] % 12, after[:, own] % 12
        cost += 5.0 * ((old == sixth)[:, None] & (new == seventh)[None, :] & (size == 3))
        cost += 5.0 * ((old == seventh)[:, None] & (new == sixth)[None, :] & (size == 3))
    cost[pair_faults(before, after)] = FORBIDDEN
    return np.asarray(cost, dtype=np.float64)


def diatonic_line(
    slices: Sequence[Slice], interval: str, up: int, bounds: tuple[int, int], seed: int
) -> list[int | None]:
    """One voice a third or sixth from the melody, in the key and with its chords.

    Parameters
    ----------
    slices : sequence of Slice
    interval : str
        ``third`` or ``sixth``.
    up : int
        1 above the melody, -1 below.
    bounds : (int, int)
        Lowest and highest MIDI number.
    seed : int

    Returns
    -------
    list of int or None
        A pitch for each slice; None where no pitch is allowed.
    """
    noise = np.random.default_rng(seed) if seed else None
    layers = [_diatonic_layer(piece, interval, up, bounds, noise) for piece in slices]
    own = 0 if up > 0 else 1
    path = solve(layers, partial(_diatonic_step, slices, own))
    return [None if chosen is None else int(chosen[own]) for chosen in path]


def _chord_layer(
    piece: Slice, above: int, below: int, bounds: tuple[int, int], noise: np.random.Generator | None
) -> Layer:
    """Chord tones around one note: none farther than an octave from its neighbour, all different."""
    tones, count = piece.chord.tones, above + below
    empty = Layer(np.zeros((0, count + 1), dtype=np.int64), np.zeros(0))
    if not tones:
        return empty
    reach = 6 * max(above, below) + 7
    span = range(max(bounds[0], piece.pitch - reach), min(bounds[1], piece.pitch + reach) + 1)
    over = [p for p in span if p > piece.pitch and p % 12 in tones]
    under = [p for p in span if p < piece.pitch and p % 12 in tones]
    rows, costs = [], []
    for high in itertools.combinations(over, above):
        for low in itertools.combinations(under, below):
            row = (*high[::-1], piece.pitch, *low[::-1])
            gaps = [a - b for a, b in itertools.pairwise(row)]
            if max(gaps) > 12:
                continue
            cost = 0.25 * (sum(abs(p - piece.pitch) for p in (*high, *low)))
            cost += sum(3.0 for gap in gaps if gap <= 2) + sum(2.0 for gap in gaps if gap == 12)
            cost += 1.5 * (len(row) - len({p % 12 for p in row}))
            third = tones[1] if len(tones) > 2 else tones[0]
            cost += 0.0 if any(p % 12 == third for p in row) else 2.0
            if noise is not None:
                cost += noise.uniform(0.0, TASTE)
            rows.append(row)
            costs.append(cost)
    if not rows:
        return empty
    keep = np.argsort(costs, kind="stable")[:90]
    return Layer(np.array(rows, dtype=np.int64)[keep], np.array(costs)[keep])


def _chord_step(slices: Sequence[Slice], melody: int, i: int, j: int, before: Ints, after: Ints) -> Floats:
    """Smooth motion of every voice but the melody."""
    delta = np.abs(after[None, :, :] - before[:, None, :]).astype(np.float64)
    delta[:, :, melody] = 0.0
    cost = (0.3 * delta + 0.4 * np.maximum(delta - 5, 0)).sum(axis=2)
    cost[pair_faults(before, after)] = FORBIDDEN
    return np.asarray(cost, dtype=np.float64)


def chord_lines(
    slices: Sequence[Slice], above: int, below: int, bounds: tuple[int, int], seed: int
) -> list[tuple[int, ...] | None]:
    """Voices on the nearest chord tones above and below the melody.

    Parameters
    ----------
    slices : sequence of Slice
    above, below : int
        How many voices on each side.
    bounds : (int, int)
        Lowest and highest MIDI number.
    seed : int

    Returns
    -------
    list of tuple or None
        For each slice the pitches without the melody's, highest first; None where the voices must rest.
    """
    noise = np.random.default_rng(seed) if seed else None
    layers = [_chord_layer(piece, above, below, bounds, noise) for piece in slices]
    path = solve(layers, partial(_chord_step, slices, above))
    return [None if row is None else tuple(int(p) for k, p in enumerate(row) if k != above) for row in path]
