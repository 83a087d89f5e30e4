"""Hearing a narration while it is made: its samples on their way from the render to one listener, in memory alone.

They are no file and have no receipt: the permit of the chapter stands behind them while they are made, and what has not
been heard when it is cancelled or withdrawn is dropped. The listener is sent a few seconds ahead of what can be heard
by then, so that little is under way when it ends.

``GET /hear/TOKEN`` answers with the sample rate in Hz, then blocks of 16-bit mono samples, each after its length in
bytes; a length of 0 ends what was made to the end, `ABORTED` what was not. All numbers are little-endian, the rate and
the lengths unsigned 32-bit ones.
"""

from __future__ import annotations

import asyncio
import re
import struct
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np

from voicekit import UsageError

__all__ = ["ABORTED", "Ear", "Ears", "ListeningRoute"]

ABORTED = 0xFFFF_FFFF
_AHEAD_S = 5.0
_MOST_S = 1_200.0
_MOST_EARS = 16
_UNHEARD_S = 30.0
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")


class Ear:
    """The sound of one narration that has not been heard yet."""

    def __init__(self) -> None:
        self.rate = 0
        self.state = "open"
        self.taken = False
        self._blocks: deque[bytes] = deque()
        self._seconds = 0.0
        self._lock = threading.Lock()

    def put(self, samples: np.ndarray, sample_rate: int) -> None:
        """The next samples (n,), float32; what a listener is very far behind of is left to the file."""
        with self._lock:
            self.rate = sample_rate
            if self.state == "open" and self._seconds < _MOST_S:
                self._seconds += len(samples) / sample_rate
                self._blocks.append((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())

    def close(self, *, whole: bool) -> None:
        """There is no more; what was not made to the end is not to be heard any further either."""
        with self._lock:
            if self.state == "open":
                self.state = "done" if whole else "aborted"
                if not whole:
                    self._blocks.clear()

    def drop(self) -> None:
        """Nobody listens any more."""
        with self._lock:
            self._blocks.clear()
            self._seconds = _MOST_S

    def take(self) -> bytes | None:
        """The next block, if there is one."""
        with self._lock:
            if not self._blocks:
                return None
            block = self._blocks.popleft()
            self._seconds -= len(block) / 2 / max(self.rate, 1)
            return block


class Ears:
    """Narrations that can be heard, by a token that only who asked for one knows."""

    def __init__(self) -> None:
        self._ears: dict[str, Ear] = {}
        self._lock = threading.Lock()

    def open(self, token: str) -> Ear:
        """The ear of a token, made if there is none.

        Raises
        ------
        UsageError
            It could be guessed.
        """
        if not _TOKEN.fullmatch(token):
            raise UsageError("this is no token to listen with", "give 22 to 64 random letters and digits")
        with self._lock:
            while len(self._ears) >= _MOST_EARS and token not in self._ears:
                self._ears.pop(next(iter(self._ears))).drop()
            return self._ears.setdefault(token, Ear())

    def take(self, token: str) -> Ear | None:
        """The ear of a token, for its one listener."""
        with self._lock:
            ear = self._ears.get(token)
            if ear is None or ear.taken:
                return None
            ear.taken = True
            return ear

    def forget(self, token: str) -> None:
        """Drop what was not heard."""
        with self._lock:
            ear = self._ears.pop(token, None)
        if ear is not None:
            ear.drop()

    def over(self, token: str) -> None:
        """It is made: whoever has not begun to listen soon will not."""

        def unheard() -> None:
            ear = self._ears.get(token)
            if ear is not None and not ear.taken:
                self.forget(token)

        clock = threading.Timer(_UNHEARD_S, unheard)
        clock.daemon = True
        clock.start()


class ListeningRoute:
    """Answers ``/hear/TOKEN``; everything else goes on.

    Parameters
    ----------
    app : ASGI application
    ears : Ears
    """

    def __init__(self, app: Callable[..., Any], ears: Ears) -> None:
        self._app, self._ears = app, ears

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one listener, or pass the request on."""
        if scope["type"] != "http" or not str(scope.get("path", "")).startswith("/hear/"):
            await self._app(scope, receive, send)
            return
        from starlette.responses import PlainTextResponse, StreamingResponse

        token = str(scope["path"]).removeprefix("/hear/")
        ear = self._ears.take(token) if scope["method"] == "GET" else None
        if ear is None:
            await PlainTextResponse("nothing to be heard here\n", 404)(scope, receive, send)
            return
        headers = {"cache-control": "no-store"}
        try:
            await StreamingResponse(_frames(ear), media_type="application/octet-stream", headers=headers)(
                scope, receive, send
            )
        finally:
            self._ears.forget(token)


async def _frames(ear: Ear) -> AsyncIterator[bytes]:
    while not ear.rate and ear.state == "open":
        await asyncio.sleep(0.05)
    yield struct.pack("<I", ear.rate)
    began, sent = time.monotonic(), 0.0
    while True:
        early = sent - (time.monotonic() - began) > _AHEAD_S
        block = None if early or ear.state == "aborted" else ear.take()
        if ear.state == "aborted":
            yield struct.pack("<I", ABORTED)
            return
        if block is not None:
            began = max(began, time.monotonic() - sent)  # what came late is heard late, not in a rush
            sent += len(block) / 2 / ear.rate
            yield struct.pack("<I", len(block)) + block
        elif not early and ear.state == "done":
            yield struct.pack("<I", 0)
            return
        else:
            await asyncio.sleep(0.05)
