"""Bulk reading under attack, and what it costs beside the reading itself.

    python benchmarks/bulk.py overhead --rows 10000000 --work DIR
    python benchmarks/bulk.py kill IMAGES... --lines 200000 --shard-size 500 --kill-every 30 --work DIR
    python benchmarks/bulk.py array IMAGES... --lines 20000 --shard-size 500 --work DIR
    python benchmarks/bulk.py cluster IMAGES... --lines 20000 --shard-size 500 --work DIR

``overhead``: a manifest with an id column and a reader that costs nothing: rows a second, peak memory, files.
``kill``: an undisturbed run of one process; then workers are killed at random, every ``--kill-every`` seconds on
average, and the driver three times. ``array``: two processes with a half each, and two with the same shards at once.
``cluster``: four raylets of Ray on this machine, two removed while it runs, one added. Each prints the digests, which
must be equal, and the lines a second and worker. IMAGES are folders; their images are repeated under other ids.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ocrx.bulk.job import JobRequest, prepare_job
from ocrx.bulk.local import run_locally
from ocrx.bulk.locations import files_below
from ocrx.bulk.parts import PartSums
from ocrx.bulk.rows import Reading, Row
from ocrx.bulk.schedule import Schedule
from ocrx.bulk.work import Setup
from ocrx.imaging.reading import IMAGE_SUFFIXES
from ocrx.process import peak_mib


class Free:
    """Reads nothing."""

    def read(self, rows: Iterable[Row]) -> Iterator[Reading]:
        for _ in rows:
            yield Reading("a line of text", 0.9876, 0.9)


def write_manifest(path: Path, images: Iterable[str], count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "id"])
        writer.writerows((image, f"line-{number:09}") for number, image in enumerate(islice(images, count)))


def overhead(arguments: argparse.Namespace) -> None:
    """Rows a second and peak memory where reading costs nothing."""
    work: Path = arguments.work
    manifest, output = work / "lines.csv", work / "free"
    write_manifest(manifest, (f"scans/{number:09}.png" for number in range(arguments.rows)), arguments.rows)
    shutil.rmtree(output, ignore_errors=True)
    request = JobRequest(str(manifest), str(output), {"model": "free"}, arguments.shard_size, arguments.format)

    times = [time.monotonic()]
    cpu = [sum(os.times()[:4])]

    def mark() -> None:
        times.append(time.monotonic())
        cpu.append(sum(os.times()[:4]))

    job = prepare_job(request)
    mark()
    sums = PartSums()
    run_locally(Setup(job, Free), Schedule(range(job.manifest.shards), job.manifest.size), sums.add, arguments.workers)
    job.finish(job.own_shards(), sums)
    mark()
    again = prepare_job(request)
    survey = again.survey(again.own_shards(), lambda done, total: None)
    mark()

    assert survey.sums.total == sums.total
    assert sums.total.rows == arguments.rows
    for name, index in (("check of the manifest", 0), ("reading", 1), ("verification at a restart", 2)):
        seconds, used = times[index + 1] - times[index], cpu[index + 1] - cpu[index]
        print(f"{name}: {seconds:.0f} s ({arguments.rows / seconds:,.0f} rows/s), {used:.0f} s of processor time")
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    parts = list(output.glob("part-*"))
    size = sum(path.stat().st_size for path in parts)
    print(f"peak memory: driver {peak_mib():.0f} MiB, largest worker {workers:.0f} MiB")
    print(f"{len(parts):,} parts, {size / 2**20:,.0f} MiB; {sums.total.to_dict()}")


def command(arguments: argparse.Namespace, manifest: Path, output: Path, *options: str) -> list[str]:
    base = [sys.executable, "-m", "ocrx", "bulk", str(manifest), "--output", str(output), "--threads", "1"]
    return [*base, "--shard-size", str(arguments.shard_size), *options]


def success(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "_SUCCESS").read_text())
    return found


def prepared(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """The manifest, and the result of an undisturbed run of one worker."""
    work: Path = arguments.work
    images = sorted(
        os.path.abspath(name)  # noqa: PTH100  # links stay, as in ocrx.bulk.locations
        for folder in arguments.images
        for name in files_below(folder)
        if name.lower().endswith(IMAGE_SUFFIXES)
    )
    manifest, alone = work / "lines.csv", work / "alone"
    write_manifest(manifest, cycle(images), arguments.lines)
    shutil.rmtree(alone, ignore_errors=True)
    begin = time.monotonic()
    subprocess.run(command(arguments, manifest, alone, "--workers", "1"), check=False)
    show("undisturbed, one worker", alone, time.monotonic() - begin, 1)
    return manifest, alone


def show(name: str, output: Path, seconds: float, workers: int) -> None:
    found = success(output)
    rate = found["rows"] / seconds / workers
    print(f"{name}: {seconds:.0f} s, {rate:.1f} lines/s and worker; {found}", flush=True)


def verify(arguments: argparse.Namespace, alone: Path, output: Path) -> None:
    """Every id exactly once, and the digest of the undisturbed run."""
    ids = [value for part in sorted(output.glob("part-*")) for value in pq.read_table(part).column("id").to_pylist()]
    assert ids == [f"line-{number:09}" for number in range(arguments.lines)], "ids"
    for key in ("rows", "errors", "digest"):
        assert success(alone)[key] == success(output)[key], key
    print(f"{output.name}: every id exactly once, digest equal\n", flush=True)


def workers_of(driver: int) -> list[int]:
    children = Path(f"/proc/{driver}/task/{driver}/children")
    try:
        numbers = [int(number) for number in children.read_text().split()]
        return [n for n in numbers if b"spawn_main" in Path(f"/proc/{n}/cmdline").read_bytes()]
    except OSError:
        return []


def wait_for_end(processes: Iterable[int]) -> float:
    """Seconds until processes have ended."""
    begin = time.monotonic()
    waiting = list(processes)
    while waiting:
        time.sleep(0.01)
        waiting = [
            process
            for process in waiting
            if Path(f"/proc/{process}/cmdline").exists() and Path(f"/proc/{process}/cmdline").read_bytes()
        ]
    return time.monotonic() - begin


def kill(arguments: argparse.Namespace) -> None:
    """Workers killed at random, and the driver three times."""
    manifest, alone = prepared(arguments)
    output = arguments.work / "killed"
    shutil.rmtree(output, ignore_errors=True)
    chance = random.Random(1)
    shards = -(-arguments.lines // arguments.shard_size)
    workers_killed, begin = 0, time.monotonic()

    for run in range(1, 5):
        target = shards * run // 4 if run < 4 else shards + 1
        driver = subprocess.Popen(command(arguments, manifest, output, "--workers", str(arguments.workers)))
        next_kill = time.monotonic() + chance.expovariate(1 / arguments.kill_every)
        while driver.poll() is None and len(list(output.glob("part-*"))) < target:
            time.sleep(0.05)
            if time.monotonic() > next_kill and (found := workers_of(driver.pid)):
                os.kill(chance.choice(found), signal.SIGKILL)
                workers_killed += 1
                next_kill = time.monotonic() + chance.expovariate(1 / arguments.kill_every)
        if driver.poll() is None:
            orphans = workers_of(driver.pid)
            driver.kill()
            driver.wait()
            print(f"driver killed; its workers ended after {wait_for_end(orphans):.1f} s", flush=True)

    name = f"{workers_killed} workers and 3 drivers killed, {arguments.workers} workers"
    show(name, output, time.monotonic() - begin, arguments.workers)
    verify(arguments, alone, output)


def array(arguments: argparse.Namespace) -> None:
    """Two halves at once, and the same shards by two processes at once."""
    manifest, alone = prepared(arguments)
    for name, shards in (("halves", ("0/2", "1/2")), ("twice", ("0/1", "0/1"))):
        output = arguments.work / name
        shutil.rmtree(output, ignore_errors=True)
        begin = time.monotonic()
        both = [
            subprocess.Popen(command(arguments, manifest, output, "--workers", "1", "--shard", shard))
            for shard in shards
        ]
        for process in both:
            process.wait()
        show(name, output, time.monotonic() - begin, 2)
        verify(arguments, alone, output)


def cluster(arguments: argparse.Namespace) -> None:
    """Four raylets; two are removed while the job runs, and one is added."""
    from ray.cluster_utils import Cluster

    from ocrx.config import config_from_options
    from ocrx.modes.bulk import BulkOptions, run

    manifest, alone = prepared(arguments)
    output = arguments.work / "cluster"
    shutil.rmtree(output, ignore_errors=True)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(4):
        nodes.add_node(num_cpus=1)

    def remove() -> None:
        nodes.remove_node(sorted(nodes.worker_nodes, key=str)[0], allow_graceful=False)
        print("a node was removed", flush=True)

    def add() -> None:
        nodes.add_node(num_cpus=1)
        print("a node was added", flush=True)

    steps: list[tuple[float, Callable[[], None]]] = [(0.2, remove), (0.4, remove), (0.6, add)]

    def progress(done: int, total: int) -> None:
        if steps and done >= steps[0][0] * total:
            steps.pop(0)[1]()

    begin = time.monotonic()
    config = config_from_options({"Global.threads": 1})
    options = BulkOptions(str(manifest), str(output), ray=nodes.address, shard_size=arguments.shard_size)
    run(config, options, progress, partial(print, flush=True))
    show("Ray, four nodes", output, time.monotonic() - begin, 4)
    nodes.shutdown()
    verify(arguments, alone, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    for work in (overhead, kill, array, cluster):
        kind = kinds.add_parser(work.__name__)
        kind.set_defaults(work_on=work)
        kind.add_argument("--work", type=Path, required=True, help="folder for manifests and results")
        kind.add_argument("--workers", type=int, default=2)
        if work is overhead:
            kind.add_argument("--rows", type=int, default=10_000_000)
            kind.add_argument("--shard-size", type=int, default=2000)
            kind.add_argument("--format", default="parquet")
        else:
            kind.add_argument("images", nargs="+", help="folders of line images")
            kind.add_argument("--lines", type=int, default=200_000)
            kind.add_argument("--shard-size", type=int, default=500)
            kind.add_argument("--kill-every", type=float, default=30.0)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    arguments.work_on(arguments)


if __name__ == "__main__":
    main()
