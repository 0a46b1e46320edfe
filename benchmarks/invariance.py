"""Does a text depend on the batch, the order or the runtime? Every validation line of every given dataset.

    python benchmarks/invariance.py ../shared/data/*/ [--model M] [--lines 0] [--backend torch --backend onnx …]

Batch sizes 1, 7 and 64 and shuffled orders must give the same texts, and scores within 1e-4. Between runtimes, texts
must be equal wherever the two best classes of every frame are more than 1e-3 apart.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ocrx.backends import open_backend
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError
from ocrx.imaging.preparation import prepare
from ocrx.imaging.reading import read_image
from ocrx.inference.discovery import find_model
from ocrx.inference.inputs import ImageInput
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.results import Prediction

BATCH_SIZES = (1, 7, 64)
SCORE_TOLERANCE = 1e-4
MARGIN = 1e-3


def items(images: Sequence[Path]) -> list[ImageInput]:
    return [ImageInput(partial(read_image, image), str(image)) for image in images]


def margin(recognizer: Recognizer, image: Path) -> float:
    """Least distance of the two best probabilities over the frames of a line."""
    planes, _ = prepare(read_image(image), recognizer.spec.image)
    logits = recognizer.backend.logits(planes[None])[0].astype(np.float64)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    best = np.sort(probabilities, axis=1)[:, -2:]
    return float((best[:, 1] - best[:, 0]).min())


def compare(first: Sequence[Prediction], second: Sequence[Prediction]) -> tuple[int, float]:
    """Texts that differ, and the largest difference of a score among equal texts."""
    different = sum(a.text != b.text for a, b in zip(first, second, strict=True))
    pairs = [(a.score, b.score) for a, b in zip(first, second, strict=True) if a.text == b.text]
    return different, max((abs(a - b) for a, b in pairs), default=0.0)


def check(recognizer: Recognizer, images: Sequence[Path]) -> tuple[list[Prediction], int, float]:
    """Predictions at batch size 1, and what other batch sizes and orders change."""
    alone = list(recognizer.predict_inputs(items(images), 1))
    changed, distance = 0, 0.0
    for batch_size in BATCH_SIZES[1:]:
        order = list(range(len(images)))
        random.Random(batch_size).shuffle(order)
        found = list(recognizer.predict_inputs(items([images[i] for i in order]), batch_size))
        more, most = compare([alone[i] for i in order], found)
        changed, distance = changed + more, max(distance, most)
    return alone, changed, distance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="+")
    parser.add_argument("--model")
    parser.add_argument("--backend", action="append")
    parser.add_argument("--lines", type=int, default=0, help="lines of each set; 0: all")
    given = parser.parse_args()
    folder = find_model(given.model)
    names = given.backend or ["onnx", "torch", "openvino"]
    recognizers = {name: Recognizer(open_backend(folder, name, "cpu")) for name in names}
    print(f"| set | lines | {' | '.join(f'{n}: texts, score' for n in names)} | differ between runtimes (margin) |")
    print("|---" * (len(names) + 3) + "|")
    failed = total = between = 0
    for dataset in given.dataset:
        try:
            found = read_dataset(dataset)
        except DataError:
            continue
        images = [sample.image for sample in (found.val or found.train)][: given.lines or None]
        results = {name: check(recognizer, images) for name, recognizer in recognizers.items()}
        cells = [f"{changed}, {distance:.0e}" for _, changed, distance in results.values()]
        base = results[names[0]][0]
        others = [results[name][0] for name in names[1:]]
        differing = [i for i in range(len(images)) if any(other[i].text != base[i].text for other in others)]
        margins = [margin(recognizers[names[0]], images[i]) for i in differing]
        total, between = total + len(images), between + len(differing)
        failed += sum(changed > 0 or distance > SCORE_TOLERANCE for _, changed, distance in results.values())
        failed += any(value > MARGIN for value in margins)
        largest = f" ({max(margins):.0e})" if margins else ""
        print(f"| {dataset.name} | {len(images)} | {' | '.join(cells)} | {len(differing)}{largest} |", flush=True)
    failed += between * 400 >= max(1, total) and between > 0
    print(f"\n{total} lines, {between} differ between runtimes; {'FAILED' if failed else 'all as it should be'}")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
