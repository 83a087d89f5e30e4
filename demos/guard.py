"""Who may speak to the server: pages it served itself, under a name that is its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["LOOPBACK", "Guard", "is_loopback"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def is_loopback(host: str) -> bool:
    """Whether a server that listens there is reached from this machine alone."""
    return host in LOOPBACK or host.startswith("127.")


class Guard:
    """Refuse what another site's page sends.

    A page of any site can post to ``127.0.0.1``; it cannot read the answer, but a
    grant would be spent or revoked all the same.  Browsers say where such a
    request comes from (``Origin``), and under which name they think the server
    is known (``Host``, which a rebound domain name gives away).

    Parameters
    ----------
    app : ASGI application
    local_only : bool
        Also demand that ``Host`` is a name of this machine.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], local_only: bool = True) -> None:
        self._app = app
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] not in ("http", "websocket") or self._welcome(scope):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        text = b"refused: this request comes from another site\n"
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def _welcome(self, scope: Scope) -> bool:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self._local_only and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return False
        origin = headers.get(b"origin")
        return origin is None or urlsplit(origin).netloc == host
