"""Unpacks the ``.tar`` files in which models are published."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ocrx.errors import ModelError

MAX_FILES = 100
MAX_BYTES = 2 * 1024**3


def is_tar(path: Path) -> bool:
    """Check whether a path names a ``.tar`` file on this machine.

    Args:
        path: The path.

    Returns:
        True for an existing file of that name.
    """
    return path.suffix == ".tar" and path.is_file()


@contextmanager
def unpacked_tar(archive: Path) -> Iterator[Path]:
    """Unpack the files of a model into a temporary folder, which is removed when the block ends.

    Args:
        archive: An uncompressed tar file.

    Yields:
        The folder that holds the model's files. Errors about a file in it name the archive instead.

    Raises:
        ModelError: See ``unpack_tar``.
    """
    with tempfile.TemporaryDirectory(prefix="ocrx-") as temporary:
        # Without a folder at its top, the archive's own name is the only one that the model has.
        top = Path(temporary, archive.stem)
        top.mkdir()
        folder = unpack_tar(archive, top)
        try:
            yield folder
        except ModelError as error:
            raise ModelError(error.message.replace(str(folder), str(archive)), hint=error.hint) from None


def unpack_tar(archive: Path, folder: Path) -> Path:
    """Unpack the files of a model.

    Args:
        archive: An uncompressed tar file.
        folder: An existing empty folder.

    Returns:
        The folder in it that holds the model's files.

    Raises:
        ModelError: It is damaged, holds anything but files and folders below its top, or more than is sensible.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            total = 0
            for count, member in enumerate(tar, 1):
                total += member.size
                if count > MAX_FILES or total > MAX_BYTES:
                    raise ModelError(f"{archive}: more than {MAX_FILES} files or {MAX_BYTES // 2**30} GiB")
                _unpack(tar, member, archive, folder)
    except (tarfile.TarError, EOFError, ValueError, UnicodeError) as error:
        raise ModelError(f"{archive}: damaged or not a tar file ({error})") from None
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written ({error.strerror or error})") from None

    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, folder: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or "\0" in member.name:
        raise ModelError(f"{archive}: holds {member.name!r}, which lies outside of it; nothing was unpacked there")
    if member.isdir():
        return
    if not member.isreg() or member.issparse():
        raise ModelError(f"{archive}: holds {member.name!r}, which is not a regular file")
    target = folder / name
    if target.exists():
        raise ModelError(f"{archive}: holds {member.name!r} twice")
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    if source is None:
        raise ModelError(f"{archive}: {member.name!r} cannot be read")

    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
