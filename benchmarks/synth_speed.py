"""How fast lines are drawn: python benchmarks/synth_speed.py [--lines 12000] [--processes 2]

First drawn only, as a training on the fly has them, then by ``ocrx synth``, which starts, draws and writes PNG files.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time

from ocrx.config import SynthConfig
from ocrx.inference.tuned_settings import machine
from ocrx.synth.generator import LineGenerator

_WARM_UP = 1000  # lines; each process learns which faces have which characters


class _Worker:
    generator: LineGenerator


def _start() -> None:
    _Worker.generator = LineGenerator(SynthConfig(), seed=1)
    _draw(range(10**6, 10**6 + _WARM_UP))


def _draw(numbers: range) -> int:
    for number in numbers:
        _Worker.generator.line(number)
    return len(numbers)


def drawn(lines: int, processes: int) -> float:
    """Lines per second, without the start of the processes."""
    with multiprocessing.get_context("spawn").Pool(processes, _start) as pool:
        pool.map(_draw, [range(1)] * 4 * processes, chunksize=1)
        start = time.perf_counter()
        count = sum(pool.imap(_draw, [range(i, min(i + 64, lines)) for i in range(0, lines, 64)]))
        return count / (time.perf_counter() - start)


def written(lines: int, processes: int) -> float:
    """Lines per second of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "ocrx", "synth", "--output", f"{folder}/lines", "--count", str(lines)]
        subprocess.run([*command, "-o", f"Synth.workers={processes}"], check=True, capture_output=True)
        return lines / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=12000)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    print(f"{given.lines} lines, {given.processes} processes, {machine()}")
    print(f"drawn: {drawn(given.lines, given.processes):.0f} lines/s")
    print(f"ocrx synth, start and files included: {written(given.lines, given.processes):.0f} lines/s")


if __name__ == "__main__":
    main()
