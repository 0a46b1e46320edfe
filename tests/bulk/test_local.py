"""Worker processes that die, a driver that dies, and a result that is the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support.bulk import Deadly, Echo, make_job, result_rows, write_manifest

from ocrx.bulk.job import Job
from ocrx.bulk.local import run_locally
from ocrx.bulk.parts import PartSums, Summary
from ocrx.bulk.schedule import Schedule
from ocrx.bulk.work import SKIPPED, Reader, Setup, carry_out
from ocrx.errors import LostProcessError, ModelError

TESTS = Path(__file__).parents[1]


def read(job: Job, open_reader: Callable[[], Reader], workers: int = 2) -> Summary:
    sums = PartSums()
    run_locally(Setup(job, open_reader), Schedule(range(job.manifest.shards), job.manifest.size), sums.add, workers)
    total = job.finish(job.own_shards(), sums)
    assert total is not None
    return total


def undisturbed(source: Path, output: Path, size: int = 10) -> Summary:
    from ocrx.bulk.schedule import Task

    job = make_job(source, output, shard_size=size)
    return sum((carry_out(Setup(job, Echo), Echo(), Task(shard)) for shard in range(job.manifest.shards)), Summary())


def dead(process: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def children(process: int) -> list[int]:
    """Processes that a process has started, without multiprocessing's own."""
    found = Path(f"/proc/{process}/task/{process}/children")
    numbers = [int(number) for number in found.read_text().split()] if found.exists() else []
    return [n for n in numbers if b"spawn_main" in _command(n)]


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def test_processes_read_what_one_reads(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 95)
    assert read(make_job(source, tmp_path / "out"), Echo) == undisturbed(source, tmp_path / "alone")
    assert [row["id"] for row in result_rows(tmp_path / "out")] == [f"id-{number}" for number in range(95)]


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 50)
    notes = tmp_path / "notes"
    notes.mkdir()
    once = frozenset({"lines/3.png", "lines/27.png"})
    found = read(make_job(source, tmp_path / "out"), partial(Deadly, once=once, notes=notes))
    assert found == undisturbed(source, tmp_path / "alone")
    assert sorted(note.read_text() for note in notes.iterdir()) == ["xx", "xx"]


def test_lines_that_kill_become_error_rows_and_the_others_are_read(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 130)
    job = make_job(source, tmp_path / "out", shard_size=65)
    assert read(job, partial(Deadly, lines=frozenset({"lines/60.png", "lines/70.png"}))).errors == 2
    rows = result_rows(tmp_path / "out")
    assert [row["id"] for row in rows] == [f"id-{number}" for number in range(130)]
    assert {row["id"]: row["error"] for row in rows if row["error"]} == {"id-60": SKIPPED, "id-70": SKIPPED}


def test_what_a_worker_cannot_go_on_without_is_raised(tmp_path: Path) -> None:
    job = make_job(write_manifest(tmp_path / "lines.csv", 20), tmp_path / "out")
    with pytest.raises(ModelError, match="no such model") as caught:
        read(job, no_model)
    assert caught.value.hint == "train one"
    with pytest.raises(LostProcessError, match="3 processes, one after the other, ended with exit code 3 before"):
        read(job, ending)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        read(job, failing)


def no_model() -> Reader:
    raise ModelError("no such model", hint="train one")


def ending() -> Reader:
    os._exit(3)


def failing() -> Reader:
    raise ZeroDivisionError


DRIVER = """
import sys
from functools import partial
from pathlib import Path
from support.bulk import Slow, make_job
from ocrx.bulk.local import run_locally
from ocrx.bulk.schedule import Schedule
from ocrx.bulk.work import Setup

def main():
    job = make_job(Path(sys.argv[1]), Path(sys.argv[2]), shard_size=int(sys.argv[4]))
    survey = job.survey(job.own_shards(), lambda done, total: None)
    reader = partial(Slow, float(sys.argv[3]))
    run_locally(Setup(job, reader), Schedule(survey.missing, job.manifest.size), survey.sums.add, 2)
    job.finish(job.own_shards(), survey.sums)

if __name__ == "__main__":
    main()
"""


def start_driver(tmp_path: Path, source: Path, seconds: float, size: int) -> subprocess.Popen[bytes]:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    paths = [str(TESTS), str(TESTS.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, str(script), str(source), str(tmp_path / "out"), str(seconds), str(size)]
    return subprocess.Popen(command, env=environment)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the processes")
def test_workers_end_with_their_driver_and_the_next_run_goes_on(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 60)
    driver = start_driver(tmp_path, source, 600.0, 10)
    try:
        wait_for(lambda: len(children(driver.pid)) == 2 or driver.poll() is not None, "no workers")
        workers = children(driver.pid)
        assert len(workers) == 2
    finally:
        driver.kill()
        driver.wait()
    wait_for(lambda: all(dead(worker) for worker in workers), "workers live on")

    assert read(make_job(source, tmp_path / "out"), Echo) == undisturbed(source, tmp_path / "alone")


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the processes")
def test_random_kills_of_workers_and_drivers_change_nothing(tmp_path: Path) -> None:
    """The driver is killed three times, each time after some parts; workers at random in between."""
    source = write_manifest(tmp_path / "lines.csv", 400)
    chance = random.Random(5)
    for round_number in range(4):
        driver = start_driver(tmp_path, source, 0.01, 20)
        target = 4 * (round_number + 1)

        def enough(driver: subprocess.Popen[bytes] = driver, target: int = target) -> bool:
            running = children(driver.pid)
            if running and chance.random() < 0.03:
                os.kill(chance.choice(running), signal.SIGKILL)
            return driver.poll() is not None or (target < 16 and len(list(tmp_path.glob("out/part-*"))) >= target)

        try:
            wait_for(enough, "no progress")
        finally:
            driver.kill()
            driver.wait()

    assert (tmp_path / "out" / "_SUCCESS").exists()
    job = make_job(source, tmp_path / "out", shard_size=20)
    survey = job.survey(job.own_shards(), lambda done, total: None)
    assert survey.missing == []
    assert survey.sums.total == undisturbed(source, tmp_path / "alone", 20)


def test_two_processes_that_read_the_same_shards_agree(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / "lines.csv", 60)
    both = [start_driver(tmp_path, source, 0.005, 10) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    job = make_job(source, tmp_path / "out")
    assert job.survey(job.own_shards(), lambda done, total: None).sums.total == undisturbed(source, tmp_path / "alone")
    assert [row["id"] for row in result_rows(tmp_path / "out")] == [f"id-{number}" for number in range(60)]
