"""What a worker makes of a task."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bulk import Echo, Raising, make_job, result_rows, write_manifest

from ocrx.bulk.job import Job
from ocrx.bulk.rows import Reading, Row
from ocrx.bulk.schedule import Task
from ocrx.bulk.work import SKIPPED, Setup, carry_out
from ocrx.errors import BackendError


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return make_job(write_manifest(tmp_path / "lines.csv", 25), tmp_path / "out")


def test_a_part_holds_the_rows_of_its_shard(job: Job, tmp_path: Path) -> None:
    for shard in range(3):
        carry_out(Setup(job, Echo), Echo(), Task(shard))
    rows = result_rows(tmp_path / "out")
    assert [row["id"] for row in rows] == [f"id-{number}" for number in range(25)]
    assert rows[12] == {
        "id": "id-12",
        "input_path": "lines/12.png",
        "rec_text": "text of lines/12.png",
        "rec_score": 0.5,
        "confidence": None,
        "warning": None,
        "matched": True,
        "error": None,
        "page": "p1",
    }


def test_a_shard_that_is_done_is_not_read(job: Job) -> None:
    summary = carry_out(Setup(job, Echo), Echo(), Task(0))
    assert carry_out(Setup(job, Echo), Raising(), Task(0)) == summary


def test_a_probe_writes_nothing_and_skipped_lines_are_errors(job: Job, tmp_path: Path) -> None:
    carry_out(Setup(job, Echo), Echo(), Task(0, (3, 5)))
    assert result_rows(tmp_path / "out") == []
    summary = carry_out(Setup(job, Echo), Echo(), Task(0, skip=frozenset({4}), careful=True))
    assert (summary.rows, summary.errors) == (10, 1)
    errors = [row["error"] for row in result_rows(tmp_path / "out")]
    assert errors == [None] * 4 + [SKIPPED] + [None] * 5


def test_how_a_shard_is_read_changes_no_row(job: Job, tmp_path: Path) -> None:
    other = make_job(tmp_path / "lines.csv", tmp_path / "other")
    whole = carry_out(Setup(job, Echo), Echo(), Task(1))
    assert carry_out(Setup(other, Echo), Echo(), Task(1, careful=True)) == whole


def test_an_image_that_makes_the_reader_raise_is_the_only_error(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("path\n" + "".join(f"{'bad' if n in (3, 7) else n}\n" for n in range(10)))
    job = make_job(tmp_path / "lines.csv", tmp_path / "out")
    assert carry_out(Setup(job, Echo), Raising(), Task(0)).errors == 2
    errors = {row["id"]: row["error"] for row in result_rows(tmp_path / "out") if row["error"]}
    assert errors == {"3": "ZeroDivisionError: by this image", "7": "ZeroDivisionError: by this image"}


def test_what_ends_the_job_is_raised(job: Job) -> None:
    class Broken:
        def read(self, rows: object) -> list[Reading]:
            raise BackendError("no device")

    with pytest.raises(BackendError, match="no device"):
        carry_out(Setup(job, Echo), Broken(), Task(0))  # type: ignore[arg-type]


def test_failed_lines_are_read_again_and_successes_stay(job: Job, tmp_path: Path) -> None:
    failing = Echo(frozenset({"lines/3.png", "lines/5.png"}))
    carry_out(Setup(job, Echo), failing, Task(0))
    retry = Setup(job, Echo, retry=True)

    class Other:
        def read(self, rows: object) -> list[Reading]:
            assert isinstance(rows, object)
            return [
                Reading("now it is here", 0.9) if row.name == "lines/3.png" else Reading(error="still missing")
                for row in rows  # type: ignore[attr-defined]
                if isinstance(row, Row)
            ]

    summary = carry_out(retry, Other(), Task(0))  # type: ignore[arg-type]
    assert (summary.rows, summary.errors) == (10, 1)
    rows = result_rows(tmp_path / "out")
    assert rows[3]["rec_text"] == "now it is here"
    assert rows[5]["error"] == "still missing"
    assert [row["rec_text"] for row in rows[:3]] == [f"text of lines/{number}.png" for number in range(3)]

    before = (tmp_path / "out" / job.parts.name(0)).stat().st_mtime_ns
    assert carry_out(retry, Other(), Task(0)) == summary  # type: ignore[arg-type]
    assert (tmp_path / "out" / job.parts.name(0)).stat().st_mtime_ns == before


def test_a_part_that_changes_meanwhile_keeps_the_successes_of_both(job: Job, tmp_path: Path) -> None:
    carry_out(Setup(job, Echo), Echo(frozenset({"lines/3.png", "lines/5.png"})), Task(0))
    retry = Setup(job, Echo, retry=True)

    class Racing:
        """While it reads line 3, another process reads line 5 and commits it."""

        def __init__(self) -> None:
            self.raced = False

        def read(self, rows: object) -> list[Reading]:
            if not self.raced:
                self.raced = True
                carry_out(retry, Echo(frozenset({"lines/3.png"})), Task(0))
            names = [row.name for row in rows]  # type: ignore[attr-defined]
            return [Reading("late", 0.1) if name == "lines/3.png" else Reading(error="not found") for name in names]

    assert carry_out(retry, Racing(), Task(0)).errors == 0  # type: ignore[arg-type]
    rows = result_rows(tmp_path / "out")
    assert [rows[3]["rec_text"], rows[5]["rec_text"]] == ["late", "text of lines/5.png"]
