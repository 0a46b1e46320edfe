"""The journal of a review: an append-only file with one JSON object per line, synced to disk after each entry.

A process that is killed while it appends leaves at most an incomplete last line. The next start cuts it off: that
decision was never confirmed to the reviewer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocrx.errors import DataError
from ocrx.files import read_bytes, to_json

JOURNAL_FILE = "journal.jsonl"
MAX_BYTES = 1 << 30
_VERSION = 1


class Journal:
    """The open journal of one folder.

    Attributes:
        path: The file.
        transcription: Whether the folder had no labels when its review began.
        entries: The entries found when the file was opened, the oldest first.
    """

    def __init__(self, path: Path, *, transcription: bool) -> None:
        """Open a journal, or create it.

        Args:
            path: The file; missing parent folders are created.
            transcription: Whether the folder has no labels; ignored if the journal exists.

        Raises:
            DataError: If the file cannot be written, is damaged, or comes from a newer version.
        """
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self._size = 0
        begun = path.is_file() and self._load()
        self.transcription = bool(self.entries.pop(0).get("transcription")) if begun else transcription
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: a buffer would keep data that a full disk rejected, and write it later.
            self._file = path.open("r+b" if path.is_file() else "x+b", buffering=0)
        except OSError as problem:
            raise _unwritable(path, problem) from None

        self._cut_off()
        if not begun:
            self._begin()

    def append(self, entry: Mapping[str, Any]) -> None:
        """Append an entry and wait until it is on disk.

        Args:
            entry: Plain values.

        Raises:
            DataError: If it cannot be written; the file is then unchanged.
        """
        line = to_json(dict(entry)).encode() + b"\n"

        try:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as problem:
            self._cut_off()
            raise _unwritable(self.path, problem) from None
        self._size += len(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self) -> None:
        try:
            self.append({"ocrx_review": _VERSION, "transcription": self.transcription})
        except DataError:
            self.close()
            raise

    def _cut_off(self) -> None:
        """Remove the remains of a failed write; if that fails, too, the next write does it."""
        try:
            self._file.truncate(self._size)
        except OSError:
            return

    def _load(self) -> bool:
        """Read the complete lines; returns whether there are any."""
        content = read_bytes(self.path, max_bytes=MAX_BYTES)
        self._size = content.rfind(b"\n") + 1
        for number, line in enumerate(content[: self._size].split(b"\n")[:-1], start=1):
            self.entries.append(self._entry(line, number))

        if not self.entries:
            return False
        version = self.entries[0].get("ocrx_review")
        if not isinstance(version, int) or version > _VERSION:
            hint = "update ocrx, or move the file away to start over"
            raise DataError(f"{self.path}: not a journal that this version of ocrx can read", hint=hint)
        return True

    def _entry(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            hint = "delete this line to continue with the others"
            raise DataError(f"{self.path}:{number}: damaged; expected a JSON object", hint=hint)
        return entry


def _unwritable(path: Path, problem: OSError) -> DataError:
    return DataError(
        f"{path}: cannot be written ({problem.strerror or problem})",
        hint="the review writes beside the labels: copy the dataset to a disk where you may write",
    )
