"""Reads and writes JSON, gzip-compressed or not; reading enforces limits on size, depth and integers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from ocrx.errors import DataError, OcrxError
from ocrx.files.reading import read_bytes
from ocrx.files.writing import write_file

MAX_JSON_BYTES = 64 * 2**20
"""Maximum size of JSON text, after decompression."""

MAX_JSON_DEPTH = 64
"""Maximum nesting of arrays and objects."""

MAX_INTEGER_DIGITS = 20
"""Maximum digits of an integer; every setting and count of ocrx has far fewer."""

_GZIP_MAGIC = b"\x1f\x8b"


def parse_json(text: str | bytes, where: str, *, error: type[OcrxError] = DataError) -> Any:
    """Parse JSON from a file or another program.

    Rejects NaN and infinities, nesting deeper than ``MAX_JSON_DEPTH``, integers of more than ``MAX_INTEGER_DIGITS``
    digits, and texts larger than ``MAX_JSON_BYTES``.

    Args:
        text: The JSON text; bytes must be UTF-8.
        where: Name of the source in errors, such as a path or ``train.jsonl:17``.
        error: Class of the errors raised.

    Returns:
        The value.

    Raises:
        OcrxError: Of class ``error``, if the text is not JSON within the limits.
    """
    if len(text) > MAX_JSON_BYTES:
        raise error(f"{where}: more than {MAX_JSON_BYTES:,} bytes of JSON; expected less")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise error(f"{where}: nested deeper than {MAX_JSON_DEPTH} levels") from None
    except ValueError as problem:
        # Python's message for an integer of thousands of digits is a hint for programmers.
        reason = "an integer is too large" if "integer string conversion" in str(problem) else str(problem)
        raise error(f"{where}: not valid JSON ({reason})") from None

    _check_limits(value, where, error)
    return value


def read_json(path: Path, *, error: type[OcrxError] = DataError) -> Any:
    """Read a JSON file, gzip-compressed or not, within the limits of ``parse_json``.

    Args:
        path: The file.
        error: Class of the errors raised.

    Returns:
        The value.

    Raises:
        OcrxError: Of class ``error``, if the file is missing, unreadable or not JSON within the limits.
    """
    content = read_bytes(path, max_bytes=MAX_JSON_BYTES, error=error)
    if content.startswith(_GZIP_MAGIC):
        content = _decompress(content, path, error)
    return parse_json(content, str(path), error=error)


def to_json(data: Any, *, indent: int | None = None, ensure_ascii: bool = False, allow_nan: bool = True) -> str:
    """Serialise values as JSON that can be encoded in UTF-8.

    Args:
        data: Plain values: mappings, sequences, strings, numbers, booleans and None.
        indent: Spaces per level; by default everything is on one line.
        ensure_ascii: Whether to escape all non-ASCII characters. They are always escaped if a string has lone
            surrogates, such as a file name with bytes that are not UTF-8.
        allow_nan: Whether to write NaN and infinities as JavaScript does; otherwise they raise a ValueError.

    Returns:
        The JSON text.
    """
    text = json.dumps(data, indent=indent, ensure_ascii=ensure_ascii, allow_nan=allow_nan)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(data, indent=indent, allow_nan=allow_nan)
    return text


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object atomically, gzip-compressed if the name ends in ``.gz``.

    Args:
        path: The file; missing parent folders are created.
        data: Plain values without NaN or infinities, which JSON does not have.

    Raises:
        OSError: The file cannot be written; ``path`` is then unchanged.
        ValueError: ``data`` contains NaN or an infinity.
    """
    content = (to_json(data, indent=2, allow_nan=False) + "\n").encode("utf-8")
    if path.suffix == ".gz":
        import gzip

        content = gzip.compress(content, mtime=0)
    write_file(path, content)


def _decompress(content: bytes, path: Path, error: type[OcrxError]) -> bytes:
    """Decompress a gzip file; stops just above the size limit, however large the content would be."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(content, MAX_JSON_BYTES + 1)
    except zlib.error as problem:
        raise error(f"{path}: damaged ({problem})") from None
    if len(plain) <= MAX_JSON_BYTES and not stream.eof:
        raise error(f"{path}: damaged (the compressed data is truncated)")
    return plain


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_limits(value: Any, where: str, error: type[OcrxError]) -> None:
    """Check depth and integers; iterative, so that deep nesting cannot overflow the stack."""
    largest = 10**MAX_INTEGER_DIGITS
    level, depth = [value], 0

    while level:
        if depth > MAX_JSON_DEPTH:
            raise error(f"{where}: nested deeper than {MAX_JSON_DEPTH} levels")
        if any(type(item) is int and not -largest < item < largest for item in level):
            raise error(f"{where}: an integer of more than {MAX_INTEGER_DIGITS} digits")

        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        depth += 1
