"""Replacing label files: originals kept as ``.bak``, all new files in place or none, and back again.

A change of several files is first written beside them and noted in a journal; then the files are swapped. If the
process dies in between, ``recover`` completes the change at the next start, so that no half of it is ever read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ocrx.errors import DataError
from ocrx.results import write_json

JOURNAL = ".ocrx-rewrite.json"
SPLIT_RECORD = "split.json"
_NEW = ".new"


def write_whole(path: Path, data: bytes) -> None:
    """Write under another name, then put it in place."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def backup(path: Path) -> Path:
    """Copy ``path`` to ``path.bak``, or ``.bak1``, ``.bak2`` … where that is taken by something else."""
    data = path.read_bytes()
    kept, number = path.with_name(path.name + ".bak"), 0
    while kept.exists() and kept.read_bytes() != data:
        number += 1
        kept = path.with_name(f"{path.name}.bak{number}")
    if not kept.exists():
        write_whole(kept, data)
    return kept


def rewrite(
    root: Path,
    files: Mapping[str, bytes],
    remove: Iterable[str] = (),
    *,
    record: Mapping[str, object] | None = None,
) -> None:
    """Put ``files`` (name → content) into ``root`` and take others away, all together.

    ``record`` becomes ``split.json``; to take that file away, name it in ``remove``.
    """
    recover(root)
    for name, data in files.items():
        write_whole(root / (name + _NEW), data)
    write_json(root / JOURNAL, {"put": sorted(files), "remove": sorted(remove), "record": record})
    recover(root)


def recover(root: Path) -> bool:
    """Complete a change that was interrupted; False if there was none."""
    journal = root / JOURNAL
    if not journal.is_file():
        return False
    try:
        plan = json.loads(journal.read_text(encoding="utf-8"))
        put, remove, record = list(plan["put"]), list(plan["remove"]), plan["record"]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{journal}: damaged", hint="compare the lists with their .bak files, then delete it") from None
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
