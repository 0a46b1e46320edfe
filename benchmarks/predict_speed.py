"""Lines per second from files, ocrx and other readers in turn on the same images: a table in Markdown.

    python benchmarks/predict_speed.py ../shared/data/sroie_lines [--model M]... [--lines 200] [--rounds 3]

Every reader is a fresh process in every round; its start and some lines of warm-up do not count. The rounds interleave
the readers, so that a busy moment of the machine does not hit one of them alone; the median counts. Processor time
also compares readers fairly where the machine is busy. Other readers run in the environments that ``--peer-python`` or
the variable OCRX_PEER_PYTHONS names, see ``peers.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from peers import TESSERACT, TITLES, WARM_UP, Reading, find_peers, read_peer, read_tesseract

from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.inference.tuned_settings import machine
from ocrx.text.metrics import compute_metrics

_OCRX = """
import json, sys, time
from ocrx import create_model
paths, model, backend, threads, batch_size, precision = json.load(sys.stdin)
reader = create_model(model, backend=backend, device="cpu", threads=threads, precision=precision)
list(reader.predict(paths[:WARM_UP]))
start, used = time.perf_counter(), time.process_time()
texts = [result.text for result in reader.predict(paths, batch_size=batch_size)]
print("RESULT" + json.dumps([texts, time.perf_counter() - start, time.process_time() - used]))
""".replace("WARM_UP", str(WARM_UP))

Reader = Callable[[Sequence[Path]], "Reading | None"]


@dataclass
class Measured:
    """A reader's seconds in each round and its share of exact lines, or why it could not read."""

    title: str
    seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)
    exact: float = 0.0
    failure: str | None = None

    def ms_per_line(self, lines: int) -> float:
        """Wall time, median over the rounds."""
        return statistics.median(self.seconds) / lines * 1000

    def processor_ms_per_line(self, lines: int) -> float:
        """Processor time, median over the rounds."""
        return statistics.median(self.processor_seconds) / lines * 1000


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and largest ratio of the same round: how many times less we need."""
    ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def read_ocrx(
    images: Sequence[Path], model: str | None, backend: str, threads: int, batch_size: int, precision: str
) -> Reading:
    """ocrx in a process of its own."""
    job = json.dumps([[str(image) for image in images], model, backend, threads, batch_size, precision])
    done = subprocess.run([sys.executable, "-c", _OCRX], input=job, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    if line is None:
        raise RuntimeError(f"ocrx failed: {done.stderr[-800:]}")
    return Reading(*json.loads(line.removeprefix("RESULT")))


def own_readers(
    models: Sequence[str | None], backends: Sequence[str], threads: int, batch_sizes: Sequence[int] = (1, 8)
) -> dict[str, Reader]:
    """ocrx in every setting (``onnx``, ``openvino:bf16``), by its title."""
    found: dict[str, Reader] = {}
    for model in models:
        for setting in backends:
            backend, _, precision = setting.partition(":")
            for batch_size in batch_sizes:
                title = f"ocrx {Path(model).name if model else 'default'}, {setting}, batch {batch_size}"
                found[title] = partial(
                    read_ocrx,
                    model=model,
                    backend=backend,
                    threads=threads,
                    batch_size=batch_size,
                    precision=precision or "fp32",
                )
    return found


def peer_readers(pythons: Mapping[str, Path], threads: int) -> dict[str, Reader]:
    """The other readers, by title; Tesseract reads a line with one thread only."""
    found: dict[str, Reader] = {
        TITLES[name]: partial(read_peer, name, python, threads=threads) for name, python in pythons.items()
    }
    if threads == 1:
        found[TITLES[TESSERACT]] = read_tesseract
    return found


def measure(samples: Sequence[Sample], readers: Mapping[str, Reader], rounds: int) -> dict[str, Measured]:
    """Read the samples with all readers in turn, ``rounds`` times; a reader that fails is not asked again."""
    images = [sample.image for sample in samples]
    measured = {title: Measured(title) for title in readers}
    for _ in range(rounds):
        for title, read in readers.items():
            entry = measured[title]
            if entry.failure is not None:
                continue
            try:
                reading = read(images)
            except RuntimeError as error:
                entry.failure = str(error).strip().splitlines()[-1]
                continue
            if reading is None:
                entry.failure = "not installed"
                continue
            entry.seconds.append(reading.seconds)
            entry.processor_seconds.append(reading.processor_seconds)
            pairs = [(sample.text, text) for sample, text in zip(samples, reading.texts, strict=True)]
            entry.exact = compute_metrics(pairs).accuracy_ci
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", action="append", help="model folder or name; repeatable; default: the embedded one")
    parser.add_argument("--backend", action="append", help="onnx, openvino, openvino:bf16 …; repeatable")
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch-size", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--peer-python", type=Path, action="append", help="Python with other readers; repeatable")
    given = parser.parse_args()
    samples = read_dataset(given.dataset).val[: given.lines]
    print(f"{len(samples)} lines of {given.dataset.name}, {given.rounds} rounds, {machine()}\n")
    print(
        "| reader | threads | lines/s | ms per line | of processor time | exact, any case |\n|---|---|---|---|---|---|"
    )
    pythons = find_peers(given.peer_python or [])
    for threads in given.threads:
        own = own_readers(given.model or [None], given.backend or ["onnx"], threads, given.batch_size)
        measured = measure(samples, own | peer_readers(pythons, threads), given.rounds)
        for entry in sorted(measured.values(), key=lambda entry: sum(entry.seconds)):
            if entry.failure is None:
                middle = entry.ms_per_line(len(samples))
                used = entry.processor_ms_per_line(len(samples))
                rate = f"{1000 / middle:.0f} | {middle:.2f} | {used:.2f}"
                print(f"| {entry.title} | {threads} | {rate} | {entry.exact:.1%} |")
        for entry in measured.values():
            if entry.failure is not None:
                print(f"\n{entry.title}: not measured ({entry.failure})")


if __name__ == "__main__":
    main()
