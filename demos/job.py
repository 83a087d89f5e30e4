"""A long job in a thread of its own, so that its progress can be shown meanwhile."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from demos.words import Trouble, trouble_of
from voicekit.studio import EnrolStep, Progress

__all__ = ["watched"]

_EVERY_S = 0.3
T = TypeVar("T")
Report = Progress | EnrolStep


def watched(work: Callable[[Callable[[Any], None]], T], *, name: str) -> Iterator[Any]:
    """Do some work and tell how far it is.

    Parameters
    ----------
    work : callable
        Given what takes its reports of progress.
    name : str
        Of the thread.

    Yields
    ------
    Progress or EnrolStep, and last what the work gave, or the trouble it met.
    """
    reports: queue.SimpleQueue[Report | Trouble | T] = queue.SimpleQueue()

    def run() -> None:
        try:
            reports.put(work(reports.put))
        except BaseException as problem:  # whatever it was, the page must not wait for ever
            reports.put(trouble_of(problem))

    threading.Thread(target=run, name=name, daemon=True).start()
    while True:
        event = reports.get()
        until = time.monotonic() + _EVERY_S
        while isinstance(event, Report):  # of what comes in a moment only the newest is worth showing
            try:
                event = reports.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
        yield event
        if not isinstance(event, Report):
            return
