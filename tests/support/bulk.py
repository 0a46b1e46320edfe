"""Jobs and readers for the tests of bulk reading; a worker process imports them from here."""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ocrx.bulk.job import Job, JobRequest, prepare_job
from ocrx.bulk.rows import Reading, Row

READING = {"model": "echo"}


def write_manifest(path: Path, count: int) -> Path:
    """A CSV manifest whose rows have paths, ids and a column to carry along."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "id", "page"])
        writer.writerows([f"lines/{number}.png", f"id-{number}", f"p{number // 10}"] for number in range(count))
    return path


def make_job(source: Path | str, output: Path | str, **options: Any) -> Job:
    """A job that an echo can read."""
    options = {"reading": READING, "shard_size": 10, **options}
    return prepare_job(JobRequest(str(source), str(output), **options))


def result_rows(output: Path) -> list[dict[str, Any]]:
    """All rows of a Parquet result, in the order of the parts."""
    return [row for part in sorted(output.glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]


@dataclass(frozen=True)
class Echo:
    """Reads the name of an image as its text; what ``fails`` names is an error."""

    fails: frozenset[str] = frozenset()

    def read(self, rows: Iterable[Row]) -> Iterator[Reading]:
        for row in rows:
            failed = row.name in self.fails
            yield Reading(error=f"{row.name}: damaged") if failed else Reading(f"text of {row.name}", 0.5)


@dataclass(frozen=True)
class Deadly:
    """Is killed by the system when it reads one of ``lines``; the first ``chances`` times on each of ``once``."""

    lines: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()
    chances: int = 1
    notes: Path | None = None

    def read(self, rows: Iterable[Row]) -> Iterator[Reading]:
        for row in rows:
            if row.name in self.lines or (row.name in self.once and self._again(str(row.name))):
                os.kill(os.getpid(), signal.SIGKILL)
            yield Reading(f"text of {row.name}", 0.5)

    def _again(self, name: str) -> bool:
        assert self.notes is not None
        note = self.notes / name.replace("/", "_")
        count = len(note.read_text()) if note.exists() else 0
        note.write_text("x" * (count + 1))
        return count < self.chances


@dataclass(frozen=True)
class Slow:
    """An echo that takes its time over each line."""

    seconds: float = 0.02

    def read(self, rows: Iterable[Row]) -> Iterator[Reading]:
        for row in rows:
            time.sleep(self.seconds)
            yield Reading(f"text of {row.name}", 0.5)


class Raising:
    """Raises for the names that hold ``bad``."""

    def read(self, rows: Iterable[Row]) -> Iterator[Reading]:
        for row in rows:
            if "bad" in str(row.name):
                raise ZeroDivisionError("by this image")
            yield Reading(f"text of {row.name}", 0.5)
