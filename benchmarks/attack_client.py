"""Starts a command that serves HTTP, sends it requests, checks the answers and ends it; for ``attack_servers.py``."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from urllib.parse import urlsplit

ANSWER_SECONDS = 120.0
DAMAGED_SECONDS = 0.1  # how long a damaged request waits for an answer before it hangs up
_POLL_SECONDS = 0.01
_REFUSED = (501, 503, 504)  # answers from 500 on that say what is missing, or that it took too long
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(?:/\?token=\S+)?")


@dataclass(frozen=True)
class Conversation:
    """A command that serves HTTP, and what is sent to it.

    Attributes:
        arguments: The command.
        talk: Sends the requests to the address that the command writes to stderr. It raises AssertionError for an
            answer that must not be.
    """

    arguments: list[str]
    talk: Callable[[str], None]


def converse(conversation: Conversation, main: Callable[[Sequence[str]], int], said: io.StringIO) -> int:
    """Run a command that serves, in this thread, while another sends the requests and ends it.

    Args:
        conversation: The command and the requests.
        main: Runs a command.
        said: What the command writes to stderr.

    Returns:
        The exit code.

    Raises:
        BaseException: What the thread that sends raised, if anything.
    """
    ended, failures = threading.Event(), list[BaseException]()

    def send() -> None:
        try:
            while not (found := _ADDRESS.search(said.getvalue())):
                if ended.wait(_POLL_SECONDS):
                    return
            conversation.talk(found[0])
        except BaseException as failure:  # raised again below
            failures.append(failure)
        finally:
            if not ended.is_set():
                os.kill(os.getpid(), signal.SIGTERM)

    def ignore(number: int, frame: FrameType | None) -> None:
        """The command may end by itself at the moment when it is asked to."""

    before = signal.signal(signal.SIGTERM, ignore)
    thread = threading.Thread(target=send, name="attack")
    thread.start()
    try:
        code = main(conversation.arguments)
    finally:
        ended.set()
        thread.join()
        signal.signal(signal.SIGTERM, before)
    if failures:
        raise failures[0]
    return code


@dataclass
class Request:
    """A request.

    Attributes:
        method: Such as ``POST``.
        target: Path and query.
        headers: Names and values; the length of the body is added if it is not among them.
        body: The body.
    """

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def raw(self, host: str) -> bytes:
        """The request as it is sent."""
        headers = {"Host": host, "Connection": "close", "Content-Length": str(len(self.body)), **self.headers}
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
        return "\r\n".join((*lines, "", "")).encode("latin-1", "replace") + self.body


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers and content."""

    status: int
    headers: dict[str, str]
    content: bytes


def ask(address: str, request: Request) -> Answer:
    """Send a request, and check its answer.

    Args:
        address: URL of the server.
        request: The request.

    Returns:
        The answer.

    Raises:
        AssertionError: There is none, or it must not be.
    """
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port or 80), ANSWER_SECONDS) as connection:
        try:
            connection.sendall(request.raw(place.netloc))
            answer = _receive(connection, request.method)
        except (OSError, http.client.HTTPException) as problem:
            raise AssertionError(f"{request.method} {request.target}: no answer ({problem!r})") from problem

    said = f"{request.method} {request.target}: {answer.status} {answer.content[:300]!r}"
    assert answer.status < 500 or answer.status in _REFUSED, said
    if answer.status >= 400 and request.method != "HEAD":
        known = json.loads(answer.content)
        assert known.get("error") or known.get("detail"), said
    return answer


def ask_damaged(address: str, raw: bytes) -> None:
    """Send bytes that may be no request; hang up if no answer comes.

    Args:
        address: URL of the server.
        raw: What is sent.

    Raises:
        AssertionError: The answer is an internal error.
    """
    place, status = urlsplit(address), 0
    with (
        suppress(OSError, http.client.HTTPException, ValueError),
        socket.create_connection((place.hostname, place.port or 80), DAMAGED_SECONDS) as connection,
    ):
        connection.sendall(raw)
        status = _receive(connection, "GET").status
    assert status < 500 or status in _REFUSED, f"{raw[:300]!r}: {status}"


def _receive(connection: socket.socket, method: str) -> Answer:
    with http.client.HTTPResponse(connection, method=method) as response:
        response.begin()
        return Answer(response.status, {key.lower(): text for key, text in response.getheaders()}, response.read())


def wait_for(address: str, path: str) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < end:
        with suppress(AssertionError, OSError):
            ask(address, Request("GET", path))
            return
    raise AssertionError(f"{address}: never answered")
