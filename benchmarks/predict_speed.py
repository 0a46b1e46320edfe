"""Lines per second from files, ocrx and other readers in turn on the same images: a table in Markdown.

    python benchmarks/predict_speed.py ../shared/data/sroie_lines [--model M]... [--lines 200] [--rounds 3]

Every reader is a fresh process in every round; its start and one line of warm-up do not count. The rounds interleave
the readers, so that a busy moment of the machine does not hit one of them alone; the median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from peers import TITLES, Reading, environments, read_rapidocr, read_tesseract

from ocrx.data.formats.layouts import read_dataset
from ocrx.inference.tuned_settings import machine
from ocrx.text.metrics import compute_metrics

_OCRX = """
import json, sys, time
from ocrx import create_model
paths, model, backend, threads, batch_size, precision = json.load(sys.stdin)
reader = create_model(model, backend=backend, device="cpu", threads=threads, precision=precision)
list(reader.predict(paths[0]))
start = time.perf_counter()
texts = [result.text for result in reader.predict(paths, batch_size=batch_size)]
print("RESULT" + json.dumps([texts, time.perf_counter() - start]))
"""

Reader = Callable[[Sequence[Path]], "Reading | None"]


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


def readers(
    models: Sequence[str | None], backends: Sequence[str], threads: int, peers: Path | None
) -> dict[str, Reader]:
    """Every reader by its title."""
    found: dict[str, Reader] = {}
    for model in models:
        for setting in backends:
            backend, _, precision = setting.partition(":")
            for batch_size in (1, 8):
                title = f"ocrx {Path(model).name if model else 'default'}, {setting}, batch {batch_size}"
                found[title] = partial(
                    read_ocrx,
                    model=model,
                    backend=backend,
                    threads=threads,
                    batch_size=batch_size,
                    precision=precision or "fp32",
                )
    if peers is not None:
        for name, python in environments(peers).items():
            found[TITLES[name]] = partial(read_rapidocr, name, python, threads=threads)
        if threads == 1:
            found[TITLES["tesseract"]] = read_tesseract
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", action="append", help="model folder or name; repeatable; default: the embedded one")
    parser.add_argument("--backend", action="append", help="onnx, openvino, openvino:bf16 …; repeatable")
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peers", type=Path, help="folder for the environments of the other readers")
    given = parser.parse_args()
    samples = read_dataset(given.dataset).val[: given.lines]
    images = [sample.image for sample in samples]
    print(f"{len(images)} lines of {given.dataset.name}, {given.rounds} rounds, {machine()}\n")
    print("| reader | threads | lines/s | ms per line | exact, any case |\n|---|---|---|---|---|")
    for threads in given.threads:
        chosen = readers(given.model or [None], given.backend or ["onnx"], threads, given.peers)
        seconds: dict[str, list[float]] = {title: [] for title in chosen}
        exact: dict[str, float] = {}
        for _ in range(given.rounds):
            for title, read in chosen.items():
                reading = read(images)
                if reading is None:
                    continue
                seconds[title].append(reading.seconds)
                pairs = [(sample.text, text) for sample, text in zip(samples, reading.texts, strict=True)]
                exact[title] = compute_metrics(pairs).accuracy_ci
        for title, times in sorted(seconds.items(), key=lambda entry: statistics.median(entry[1] or [0])):
            if times:
                middle = statistics.median(times) / len(images)
                print(f"| {title} | {threads} | {1 / middle:.0f} | {middle * 1000:.2f} | {exact[title]:.1%} |")


if __name__ == "__main__":
    main()
