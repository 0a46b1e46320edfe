"""Executes a task in a worker: reads rows of the manifest, recognises them and commits the part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ocrx.bulk.job import SUCCESS_FILE, Job
from ocrx.bulk.parts import Summary, summarize
from ocrx.bulk.rows import Reading, Row, result_values
from ocrx.bulk.schedule import BLOCK, Task
from ocrx.errors import DataError, OcrxError

SKIPPED = "reading this line ends the process (crash or lack of memory)"
"""Error of a line that kills every process that reads it."""

_ATTEMPTS = 5


class Reader(Protocol):
    """Reads line images."""

    def read(self, rows: Iterable[Row]) -> Iterator[Reading]:
        """Read images.

        Args:
            rows: The images; consumed lazily.

        Returns:
            One reading per image, in order; it depends on the image only.
        """
        ...


@dataclass(frozen=True)
class Setup:
    """Everything that a worker needs; picklable.

    Attributes:
        job: The job.
        open_reader: Opens the reader, in the worker process.
        retry: Whether to read failed lines of existing parts again, rather than missing parts.
    """

    job: Job
    open_reader: Callable[[], Reader]
    retry: bool = False


def carry_out(setup: Setup, reader: Reader, task: Task) -> Summary:
    """Execute a task.

    Args:
        setup: The setup of the worker.
        reader: The reader.
        task: The task.

    Returns:
        The summary of the part; an empty one for a probe.

    Raises:
        OcrxError: The manifest cannot be read, the part cannot be written, or the reader cannot continue.
    """
    job, shard = setup.job, task.shard
    try:
        if task.probe is not None:
            _read(job, reader, shard, range(*task.probe))
            return Summary()
        if setup.retry:
            return _retry(job, reader, task)

        size = job.manifest.size(shard)
        if job.parts.exists(shard) and (found := job.parts.verify(shard, size)) is not None:
            return found  # by another process, or by one that died before it could say so
        pairs = _read_task(job, reader, task, range(size))
        return job.parts.commit(shard, [result_values(*pairs[line]) for line in range(size)])
    except OSError as error:
        raise DataError(f"{job.storage.location}: shard {shard} cannot be read ({error})") from error


def _retry(job: Job, reader: Reader, task: Task) -> Summary:
    """Read the failed lines of a part again; other lines do not change."""
    shard, size = task.shard, job.manifest.size(task.shard)
    found: dict[int, Reading] = {}
    for _ in range(_ATTEMPTS):
        part = job.parts.readings(shard)
        if part is None:
            raise DataError(f"{job.storage.location}/{job.parts.name(shard)}: removed while its job ran")
        content, readings = part
        failed = [line for line, reading in enumerate(readings) if reading.error is not None]
        wanted = [line for line in failed if line not in found]
        if wanted:
            found |= {line: pair[1] for line, pair in _read_task(job, reader, task, wanted).items()}

        for line in failed:
            readings[line] = found[line]
        rows = [result_values(row, reading) for row, reading in zip(job.manifest.read(shard), readings, strict=True)]
        summary = summarize(rows)
        if summary == job.parts.verify(shard, size):
            return summary  # they failed as before
        job.storage.remove(SUCCESS_FILE)  # its sums are those of the part before
        if job.parts.amend(shard, content, rows):
            return summary
    raise DataError(f"{job.storage.location}/{job.parts.name(shard)}: other processes keep changing it")


def _read_task(job: Job, reader: Reader, task: Task, lines: Sequence[int]) -> dict[int, tuple[Row, Reading]]:
    """Read lines of a shard at once or in blocks, without skipped lines, as the task requires."""
    skipped = [line for line in lines if line in task.skip]
    kept = [line for line in lines if line not in task.skip]
    found = {line: (row, Reading(error=SKIPPED)) for line, row in _rows(job, task.shard, skipped)}
    step = BLOCK if task.careful else len(kept)
    for start in range(0, len(kept), max(1, step)):
        block = kept[start : start + step]
        found |= dict(zip(block, _read(job, reader, task.shard, block), strict=True))
    return found


def _read(job: Job, reader: Reader, shard: int, lines: Sequence[int]) -> list[tuple[Row, Reading]]:
    """Read lines together; on an exception, read both halves separately, so that one line cannot fail others."""
    seen: list[Row] = []

    def rows() -> Iterator[Row]:
        for _, row in _rows(job, shard, lines):
            seen.append(Row(row.id, row.name, None, row.carried))  # all images would not fit into memory
            yield row

    try:
        readings = list(reader.read(rows()))
        return list(zip(seen, readings, strict=True))
    except (OcrxError, OSError, MemoryError):
        raise
    except Exception as error:  # a reader may raise anything for one image
        if len(lines) == 1:
            row = next(row for _, row in _rows(job, shard, lines))
            return [(replace(row, image=None), Reading(error=f"{type(error).__name__}: {error}"))]
    middle = len(lines) // 2
    return _read(job, reader, shard, lines[:middle]) + _read(job, reader, shard, lines[middle:])


def _rows(job: Job, shard: int, lines: Sequence[int]) -> Iterator[tuple[int, Row]]:
    """Yield some lines of a shard, in order."""
    wanted = frozenset(lines)
    if lines:
        for line, row in enumerate(job.manifest.read(shard, lines[0], lines[-1] + 1), start=lines[0]):
            if line in wanted:
                yield line, row
