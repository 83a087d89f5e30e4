"""How long an enrolment will still take: what each step usually takes, corrected by how long this one took so far."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["EnrolClock", "usual_seconds"]

_SPEAKER, _ALIGN, _LISTEN = 0.05, 0.07, 0.45  # for each second of recordings, on one core
_EMBEDDING, _STEP, _SEAL, _MEASURE, _START = 9.0, 0.25, 0.5, 5.0, 1.0
_BELIEVED_S = 3.0  # of usual work at the usual pace, held against what is seen: the first steps may be skipped


def usual_seconds(
    seconds: float, *, aligned_s: float, listened_s: float, rank_steps: int, measured: bool = True
) -> dict[str, float]:
    """What each stage usually takes, from when the recordings were checked.

    Parameters
    ----------
    seconds : float
        Of recordings.
    aligned_s : float
        Of them that are aligned.
    listened_s : float
        Of them that a recogniser has to listen to.
    rank_steps : int
        Of the low-rank part; 0 where there is none.
    measured : bool
        Whether the voice is measured when it is built.

    Returns
    -------
    dict
        Stage -> seconds, in their order.
    """
    return {
        "speaker": _START + _SPEAKER * seconds,
        "seal": _SEAL,  # of the recordings; the voice's own, at the end, takes no time
        "align": _START + _ALIGN * aligned_s + _LISTEN * listened_s,
        "embedding": _EMBEDDING,
        "low-rank": _STEP * rank_steps,
        "measure": _MEASURE if measured else 0.0,
    }


class EnrolClock:
    """Tells the time left of all stages.

    Parameters
    ----------
    usual : mapping
        See `usual_seconds`.
    now : callable
        Seconds of a clock that only goes forward.
    """

    def __init__(self, usual: dict[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self._usual, self._now = usual, now
        self._began = now()
        self._skipped = 0.0  # of what was usual: stages found done when an enrolment goes on
        self._stages = list(usual)
        self._done = 0.0

    def left_s(self, stage: str, fraction: float) -> float | None:
        """Seconds left when so much of a stage is done; None for a stage that is not known.

        Stages may come again (``seal``) or not at all; what is done once is not undone.
        """
        if stage not in self._usual:
            return None
        before = sum(self._usual[name] for name in self._stages[: self._stages.index(stage)])
        done = before + self._usual[stage] * min(1.0, max(0.0, fraction))
        self._done = max(self._done, done)
        spent = self._now() - self._began
        pace = (spent + _BELIEVED_S) / (self._done - self._skipped + _BELIEVED_S)
        return pace * (sum(self._usual.values()) - self._done)

    @property
    def share(self) -> float:
        """Of all stages, by what they usually take, 0 to 1; what is done once is not undone."""
        return self._done / (sum(self._usual.values()) or 1.0)

    def skip_to(self, stage: str) -> None:
        """Stages before this one were done by an earlier run, in no time."""
        before = sum(self._usual[name] for name in self._stages[: self._stages.index(stage)])
        if before > self._done:
            self._skipped += before - self._done
            self._done = before
