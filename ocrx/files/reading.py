"""Reads files: errors name the file, and size limits keep a damaged or hostile file from exhausting memory."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from ocrx.errors import DataError, OcrxError

_CHUNK = 2**20


def read_bytes(
    path: Path, *, max_bytes: int | None, error: type[OcrxError] = DataError, name: str | None = None
) -> bytes:
    """Read a regular file as a whole; pipes and devices are rejected because they may never end.

    Args:
        path: The file.
        max_bytes: Maximum size of the file; None for no limit.
        error: Class of the errors raised.
        name: Name of the file in errors; by default its path.

    Returns:
        The content.

    Raises:
        OcrxError: Of class ``error``, if the file is missing, not a regular file, too large or unreadable.
    """
    name = name or str(path)
    try:
        # O_NONBLOCK: opening a pipe would otherwise wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise error(f"{name}: no such file") from None
    except (OSError, ValueError) as problem:
        raise error(f"{name}: cannot be read ({getattr(problem, 'strerror', None) or problem})") from None

    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            is_folder = stat.S_ISDIR(found.st_mode)
            raise error(f"{name}: a folder; expected a file" if is_folder else f"{name}: not a regular file")
        if max_bytes is not None and found.st_size > max_bytes:
            raise error(f"{name}: larger than {max_bytes:,} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # Files in /proc report size 0. Passing the limit otherwise would allocate that much memory.
            content = file.read(-1 if max_bytes is None or found.st_size else max_bytes + 1)
    except OSError as problem:
        raise error(f"{name}: cannot be read ({problem.strerror})") from None
    finally:
        os.close(descriptor)

    if max_bytes is not None and len(content) > max_bytes:
        raise error(f"{name}: larger than {max_bytes:,} bytes")
    return content


def read_text(path: Path, *, error: type[OcrxError] = DataError) -> str:
    """Read a UTF-8 text file, with or without a byte order mark; line endings are not converted.

    Args:
        path: The file.
        error: Class of the errors raised.

    Returns:
        The text.

    Raises:
        OcrxError: Of class ``error``, if the file is missing, not a regular file, unreadable or not UTF-8.
    """
    try:
        return read_bytes(path, max_bytes=None, error=error).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{path}: not UTF-8 ({problem.reason} at byte {problem.start})") from None


def read_lines(path: Path, *, error: type[OcrxError] = DataError) -> list[str]:
    r"""Read the lines of a UTF-8 text file, with or without a byte order mark.

    Only LF and CRLF end a line: other separators, such as U+2028 or a lone CR, may be entries of a dictionary.

    Args:
        path: The file.
        error: Class of the errors raised.

    Returns:
        The lines without line endings, empty ones included; a final line ending does not add an empty line.

    Raises:
        OcrxError: Of class ``error``, if the file is missing, unreadable or not UTF-8.
    """
    lines = [line.removesuffix("\r") for line in read_text(path, error=error).split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def file_digest(path: Path) -> str:
    """Hash a file without loading it into memory.

    Args:
        path: The file.

    Returns:
        SHA-256 of its bytes, in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    import hashlib  # brings OpenSSL, 3 MiB

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def data_uri(content: bytes, media_type: str) -> str:
    """Encode a file as a ``data:`` URI, to embed it in HTML.

    Args:
        content: The bytes of the file.
        media_type: Its media type, such as ``image/png``.

    Returns:
        The URI.
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
