"""Where a job writes: a folder, or a prefix of an object store.

Both promise the same: ``create`` puts a complete file in place once, whoever calls it and whenever a process dies, and
``replace`` changes a file only from the content that the caller has seen.
On a disk, ``create`` writes a hidden file, syncs it and gives it its name, which fails if the name is taken. An object
store has no rename: there one conditional request writes the object (``If-None-Match: *``, ``If-Match: ETAG``). Other
file systems, such as HDFS, are written as a disk is.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ocrx.bulk.locations import absolute, file_system, is_remote
from ocrx.errors import DataError, OcrxError
from ocrx.files import atomic_file, create_file, remove_abandoned, sync_folder, write_file

_HOUR_S = 3600.0
_PARTIAL = ".partial-"  # begins the names of files that are being written
_CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


class Storage(Protocol):
    """The place of a job. Names are relative, with ``/`` between their parts; values can be pickled.

    Whatever the disk or the store refuses is a DataError that names the file.
    """

    @property
    def location(self) -> str:
        """The folder, absolute, or the URL."""
        ...

    def read(self, name: str) -> bytes | None:
        """Read a file.

        Args:
            name: The file.

        Returns:
            Its content, or None if there is no such file.
        """
        ...

    def exists(self, name: str) -> bool:
        """Check for a file.

        Args:
            name: The file.

        Returns:
            Whether it is there.
        """
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that does not exist yet.

        Args:
            name: The file.
            content: Its bytes.

        Returns:
            False if there is one, which is then unchanged.
        """
        ...

    def replace(self, name: str, old: bytes, new: bytes) -> bool:
        """Replace a file that nobody has changed.

        Args:
            name: The file.
            old: What it must hold now.
            new: What it shall hold.

        Returns:
            False if it holds something else, and stays.
        """
        ...

    def overwrite(self, name: str, content: bytes) -> None:
        """Write a file, whatever it holds; all processes write the same.

        Args:
            name: The file.
            content: Its bytes.
        """
        ...

    def upload(self, name: str, file: Path) -> None:
        """Write a file that is too large for the memory; all processes write the same.

        Args:
            name: The file.
            file: A file on the disk with its content.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Args:
            name: The file.
        """
        ...

    def files(self) -> Iterator[tuple[str, float]]:
        """List the files directly in the place, hidden ones left out.

        Yields:
            Name, and when it was written, in seconds since 1970.
        """
        ...

    def clean(self) -> None:
        """Create the place, and remove what ended processes left behind."""
        ...


def open_storage(location: str) -> Storage:
    """Open the place of a job; nothing is created.

    Args:
        location: A path, or a URL for fsspec.

    Returns:
        The storage.

    Raises:
        OcrxError: A driver is missing, or the service cannot be reached.
    """
    return _ObjectStorage(location.rstrip("/")) if is_remote(location) else _FolderStorage(absolute(location))


class _FolderStorage:
    """A folder on a disk that all processes share."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._folder = Path(location)

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        with _named(path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def exists(self, name: str) -> bool:
        return (self._folder / name).exists()

    def create(self, name: str, content: bytes) -> bool:
        path = self._folder / name
        with _named(path):
            path.parent.mkdir(exist_ok=True)
            return create_file(path, content)

    def replace(self, name: str, old: bytes, new: bytes) -> bool:
        from filelock import FileLock

        path = self._folder / name
        with _named(path), FileLock(self._folder / ".lock"):
            if self.read(name) != old:
                return False
            write_file(path, new)
            sync_folder(self._folder)
            return True

    def overwrite(self, name: str, content: bytes) -> None:
        with _named(self._folder / name):
            write_file(self._folder / name, content)

    def upload(self, name: str, file: Path) -> None:
        path = self._folder / name
        with _named(path), atomic_file(path) as target, file.open("rb") as source:
            shutil.copyfileobj(source, target)

    def remove(self, name: str) -> None:
        with _named(self._folder / name):
            (self._folder / name).unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[str, float]]:
        with _named(self._folder), os.scandir(self._folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_file():
                    yield entry.name, entry.stat().st_mtime

    def clean(self) -> None:
        with _named(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_abandoned(self._folder)
            # Processes of other machines cannot be asked whether they run; writing a part takes seconds.
            for path in self._folder.glob(f"{_PARTIAL}*"):
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > _HOUR_S:
                        path.unlink()


class _ObjectStorage:
    """A prefix of an object store, or another file system that fsspec reads. An object appears whole or not at all."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._system, self._root = file_system(location)
        # A driver without a request of its own would write under the final name, where a kill leaves half a file.
        generic = import_module("fsspec").AbstractFileSystem.pipe_file
        self._renames = not self._system.async_impl and type(self._system).pipe_file is generic

    def __reduce__(self) -> tuple[Any, ...]:
        return _ObjectStorage, (self.location,)  # connections stay in their process

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def read(self, name: str) -> bytes | None:
        with _driven(f"{self.location}/{name}"):
            try:
                content: bytes = self._system.cat_file(self._path(name))
            except FileNotFoundError:
                return None
        return content

    def exists(self, name: str) -> bool:
        with _driven(f"{self.location}/{name}"):
            self._system.invalidate_cache()
            return bool(self._system.exists(self._path(name)))

    def create(self, name: str, content: bytes) -> bool:
        with _driven(f"{self.location}/{name}"):
            if self._renames:
                return self._create_by_rename(name, content)

            try:
                self._system.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            except Exception as error:  # drivers report a lost race by errors of their own
                if _is_conflict(error):
                    return False
                raise
        return True

    def _create_by_rename(self, name: str, content: bytes) -> bool:
        """For file systems such as HDFS: a hidden file is given its name, which no other file must have."""
        partial = self._path(f"{_PARTIAL}{os.urandom(8).hex()}")
        try:
            self._system.pipe_file(partial, content)
            self._system.invalidate_cache()
            if self._system.exists(self._path(name)):
                return False
            self._system.mv(partial, self._path(name))
        finally:
            with suppress(FileNotFoundError):
                self._system.rm_file(partial)
        return True

    def replace(self, name: str, old: bytes, new: bytes) -> bool:
        path = self._path(name)
        with _driven(f"{self.location}/{name}"):
            self._system.invalidate_cache()
            tag = self._system.info(path).get("ETag")  # asked first: an object changed since then has another
            if self.read(name) != old:
                return False

            try:
                self._system.pipe_file(path, new, **({"IfMatch": tag} if tag else {}))
            except Exception as error:  # drivers report a lost race by errors of their own
                if _is_conflict(error):
                    return False
                raise
        return True

    def overwrite(self, name: str, content: bytes) -> None:
        with _driven(f"{self.location}/{name}"):
            self._system.pipe_file(self._path(name), content)

    def upload(self, name: str, file: Path) -> None:
        with _driven(f"{self.location}/{name}"):
            self._system.put_file(str(file), self._path(name))

    def remove(self, name: str) -> None:
        with _driven(f"{self.location}/{name}"), suppress(FileNotFoundError):
            self._system.rm_file(self._path(name))

    def files(self) -> Iterator[tuple[str, float]]:
        return (entry for entry in self._entries() if not entry[0].startswith("."))

    def _entries(self) -> Iterator[tuple[str, float]]:
        with _driven(self.location):
            self._system.invalidate_cache()
            try:
                found = self._system.ls(self._root, detail=True)
            except FileNotFoundError:
                return
        for entry in found:
            written = entry.get("LastModified") or entry.get("mtime") or entry.get("created")
            name = str(entry["name"]).rpartition("/")[2]
            if entry["type"] == "file":
                yield name, written.timestamp() if isinstance(written, datetime) else float(written or 0)

    def clean(self) -> None:
        """Only where files are renamed an incomplete write leaves something behind."""
        with _driven(self.location):
            self._system.makedirs(self._root, exist_ok=True)
        for name, written in self._entries() if self._renames else ():
            if name.startswith(_PARTIAL) and time.time() - written > _HOUR_S:
                self.remove(name)


def _is_conflict(error: BaseException | None) -> bool:
    """Whether a store refused a conditional request; drivers wrap its answer in errors of their own."""
    while error is not None:
        response = getattr(error, "response", None)
        code = str(response.get("Error", {}).get("Code")) if isinstance(response, dict) else ""
        if code in _CONFLICTS or any(f"({word})" in str(error) for word in _CONFLICTS):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _named(where: object) -> Iterator[None]:
    """Convert what the system refuses to a DataError that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            hint = "complete parts stay; make room and run the same command again"
            raise DataError(f"{where}: no space left", hint=hint) from None
        raise DataError(f"{where}: {error.strerror or error}") from None


@contextmanager
def _driven(where: str) -> Iterator[None]:
    """Convert whatever a driver raises to a DataError that names the object."""
    try:
        with _named(where):
            yield
    except OcrxError:
        raise
    except Exception as error:  # botocore, aiohttp, ...: each driver has errors of its own
        raise DataError(f"{where}: {type(error).__name__}: {error}") from error
