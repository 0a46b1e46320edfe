"""Accuracy of an embedded model by language: python benchmarks/embed_accuracy.py [MODEL] [--data ../shared/data]

MODEL is a name or a folder, by default the embedded model. Prints Markdown tables: ``print_multi`` by language, strict,
and the validation receipts of ``sroie_lines``, case ignored; beside them the processor time of a line on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from ocrx import create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.text.metrics import Metrics, compute_metrics

ROOT = Path(__file__).resolve().parents[1]
GROUPS = {"Cyrillic": ("ru", "uk", "bg", "sr"), "Greek": ("el",), "English": ("en",)}

Pair = tuple[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options = parser.parse_args()

    languages: dict[str, list[Pair]] = defaultdict(list)
    pairs, milliseconds = read_lines(options.model, read_dataset(options.data / "print_multi").val)
    for sample, pair in pairs:
        languages[sample.image.name[:2]].append(pair)
    print(f"print_multi, {len(pairs)} lines, {milliseconds:.1f} ms of processor time a line\n")
    print("| lines | exact | CER |\n|---|---|---|")
    for name, members in group_rows(languages):
        print(row(name, compute_metrics(members), fold=False))

    pairs, milliseconds = read_lines(options.model, read_dataset(options.data / "sroie_lines").val)
    print(f"\nsroie_lines val, case ignored, {milliseconds:.1f} ms of processor time a line\n")
    print("| lines | exact | CER |\n|---|---|---|")
    print(row("receipts", compute_metrics([pair for _, pair in pairs]), fold=True))


def read_lines(model: str | None, samples: Sequence[Sample]) -> tuple[list[tuple[Sample, Pair]], float]:
    """Each sample with its label and the text read, and the processor time of a line in milliseconds."""
    reader = create_model(model, device="cpu")
    start = time.process_time()
    texts = [result.text for result in reader.predict([sample.image for sample in samples], batch_size=8)]
    milliseconds = (time.process_time() - start) / len(samples) * 1e3
    return [(sample, (sample.text, text)) for sample, text in zip(samples, texts, strict=True)], milliseconds


def group_rows(languages: dict[str, list[Pair]]) -> Iterable[tuple[str, list[Pair]]]:
    """English, the other languages in Latin script together, the other scripts, then every language."""
    grouped = {code for codes in GROUPS.values() for code in codes}
    latin = [pair for code, pairs in languages.items() if code not in grouped for pair in pairs]
    rows = {name: [pair for code in codes for pair in languages[code]] for name, codes in GROUPS.items()}
    yield "English", rows["English"]
    yield "other Latin", latin
    yield "Cyrillic", rows["Cyrillic"]
    yield "Greek", rows["Greek"]
    yield from sorted(languages.items())


def row(name: str, metrics: Metrics, fold: bool) -> str:
    accuracy, cer = (metrics.accuracy_ci, metrics.cer_ci) if fold else (metrics.accuracy, metrics.cer)
    return f"| {name} ({metrics.count}) | {100 * accuracy:.1f} % | {100 * cer:.2f} % |"


if __name__ == "__main__":
    main()
