"""Unpacks the ``.tar`` archives in which models are published; nothing in an archive is trusted."""

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
    """Check whether a path is an existing ``.tar`` file.

    Args:
        path: The path.

    Returns:
        True if the file exists and ends in ``.tar``.
    """
    return path.suffix == ".tar" and path.is_file()


@contextmanager
def unpacked_tar(archive: Path) -> Iterator[Path]:
    """Unpack a model archive into a temporary folder, which is removed when the block ends.

    Args:
        archive: An uncompressed tar file.

    Yields:
        The folder that holds the model's files. A ModelError raised in the block names the archive instead of it.

    Raises:
        ModelError: See ``unpack_tar``.
    """
    with tempfile.TemporaryDirectory(prefix="ocrx-") as temporary:
        # If the archive has no top-level folder, its own name is the only hint at the model's name.
        top = Path(temporary, archive.stem)
        top.mkdir()
        folder = unpack_tar(archive, top)
        try:
            yield folder
        except ModelError as error:
            raise ModelError(error.message.replace(str(folder), str(archive)), hint=error.hint) from None


def unpack_tar(archive: Path, folder: Path) -> Path:
    """Unpack a model archive into a folder.

    Args:
        archive: An uncompressed tar file.
        folder: An existing empty folder.

    Returns:
        The folder that holds the model's files: ``folder``, or the only folder in it.

    Raises:
        ModelError: The archive is damaged, exceeds ``MAX_FILES`` or ``MAX_BYTES``, or has a member that is not a
            regular file or folder or that would be written outside ``folder``.
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
        raise ModelError(f"{archive}: the path {member.name!r} leads outside the archive; it was not unpacked")
    if member.isdir():
        return
    if not member.isreg() or member.issparse():
        raise ModelError(f"{archive}: {member.name!r} is not a regular file")
    target = folder / name
    if target.exists():
        raise ModelError(f"{archive}: contains {member.name!r} twice")
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    if source is None:
        raise ModelError(f"{archive}: {member.name!r} cannot be read")

    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
