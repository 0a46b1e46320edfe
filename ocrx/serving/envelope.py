"""Middleware around every request: the time limit, error responses, and the log line.

The log line records what happened, never the content: no text, no file name, no URL.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from ocrx.serving.bodies import ClientGoneError
from ocrx.serving.listening import App, HttpError, Message, Receive, Send, send_json

_LOG = logging.getLogger(__name__)

CLIENT_GONE = 499  # status for the log only, as the client has disconnected
NOTES = "ocrx"
"""Key in the ASGI scope of a request's ``Notes``."""

_DISCARDED_BYTES = 256 * 2**20
_DISCARD_S = 10.0


@dataclass
class Notes:
    """What is logged about a request.

    Attributes:
        id: Its id, which is also in the response.
        path: The path of its route; '' for an unknown path.
        images: Images and pages in it.
        body_bytes: Size of its body.
        code: Error code; None for success.
    """

    id: str
    path: str = ""
    images: int = 0
    body_bytes: int = 0
    code: str | None = None


@dataclass(frozen=True)
class Envelope:
    """The outermost ASGI middleware.

    Attributes:
        app: The application.
        paths: Known paths; others are not logged because they may contain anything.
        timeout_s: Time limit of a request in seconds.
        log: Called with one JSON line per request.
        request_ended: Called with path, status and seconds of each request.
    """

    app: App
    paths: frozenset[str]
    timeout_s: float
    log: Callable[[str], None]
    request_ended: Callable[[str, int, float], None]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        notes = scope[NOTES] = Notes(uuid4().hex, scope["path"] if scope["path"] in self.paths else "")
        exchange = _Exchange(scope, receive, send, notes)

        try:
            await self._run(scope, exchange, notes)
        finally:
            seconds = time.perf_counter() - start
            self.request_ended(notes.path or "other", exchange.status, seconds)
            self.log(_line(scope, notes, exchange.status, seconds))

    async def _run(self, scope: Message, exchange: _Exchange, notes: Notes) -> None:
        try:
            await asyncio.wait_for(self.app(scope, exchange.receive, exchange.send), self.timeout_s)

        except ClientGoneError:
            exchange.status = CLIENT_GONE
        except HttpError as error:
            await exchange.refuse(error)
        except asyncio.TimeoutError:
            await exchange.refuse(HttpError(504, "timeout", f"not ready after {self.timeout_s:g} s"))
        except asyncio.CancelledError:
            await exchange.refuse(HttpError(503, "stopping", "the server is shutting down", {"Retry-After": "5"}))
            raise
        except Exception:  # the last resort of a request: 500 for the client, the traceback for the log
            _LOG.exception("request %s failed", notes.id)
            await exchange.refuse(
                HttpError(500, "internal", f"internal error; see request {notes.id} in the log of the server")
            )


class _Exchange:
    """Receives and sends messages of one request and tracks its progress."""

    def __init__(self, scope: Message, receive: Receive, send: Send, notes: Notes) -> None:
        headers = dict(scope["headers"])
        self.status = 0
        self._receive, self._send, self._notes = receive, send, notes
        self._has_body = b"content-length" in headers or b"transfer-encoding" in headers
        self._waits_for_go = headers.get(b"expect", b"").lower() == b"100-continue"
        self._complete = not self._has_body

    async def receive(self) -> Message:
        self._waits_for_go = False  # asking for the body makes the client send it
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._complete = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._discard_body()
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self._notes.id.encode())]
        await self._send(message)

    async def refuse(self, error: HttpError) -> None:
        """Respond with an error, unless a response is being sent."""
        self._notes.code = error.code
        if not self.status:
            await send_json(self.send, error.status, error.body(), error.headers)

    async def _discard_body(self) -> None:
        """Read the rest of the body: a client that is cut off while sending never sees the response."""
        if self._complete or self._waits_for_go:
            return
        left, end = _DISCARDED_BYTES, time.monotonic() + _DISCARD_S
        while not self._complete and left > 0 and (rest := end - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(self.receive(), rest)
            except asyncio.TimeoutError:
                return
            left -= len(message.get("body", b""))


def _line(scope: Message, notes: Notes, status: int, seconds: float) -> str:
    client = scope.get("client")
    facts: dict[str, Any] = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "id": notes.id,
        "client": client[0] if client else None,
        "method": scope["method"],
        "path": notes.path or None,
        "status": status or CLIENT_GONE,
        "seconds": round(seconds, 4),
        "body_bytes": notes.body_bytes,
        "images": notes.images,
    }

    if notes.code is not None:
        facts["code"] = notes.code
    return json.dumps(facts)
