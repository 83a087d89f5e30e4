"""Locks between processes: one for writers, and one per living ledger object so that others can tell it
lives.

`flock` is released by the kernel when its process ends, however it ends, so a lock that can be taken belongs
to a process that is gone. Process ids are not used: they are reused, and mean nothing after a restart.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ConsentRefusedError

__all__ = ["LifeLock", "is_dead", "writer_lock"]

_WAIT_SECONDS = 60.0


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the one writer's lock of a ledger folder."""
    fd = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ConsentRefusedError(
                        "ledger-busy", f"another process holds {folder} for a minute now", remedy="Try again"
                    ) from None
                time.sleep(0.005)
        yield
    finally:
        os.close(fd)


class LifeLock:
    """A lock held for as long as a ledger object lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "locks"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.name = secrets.token_hex(16)
        self._fd = os.open(self._folder / self.name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Give the lock up and remove its file."""
        if self._fd >= 0:
            (self._folder / self.name).unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def is_dead(folder: Path, name: str) -> bool:
    """Whether the process that held the life lock `name` is gone."""
    if len(name) != 32 or not all(c in "0123456789abcdef" for c in name):
        return True
    try:
        fd = os.open(folder / "locks" / name, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    (folder / "locks" / name).unlink(missing_ok=True)
    return True
