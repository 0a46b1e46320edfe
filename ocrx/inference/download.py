"""Images from the web, within limits of size and time."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request

from ocrx.errors import DataError

MAX_BYTES = 64 * 1024 * 1024
STALL_S = 10.0
TOTAL_S = 60.0
_CHUNK = 64 * 1024


class Download:
    """The bytes behind an http or https address, fetched once when they are first asked for.

    Raises DataError for what is no address.
    """

    def __init__(self, url: str, stall_s: float = STALL_S, total_s: float = TOTAL_S) -> None:
        self.url = url
        try:
            self.path = urllib.parse.urlsplit(url).path
        except ValueError as error:
            raise DataError(f"{url}: not an address ({error})") from None
        self._stall_s = stall_s
        self._total_s = total_s
        self._data: bytes | None = None

    def data(self) -> bytes:
        """Raises DataError where the address cannot be reached, stalls, or holds more than 64 MiB."""
        if self._data is None:
            try:
                self._data = self._fetch()
            except urllib.error.HTTPError as error:
                raise DataError(f"{self.url}: the server answers {error.code} {error.reason}") from None
            except TimeoutError:
                raise DataError(f"{self.url}: no answer within {self._stall_s:g} s") from None
            except urllib.error.URLError as error:
                slow = isinstance(error.reason, TimeoutError)
                reason = f"no answer within {self._stall_s:g} s" if slow else f"cannot be reached ({error.reason})"
                raise DataError(f"{self.url}: {reason}") from None
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise DataError(f"{self.url}: cannot be read ({error})") from None
        return self._data

    def _fetch(self) -> bytes:
        deadline = time.monotonic() + self._total_s
        request = urllib.request.Request(self.url, headers={"User-Agent": "ocrx"})
        with _opener().open(request, timeout=self._stall_s) as answer:
            chunks, size = [], 0
            while chunk := answer.read1(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BYTES:
                    raise DataError(f"{self.url}: more than {MAX_BYTES // 2**20} MiB are refused")
                if time.monotonic() > deadline:
                    raise DataError(f"{self.url}: not complete after {self._total_s:g} s")
        return b"".join(chunks)


def _opener() -> urllib.request.OpenerDirector:
    """http and https only: a redirect must not lead to a file of this machine."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
    ):
        opener.add_handler(handler())
    return opener
