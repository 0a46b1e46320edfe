"""Files by path or URL: on a disk with the standard library, elsewhere through fsspec and its drivers."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Iterator
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from ocrx.errors import BackendError, ConfigError, DataError
from ocrx.files import read_bytes
from ocrx.imaging.reading import MAX_IMAGE_BYTES

_WEB = ("http://", "https://")
_CHUNK = 1 << 20


def is_remote(location: str) -> bool:
    """Distinguish URLs such as ``s3://bucket/key`` from paths.

    Args:
        location: A path or a URL.

    Returns:
        True for a URL; ``file://`` is a path.
    """
    return "://" in location and not location.startswith("file://")


def absolute(location: str) -> str:
    """Make a path mean the same file in every process of this machine.

    Args:
        location: A path or a URL.

    Returns:
        The absolute path, with ``/`` between its parts on every system, or the URL unchanged.
    """
    if is_remote(location):
        return location
    return os.path.abspath(location.removeprefix("file://")).replace(os.sep, "/")  # noqa: PTH100  # Path.resolve follows links


def beside(base: str, name: str) -> str:
    """Resolve a name in a manifest.

    Args:
        base: Folder of the manifest.
        name: A path or a URL.

    Returns:
        ``name``, in the folder unless it is absolute.
    """
    if name.startswith("/") or "://" in name or (os.name == "nt" and os.path.isabs(name)):  # noqa: PTH117  # text only: no Path per row
        return name
    return f"{base}/{name}" if base else name


def file_system(location: str) -> tuple[Any, str]:
    """Open the file system of a URL.

    Args:
        location: The URL.

    Returns:
        The fsspec file system, and the path in it.

    Raises:
        BackendError: fsspec or the driver of the protocol is not installed.
        ConfigError: The protocol is unknown.
        DataError: The service cannot be reached.
    """
    scheme = location.partition("://")[0]
    if find_spec("fsspec") is None:
        raise BackendError(f"{location}: needs fsspec, which is not installed", hint="pip install 'ocrx[bulk]'")
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(location)
    except ImportError as error:
        raise BackendError(f"{location}: the driver for {scheme}:// is not installed", hint=str(error)) from None
    except ValueError as error:
        raise ConfigError(f"{location}: cannot be used ({error})") from None
    except Exception as error:  # botocore, aiohttp, ...: each driver has errors of its own
        raise DataError(f"{location}: cannot be reached ({type(error).__name__}: {error})") from None
    return system, str(path)


def open_binary(location: str) -> IO[bytes]:
    """Open a file to read it from any position.

    Args:
        location: A path or a URL.

    Returns:
        The open file.

    Raises:
        DataError: It is missing or cannot be read.
    """
    try:
        if not is_remote(location):
            return Path(location).open("rb")
        system, path = file_system(location)
        opened: IO[bytes] = system.open(path, "rb")
    except FileNotFoundError:
        raise DataError(f"{location}: no such file") from None
    except OSError as error:
        raise DataError(f"{location}: cannot be read ({error.strerror or error})") from None
    return opened


def file_digest(location: str) -> str:
    """Hash the content of a file.

    Args:
        location: A path or a URL.

    Returns:
        32 hexadecimal digits.

    Raises:
        DataError: It is missing or cannot be read.
    """
    content = blake2b(digest_size=16)
    with open_binary(location) as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    return content.hexdigest()


def read_image_bytes(location: str, name: str) -> bytes:
    """Read an image file.

    Args:
        location: A path or a URL.
        name: Names it in errors.

    Returns:
        The content.

    Raises:
        DataError: It is missing, larger than an image may be, or cannot be read.
    """
    if location.startswith(_WEB):
        from ocrx.inference.download import Download  # an HTTP client is loaded only where there is a URL

        return Download(location).data()
    if not is_remote(location):
        return read_bytes(Path(location), max_bytes=MAX_IMAGE_BYTES, name=name)

    system, path = file_system(location)
    try:
        with system.open(path, "rb") as file:
            content: bytes = file.read(MAX_IMAGE_BYTES + 1)
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except Exception as error:  # botocore, aiohttp, ...: each driver has errors of its own
        raise DataError(f"{name}: cannot be read ({error})") from None
    if len(content) > MAX_IMAGE_BYTES:
        raise DataError(f"{name}: larger than {MAX_IMAGE_BYTES:,} bytes")
    return content


def is_folder(location: str) -> bool:
    """Check for a folder.

    Args:
        location: A path or a URL.

    Returns:
        True for a folder.
    """
    if not is_remote(location):
        return os.path.isdir(location)  # noqa: PTH112  # Path.is_dir raises for a name that is too long
    system, path = file_system(location)
    return bool(system.isdir(path))


def matching(pattern: str) -> list[str]:
    """Find the files that a glob pattern means.

    Args:
        pattern: A pattern of paths, or a URL with one.

    Returns:
        The files in the order of their names.
    """
    if not is_remote(pattern):
        return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
    system, path = file_system(pattern)
    return sorted(str(system.unstrip_protocol(name)) for name in system.glob(path))


def files_below(folder: str) -> Iterator[str]:
    """List the files of a folder and its subfolders; names with a leading dot are left out.

    Args:
        folder: A path or a URL.

    Yields:
        Paths that begin with ``folder``, in no order; a local folder is never held in memory.
    """
    if not is_remote(folder):
        yield from _local_files(folder)
        return
    system, path = file_system(folder)
    for place, _, names in system.walk(path):
        inside = posixpath.relpath(place, path)
        if any(part.startswith(".") for part in inside.split("/") if part != "."):
            continue
        for name in names:
            if name and not name.startswith("."):
                yield posixpath.join(folder, *(() if inside == "." else (inside,)), name)


def _local_files(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    yield from _local_files(entry.path)
                else:
                    yield entry.path
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})") from None
