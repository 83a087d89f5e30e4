"""How far a long job is, and how it is told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from voicekit.errors import VoicekitError

__all__ = ["Cancelled", "Progress", "ProgressMeter"]

_WEIGHT_OF_FINISHING = 0.15
# Share of a chapter's work that comes after its last sentence (mastering, encoding, checking).


class Cancelled(VoicekitError):
    """The job was stopped on request; finished sentences are kept and the same call resumes it."""

    resumable = True


@dataclass(frozen=True)
class Progress:
    """One report of a running job.

    Parameters
    ----------
    stage : str
        ``voice``, ``speak``, ``sing``, ``master``, ``encode``, ``verify``, ``deliver`` or ``skip``.
    chapter, chapters : int
        The chapter's number (from 1, of those chosen) and how many there are.
    chapter_title : str
    sentence, sentences : int
        Sentences done and all sentences of this chapter.
    fraction : float
        0..1 of the whole job.
    seconds_done : float
        Sound made or taken from earlier takes so far, seconds.
    elapsed_s : float
        Since the job began.
    eta_s : float or None
        Time left; None until it can be told.
    text : str
        The sentence just made.
    unit : str
        What ``sentence`` counts: ``sentence``, or ``part`` of a song.
    """

    stage: str
    chapter: int
    chapters: int
    chapter_title: str
    sentence: int
    sentences: int
    fraction: float
    seconds_done: float
    elapsed_s: float
    eta_s: float | None
    text: str = ""
    unit: str = "sentence"


class ProgressMeter:
    """Turn finished work into reports with the time left.

    Parameters
    ----------
    sizes : sequence of int
        Characters to be spoken in each chosen chapter.
    report : callable, optional
        Receives each `Progress`.
    cancel : threading.Event, optional
        Looked at with every report.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self,
        sizes: list[int],
        report: Callable[[Progress], None] | None,
        cancel: Event | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sizes = [max(1, size) for size in sizes]
        self._total = sum(self._sizes)
        self._report = report
        self._cancel = cancel
        self._clock = clock
        self._start = clock()
        self._finished = 0.0
        self._skipped = 0.0
        self._chapter = 0
        self._title = ""
        self._sentences = 0
        self._sentence = 0
        self._chars = 0
        self.seconds_done = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the job began."""
        return self._clock() - self._start

    def check(self) -> None:
        """Stop here if that was asked for.

        Raises
        ------
        Cancelled
        """
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled("stopped on request; run the same command again to resume")

    def begin(self, title: str, sentences: int) -> None:
        """The next chapter starts."""
        self._chapter += 1
        self._title, self._sentences, self._sentence, self._chars = title, sentences, 0, 0

    def sentence(self, characters: int, seconds: float, text: str, *, reused: bool) -> None:
        """One sentence is there."""
        self._sentence += 1
        self._chars += characters
        self.seconds_done += seconds
        if reused:  # costs nothing: must not make the rest look faster than it will be
            self._skipped += characters * (1.0 - _WEIGHT_OF_FINISHING)
        self.tell("speak", text)

    def end(self, *, skipped: bool) -> None:
        """The chapter is done."""
        size = self._sizes[self._chapter - 1]
        self._finished += size
        self._chars = 0
        if skipped:
            self._skipped += size
            self.tell("skip")
        else:
            self.tell("deliver")

    def tell(self, stage: str, text: str = "", part: float = 0.0) -> None:
        """Report, then look whether to stop.

        Parameters
        ----------
        stage : str
        text : str
        part : float
            0..1 of the work after the last sentence of this chapter.
        """
        if self._report is not None:
            self._report(self._now(stage, text, part))
        self.check()

    def _now(self, stage: str, text: str, part: float) -> Progress:
        size = self._sizes[min(max(self._chapter, 1), len(self._sizes)) - 1] if self._sizes else 1
        spoken = min(self._chars, size) * (1.0 - _WEIGHT_OF_FINISHING)
        done = self._finished + spoken + part * size * _WEIGHT_OF_FINISHING
        done = min(done, self._total)
        elapsed = self.elapsed_s
        worked = done - self._skipped
        eta = elapsed / worked * (self._total - done) if worked > 0 and elapsed > 0.5 else None
        return Progress(
            stage=stage,
            chapter=self._chapter,
            chapters=len(self._sizes),
            chapter_title=self._title,
            sentence=self._sentence,
            sentences=self._sentences,
            fraction=done / self._total if self._total else 1.0,
            seconds_done=self.seconds_done,
            elapsed_s=elapsed,
            eta_s=eta,
            text=text,
        )
