"""The order in which measures are performed: repeats, endings, da capo, dal segno, coda and fine."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from voicekit.score.inputs import Notices, Place

__all__ = ["Marks", "Performed", "performed_order"]

MAX_PERFORMED = 50_000


@dataclass
class Marks:
    """What stands in one measure (of any part) that steers the order.

    Parameters
    ----------
    forward : bool
        A repeat begins before it.
    backward : int
        How often the section that ends with it is played; 0 for no repeat sign.
    after_jump : bool
        That repeat also holds after a jump.
    ending : frozenset of int
        Numbers of the ending that begins at it; empty for none.
    ending_stop : bool
        An ending ends with it.
    segno, coda, dalsegno, tocoda : str
        Labels of `sound` attributes; empty for none.
    dacapo, fine : bool
    fine_at : Fraction or None
        Beats into the measure after which the performance ends; None: at its end.
    """

    forward: bool = False
    backward: int = 0
    after_jump: bool = False
    ending: frozenset[int] = frozenset()
    ending_stop: bool = False
    segno: str = ""
    coda: str = ""
    dalsegno: str = ""
    tocoda: str = ""
    dacapo: bool = False
    fine: bool = False
    fine_at: Fraction | None = None

    def join(self, other: Marks) -> None:
        """Take over what the same measure of another part says."""
        self.forward |= other.forward
        self.backward = max(self.backward, other.backward)
        self.after_jump |= other.after_jump
        self.ending = self.ending or other.ending
        self.ending_stop |= other.ending_stop
        self.segno, self.coda = self.segno or other.segno, self.coda or other.coda
        self.dalsegno, self.tocoda = self.dalsegno or other.dalsegno, self.tocoda or other.tocoda
        self.dacapo |= other.dacapo
        if other.fine and not self.fine:
            self.fine, self.fine_at = True, other.fine_at


@dataclass(frozen=True)
class Performed:
    """One measure as it is reached in performance.

    Parameters
    ----------
    index : int
        Which measure.
    time : int
        The how-many-th time, from 1: the pass of its repeat, or how often it was reached, whichever is more.
    jumped : bool
        The measure performed before is not the one printed before.
    until : Fraction or None
        Beats of it that are performed; None for all.
    """

    index: int
    time: int
    jumped: bool
    until: Fraction | None = None


@dataclass
class _Walk:
    """The state of a walk through the measures."""

    index: int = 0
    start: int = 0
    passes: int = 1
    back: bool = False
    after_jump: bool = False
    taken: set[int] = field(default_factory=set)


def _endings(marks: list[Marks]) -> dict[int, tuple[int, int]]:
    """For each measure within an ending the first and last measure of that ending."""
    spans: dict[int, tuple[int, int]] = {}
    for first, mark in enumerate(marks):
        if not mark.ending:
            continue
        last = first
        while not marks[last].ending_stop and last + 1 < len(marks) and not marks[last + 1].ending:
            last += 1
        spans.update(dict.fromkeys(range(first, last + 1), (first, last)))
    return spans


def _group_total(marks: list[Marks], spans: dict[int, tuple[int, int]], index: int) -> int:
    """Highest number among the ending at `index` and those that follow or precede it directly."""
    first, last = spans[index]
    total = max(marks[first].ending)
    while last + 1 in spans:
        total = max(total, *marks[last + 1].ending)
        last = spans[last + 1][1]
    while first - 1 in spans:
        first = spans[first - 1][0]
        total = max(total, *marks[first].ending)
    return total


def performed_order(marks: list[Marks], place: Place, notices: Notices) -> list[Performed]:
    """Measures in the order they are performed.

    After a da capo or dal segno repeats are not taken again and the last of several endings is played, unless
    the repeat says otherwise (``after-jump``).

    Raises
    ------
    InputError
        Unfolded it has more than 50,000 measures.
    """
    spans = _endings(marks)
    order: list[Performed] = []
    counts: dict[int, int] = {}
    walk = _Walk()
    while walk.index < len(marks):
        index, mark = walk.index, marks[walk.index]
        if mark.forward and not walk.back:
            walk.start, walk.passes = index, 1
        walk.back = False
        if mark.ending and not _plays(marks, spans, walk):
            walk.index = spans[index][1] + 1
            continue
        counts[index] = counts.get(index, 0) + 1
        jumped = bool(order) and order[-1].index != index - 1
        ends = mark.fine and walk.after_jump
        order.append(Performed(index, max(walk.passes, counts[index]), jumped, mark.fine_at if ends else None))
        if len(order) > MAX_PERFORMED:
            raise place.error(f"has more than {MAX_PERFORMED} measures once its repeats are unfolded", "write it out")
        if ends:
            break
        if not _turn(marks, spans, walk, notices):
            walk.index += 1
    return order


def _plays(marks: list[Marks], spans: dict[int, tuple[int, int]], walk: _Walk) -> bool:
    """Whether the ending that begins here is played in this pass."""
    first, last = spans[walk.index]
    if walk.after_jump and walk.passes == 1:
        return last + 1 not in spans  # the last of its group
    return walk.passes in marks[first].ending


def _turn(marks: list[Marks], spans: dict[int, tuple[int, int]], walk: _Walk, notices: Notices) -> bool:
    """Whether the performance goes elsewhere after this measure; moves the walk then."""
    index, mark = walk.index, marks[walk.index]
    if mark.backward and (not walk.after_jump or mark.after_jump):
        total = mark.backward if index not in spans else max(_group_total(marks, spans, index), 2)
        if walk.passes < total:
            walk.passes += 1
            walk.index, walk.back = walk.start, True
            return True
    if mark.backward:
        walk.start, walk.passes = index + 1, 1
    elif index in spans and spans[index][1] == index and index + 1 not in spans:
        walk.start, walk.passes = index + 1, 1  # out of the last ending, which need have no repeat sign
    if walk.after_jump and mark.tocoda:
        for other, there in enumerate(marks):
            if other != index and there.coda == mark.tocoda:
                walk.index, walk.start, walk.passes = other, other, 1
                return True
        notices.add(f"measure {index + 1}", f"'to coda' names {mark.tocoda!r}, which is nowhere; played on")
    if (mark.dacapo or mark.dalsegno) and index not in walk.taken:
        walk.taken.add(index)
        target = 0
        if mark.dalsegno:
            found = [other for other, there in enumerate(marks) if there.segno == mark.dalsegno]
            if not found:
                notices.add(f"measure {index + 1}", f"'dal segno' names {mark.dalsegno!r}, which is nowhere; played on")
                return False
            target = found[0]
        walk.index, walk.start, walk.passes, walk.after_jump = target, target, 1, True
        return True
    return False
