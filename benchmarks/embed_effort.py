"""What ``--effort high`` gains and costs: python benchmarks/embed_effort.py [--data ../shared/data]

Prints a Markdown table: exact lines and CER of sets, each read by the embedded model of its script, with normal and
with high effort; the share of lines that are read twice; and the processor time of a line on one thread. The two
efforts take turns, twice, and the fastest run of each counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from ocrx import DecodeOptions, create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.second_reading import LOW_SCORE
from ocrx.text.metrics import compute_metrics

ROOT = Path(__file__).resolve().parents[1]
CYRILLIC = ("ru", "uk", "bg", "sr")
ROUNDS = 2
# Set, first letters of its files, model.
ROWS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("sroie_lines", (), "printed_latin"),
    ("sroie_lines", (), "printed_en"),
    ("print_multi", ("en",), "printed_latin"),
    ("print_multi", ("other Latin",), "printed_latin"),
    ("print_multi", CYRILLIC, "printed_cyrillic"),
    ("print_multi", ("el",), "printed_greek"),
    ("typewritten_cs_sk", (), "printed_latin"),
    ("captcha_v2", (), "printed_latin"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    data = parser.parse_args().data
    print("| lines | model | normal | high | read twice | ms a line: normal, high |\n|---|---|---|---|---|---|")
    for name, prefixes, model_name in ROWS:
        samples = [sample for sample in read_dataset(data / name).val if chosen(sample, prefixes)]
        normal = create_model(model_name, device="cpu", threads=1)
        high = normal.with_options(DecodeOptions(effort="high"))
        texts, milliseconds = read_in_turn((normal, high), samples)
        paths = normal.with_options(DecodeOptions(beam=1)).predict([sample.image for sample in samples])
        twice = sum(path.min_score < LOW_SCORE for path in paths) / len(samples)
        cells = " | ".join(accuracy(samples, read, fold=name == "sroie_lines") for read in texts)
        lines = f"{name} {' '.join(prefixes)}".strip()
        print(
            f"| {lines} ({len(samples)}) | {model_name} | {cells} | {100 * twice:.0f} % "
            f"| {milliseconds[0]:.2f}, {milliseconds[1]:.2f} |",
            flush=True,
        )


def chosen(sample: Sample, prefixes: Sequence[str]) -> bool:
    code = sample.image.name[:2]
    if "other Latin" in prefixes:
        return code not in ("en", "el", *CYRILLIC)
    return not prefixes or code in prefixes


def read_in_turn(models: Sequence[Recognizer], samples: Sequence[Sample]) -> tuple[list[list[str]], list[float]]:
    """The texts of each model, and its processor time a line in milliseconds."""
    images = [sample.image for sample in samples]
    texts: list[list[str]] = [[] for _ in models]
    fastest = [float("inf")] * len(models)
    for _ in range(ROUNDS):
        for number, model in enumerate(models):
            start = time.process_time()
            texts[number] = [result.text for result in model.predict(images, batch_size=8)]
            fastest[number] = min(fastest[number], (time.process_time() - start) / len(images) * 1e3)
    return texts, fastest


def accuracy(samples: Sequence[Sample], texts: Sequence[str], fold: bool) -> str:
    metrics = compute_metrics((sample.text, text) for sample, text in zip(samples, texts, strict=True))
    exact, cer = (metrics.accuracy_ci, metrics.cer_ci) if fold else (metrics.accuracy, metrics.cer)
    return f"{100 * exact:.1f} / {100 * cer:.2f}"


if __name__ == "__main__":
    main()
