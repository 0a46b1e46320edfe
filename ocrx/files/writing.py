"""Writes files atomically: a kill or a full disk leaves the complete old file or the complete new one."""

from __future__ import annotations

import os
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ocrx.process import is_running

_PARTIAL = ".partial-"
# Process ids are valid on their own machine only, so the name of the machine belongs to them.
_HOST = f"{zlib.crc32(os.uname().nodename.encode() if hasattr(os, 'uname') else b''):08x}"


@contextmanager
def partial_folder(parent: Path) -> Iterator[Path]:
    """Create a hidden folder in which to prepare files that are then moved into place.

    The folder is removed at the end of the block, unless it was moved. Files that killed processes of this machine left
    in ``parent`` are removed first.

    Args:
        parent: An existing folder on the file system of the final files.

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
    """Write to a temporary file that replaces ``path`` in one step when the block succeeds.

    A kill or a full disk at any moment leaves the complete old file or the complete new one. Missing parent folders are
    created.

    Args:
        path: The file to create or replace.

    Yields:
        The temporary file, open for writing in binary mode.

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
        content: Its bytes, or its text, which is written in UTF-8 with line endings unchanged.

    Raises:
        OSError: The file cannot be written; ``path`` is then unchanged.
    """
    with atomic_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def create_file(path: Path, content: bytes) -> bool:
    """Create a file atomically, unless it exists.

    If several processes create the same file at once, exactly one succeeds. A kill or a full disk at any moment leaves
    no file or the complete one.

    Args:
        path: The file, in an existing folder.
        content: Its bytes.

    Returns:
        Whether it was created; False if it exists, in which case it is unchanged.

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
    """Flush a folder's entries to disk, so that new names survive a power cut, if the system supports it.

    Args:
        folder: The folder.
    """
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not supported by some network file systems
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(parent: Path) -> None:
    """Remove temporary files and folders left by processes of this machine that no longer run.

    Args:
        parent: The folder that they wrote to.
    """
    for path in parent.glob(f"{_PARTIAL}{_HOST}-*"):
        process = path.name.removeprefix(f"{_PARTIAL}{_HOST}-").partition("-")[0]
        if not process.isdecimal() or is_running(int(process)):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _partial_path(parent: Path) -> Path:
    """Choose a hidden name that identifies the machine and the process."""
    return parent / f"{_PARTIAL}{_HOST}-{os.getpid()}-{os.urandom(4).hex()}"


def _rename_to_new(partial: Path, path: Path) -> bool:
    """Rename a file unless the new name is taken; returns whether it was renamed."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:
        # No hard links on this file system: check the name first, although another process may take it in between.
        if path.exists():
            return False
        partial.replace(path)
    return True
