"""Where a job on one take works: a hidden folder beside its result, and the reports it gives."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import IO

import numpy as np
from numpy.typing import NDArray

from consent import Ledger, Operand
from voicekit.audio import DecodedFile, decode_channels, io_error
from voicekit.errors import InputError
from voicekit.pipelines import Cancelled, Progress
from voicekit.studio.own_voice import MOST_S, copy_hashed

__all__ = ["Meter", "mono_blocks", "read_take", "workplace"]

_RATES = (8_000, 192_000)


class Meter:
    """Reports of a job that has one part."""

    def __init__(self, report: Callable[[Progress], None] | None, cancel: Event | None) -> None:
        self._report = report
        self._cancel = cancel
        self._start = time.monotonic()

    def tell(self, stage: str, fraction: float) -> None:
        """Report, then stop if that was asked for."""
        elapsed = time.monotonic() - self._start
        left = elapsed / fraction * (1.0 - fraction) if fraction > 0.05 and elapsed > 0.5 else None
        if self._report is not None:
            self._report(Progress(stage, 1, 1, "", 0, 0, fraction, 0.0, elapsed, left))
        if self._cancel is not None and self._cancel.is_set() and fraction < 1.0:
            raise Cancelled("stopped on request; nothing was delivered")


def read_take(take: Path, place: Path) -> tuple[DecodedFile, Operand]:
    """A take as it is at this moment, decoded in a workplace, and how a permit names it.

    Raises
    ------
    voicekit.errors.InputError
        No sound file, too long, or at a rate that is none to work at.
    """
    copy, digest = copy_hashed(take, place / "take")
    sound = decode_channels(copy, place / "take.f32", most_s=MOST_S, called=str(take))
    if not _RATES[0] <= sound.sample_rate <= _RATES[1]:
        raise InputError(take, "", f"{sound.sample_rate} Hz is no rate we can work at", "Give 8 to 192 kHz.")
    return sound, Operand(take.name, digest, "reference", "LicenseRef-own-recording")


def mono_blocks(sound: DecodedFile, notices: list[str]) -> Iterator[NDArray[np.float32]]:
    """What the pitch is decided on: the channels' mean, or the first of channels that cancel each other."""
    if sound.channels > 1:
        mean = each = 0.0
        for block in sound.blocks():
            mean += float(np.sum(block.mean(0, dtype=np.float64) ** 2))
            each += float(np.mean(np.sum(block.astype(np.float64) ** 2, axis=1)))
        if mean < 0.01 * each:
            notices.append("the channels cancel each other: the pitch was measured on the first")
            return (block[0] for block in sound.blocks())
        return (block.mean(0, dtype=np.float32) for block in sound.blocks())
    return (block[0] for block in sound.blocks())


@contextlib.contextmanager
def workplace(folder: Path, ledger: Ledger, name: str) -> Iterator[Path]:
    """A folder beside the result for what is unfinished, gone afterwards; what a killed run left is put right."""
    hidden = folder / name
    made = not folder.exists()
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        _put_right(hidden, folder, ledger)
        place = Path(tempfile.mkdtemp(prefix="job-", dir=hidden))
        lock = _lock(place)
    except OSError as problem:
        raise io_error(problem, folder) from problem
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if lock is not None:
            lock.close()
        with contextlib.suppress(OSError):  # others may be at work in it
            hidden.rmdir()
            if made:
                folder.rmdir()


def _lock(place: Path) -> IO[bytes] | None:
    """Held while a job is at work in its folder; None where the system has no such locks, or another holds it."""
    try:
        import fcntl  # not on Windows, where what a killed run left stays until it is deleted by hand
    except ImportError:
        return None
    file = open(place / "lock", "wb")  # noqa: SIM115 - held until the job ends
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _put_right(hidden: Path, folder: Path, ledger: Ledger) -> None:
    """Deliver what a killed run had a receipt for, and remove the rest of it."""
    for left in sorted(hidden.glob("job-*")):
        lock = _lock(left)
        if lock is None:
            continue
        with lock:
            for one in ledger.undelivered():
                # Killed between receipt and delivery: the file only lacks its name.
                if one.waiting and left.resolve() in one.path.resolve().parents:
                    ledger.deliver(ledger.receipt(one.receipt), {one.path: folder / one.name})
            shutil.rmtree(left, ignore_errors=True)
