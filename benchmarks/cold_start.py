"""A whole process that reads one line: wall time, processor time, peak memory; best and median of several.

python benchmarks/cold_start.py line.png [--model M] [--runs 10]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time


def run(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds, peak MiB of one process."""
    start = time.perf_counter()
    process = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
    )
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)}: failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--model")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    command = [sys.executable, "-m", "ocrx", "predict", given.image, *(["-m", given.model] if given.model else [])]
    runs = [run(command) for _ in range(given.runs)]
    print("| | wall s | processor s | peak MiB |\n|---|---|---|---|")
    for name, choose in (("best", min), ("median", statistics.median)):
        print(f"| {name} | " + " | ".join(f"{choose(column):.2f}" for column in zip(*runs, strict=True)) + " |")


if __name__ == "__main__":
    main()
