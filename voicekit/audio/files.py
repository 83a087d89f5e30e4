"""Files written aside and put in place in one step.

A file that is being made has the suffix ``.partial``.  Only `settle` (or the
ledger's delivery) gives it its name, after its bytes are on the disk, so a
reader never sees half a file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path

from voicekit.errors import InputError

__all__ = ["PARTIAL", "aside", "fsync_folder", "io_error", "settle", "settle_bytes", "sha256_file"]

PARTIAL = ".partial"
"""Suffix of a file that is not finished."""

_PROBLEMS = {
    errno.ENOSPC: (
        "the disk is full",
        "Free some space and run the same command again; finished sentences are kept.",
    ),
    errno.EDQUOT: (
        "the disk quota is used up",
        "Free some space and run the same command again; finished sentences are kept.",
    ),
    errno.EACCES: ("permission denied", "Choose a folder you may write to, or change its permissions."),
    errno.EPERM: ("operation not permitted", "Choose a folder you may write to, or change its permissions."),
    errno.EROFS: ("the file system is read-only", "Choose a folder you may write to."),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", "Choose another folder."),
    errno.EEXIST: ("a file of this name is in the way", "Choose another folder or move the file away."),
    errno.EISDIR: ("this is a folder, not a file", "Name a file."),
    errno.ENOENT: ("no such file or folder", "Check the path."),
    errno.EFBIG: ("the file grew beyond what this disk allows", "Choose another disk or fewer chapters."),
    errno.ENAMETOOLONG: ("the name is too long for this disk", "Choose a shorter name."),
}


def io_error(problem: OSError, file: str | os.PathLike[str]) -> InputError:
    """Say in one line what the operating system refused, and what to do.

    Parameters
    ----------
    problem : OSError
        As raised by the system or a library.
    file : path
        What was being read or written.

    Returns
    -------
    InputError
        To be raised ``from`` the original.
    """
    number = problem.errno or 0
    text, remedy = _PROBLEMS.get(
        number, (os.strerror(number) if number else str(problem) or "cannot be read or written", "")
    )
    error = InputError(file, "", text, remedy)
    error.__cause__ = problem
    return error


def aside(path: Path) -> Path:
    """Where a file lies while it is being written.

    Parameters
    ----------
    path : pathlib.Path
        The name it will have.

    Returns
    -------
    pathlib.Path
        The same with ``.partial`` behind it.
    """
    return path.with_name(path.name + PARTIAL)


def fsync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` durable, where the system can do that."""
    # Windows cannot open folders; there the rename is as durable as it gets.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def settle(partial: Path, final: Path) -> Path:
    """Give a finished file its name, replacing what was there.

    Parameters
    ----------
    partial : pathlib.Path
        A complete file whose bytes are already flushed to the disk.
    final : pathlib.Path
        Its name, on the same file system.

    Returns
    -------
    pathlib.Path
        ``final``.
    """
    os.replace(partial, final)
    fsync_folder(final.parent)
    return final


def settle_bytes(final: Path, data: bytes) -> Path:
    """Write a small file aside, flush it to the disk and give it its name.

    Parameters
    ----------
    final : pathlib.Path
    data : bytes

    Returns
    -------
    pathlib.Path
        ``final``.

    Raises
    ------
    OSError
        The old file, if there was one, is then untouched and nothing is left aside.
    """
    partial = final.with_name(f"{final.name}.{os.getpid()}{PARTIAL}")
    try:
        with open(partial, "wb") as sink:
            sink.write(data)
            sink.flush()
            os.fsync(sink.fileno())
        return settle(partial, final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str
        64 hex digits.
    """
    with open(path, "rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
