"""What ``--lang auto`` costs and how often it errs: python benchmarks/embed_auto.py [--data ../shared/data]

Prints a Markdown table: exact lines of ``print_multi`` by script and of receipts (``sroie_lines`` val, case ignored),
read by the default model, by the model of the script and by ``auto``, the share of lines that ``auto`` gives to another
model, and the processor time of a line on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ocrx import create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.inference.results import Prediction
from ocrx.zoo.embedded import DEFAULT, other_scripts

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = {"el": "Greek", "ru": "Cyrillic", "uk": "Cyrillic", "bg": "Cyrillic", "sr": "Cyrillic"}
MODELS = {"Greek": "printed_greek", "Cyrillic": "printed_cyrillic"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    data = parser.parse_args().data

    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in read_dataset(data / "print_multi").val:
        groups[SCRIPTS.get(sample.image.name[:2], "Latin")].append(sample)
    groups["receipts"] = list(read_dataset(data / "sroie_lines").val)

    print("| lines | default | model of the script | auto | given to another model | ms a line: default, auto |")
    print("|---|---|---|---|---|---|")
    for name, samples in groups.items():
        own = MODELS.get(name, DEFAULT)
        default, first_ms = read(None, samples)
        automatic, auto_ms = read("auto", samples)
        right = [accuracy(found, samples, fold=name == "receipts") for found in (default, automatic)]
        alone = accuracy(read(own, samples)[0], samples) if own in other_scripts() else right[0]
        moved = sum(found.model != DEFAULT for found in automatic) / len(samples)
        shares = " | ".join(f"{100 * share:.1f} %" for share in (right[0], alone, right[1], moved))
        print(f"| {name} ({len(samples)}) | {shares} | {first_ms:.1f}, {auto_ms:.1f} |", flush=True)


def read(model: str | None, samples: Sequence[Sample]) -> tuple[list[Prediction], float]:
    """The predictions of a model, or of ``auto``, and the processor time of a line in milliseconds."""
    automatic = model == "auto"
    reader = create_model(None if automatic else model, lang="auto" if automatic else None, device="cpu", threads=1)
    images = [sample.image for sample in samples]
    list(reader.predict(images[:32], batch_size=8))  # models are opened, language models read
    start = time.process_time()
    found = list(reader.predict(images, batch_size=8))
    return found, (time.process_time() - start) / len(samples) * 1e3


def accuracy(found: Sequence[Prediction], samples: Sequence[Sample], fold: bool = False) -> float:
    """The share of lines read exactly."""
    pairs = [(result.text, sample.text) for result, sample in zip(found, samples, strict=True)]
    return sum(a.casefold() == b.casefold() if fold else a == b for a, b in pairs) / len(pairs)


if __name__ == "__main__":
    main()
