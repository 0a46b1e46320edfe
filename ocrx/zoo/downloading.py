"""Downloads large files: resumes broken transfers, hashes the result and never leaves a half-written target.

The data is written to ``NAME.part`` beside the target, which is renamed in one step when it is complete. A later call,
even from another process, continues where an earlier one stopped, provided that the server still has the same file.
"""

from __future__ import annotations

import http.client
import logging
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ocrx.errors import ModelError
from ocrx.files import file_digest

_LOG = logging.getLogger(__name__)

MAX_BYTES = 2 * 1024**3
STALL_S = 30.0
ATTEMPTS = 4
_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Downloaded:
    """A downloaded file.

    Attributes:
        path: Path on disk.
        url: URL that was requested.
        sha256: SHA-256 of its contents, in hexadecimal.
        size: Size in bytes.
    """

    path: Path
    url: str
    sha256: str
    size: int


class MissingError(ModelError):
    """The server has no such file (403, 404 or 410)."""


def download(
    url: str, target: Path, *, headers: Mapping[str, str] | None = None, stall_s: float = STALL_S
) -> Downloaded:
    """Download ``url`` to the file ``target``.

    Progress is logged at level DEBUG with the attributes ``url``, ``done`` and ``total`` (in bytes; total may be None).

    Args:
        url: An http or https URL.
        target: Destination; its folder must exist. An existing file is replaced.
        headers: Request headers. ``Authorization`` is dropped on a redirect to another host.
        stall_s: Seconds without data after which the download fails.

    Returns:
        The downloaded file.

    Raises:
        MissingError: The server has no such file.
        ModelError: The download fails, is larger than 2 GiB, or cannot be written to disk.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ModelError(f"{url}: not an http or https URL")
    part = target.with_name(f"{target.name}.part")
    for attempt in range(ATTEMPTS):
        try:
            _fetch(url, part, dict(headers or {}), stall_s)
            break
        except urllib.error.HTTPError as error:
            error.close()
            kind = MissingError if error.code in (403, 404, 410) else ModelError
            raise kind(f"{url}: the server answered {error.code} {error.reason}") from None
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, _CutError) as error:
            reason = _reason(error, stall_s)
            # The partial file is kept for the next attempt, by this process or a later one.
            if attempt == ATTEMPTS - 1 or isinstance(error, urllib.error.URLError | TimeoutError):
                raise ModelError(f"{url}: {reason}", hint="try again; the download resumes where it stopped") from None
            _LOG.info("%s: %s; resuming", url, reason)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ModelError(f"{part}: cannot be written ({error.strerror or error})") from None

    digest, size = file_digest(part), part.stat().st_size
    part.replace(target)
    _etag_file(part).unlink(missing_ok=True)
    return Downloaded(target, url, digest, size)


class _CutError(Exception):
    """The connection closed before the whole file was received."""


def _reason(error: Exception, stall_s: float) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {stall_s:g} s"
    return f"cannot be reached ({cause})" if isinstance(error, urllib.error.URLError) else f"interrupted ({cause})"


def _fetch(url: str, part: Path, headers: dict[str, str], stall_s: float) -> None:
    """Download the rest of ``part``. Raises _CutError if fewer bytes arrive than announced."""
    have = part.stat().st_size if part.is_file() else 0
    etag = _etag_file(part)
    known = etag.read_text(encoding="utf-8") if etag.is_file() else ""
    if have and known:
        headers |= {"Range": f"bytes={have}-", "If-Range": known}
    request = urllib.request.Request(url, headers={"User-Agent": "ocrx", "Accept-Encoding": "identity", **headers})

    with _opener(url).open(request, timeout=stall_s) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        announced = answer.headers.get("Content-Length")
        total = have + int(announced) if announced and announced.isdigit() else None
        if total is not None and total > MAX_BYTES:
            raise ModelError(f"{url}: {total} bytes; at most {MAX_BYTES} are downloaded")
        etag.write_text(answer.headers.get("ETag", ""), encoding="utf-8")
        with part.open("ab" if resumed else "wb") as file:
            _copy(answer, file, url, have, total)


def _copy(answer: Any, file: IO[bytes], url: str, done: int, total: int | None) -> None:
    try:
        while chunk := answer.read1(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            if done > MAX_BYTES:
                raise ModelError(f"{url}: more than {MAX_BYTES} bytes")
            _LOG.debug("%s", url, extra={"url": url, "done": done, "total": total})
    except http.client.IncompleteRead as error:
        raise _CutError(f"{error}") from None
    finally:
        file.flush()
        os.fsync(file.fileno())

    if total is not None and done < total:
        raise _CutError(f"{done} of {total} bytes received")


def _etag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


class _SameHostHeaders(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https; an access token is sent to the original host only."""

    def __init__(self, url: str) -> None:
        self._host = urllib.parse.urlsplit(url).netloc

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        target = urllib.parse.urlsplit(newurl)
        if target.scheme not in ("http", "https"):
            raise urllib.error.URLError(f"redirected to {newurl[:80]}, which is not an http or https URL")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and target.netloc != self._host:
            request.remove_header("Authorization")
        return request


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Build an opener for http and https only: no file or ftp URLs."""
    opener = urllib.request.OpenerDirector()
    handlers = (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        _SameHostHeaders(url),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    )
    for handler in handlers:
        opener.add_handler(handler)

    return opener
