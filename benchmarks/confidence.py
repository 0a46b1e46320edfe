"""Calibrate the confidence of an embedded model, and measure what confidence and warnings are worth.

python benchmarks/confidence.py calibrate DATASET [NAME]
    Fit the confidence on all lines of DATASET, of which the model has learned none, and write it into the package.
    `ocrx synth -c printed_en --output DATASET --count 2000 --seed 101` makes such a dataset.
python benchmarks/confidence.py measure DATA RENDERED [MODEL]
    DATA holds the sets of real lines, RENDERED is a dataset of other rendered lines. Prints tables in Markdown.

Good lines are 1,000 receipt lines (train part of sroie_lines) and 1,000 rendered lines that are read right, case
ignored. Foreign ones are 2,000 images that the model is not made for: handwriting, other scripts, lines turned by
90, 180 and 270 degrees, and pages of several lines. "Flagged" means that the result has a warning.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from ocrx import Prediction, create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.evaluation.calibration import KEPT, calibrate_model
from ocrx.evaluation.evaluate import LineResult, evaluate
from ocrx.evaluation.reliability import confidence_quality
from ocrx.imaging.reading import read_image
from ocrx.inference.discovery import find_model
from ocrx.inference.inputs import ImageInput
from ocrx.zoo.embedded import DEFAULT

FOREIGN = {
    "handwriting_en": 251,
    "handwriting_fr": 119,
    "arabic_print": 250,
    "cyrillic_print": 91,
    "greek_print": 250,
    "kannada_print": 200,
    "devanagari_typeset": 187,
    "tamil_print": 59,
    "plates_zh": 200,
}
TURNED = {90: 100, 180: 200, 270: 50}
PAGES = 43
CONFIDENCES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 1.01)


@dataclass(frozen=True)
class Foreign:
    """An image of a kind that the model is not made for."""

    kind: str
    load: Callable[[], Image.Image]


def calibrate(dataset: Path, name: str) -> None:
    """Fit the confidence of an embedded model on all lines of a dataset and store it in the package."""
    folder = find_model(name)
    lines = read_dataset(dataset)
    print(calibrate_model(folder, create_model(model_dir=folder), [*lines.train, *lines.val]))


def measure(data: Path, rendered: Path, model: str) -> None:
    """Print the tables."""
    recognizer, chance = create_model(model), random.Random(0)
    receipts = shuffled(read_dataset(data / "sroie_lines").train, chance)
    drawn = shuffled(_all_lines(rendered), chance)
    sets = {
        "receipts, train part (held-in)": receipts[:1000],
        "rendered (held-in)": drawn[:1000],
        "receipts, validation part": read_dataset(data / "sroie_lines").val,
    }
    held_in: list[LineResult] = []
    read_lines: list[LineResult] = []
    print("| lines | n | exact | Brier before → after | ECE before → after |\n|---|---|---|---|---|")
    for title, samples in sets.items():
        lines = evaluate(recognizer, samples, ignore_case=True).lines
        held_in += lines if "held-in" in title else ()
        read_lines += lines
        print_quality(title, lines)

    print_reliability(read_lines)
    images = list(foreign_images(data, receipts[1000:], drawn[1000:], chance))
    read = list(recognizer.predict_inputs(ImageInput(image.load) for image in images))
    print_flagged(held_in, images, read)


def print_quality(title: str, lines: Sequence[LineResult]) -> None:
    """One row of the first table."""
    found = confidence_quality(lines)
    assert found is not None and found.brier_confidence is not None and found.ece_confidence is not None
    exact = np.mean([line.is_right for line in lines])
    brier = f"{found.brier_score:.3f} → {found.brier_confidence:.3f}"
    print(f"| {title} | {len(lines)} | {exact:.1%} | {brier} | {found.ece_score:.3f} → {found.ece_confidence:.3f} |")


def print_reliability(lines: Sequence[LineResult]) -> None:
    """The second table: of the lines with about this confidence, the share that is right."""
    pairs = np.array([(_confidence(line.details), line.is_right) for line in lines])
    print("\n| confidence | n | mean confidence | right |\n|---|---|---|---|")
    for low, high in pairwise(CONFIDENCES):
        inside = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)]
        mean, right = inside.mean(axis=0) if len(inside) else (0.0, 0.0)
        print(f"| {low:.2f} to {min(high, 1):.2f} | {len(inside)} | {mean:.3f} | {right:.1%} |")


def print_flagged(held_in: Sequence[LineResult], images: Sequence[Foreign], read: Sequence[Prediction]) -> None:
    """The third table: the share of each kind with a warning, or with less confidence than 98 % of the good lines."""
    good = [line.details for line in held_in if line.is_right]
    wrong = [line.details for line in held_in if not line.is_right]
    threshold = float(np.quantile([_confidence(line) for line in good], 1 - KEPT))
    groups = {"good lines": good, "misread lines": wrong, "foreign images": list(read)}
    groups |= {
        kind: [result for image, result in zip(images, read, strict=True) if image.kind == kind]
        for kind in dict.fromkeys(image.kind for image in images)
    }
    print(f"\n| images | n | with a warning | confidence < {threshold:.3f} | mean score | mean confidence |")
    print("|---|---|---|---|---|---|")
    for kind, results in groups.items():
        warned = np.mean([result.warning is not None for result in results])
        below = np.mean([_confidence(result) < threshold for result in results])
        score, confidence = np.mean([result.score for result in results]), np.mean([*map(_confidence, results)])
        print(f"| {kind} | {len(results)} | {warned:.1%} | {below:.1%} | {score:.2f} | {confidence:.2f} |")

    images_alone = [_warned_of_image(result) for result in read]
    for share in (KEPT, 0.99):
        familiar = float(np.quantile([line.typical_score for line in good], 1 - share))
        flagged = [seen or result.typical_score < familiar for seen, result in zip(images_alone, read, strict=True)]
        kept = np.mean([not _warned_of_image(line) and line.typical_score >= familiar for line in good])
        rates = f"{kept:.1%} of the good lines without a warning, {np.mean(flagged):.1%} of the foreign images with one"
        print(f"\nfamiliar_score {familiar:.3f}: {rates}")


def foreign_images(
    data: Path, receipts: Sequence[Sample], rendered: Sequence[Sample], chance: random.Random
) -> Iterator[Foreign]:
    """The 2,000 images that the model is not made for."""
    for name, count in FOREIGN.items():
        for sample in shuffled(read_dataset(data / name).train, chance)[:count]:
            yield Foreign(name, partial(read_image, sample.image))

    lines = shuffled([*receipts, *rendered], chance)
    for degrees, count in TURNED.items():
        for sample in lines[:count]:
            yield Foreign(f"turned by {degrees}°", partial(turned, sample.image, degrees))
        lines = lines[count:]

    for _ in range(PAGES):
        chosen = [sample.image for sample in chance.sample(lines, chance.randint(2, 20))]
        yield Foreign("pages", partial(page, chosen, chance.randint(4, 20), chance.choice([0, 0, 1.5, -2])))


def turned(path: Path, degrees: int) -> Image.Image:
    """A line, turned counter-clockwise."""
    return read_image(path).rotate(degrees, expand=True)


def page(paths: Sequence[Path], gap: int, tilt: float) -> Image.Image:
    """Lines of 32 pixels below each other on grey paper."""
    lines = [read_image(path).convert("L") for path in paths]
    lines = [line.resize((max(1, round(line.width * 32 / line.height)), 32)) for line in lines]
    sheet = Image.new("L", (max(line.width for line in lines) + 40, len(lines) * (32 + gap) + 40), 245)
    for row, line in enumerate(lines):
        sheet.paste(line, (20, 20 + row * (32 + gap)))
    return sheet.rotate(tilt, fillcolor=245)


def shuffled(samples: Sequence[Sample], chance: random.Random) -> list[Sample]:
    """The samples in random order."""
    return chance.sample(list(samples), len(samples))


def _all_lines(dataset: Path) -> list[Sample]:
    found = read_dataset(dataset)
    return [*found.train, *found.val]


def _warned_of_image(result: Prediction) -> bool:
    """Whether a warning says something else than that the line is unlike those of the calibration."""
    own = ("unlike", "looks turned", "no characters")  # the beginnings of inference.confidence.unfamiliar_warning
    return any(not part.startswith(own) for part in (result.warning or "").split("; ") if part)


def _confidence(result: Prediction) -> float:
    assert result.confidence is not None, "calibrate the model first"
    return result.confidence


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("calibrate")
    fit.add_argument("dataset", type=Path)
    fit.add_argument("name", nargs="?", default=DEFAULT)
    show = commands.add_parser("measure")
    show.add_argument("data", type=Path)
    show.add_argument("rendered", type=Path)
    show.add_argument("model", nargs="?", default=DEFAULT)
    options = parser.parse_args()
    if options.command == "calibrate":
        calibrate(options.dataset, options.name)
    else:
        measure(options.data, options.rendered, options.model)


if __name__ == "__main__":
    main()
