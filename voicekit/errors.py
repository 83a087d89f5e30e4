"""Errors of voicekit: each names what was read, where in it, and what to do.

``UsageError`` is a caller's mistake (a wrong option, an unknown voice);
``InputError`` is bad data that came from outside (a damaged book, a file that
is not text). Command lines turn both into one line and exit code 2.
"""

from __future__ import annotations

from os import PathLike

__all__ = ["InputError", "UsageError", "VoicekitError"]


class VoicekitError(Exception):
    """Base of every error that voicekit raises on purpose."""


class UsageError(VoicekitError):
    """The caller asked for something that cannot be done as asked.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    remedy : str, optional
        What the caller can do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} ({remedy})" if remedy else message)

    def __reduce__(self) -> tuple[type[UsageError], tuple[str, str]]:
        """Keep the parts when an error crosses a process border."""
        return (type(self), (self.message, self.remedy))


class InputError(VoicekitError):
    """Data from outside cannot be used.

    Parameters
    ----------
    file : str or PathLike
        The file (or other source) that was read.
    place : str
        Where in it: a member of the archive, a line, a byte; empty when the
        whole file is meant.
    problem : str
        What is wrong there.
    remedy : str
        What the user can do about it.
    """

    def __init__(self, file: str | PathLike[str], place: str, problem: str, remedy: str) -> None:
        self.file = str(file)
        self.place = place
        self.problem = problem
        self.remedy = remedy
        where = f"{self.file}: {place}" if place else self.file
        super().__init__(f"{where}: {problem}. {remedy}" if remedy else f"{where}: {problem}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str, str]]:
        """Keep the parts when an error crosses a process border."""
        return (type(self), (self.file, self.place, self.problem, self.remedy))
