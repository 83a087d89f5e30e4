"""Where voices stand in a stereo mix, as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from voicekit.errors import UsageError

__all__ = ["Placement", "place"]

# A choir as the audience sees it.  Sides are a habit, not a rule.
CHOIR = {"soprano": -0.6, "alto": -0.2, "tenor": 0.2, "bass": 0.6}
# The order in which harmony voices are set around a lead: the pans that Antares' Harmony Engine manual gives as
# its defaults (-50, +50, -100, +100 of 100).
AROUND = (-0.5, 0.5, -1.0, 1.0)
HARMONY_DB = -3.0
WIDTH = 0.35  # how far the singers of one part stand to each side of its place


@dataclass(frozen=True)
class Placement:
    """Place and level of one voice.

    Parameters
    ----------
    pan : float
        -1 left ... 1 right.
    level_db : float
        Relative to the lead.
    """

    pan: float
    level_db: float


def place(names: Sequence[str], lead: int | None = None, singers: int = 1) -> tuple[tuple[Placement, ...], ...]:
    """Default places for parts.

    Parameters
    ----------
    names : sequence of str
        Parts; ``soprano``, ``alto``, ``tenor`` and ``bass`` stand as a choir if all names are of these.
    lead : int, optional
        The part that stands in the middle at 0 dB, with the others around it; None: all are equal.
    singers : int
        For each part; they are spread around its place and share its power.

    Returns
    -------
    tuple of tuple of Placement
        For each part one for each of its singers.

    Raises
    ------
    UsageError
        No singers, or a lead that is not among the parts.
    """
    if singers < 1:
        raise UsageError(f"a part needs at least one singer, not {singers}")
    if lead is not None and not 0 <= lead < len(names):
        raise UsageError(f"there is no part {lead} to lead {len(names)} parts")
    found = []
    share = -10.0 * math.log10(singers)
    choir = len(names) > 1 and set(names) <= set(CHOIR)
    others = 0
    for index, name in enumerate(names):
        if choir:
            pan, level = CHOIR[name], 0.0
        elif index == lead or len(names) == 1:
            pan, level = 0.0, 0.0
        elif lead is None:
            pan, level = -0.6 + 1.2 * index / (len(names) - 1), 0.0
        else:
            pan, level = AROUND[others % len(AROUND)], HARMONY_DB
            others += 1
        spots = [0.0] if singers == 1 else [-WIDTH + 2 * WIDTH * k / (singers - 1) for k in range(singers)]
        found.append(tuple(Placement(max(-1.0, min(1.0, pan + spot)), level + share) for spot in spots))
    return tuple(found)
