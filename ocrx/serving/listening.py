"""Where an HTTP application listens, who may call it, and how it stops.

Without tokens, only programs on this machine are served: the address must be a loopback one, and requests that a web
page of another site sends through the user's browser are refused. uvicorn is imported only to run an application.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from ocrx.errors import BackendError, ConfigError, OcrxError
from ocrx.files import read_lines

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI application."""

MIN_TOKEN_LENGTH = 16

_BACKLOG = 2048  # connections that wait to be accepted
_START_FAILED = 3  # uvicorn's exit code of a process that could not start
_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


class HttpError(Exception):
    """A refused request.

    Attributes:
        status: The HTTP status.
        code: The reason, for programs; one of a fixed set of words.
        message: The reason, for people.
        headers: Headers of the response.
    """

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Create the body of the response.

        Returns:
            ``{"error": {"code": ..., "message": ...}}``.
        """
        return {"error": {"code": self.code, "message": self.message}}


async def send_json(send: Send, status: int, body: object, headers: dict[str, str] | None = None) -> None:
    """Send a complete JSON response.

    Args:
        send: ASGI's ``send``.
        status: The HTTP status.
        body: The value to serialise.
        headers: Additional headers.
    """
    content = json.dumps(body, ensure_ascii=False).encode()
    pairs = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})


def require_packages(extra: str, packages: Iterable[str] = _PACKAGES) -> None:
    """Check that the packages of an extra are installed.

    Args:
        extra: Name of the extra.
        packages: Modules that it installs.

    Raises:
        BackendError: One of them is missing.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise BackendError(f"{', '.join(missing)}: not installed", hint=f"pip install 'ocrx[{extra}]'")


def is_loopback(host: str) -> bool:
    """Check whether only programs on this machine can reach an address.

    Args:
        host: A name or an address.

    Returns:
        True for ``localhost`` and the loopback addresses.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_tokens(host: str, token_file: str | None) -> tuple[str, ...]:
    """Read the accepted tokens.

    Args:
        host: Address to listen on.
        token_file: File with one token per line; several tokens allow replacing one without downtime.

    Returns:
        The tokens; none if every program on this machine may call.

    Raises:
        ConfigError: The host is not a loopback address and there is no file, or the file contains no valid token.
    """
    if token_file is None:
        if not is_loopback(host):
            raise ConfigError(
                f"host: {host} is reached from other machines; expected a token file, or a loopback address",
                hint="add --token-file FILE, a file with one secret of at least 16 characters per line",
            )
        return ()

    try:
        tokens = [line.strip() for line in read_lines(Path(token_file)) if line.strip()]
    except OcrxError as error:
        raise ConfigError(f"token_file: {error.message}", hint=error.hint) from None
    if not tokens:
        raise ConfigError(f"token_file: {token_file} is empty; expected one token per line")
    for number, token in enumerate(tokens, 1):
        if len(token) < MIN_TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(
                f"token_file: token {number} of {token_file}; expected at least {MIN_TOKEN_LENGTH} ASCII characters"
                " without spaces",
                hint="openssl rand -hex 24 > FILE",
            )
    return tuple(tokens)


@dataclass(frozen=True)
class AccessCheck:
    """ASGI middleware that refuses unauthorised requests.

    With tokens, a request must carry one of them as ``Authorization: Bearer TOKEN``; others get 401. Without, the names
    in ``Host`` and ``Origin`` must be loopback ones; others get 403: a web page that the user has open
    cannot call the application, not even by a name of its own that leads to this machine.

    Attributes:
        app: The application.
        tokens: Accepted tokens; without any, only programs on this machine are served.
        open_paths: Paths that need no token.
    """

    app: App
    tokens: tuple[str, ...] = ()
    open_paths: frozenset[str] = field(default_factory=frozenset)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except HttpError as error:
                await send_json(send, error.status, error.body(), error.headers)
                return
        await self.app(scope, receive, send)

    def _check(self, scope: Message) -> None:
        headers = {bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in scope["headers"]}
        if not self.tokens:
            _refuse_other_sites(headers)
        elif scope["path"] not in self.open_paths and not self._holds_token(headers.get("authorization", "")):
            raise HttpError(
                401, "wrong_token", "no token or a wrong one; expected Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip

    def _holds_token(self, header: str) -> bool:
        scheme, _, given = header.partition(" ")
        # Compare all tokens, in a time that does not depend on where they differ.
        equal = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in self.tokens]
        return scheme.lower() == "bearer" and any(equal)


def _refuse_other_sites(headers: dict[str, str]) -> None:
    for name, value in (("Host", headers.get("host", "")), ("Origin", headers.get("origin", ""))):
        place = value if name == "Origin" else f"//{value}"
        try:
            host = urlsplit(place).hostname or ""
        except ValueError:
            host = ""
        if value and not is_loopback(host):
            raise HttpError(403, "other_site", f"{name}: {value[:100]!r}; expected a name of this machine")


def open_socket(host: str, port: int) -> socket.socket:
    """Bind an address.

    Args:
        host: A name or an address.
        port: The port; 0 takes a free one.

    Returns:
        The bound socket.

    Raises:
        ConfigError: There is no such address, or the port is taken or reserved.
    """
    where = f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"host: {where} cannot be used ({_reason(error)})") from None

    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise ConfigError(f"port: {where} cannot be used ({_reason(error)})", hint="choose another --port") from None
    return bound


def address_of(bound: socket.socket) -> str:
    """Format the URL of a bound socket.

    Args:
        bound: The socket.

    Returns:
        For example ``http://127.0.0.1:8000``.
    """
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run_app(make_app: Callable[[], App], bound: socket.socket, grace_s: float, workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C, then accept no more connections and finish the current requests.

    Args:
        make_app: Creates the application; with several workers it is called in each process and must be picklable.
        bound: The socket to listen on.
        grace_s: Time limit for current requests when the server stops, in seconds.
        workers: Processes that share the socket.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
        BackendError: The application could not be started.
    """
    import uvicorn

    _allow_many_connections()
    bound.listen(_BACKLOG)
    config = uvicorn.Config(
        make_app,
        factory=True,
        workers=workers,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(grace_s)),
    )
    with _sigterm_is_a_normal_end():
        if workers > 1:
            from uvicorn.supervisors import Multiprocess

            parent = Multiprocess(config, sockets=[bound])
            parent.run()
            failed = any(process.exitcode == _START_FAILED for process in parent.processes)
        else:
            server = uvicorn.Server(config)
            server.run(sockets=[bound])
            failed = not server.started
    if failed:
        raise BackendError("server: could not be started", hint="the messages above say why")


@contextmanager
def _sigterm_is_a_normal_end() -> Iterator[None]:
    """Ignore SIGTERM after the server: uvicorn raises it again, which would kill the process before its exit code."""

    def ignore(number: int, frame: FrameType | None) -> None:
        pass

    before = signal.signal(signal.SIGTERM, ignore)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _allow_many_connections() -> None:
    """Raise the limit of open files of this process to the maximum that the system allows."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
