"""Fetches images from the web, within limits of size and time."""

from __future__ import annotations

import threading
import urllib.parse
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # a class of its own before Python 3.11

import httpx

from ocrx.errors import DataError

MAX_BYTES = 64 * 1024 * 1024
STALL_S = 10.0
TOTAL_S = 60.0

_MAX_REDIRECTS = 5
_LONGEST_REASON = 160
# A compressed response could grow beyond the limit in memory, and images are compressed already.
_HEADERS = {"User-Agent": "ocrx", "Accept-Encoding": "identity"}


class Download:
    """The content of an http or https URL, fetched once, when it is first needed."""

    def __init__(self, url: str, stall_s: float = STALL_S, total_s: float = TOTAL_S) -> None:
        """Store the URL; nothing is fetched yet.

        Args:
            url: An http or https URL.
            stall_s: Longest time without data from the server, in seconds.
            total_s: Longest time from name resolution to the last byte, redirects included, in seconds.

        Raises:
            DataError: It is not a URL.
        """
        self.url = url
        try:
            self.path = urllib.parse.urlsplit(url).path
        except ValueError as error:
            raise DataError(f"{url}: not a URL ({error})") from None
        self._stall_s = stall_s
        self._total_s = total_s
        self._data: bytes | None = None

    def data(self) -> bytes:
        """Get the content; the first call fetches it.

        Returns:
            The content.

        Raises:
            DataError: The server cannot be reached, stalls, responds with an error or with fewer bytes than announced,
                takes too long, or sends more than ``MAX_BYTES``.
        """
        if self._data is None:
            try:
                self._data = self._within_deadline()
            except httpx.TimeoutException:
                raise DataError(f"{self.url}: no answer within {self._stall_s:g} s") from None
            except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
                raise DataError(f"{self.url}: cannot be reached ({_reason(error)})") from None
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError) as error:
                raise DataError(f"{self.url}: cannot be read ({_reason(error)})") from None
        return self._data

    def _within_deadline(self) -> bytes:
        """Fetch in a thread that is abandoned at the deadline.

        The time-outs of the client apply to single operations: they do not end headers that arrive byte by byte,
        endless interim responses or a silent name server.
        """
        finished: Future[bytes] = Future()
        given_up = threading.Event()

        def work() -> None:
            try:
                finished.set_result(self._fetch(given_up))
            except BaseException as error:
                finished.set_exception(error)

        threading.Thread(target=work, name="ocrx download", daemon=True).start()
        try:
            return finished.result(self._total_s)
        except FutureTimeoutError:
            if finished.done():
                raise
            raise DataError(f"{self.url}: not complete after {self._total_s:g} s") from None
        finally:
            given_up.set()

    def _fetch(self, given_up: threading.Event) -> bytes:
        client = httpx.Client(
            headers=_HEADERS, timeout=self._stall_s, follow_redirects=True, max_redirects=_MAX_REDIRECTS
        )
        with client, client.stream("GET", self.url) as answer:
            if not answer.is_success:
                raise DataError(f"{self.url}: the server answers {answer.status_code} {answer.reason_phrase[:80]}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise DataError(f"{self.url}: a compressed answer, which was not asked for")

            content = bytearray()
            for chunk in answer.iter_raw():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise DataError(f"{self.url}: more than {MAX_BYTES // 2**20} MiB are refused")
                if given_up.is_set():
                    break
        return bytes(content)


def _reason(error: Exception) -> str:
    """The message of an error, printable and shortened, since it may quote what the server sent."""
    text = "".join(character if character.isprintable() else " " for character in str(error) or type(error).__name__)
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
