"""How fast lines are rendered: python benchmarks/synth_speed.py [--lines 12000] [--processes 2] [--profile]

First rendered only, as a training on the fly has them, then by ``ocrx synth``, which starts, renders and writes PNG
files; ``ocrx synth`` runs twice with a cache of its own: the first run finds out which characters each face has.
Seconds of the processor, all processes together, stand beside the lines per second, for machines that are busy with
other work. ``--profile`` shows where the time of one process goes instead.
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ocrx.config import SynthConfig
from ocrx.inference.tuned_settings import machine
from ocrx.synth.generator import LineGenerator

_WARM_UP = 1000  # lines


class _Worker:
    generator: LineGenerator


def _start() -> None:
    _Worker.generator = LineGenerator(SynthConfig(), seed=1)
    _render(range(10**6, 10**6 + _WARM_UP))


def _render(numbers: range) -> tuple[int, float]:
    """Number of lines, and seconds of the processor."""
    start = time.process_time()
    for number in numbers:
        _Worker.generator.line(number, boxes=False)
    return len(numbers), time.process_time() - start


def rendered(lines: int, processes: int) -> str:
    """Speed without the start of the processes."""
    with multiprocessing.get_context("spawn").Pool(processes, _start) as pool:
        pool.map(_render, [range(1)] * 4 * processes, chunksize=1)
        start = time.perf_counter()
        done = list(pool.imap(_render, [range(i, min(i + 64, lines)) for i in range(0, lines, 64)]))
        return _speed(lines, time.perf_counter() - start, sum(seconds for _, seconds in done))


def written(lines: int, processes: int) -> str:
    """Speed of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ocrx", "synth", "--output", f"{folder}/lines", "--count", str(lines)]
        start, before = time.perf_counter(), os.times()
        subprocess.run([*command, "-o", f"Synth.workers={processes}"], check=True, capture_output=True)
        wall, after = time.perf_counter() - start, os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return _speed(lines, wall, used)


def _speed(lines: int, wall: float, used: float) -> str:
    return f"{lines / wall:.0f} lines/s, {1000 * used / lines:.2f} ms of the processor per line"


def profile(lines: int) -> None:
    """Where the time goes, after the warm-up."""
    _start()
    profiler = cProfile.Profile()
    profiler.runcall(_render, range(lines))
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


@contextmanager
def own_cache() -> Iterator[None]:
    """A cache that is empty at first."""
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["XDG_CACHE_HOME"]
            else:
                os.environ["XDG_CACHE_HOME"] = before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=12000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    if given.profile:
        profile(given.lines)
        return

    print(f"{given.lines} lines, {given.processes} processes, {machine()}")
    with own_cache():
        print(f"ocrx synth, start and files included, first run: {written(given.lines, given.processes)}")
        print(f"ocrx synth, start and files included: {written(given.lines, given.processes)}")
        print(f"rendered only: {rendered(given.lines, given.processes)}")


if __name__ == "__main__":
    main()
