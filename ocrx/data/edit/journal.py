"""Replaces the label files of a folder atomically: all or none.

The new files are first written beside the old ones and listed in a journal, then moved into place. If the process dies
in between, ``recover`` completes the change at the next start, so that a half-made change is never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from ocrx.data.formats.layouts import JOURNAL_FILE
from ocrx.errors import DataError
from ocrx.files import read_json, write_file, write_json

SPLIT_RECORD = "split.json"
_NEW = ".new"


def backup(path: Path) -> Path:
    """Copy a file to ``.bak``, or to ``.bak1``, ``.bak2`` … if that name is taken by another content.

    Args:
        path: The file.

    Returns:
        The copy; an earlier copy with the same content is reused.
    """
    data = path.read_bytes()
    copy, number = path.with_name(path.name + ".bak"), 0
    while copy.exists() and copy.read_bytes() != data:
        number += 1
        copy = path.with_name(f"{path.name}.bak{number}")

    if not copy.exists():
        write_file(copy, data)
    return copy


def replace_files(
    root: Path,
    files: Mapping[str, bytes],
    remove: Iterable[str] = (),
    *,
    record: Mapping[str, object] | None = None,
) -> None:
    """Write and remove files of a folder in one atomic change.

    Args:
        root: The folder.
        files: New contents by name, relative to ``root``.
        remove: Names of files to remove.
        record: Content for ``split.json``, if any.
    """
    recover(root)
    for name, data in files.items():
        write_file(root / (name + _NEW), data)
    write_json(root / JOURNAL_FILE, {"put": sorted(files), "remove": sorted(remove), "record": record})
    recover(root)


def recover(root: Path) -> bool:
    """Complete an interrupted change of the label files.

    Args:
        root: Folder of the dataset.

    Returns:
        Whether there was one.

    Raises:
        DataError: If the journal is damaged or names files outside the folder.
    """
    journal = root / JOURNAL_FILE
    if not journal.is_file():
        return False
    try:
        plan = read_json(journal)
        put, remove, record = list(plan["put"]), list(plan["remove"]), plan["record"]
        if not all(map(is_inside, (*put, *remove))):
            raise ValueError
    except (DataError, ValueError, KeyError, TypeError):
        hint = "compare the label files with their .bak files, then delete it"
        raise DataError(f"{journal}: damaged", hint=hint) from None

    for name in put:
        new = root / (name + _NEW)
        if new.exists():
            new.replace(root / name)
    for name in remove:
        (root / name).unlink(missing_ok=True)
    if record is not None:
        write_json(root / SPLIT_RECORD, record)
    journal.unlink()
    return True


def is_inside(name: str) -> bool:
    """Check whether a path read from a record stays inside the dataset's folder, so that it may be changed.

    Args:
        name: The path.

    Returns:
        False for an absolute path, one with ``..``, or what is no name of a file.
    """
    path = PurePath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
