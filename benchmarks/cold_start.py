"""A whole process that reads one line: wall time, processor time, peak memory; medians, beside what it cannot avoid.

python benchmarks/cold_start.py line.png [--model M] [--runs 10]

Three commands in turn: ``ocrx predict``, Python that only imports NumPy, ONNX Runtime and Pillow, and Tesseract where
it is installed. Modules are read as compiled by an earlier start, as in an installed package. The peak of a process
counts from that of the process that starts it, so a large script has to run this one as a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

_IMPORTS = "import numpy, onnxruntime; from PIL import Image"
BARE = "Python with NumPy, ONNX Runtime, Pillow"
OCRX = "ocrx predict"

Cost = tuple[float, float, float]


def run(command: list[str], environment: Mapping[str, str]) -> Cost:
    """Wall seconds, processor seconds, peak MiB of one process."""
    start = time.perf_counter()
    process = os.posix_spawn(
        command[0],
        command,
        environment,
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


def commands(image: str, model: str | None = None) -> dict[str, list[str]]:
    """What is started, by title."""
    chosen = ["-m", model] if model else []
    found = {
        OCRX: [sys.executable, "-m", "ocrx", "predict", image, *chosen],
        BARE: [sys.executable, "-c", _IMPORTS],
    }
    tesseract = shutil.which("tesseract")
    if tesseract is not None:
        found["Tesseract"] = [tesseract, image, "stdout", "--psm", "7"]
    return found


def measure(image: str, model: str | None, runs: int) -> Mapping[str, list[Cost]]:
    """Start all commands in turn, ``runs`` times; one start of each before does not count."""
    costs: dict[str, list[Cost]] = {title: [] for title in commands(image, model)}
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for number in range(runs + 1):
            for title, command in commands(image, model).items():
                cost = run(command, environment)
                if number:
                    costs[title].append(cost)
    return costs


def medians(costs: Sequence[Cost]) -> Cost:
    """The median of each column."""
    wall, processor, memory = (statistics.median(column) for column in zip(*costs, strict=True))
    return wall, processor, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--model")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="every start, for another script")
    given = parser.parse_args()
    if given.json:
        print(json.dumps(measure(given.image, given.model, given.runs)))
        return
    print("| process | wall s | processor s | peak MiB |\n|---|---|---|---|")
    for title, costs in measure(given.image, given.model, given.runs).items():
        wall, processor, memory = medians(costs)
        print(f"| {title} | {wall:.3f} | {processor:.3f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
