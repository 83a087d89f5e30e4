"""Recordings that a visitor gave for an enrolment: in memory, never under the folder that the server hands out.

Gradio writes every upload into its cache, whose files a browser may fetch. What is a person's recording is read from
there and deleted in the same step; from then on it is bytes of this process, until it is sealed, forgotten, or a while
has passed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from voicekit import InputError, UsageError

if TYPE_CHECKING:
    from consent import GrantDraft
    from voicekit.enrol.recording import Recording

__all__ = ["RECORDINGS", "Basket", "Held", "beside"]

RECORDINGS = (".wav", ".flac", ".ogg", ".mp3")
_MOST_BYTES = 300_000_000
_MOST_SESSIONS = 12
_KEPT_S = 1_800.0


_MEMORY = Path("/dev/shm")
"""Files there are in memory; only Linux has it."""


@contextlib.contextmanager
def beside(draft: GrantDraft, recordings: Sequence[Recording]) -> Iterator[GrantDraft]:
    """The same draft, with its recordings as files for as long as they are compared with a statement.

    Where files cannot be kept off the disk the draft comes back as it is; `consent` then records that the voices were
    not compared, and the tier says what that is worth.
    """
    if not os.access(_MEMORY, os.W_OK):
        yield draft
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        for one in recordings:
            (Path(folder) / one.name).write_bytes(one.data)
        data = dict(draft.data)
        data["references"] = [{**item, "file": item["name"]} for item in data["references"]]
        yield replace(draft, data=data, folder=Path(folder))


@dataclass
class Held:
    """What one session has given.

    Attributes
    ----------
    recordings : list of Recording
    statement : Recording or None
        The spoken consent.
    draft : str
        TOML of the grant whose words are being read; empty when none are.
    challenge : str
        Its open challenge.
    """

    recordings: list[Recording] = field(default_factory=list)
    statement: Recording | None = None
    draft: str = ""
    challenge: str = ""


class Basket:
    """What all sessions have given.

    Parameters
    ----------
    cache : pathlib.Path
        Where uploads arrive; nothing outside of it is read or deleted.
    kept_s : float
        Seconds after the last use of a session's recordings until they are dropped.
    """

    def __init__(self, cache: Path, kept_s: float = _KEPT_S) -> None:
        self._cache, self._kept_s = cache, kept_s
        self._held: dict[str, Held] = {}
        self._clocks: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    def of(self, session: str) -> Held:
        """What a session has given so far; its time begins anew."""
        with self._lock:
            if session not in self._held and len(self._held) >= _MOST_SESSIONS:
                self._make_room()
            self._wind(session)
            return self._held.setdefault(session, Held())

    def _make_room(self) -> None:
        empty = [one for one, held in self._held.items() if not held.recordings and held.statement is None]
        if not empty:
            raise UsageError("too many people are enrolling here at once", "try again in a while")
        for session in empty:
            del self._held[session]
            if clock := self._clocks.pop(session, None):
                clock.cancel()

    def forget(self, session: str) -> None:
        """Drop everything of a session."""
        with self._lock:
            self._held.pop(session, None)
            clock = self._clocks.pop(session, None)
        if clock is not None:
            clock.cancel()

    def forget_all(self) -> None:
        """Drop everything."""
        for session in list(self._held):
            self.forget(session)

    def _wind(self, session: str) -> None:
        old = self._clocks.pop(session, None)
        if old is not None:
            old.cancel()
        clock = threading.Timer(self._kept_s, self.forget, (session,))
        clock.daemon = True
        clock.start()
        self._clocks[session] = clock

    def add(self, session: str, paths: Sequence[str]) -> Held:
        """Read uploads into memory and delete them, each whether it can be used or not.

        Raises
        ------
        UsageError, InputError
            Too much, twice the same, or no sound.
        """
        held, problem = self.of(session), None
        for path in paths:
            try:
                self._keep(held, self.take(path, "take"))
            except (InputError, UsageError) as found:
                problem = problem or found  # the others are read and deleted all the same
        if problem is not None:
            raise problem
        return held

    def _keep(self, held: Held, one: Recording) -> None:
        if any(one.sha256 == other.sha256 for other in held.recordings):
            raise UsageError("this recording is here already", "give each recording once")
        if sum(len(other.data) for other in held.recordings) + len(one.data) > _MOST_BYTES:
            raise UsageError(f"more than {_MOST_BYTES // 1_000_000} MB of recordings", "give the best of them")
        held.recordings.append(one)

    def take(self, path: str, kind: str) -> Recording:
        """One upload as a recording in memory; its file is gone when this returns, or raises.

        It is named by its content: what its maker called it may be a person's name.
        """
        from voicekit.enrol.recording import open_recording

        place = self.upload(path)
        try:
            if place.suffix.lower() not in RECORDINGS:
                kinds = ", ".join(RECORDINGS)
                raise InputError("the file", "", "not a sound file that can be read here", f"Give one of: {kinds}.")
            try:
                data = place.read_bytes()
            except OSError as problem:
                raise InputError("the file", "", f"cannot be read ({problem.strerror})", "Give it again.") from None
        finally:
            self.discard(place)
        return open_recording(f"{kind}-{hashlib.sha256(data).hexdigest()[:8]}{place.suffix.lower()}", data)

    def upload(self, path: str | Path) -> Path:
        """Where an upload lies.

        Raises
        ------
        UsageError
            It is none.
        """
        place = Path(path).resolve()
        if self._cache.resolve() not in place.parents:
            raise UsageError("that is no upload", "choose a file")
        return place

    def discard_upload(self, path: str) -> None:
        """Delete an upload, if it is one."""
        with contextlib.suppress(UsageError):
            self.discard(self.upload(path))

    def discard(self, place: Path) -> None:
        """Delete an upload, and its folder when it was alone there."""
        with contextlib.suppress(OSError):
            place.unlink()  # never overwritten: files that are handed out are links to the delivered ones
        with contextlib.suppress(OSError):
            if place.parent != self._cache:
                place.parent.rmdir()
