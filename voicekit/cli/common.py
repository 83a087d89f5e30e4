"""What all verbs share: options, the screen, the progress line, Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

from voicekit.errors import UsageError

if TYPE_CHECKING:
    from voicekit.pipelines import Progress

__all__ = [
    "DONE",
    "INTERRUPTED",
    "REFUSED",
    "WRONG",
    "ProgressLine",
    "Screen",
    "add_common",
    "clock",
    "new_verb",
    "number_ranges",
    "stopping",
]

DONE, REFUSED, WRONG, INTERRUPTED = 0, 1, 2, 3
_BAR = 24
_REDRAW_S = 0.1
_PLAIN_EVERY_S = 10.0
_STAGES = {
    "read": "reading the take",
    "measure": "measuring the pitch",
    "retune": "correcting",
    "convert": "converting",
}


class Screen:
    """Where results and human text go: JSON to standard output, the rest to standard error.

    Parameters
    ----------
    quiet : bool
        No human text but errors.
    json : bool
        One machine-readable result on standard output.
    """

    def __init__(self, *, quiet: bool, json: bool) -> None:
        self.quiet = quiet
        self.json = json

    def say(self, text: str = "") -> None:
        """Human text: on standard output, unless JSON goes there."""
        if not self.quiet:
            print(text, file=sys.stderr if self.json else sys.stdout)

    def result(self, value: dict[str, Any] | list[Any]) -> None:
        """The machine-readable result, if it was asked for."""
        if self.json:
            print(json.dumps(value, ensure_ascii=False, indent=1))

    def problem(self, text: str, remedy: str = "") -> None:
        """One clear line."""
        line = " ".join(f"{text}. {remedy}".split() if remedy else text.split())
        print(f"voicekit: {line}", file=sys.stderr)
        if self.json:
            print(json.dumps({"error": text, "remedy": remedy}, ensure_ascii=False))

    def refusal(self, reason: str, message: str, remedy: str, statements: Sequence[str]) -> None:
        """One clear line about a refusal, with its stable reason code."""
        line = f"refused ({reason}): {message}" + (f". {remedy}" if remedy else "")
        print(f"voicekit: {' '.join(line.split())}", file=sys.stderr)
        if self.json:
            value = {"refused": reason, "message": message, "remedy": remedy, "statements": list(statements)}
            print(json.dumps(value, ensure_ascii=False))


def new_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str, example: str
) -> argparse.ArgumentParser:
    """A verb's parser with its example."""
    return verbs.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_common(parser: argparse.ArgumentParser, *, studio: bool = True) -> None:
    """The options of every verb."""
    if studio:
        parser.add_argument(
            "--studio",
            metavar="DIR",
            help="studio folder ($VOICEKIT_STUDIO, else the platform's data folder)",
        )
    parser.add_argument("--json", action="store_true", help="one JSON result on standard output")
    parser.add_argument("--quiet", action="store_true", help="no text but errors")


def number_ranges(text: str) -> tuple[int, ...]:
    """``1-3,7`` -> (1, 2, 3, 7).

    Raises
    ------
    UsageError
        Not of that form.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise UsageError(f"not a list of numbers: {text}", "for example 1-3,7")
        low, high = int(first), int(last) if dash else int(first)
        if low < 1 or high < low or high - low > 100_000:
            raise UsageError(f"not a list of numbers from 1 up: {text}", "for example 1-3,7")
        found.extend(range(low, high + 1))
    return tuple(dict.fromkeys(found))


def clock(seconds: float | None) -> str:
    """``75`` -> ``1:15``; None -> ``-:--``."""
    if seconds is None:
        return "-:--"
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class ProgressLine:
    """A line on standard error with the time left; on a file, a line every ten seconds.

    Parameters
    ----------
    screen : Screen
    """

    def __init__(self, screen: Screen) -> None:
        self._on = not screen.quiet
        self._live = self._on and sys.stderr.isatty()
        # On a terminal at once; in a log only what takes long is worth a line.
        self._last = -1e9 if self._live else time.monotonic()
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        """Draw a report."""
        now = time.monotonic()
        wait = _REDRAW_S if self._live else _PLAIN_EVERY_S
        final = progress.fraction >= 1.0
        if not self._on or (now - self._last < wait and not (final and self._live)):
            return
        self._last = now
        filled = round(progress.fraction * _BAR)
        bar = "#" * filled + "." * (_BAR - filled)
        stage = {"voice": "loading the voice", "speak": "speaking", "sing": "singing", "skip": "already there"}.get(
            progress.stage, _STAGES.get(progress.stage, "finishing")
        )
        where = ""
        if progress.sentences:
            chapter = f"  chapter {progress.chapter}/{progress.chapters}" if progress.unit == "sentence" else ""
            where = (
                f"{chapter}  {progress.unit} {progress.sentence}/{progress.sentences}"
                f"  {clock(progress.seconds_done)} of sound"
            )
        text = f"[{bar}] {progress.fraction * 100:3.0f} %{where}  {clock(progress.eta_s)} left  {stage}"
        if self._live:
            text = text[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Make room for other text."""
        if self._live and self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0


@contextlib.contextmanager
def stopping() -> Iterator[Event]:
    """Turn the first Ctrl-C (and SIGTERM) into a cancel event; a second Ctrl-C stops at once.

    Yields
    ------
    threading.Event
    """
    cancel = Event()

    def on_signal(number: int, frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    kept: list[tuple[signal.Signals, Any]] = []
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            # Only the main thread may set handlers; elsewhere there is nothing to catch.
            with contextlib.suppress(ValueError):
                kept.append((number, signal.signal(number, on_signal)))
        yield cancel
    finally:
        for which, old in kept:
            signal.signal(which, old)
