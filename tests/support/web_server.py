"""A web server on this machine that gives files, and misbehaves as it is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What the server holds, and what it was asked for.

    ``files``: path → content. ``statuses``: path → status instead. ``redirects``: path → address. ``cuts``: path →
    bytes after which the connection breaks, once each. ``stalls``: paths that give headers and then nothing.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    stalls: set[str] = field(default_factory=set)
    requests: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    authorizations: list[tuple[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def count(self) -> int:
        return self.requests.total()


@contextmanager
def web_server() -> Iterator[Web]:
    """A server on a free port of the loopback address."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            web.requests[self.path] += 1
            web.authorizations.append((self.path, self.headers.get("Authorization", "")))
            if self.path in web.redirects:
                self._head(302, 0, Location=web.redirects[self.path])
            elif self.path in web.statuses or self.path not in web.files:
                self._head(web.statuses.get(self.path, 404), 0)
            else:
                self._give(web.files[self.path])

        def _give(self, content: bytes) -> None:
            etag = f'"{hash(content)}"'
            start = 0
            wanted = self.headers.get("Range")
            if wanted and self.headers.get("If-Range") == etag:
                web.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            extra = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
            self._head(206 if start else 200, len(content) - start, ETag=etag, **extra)
            if self.path in web.stalls:
                web.ended.wait(30)
                return
            body = content[start:]
            if web.cuts.get(self.path):
                self.wfile.write(body[: web.cuts[self.path].pop(0)])
                self.close_connection = True
                return
            self.wfile.write(body)

        def _head(self, status: int, length: int, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_request(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield web
    finally:
        web.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
