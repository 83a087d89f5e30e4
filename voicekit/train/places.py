"""Places for a voice beside the mean of a register: the directions in which readers' embeddings differ.

A direction is kept as weights of readers, not as numbers of the network: the same weights give the same place in
another training of the model, where the embeddings are other numbers (`voicekit/train/leanings.json`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from voicekit.errors import UsageError
from voicekit.train.blend import MIN_MEMBERS, SpeakerFacts

__all__ = ["Directions", "find_directions"]


@dataclass(frozen=True)
class Directions:
    """Directions in the space of readers, those in which they differ most first.

    Attributes
    ----------
    readers : tuple of str
    weights : Tensor
        (D, R): what each reader's embedding adds for one standard deviation; each row sums to nothing.
    """

    readers: tuple[str, ...]
    weights: Tensor

    def lean(self, steps: Mapping[int, float]) -> dict[str, float]:
        """Weights of the readers for so many standard deviations along each direction.

        Parameters
        ----------
        steps : mapping
            Number of a direction, from 0 -> standard deviations.

        Raises
        ------
        voicekit.errors.UsageError
            There is no such direction.
        """
        total = torch.zeros(len(self.readers), dtype=self.weights.dtype)
        for number, amount in steps.items():
            if not 0 <= number < len(self.weights):
                raise UsageError(f"there is no direction {number}", f"give 0 to {len(self.weights) - 1}")
            total += amount * self.weights[number]
        return {name: round(float(w), 4) for name, w in zip(self.readers, total, strict=True)} if steps else {}


def find_directions(
    table: Tensor, speakers: Mapping[str, int], facts: Mapping[str, SpeakerFacts], count: int = 20
) -> Directions:
    """Principal directions of the readers' embeddings, lower and higher voices each taken from their own mean.

    Parameters
    ----------
    table : Tensor
        (N, S), a row for each speaker.
    speakers : mapping
        Name -> row.
    facts : mapping
        See `voicekit.train.blend.speaker_facts`; readers are those whose names begin with ``ls``.
    count : int
        How many directions at most.

    Raises
    ------
    voicekit.errors.UsageError
        Too few readers.
    """
    names = tuple(sorted(name for name in facts if name.startswith("ls") and name in speakers))
    if len(names) < MIN_MEMBERS:
        raise UsageError(f"only {len(names)} readers", f"train with at least {MIN_MEMBERS}")
    rows = table.double()[[speakers[name] for name in names]]
    order = sorted(range(len(names)), key=lambda n: facts[names[n]].pitch)
    for half in (order[: len(order) // 2], order[len(order) // 2 :]):
        rows[half] -= rows[half].mean(0)
    left, sizes, right = torch.linalg.svd(rows, full_matrices=False)
    found = int(min(count, (sizes > 1e-6 * sizes[0]).sum()))
    sign = torch.sign(right[:found].sum(1))  # a direction and its opposite are one: this one is always taken
    return Directions(names, (left[:, :found] * sign).T / len(names) ** 0.5)
