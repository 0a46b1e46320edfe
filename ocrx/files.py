"""Reads and writes files: UTF-8 text, JSON within limits, data URIs and atomic replacement.

Every reader names the file in its error and stops at a size limit, so that a damaged or hostile file costs an error
and not the process. Every writer puts a complete file in place or leaves the old one.
Imports nothing but the standard library and ``ocrx.errors``.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn

from ocrx.errors import DataError, OcrxError

MAX_JSON_BYTES = 64 * 2**20
"""Largest JSON text that is parsed, after decompression."""

MAX_JSON_DEPTH = 64
"""Deepest nesting of arrays and objects in JSON that is read."""

MAX_INTEGER_DIGITS = 20
"""Most digits of an integer in a file; every setting and count of ocrx is far below."""

_PARTIAL = ".partial-"
# Names of processes are known on their own machine only.
_HOST = f"{zlib.crc32(os.uname().nodename.encode() if hasattr(os, 'uname') else b''):08x}"
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 2**20


@contextmanager
def partial_folder(parent: Path) -> Iterator[Path]:
    """Create a hidden folder to prepare files in that will be moved to their place.

    It is removed at the end of the block, unless it has been moved. What killed processes of this machine left behind
    in ``parent`` is removed first.

    Args:
        parent: An existing folder, on the disk where the files will be put in place.

    Yields:
        The new folder.

    Raises:
        OSError: The folder cannot be created.
    """
    remove_abandoned(parent)
    partial = _partial_path(parent)
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file under another name and put it in place in one step when the block ends well.

    A kill or a full disk at any moment leaves the complete old file or the complete new one. Missing folders above
    it are created.

    Args:
        path: The file to create or replace.

    Yields:
        The open binary file to write to.

    Raises:
        OSError: The file cannot be written; ``path`` is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial_path(path.parent)
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_file(path: Path, content: bytes | str) -> None:
    """Create or replace a file atomically.

    Args:
        path: The file.
        content: Its bytes, or its text, which is written in UTF-8 with line ends unchanged.

    Raises:
        OSError: The file cannot be written; ``path`` is then unchanged.
    """
    with atomic_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def create_file(path: Path, content: bytes) -> bool:
    """Create a file atomically, unless there is one already.

    Of several processes that create the same file at once, one succeeds. A kill or a full disk at any moment leaves
    no file or the complete one.

    Args:
        path: The file, in an existing folder.
        content: Its bytes.

    Returns:
        Whether it was created; False where there was one, which is then unchanged.

    Raises:
        OSError: The file cannot be written.
    """
    partial = _partial_path(path.parent)
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        created = _rename_to_new(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return created


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can.

    Args:
        folder: The folder.
    """
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(parent: Path) -> None:
    """Remove the partial files and folders that ended processes of this machine left behind.

    Args:
        parent: The folder that they wrote to.
    """
    for path in parent.glob(f"{_PARTIAL}{_HOST}-*"):
        process = path.name.removeprefix(f"{_PARTIAL}{_HOST}-").partition("-")[0]
        if not process.isdecimal() or _is_running(int(process)):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def read_bytes(
    path: Path, *, max_bytes: int | None, error: type[OcrxError] = DataError, name: str | None = None
) -> bytes:
    """Read a whole regular file; pipes and devices are refused, since they may never end.

    Args:
        path: The file.
        max_bytes: Largest file that is accepted; None for any.
        error: Class of the errors raised.
        name: What errors call the file; by default its path.

    Returns:
        The content.

    Raises:
        OcrxError: Of class ``error``, if the file is missing, not a regular file, too large or unreadable.
    """
    name = name or str(path)
    try:
        # O_NONBLOCK: opening a pipe without a writer would wait for one.
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
            # Files of /proc have no size. To ask for the limit would reserve that much memory.
            content = file.read(-1 if max_bytes is None or found.st_size else max_bytes + 1)
    except OSError as problem:
        raise error(f"{name}: cannot be read ({problem.strerror})") from None
    finally:
        os.close(descriptor)

    if max_bytes is not None and len(content) > max_bytes:
        raise error(f"{name}: larger than {max_bytes:,} bytes")
    return content


def read_text(path: Path, *, error: type[OcrxError] = DataError) -> str:
    """Read a UTF-8 text file, with or without a byte order mark; line ends stay as they are.

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
        The lines without their ends, empty ones included; nothing follows the last line end.

    Raises:
        OcrxError: Of class ``error``, if the file is missing, unreadable or not UTF-8.
    """
    lines = [line.removesuffix("\r") for line in read_text(path, error=error).split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def parse_json(text: str | bytes, where: str, *, error: type[OcrxError] = DataError) -> Any:
    """Parse JSON from a file or another program.

    Refused are NaN and infinities, nesting deeper than ``MAX_JSON_DEPTH``, integers of more than
    ``MAX_INTEGER_DIGITS`` digits, and texts larger than ``MAX_JSON_BYTES``.

    Args:
        text: The JSON text, as bytes in UTF-8.
        where: Names the source in errors, such as a path or ``train.jsonl:17``.
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
        # Python refuses an integer of thousands of digits with a hint for programmers.
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
    """Serialise as JSON that UTF-8 can hold.

    Args:
        data: Plain values: mappings, sequences, text, numbers, booleans and None.
        indent: Spaces for each level; by default everything is on one line.
        ensure_ascii: Escape all characters outside ASCII. They are escaped anyway if a text has lone surrogates, as
            a file name with bytes that are not UTF-8 has.
        allow_nan: Write NaN and infinities as JavaScript does; otherwise they are a ValueError.

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
        path: The file; missing folders above it are created.
        data: Plain values without NaN or infinities, which JSON does not know.

    Raises:
        OSError: The file cannot be written; ``path`` is then unchanged.
        ValueError: ``data`` holds NaN or an infinity.
    """
    content = (to_json(data, indent=2, allow_nan=False) + "\n").encode("utf-8")
    if path.suffix == ".gz":
        import gzip

        content = gzip.compress(content, mtime=0)
    write_file(path, content)


def file_digest(path: Path) -> str:
    """Hash a file without holding it in memory.

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
    """Embed a file in HTML.

    Args:
        content: The bytes of the file.
        media_type: Such as ``image/png``.

    Returns:
        A ``data:`` URI.
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _partial_path(parent: Path) -> Path:
    """A hidden name that identifies the machine and process writing there."""
    return parent / f"{_PARTIAL}{_HOST}-{os.getpid()}-{os.urandom(4).hex()}"


def _rename_to_new(partial: Path, path: Path) -> bool:
    """Give a file a name that must be free; False if it is taken."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:
        # No hard links here: the name is checked first, which two processes may do at the same moment.
        if path.exists():
            return False
        partial.replace(path)
    return True


def _is_running(process: int) -> bool:
    if sys.platform == "win32":
        return True  # signal 0 would end the process there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _decompress(content: bytes, path: Path, error: type[OcrxError]) -> bytes:
    """The content of a gzip file; decompression stops at the limit, whatever the file would grow to."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(content, MAX_JSON_BYTES + 1)
    except zlib.error as problem:
        raise error(f"{path}: damaged ({problem})") from None
    if len(plain) <= MAX_JSON_BYTES and not stream.eof:
        raise error(f"{path}: damaged (the compressed data end too early)")
    return plain


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_limits(value: Any, where: str, error: type[OcrxError]) -> None:
    """Raise ``error`` for values that later code could not bear; iterative, so that depth cannot overflow the stack."""
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
