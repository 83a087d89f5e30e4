"""Four-part voice leading: which voicings are offered for each moment, and what a step between two of them costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from voicekit.harmony.lattice import Layer, pair_faults, solve
from voicekit.harmony.slices import Slice

__all__ = ["RANGES", "VOICES", "voice_lead"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VOICES = ("soprano", "alto", "tenor", "bass")
# Lowest and highest note, MIDI: C4-A5, F3-D5, C3-G4, E2-C4, the usual compass of the four in harmony textbooks.
RANGES = {"soprano": (60, 81), "alto": (53, 74), "tenor": (48, 67), "bass": (40, 60)}
OFFERED = 56  # voicings kept for a moment, the cheapest ones
FORBIDDEN = np.inf
TASTE = 1.5  # how far a seed may prefer one voicing to another, in the units of the costs below


def _offered(tones: Sequence[int], low: int, high: int) -> list[int]:
    return [pitch for pitch in range(low, high + 1) if pitch % 12 in tones]


def _combinations(piece: Slice, pitch: int, melody: int, ranges: Mapping[str, tuple[int, int]]) -> Ints:
    """All voicings of a chord with the melody's voice fixed and no voice over the one above it, (K, 4)."""
    tones = piece.chord.tones
    choices = []
    for index, name in enumerate(VOICES):
        low, high = ranges[name]
        if index == melody:
            choices.append([pitch])
        elif name == "bass" and piece.chord.bass >= 0:
            choices.append(_offered((piece.chord.bass,), low, high))
        else:
            choices.append(_offered(tones, low, high))
    if not all(choices):
        return np.zeros((0, 4), dtype=np.int64)
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*choices, indexing="ij")], axis=1).astype(np.int64)
    ordered = (grid[:, 0] >= grid[:, 1]) & (grid[:, 1] >= grid[:, 2]) & (grid[:, 2] >= grid[:, 3])
    return grid[ordered]


def _doubling(piece: Slice, classes: Ints, own: Ints) -> Floats:
    """What is missing from a chord, and what stands in it twice.  `own` are the voices that must be chord tones."""
    chord, cost = piece.chord, np.zeros(len(classes))
    leading = (piece.key.tonic + 11) % 12
    counts = {tone: (classes == tone).sum(axis=1) for tone in chord.tones}
    sung = {tone: (own == tone).sum(axis=1) for tone in chord.tones}
    missing = (80.0, 60.0, 2.0, 9.0)
    seventh = len(chord.tones) == 4
    for place, tone in enumerate(chord.tones):
        price = missing[place] if len(chord.tones) > 2 else 60.0
        if place == 2 and seventh:
            price = 0.6
        if place == 2 and chord.kind in ("diminished", "augmented", "half-diminished", "diminished-seventh"):
            price = 12.0
        cost += price * (sung[tone] + (counts[tone] > 0) == 0)
        over = np.maximum(counts[tone] - 1, 0)
        if tone == leading and chord.kind != "minor":
            cost += 40.0 * over
        elif place == 3:
            cost += 30.0 * over
        elif place == 1 and chord.kind != "diminished":
            cost += (1.5 if chord.kind in ("minor", "minor-seventh") else 3.0) * over
        elif place == 2:
            cost += 1.2 * over
        cost += 8.0 * np.maximum(counts[tone] - 2, 0)
    return cost


def _inversion(piece: Slice, bass: Ints, last: bool) -> Floats:
    """What the bass says: root, then third; a fourth over the bass only on the way to a cadence."""
    chord, cost = piece.chord, np.zeros(len(bass))
    if chord.bass >= 0 or not chord.tones:
        return cost
    on_the_way = piece.strength < 3 and not piece.closing
    prices = [0.0, 2.0, 5.0 if on_the_way else 14.0, 6.0]
    if chord.kind in ("diminished", "half-diminished"):
        prices = [4.0, 0.0, 8.0, 6.0]
    if piece.closing and chord.kind in ("major", "minor", "dominant-seventh"):
        prices = [0.0, 40.0 if last else 7.0, 40.0 if last else 25.0, 20.0]
    if len(chord.tones) == 2:
        prices = [0.0, 6.0]
    for place, tone in enumerate(chord.tones):
        cost += prices[min(place, len(prices) - 1)] * (bass % 12 == tone)
    return cost


def _layer(
    piece: Slice,
    pitch: int | None,
    melody: int,
    ranges: Mapping[str, tuple[int, int]],
    noise: np.random.Generator | None,
    last: bool,
) -> Layer:
    """The voicings of one moment with what each costs by itself."""
    if not piece.chord.tones or pitch is None:
        return Layer(np.zeros((0, 4), dtype=np.int64), np.zeros(0))
    voicings = _combinations(piece, pitch, melody, ranges)
    if not len(voicings):
        return Layer(voicings, np.zeros(0))
    others = np.delete(voicings, melody, axis=1)
    held = voicings if not piece.foreign else others
    cost = _doubling(piece, held % 12, others % 12)
    cost += _inversion(piece, voicings[:, 3], last)
    gaps = voicings[:, :-1] - voicings[:, 1:]
    cost += 25.0 * (gaps[:, :2] > 12).sum(axis=1) + 4.0 * np.maximum(gaps[:, 2] - 19, 0)
    cost += 3.0 * (gaps == 0).sum(axis=1) + 1.0 * (gaps[:, :2] == 12).sum(axis=1)
    cost += 2.0 * np.maximum(7 - gaps[:, 2], 0) * (voicings[:, 3] < 46) / 4  # thirds at the bottom growl
    for index, name in enumerate(VOICES):
        low, high = ranges[name]
        middle, half = (low + high) / 2, (high - low) / 2
        if index != melody:
            cost += 2.5 * np.maximum(np.abs(voicings[:, index] - middle) / half - 0.5, 0)
    if piece.foreign:
        rub = np.abs(others - pitch) % 12
        cost += 5.0 * ((rub == 1) | (rub == 11)).sum(axis=1) * (1 if piece.strength else 0.4)
    if noise is not None:
        cost += noise.uniform(0.0, TASTE, len(cost))
    keep = np.argsort(cost, kind="stable")[:OFFERED]
    return Layer(voicings[keep], cost[keep])


def _leaps(delta: Ints) -> Floats:
    """What it costs each voice to move so far, (A, B, 4)."""
    size = np.abs(delta)
    cost = 0.35 * size + 0.6 * np.maximum(size - 4, 0) + 4.0 * (size == 6) + 6.0 * ((size == 10) | (size == 11))
    cost += 40.0 * (size > 12)
    cost[:, :, 3] = (
        0.12 * size[:, :, 3] + 0.5 * np.maximum(size[:, :, 3] - 7, 0) + 3.0 * np.isin(size[:, :, 3], (6, 10, 11))
    )
    cost[:, :, 3] += 40.0 * (size[:, :, 3] > 12)
    return np.asarray(cost, dtype=np.float64)


def _tendencies(old: Slice, new: Slice, before: Ints, after: Ints) -> Floats:
    """Leading tones that do not rise and sevenths that do not fall, (A, B)."""
    cost = np.zeros((len(before), len(after)))
    if (old.chord.root, old.chord.kind) == (new.chord.root, new.chord.kind):
        return cost
    delta = after[None, :, :] - before[:, None, :]
    tonic = old.key.tonic
    if (tonic + 11) % 12 in old.chord.tones and tonic in new.chord.tones and old.chord.kind != "minor":
        leads = (before % 12 == (tonic + 11) % 12)[:, None, :]
        astray = leads & (delta != 1) & (delta != 0)
        cost += 12.0 * (astray[:, :, 0] | astray[:, :, 3]) + 4.0 * (astray[:, :, 1]) + 4.0 * astray[:, :, 2]
    if len(old.chord.tones) == 4:
        falls = (before % 12 == old.chord.tones[3])[:, None, :]
        held = (delta == 0) if old.chord.tones[3] in new.chord.tones else np.zeros_like(delta, dtype=bool)
        cost += 9.0 * (falls & (delta != -1) & (delta != -2) & ~held).sum(axis=2)
    return cost


def _step(slices: Sequence[Slice], melody: int, i: int, j: int, before: Ints, after: Ints) -> Floats:
    """Cost of going from one moment's voicings to the next one's, (A, B)."""
    old, new = slices[i], slices[j]
    delta = after[None, :, :] - before[:, None, :]
    moves = _leaps(delta)
    moves[:, :, melody] = 0.0
    if (old.chord.root, old.chord.kind) == (new.chord.root, new.chord.kind) and new.strength < 3:
        still = delta != 0
        still[:, :, melody] = False
        moves += 1.2 * still
    if new.onset > old.end:
        moves *= 0.5  # a rest forgives leaps
    cost = moves.sum(axis=2) + _tendencies(old, new, before, after)
    for upper in range(3):
        cost += 7.0 * (after[None, :, upper + 1] > before[:, None, upper])
        cost += 7.0 * (after[None, :, upper] < before[:, None, upper + 1])
    same_way = (np.sign(delta[:, :, 0]) == np.sign(delta[:, :, 3])) & (delta[:, :, 0] != 0)
    span = (after[:, 0] - after[:, 3]) % 12
    outer = ((span == 0) | (span == 7))[None, :]
    cost += 20.0 * (same_way & outer & (np.abs(delta[:, :, 0]) > 2)) + 2.0 * (same_way & outer)
    cost += 2.0 * (np.sign(delta) == np.sign(delta[:, :, :1])).all(axis=2) * (delta[:, :, 0] != 0)
    cost[pair_faults(before, after)] = FORBIDDEN
    return np.asarray(cost, dtype=np.float64)


def voice_lead(
    slices: Sequence[Slice],
    pitches: Sequence[int | None],
    melody: int,
    ranges: Mapping[str, tuple[int, int]],
    seed: int,
) -> list[Ints | None]:
    """Four voices for each slice, soprano first; None where the three must rest.

    Parameters
    ----------
    slices : sequence of Slice
    pitches : sequence of int or None
        The melody as sung (it may lie octaves from what the slices say); None where it is not sung.
    melody : int
        0..3: which voice has it.
    ranges : mapping
        Lowest and highest MIDI number for each of `VOICES`.
    seed : int
        0: the cheapest solution; others prefer other voicings of nearly the same worth.
    """
    noise = np.random.default_rng(seed) if seed else None
    end = len(slices) - 1
    pieces = enumerate(zip(slices, pitches, strict=True))
    layers = [_layer(piece, pitch, melody, ranges, noise, index == end) for index, (piece, pitch) in pieces]
    return solve(layers, partial(_step, slices, melody))
