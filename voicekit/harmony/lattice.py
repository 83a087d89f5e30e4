"""The best way through a lattice of voicings: dynamic programming, with rests where no way is allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Layer", "pair_faults", "solve"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Step = Callable[[int, int, Ints, Ints], Floats]


@dataclass(frozen=True)
class Layer:
    """Voicings that may sound at one moment.

    Parameters
    ----------
    voicings : array of int, (K, V)
        MIDI numbers, highest voice first; K may be 0: the generated voices rest.
    cost : array of float, (K,)
    """

    voicings: Ints
    cost: Floats


def pair_faults(before: Ints, after: Ints) -> npt.NDArray[np.bool_]:
    """Which steps have two voices in perfect fifths, octaves or unisons twice running while both move, (A, B).

    Octaves of an interval count as itself, so the same by contrary motion is found too.
    """
    wrong = np.zeros((len(before), len(after)), dtype=bool)
    moved = [before[:, None, voice] != after[None, :, voice] for voice in range(before.shape[1])]
    for upper in range(before.shape[1]):
        for lower in range(upper + 1, before.shape[1]):
            old = (before[:, upper] - before[:, lower]) % 12
            new = (after[:, upper] - after[:, lower]) % 12
            for perfect in (0, 7):
                if (old == perfect).any() and (new == perfect).any():
                    both = (old == perfect)[:, None] & (new == perfect)[None, :]
                    wrong |= both & moved[upper] & moved[lower]
    return wrong


def solve(layers: Sequence[Layer], step: Step) -> list[Ints | None]:
    """The cheapest path, one voicing a layer; None where the generated voices must rest.

    Parameters
    ----------
    layers : sequence of Layer
    step : callable
        ``step(i, j, before, after)``: cost of going from layer i's voicings to layer j's, (A, B); infinite where it
        is forbidden.  `i` is not `j - 1` where the voices rested in between: what is forbidden is so over rests too.

    Returns
    -------
    list of array or None
        As many as layers.  A layer is passed over only where every way into it is forbidden or it has no voicing, so
        a path is always found.
    """
    chosen: list[Ints | None] = [None] * len(layers)
    current: int | None = None
    total = np.zeros(0)
    back: dict[int, tuple[int, npt.NDArray[np.int64]]] = {}
    for index, layer in enumerate(layers):
        if not len(layer.voicings):
            continue
        if current is None:
            current, total = index, layer.cost.copy()
            continue
        paths = total[:, None] + step(current, index, layers[current].voicings, layer.voicings)
        best = paths.min(axis=0) + layer.cost
        if not np.isfinite(best).any():
            continue
        back[index] = (current, paths.argmin(axis=0))
        current, total = index, best
    if current is None:
        return chosen
    state = int(total.argmin())
    while True:
        chosen[current] = layers[current].voicings[state]
        if current not in back:
            return chosen
        previous, pointers = back[current]
        current, state = previous, int(pointers[state])
