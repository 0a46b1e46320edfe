"""Sorts on disk what does not fit into memory: the files of a folder, and the ids of a manifest."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_RUN = 100_000  # names sorted in memory at once
_MERGED = 256  # files open at once
_BUCKETS = 256
_BUFFER = 1 << 16
_ENTRY = np.dtype([("first", "<u8"), ("second", "<u8"), ("row", "<u8")])


def sorted_lines(names: Iterable[str]) -> Iterator[str]:
    """Sort texts by their code points.

    Args:
        names: Texts without NUL, which file names cannot contain.

    Yields:
        The texts in order.
    """
    with tempfile.TemporaryDirectory(prefix="ocrx-") as folder:
        source, runs = iter(names), list[Path]()
        while run := sorted(islice(source, _RUN)):
            runs.append(_write(Path(folder, f"{len(runs)}"), run))

        while len(runs) > _MERGED:
            merged, runs = runs[:_MERGED], runs[_MERGED:]
            runs.append(_write(Path(folder, f"{merged[0].name}+"), _merge(merged)))
        yield from _merge(runs)


def repeated(ids: Iterable[str]) -> list[list[int]]:
    """Find the values that occur more than once.

    128-bit hashes are distributed to 256 files by their first byte, and each file is sorted in memory: 24 bytes for
    each of 1/256 of the ids.

    Args:
        ids: The ids, in the order of their rows.

    Returns:
        The rows (from 0) of each repeated id, the first that repeats first.
    """
    with tempfile.TemporaryDirectory(prefix="ocrx-") as folder:
        buckets = [Path(folder, f"{number:02x}") for number in range(_BUCKETS)]
        _distribute(ids, buckets)
        groups = [group for bucket in buckets if bucket.exists() for group in _groups(np.fromfile(bucket, _ENTRY))]
    return sorted(groups, key=lambda rows: rows[1])


def _write(path: Path, lines: Iterable[str]) -> Path:
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        file.writelines(line.replace("\n", "\0") + "\n" for line in lines)
    return path


def _merge(runs: Iterable[Path]) -> Iterator[str]:
    with ExitStack() as stack:
        files = [
            stack.enter_context(run.open(encoding="utf-8", errors="surrogateescape", newline="\n")) for run in runs
        ]
        yield from heapq.merge(*((line[:-1].replace("\0", "\n") for line in file) for file in files))


def _distribute(ids: Iterable[str], buckets: list[Path]) -> None:
    """Append hash and row of each id to the file of its first byte."""
    waiting = [bytearray() for _ in buckets]
    limit = _BUFFER
    for row, value in enumerate(ids):
        digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        buffer = waiting[digest[0]]
        buffer += digest + row.to_bytes(8, "little")
        if len(buffer) >= limit:
            _append(buckets[digest[0]], buffer)
    for bucket, buffer in zip(buckets, waiting, strict=True):
        if buffer:
            _append(bucket, buffer)


def _append(bucket: Path, buffer: bytearray) -> None:
    with bucket.open("ab") as file:
        file.write(buffer)
    buffer.clear()


def _candidates(entries: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Select the few entries with equal first 64 bits; sorting all columns would take twice the memory."""
    first = np.ascontiguousarray(entries["first"])
    order = np.argsort(first)
    first = first[order]

    same = first[1:] == first[:-1]
    shared = np.zeros(len(entries), dtype=np.bool_)
    shared[1:] |= same
    shared[:-1] |= same
    return entries[order[shared]]


def _groups(entries: npt.NDArray[Any]) -> Iterator[list[int]]:
    """Yield the rows of each hash that occurs more than once."""
    entries = _candidates(entries)
    entries = entries[np.lexsort((entries["row"], entries["second"], entries["first"]))]
    same = (entries["first"][1:] == entries["first"][:-1]) & (entries["second"][1:] == entries["second"][:-1])

    group: list[int] = []
    for index in np.flatnonzero(same):
        if not group or group[-1] != int(entries["row"][index]):
            if group:
                yield group
            group = [int(entries["row"][index])]
        group.append(int(entries["row"][index + 1]))
    if group:
        yield group
