"""Simulated reviewing: how early planted label errors are shown, and what corrected lines are worth to a model.

    python benchmarks/review_loop.py errors --data DIR [--sets NAME ...] [--tune]
    python benchmarks/review_loop.py learning --data DIR --output DIR [--sets NAME ...] [--epochs N]

DIR holds labelled lines (train.txt and val.txt). ``errors`` plants wrong labels in the training lines, ranks them as
`ocrx review` does with the embedded model, and counts those among the first lines; with ``--tune`` the model is first
trained on all training lines with their wrong labels. ``learning`` takes the labels of
lines that are chosen by confidence or at random as corrected, trains the model on them with the code of the Train
button, and reads the validation lines. Rows of Markdown tables go to stdout.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.evaluation.label_errors import rank_labels
from ocrx.files import read_json
from ocrx.inference.discovery import find_model
from ocrx.inference.opening import Runtime, open_recognizer
from ocrx.inference.recognizer import Recognizer
from ocrx.review.fine_tuning import TrainingLines, write_training
from ocrx.review.line_order import spread
from ocrx.review.lines import Line
from ocrx.review.ranking import Reader
from ocrx.text.metrics import compute_metrics

SETS = ("typewritten_cs_sk", "handwriting_en", "sroie_lines")
RATES = (0.03, 0.10)
SHARES = (0.05, 0.10, 0.20)
COUNTS = (50, 100, 200)
ORDERS = ("random", "confidence", "mixed")
MOST_LINES = 1000
MOST_VAL = 200
SHUFFLES = 200


def plant_errors(samples: Sequence[Sample], rate: float, seed: int) -> tuple[list[Sample], set[str]]:
    """Make labels wrong: a character replaced, left out, doubled or two swapped, or the label of another line.

    Args:
        samples: The lines.
        rate: Share of the labels that become wrong.
        seed: Of the choice.

    Returns:
        The lines, and the sources of the wrong ones.
    """
    rng = random.Random(seed)
    wrong = rng.sample(range(len(samples)), round(rate * len(samples)))
    characters = sorted({character for sample in samples for character in sample.text if not character.isspace()})
    planted = list(samples)
    for i in wrong:
        before = after = samples[i].text
        while after == before:
            after = _damage(before, rng, characters) if rng.random() < 0.8 else rng.choice(samples).text
        planted[i] = replace(samples[i], text=after)
    return planted, {samples[i].source for i in wrong}


def _damage(text: str, rng: random.Random, characters: Sequence[str]) -> str:
    at = rng.randrange(len(text))
    kind = rng.randrange(4)
    if kind == 0 or len(text) < 2:
        return text[:at] + rng.choice(characters) + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2:
        return text[:at] + text[at] + text[at:]
    at = min(at, len(text) - 2)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def show_errors(name: str, folder: Path, model: Path, tune: Path | None, epochs: int) -> None:
    """Print how many planted errors are found after reviewing a share of the lines."""
    dataset = read_dataset(folder)
    for rate in RATES:
        planted, wrong = plant_errors(dataset.train[:MOST_LINES], rate, seed=1)
        used = model if tune is None else tune / f"{name}_errors_{rate}" / "output" / "best_accuracy"
        if tune is not None and not used.is_dir():
            lines = [Line(sample.image.name, sample, "train") for sample in planted]
            val = [Line(sample.image.name, sample, "val") for sample in dataset.val[:MOST_VAL]]
            texts = {line.key: line.sample.text for line in (*lines, *val)}
            train(used.parents[1], TrainingLines(lines, val, texts), folder, model, epochs)
        recognizer = open_model(used)
        ranked = [label.sample.source for label in rank_labels(recognizer, planted)]
        rng, everything = random.Random(2), [sample.source for sample in planted]
        cells = []
        for share in SHARES:
            first = round(share * len(planted))
            found = len(wrong & set(ranked[:first])) / len(wrong)
            by_chance = sum(len(wrong & set(rng.sample(everything, first))) for _ in range(SHUFFLES))
            cells.append(f"{100 * found:.0f} % ({100 * by_chance / SHUFFLES / len(wrong):.0f} %)")
        print(f"| {name} | {len(planted)} | {100 * rate:.0f} % ({len(wrong)}) | {' | '.join(cells)} |", flush=True)


def error_rate(recognizer: Recognizer, samples: Sequence[Sample]) -> tuple[float, float]:
    """Character error rate and share of exact lines."""
    read = recognizer.predict([sample.image for sample in samples])
    metrics = compute_metrics((sample.text, one.text) for one, sample in zip(read, samples, strict=True))
    return metrics.cer, metrics.accuracy


def show_learning(
    name: str, folder: Path, output: Path, model: Path, epochs: int, chosen_orders: list[str], counts: list[int]
) -> None:
    """Print the error rate after training on corrected lines that were chosen in several orders."""
    dataset, recognizer = read_dataset(folder), open_model(model)
    pool = [Line(sample.image.name, sample, "train") for sample in dataset.train[:MOST_LINES]]
    val = [Line(sample.image.name, sample, "val") for sample in dataset.val[:MOST_VAL]]
    texts = {line.key: line.sample.text for line in (*pool, *val)}

    unlabelled = [Line(line.key, Sample(line.sample.image, "", ""), "") for line in pool]
    scores = Reader(recognizer, "").score(unlabelled)
    errors = {key: 1.0 if score is None else score.error for key, score in scores.items()}
    by_confidence = sorted(pool, key=lambda line: -errors[line.key])
    orders = {"random": random.Random(1).sample(pool, len(pool)), "confidence": by_confidence}
    orders["mixed"] = [by_confidence[i] for i in spread(range(len(pool)))]

    cer, exact = error_rate(recognizer, dataset.val[:MOST_VAL])
    print(f"| {name} | 0 | – | {100 * cer:.2f} % | {100 * exact:.1f} % | – |", flush=True)
    for order in chosen_orders:
        lines = orders[order]
        for count in counts:
            run = output / f"{name}_{order}_{count}"
            if not (run / "output" / "train_result.json").is_file():
                train(run, TrainingLines(lines[:count], val, texts), folder, model, epochs)
            epoch = read_json(run / "output" / "train_result.json")["best_epoch"]
            cer, exact = error_rate(open_model(run / "output" / "best_accuracy"), dataset.val[:MOST_VAL])
            chosen = min(count, len(lines))
            print(f"| {name} | {chosen} | {order} | {100 * cer:.2f} % | {100 * exact:.1f} % | {epoch} |", flush=True)


def train(run: Path, lines: TrainingLines, folder: Path, model: Path, epochs: int) -> None:
    """Train as the Train button does, for a number of epochs instead of minutes."""
    command = write_training(run, lines, folder, model, "cpu", minutes=600)
    settings: dict[str, object] = {"epochs_iters": epochs, "max_minutes": "null", "eval_interval": 4}
    settings |= {"save_interval": 100, "batch_size": 16}
    options = [word for key, value in settings.items() for word in ("-o", f"Train.{key}={value}")]
    with (run / "process.log").open("wb") as log:
        subprocess.run([*command, *options], stdout=log, stderr=log, check=True)


def open_model(path: Path) -> Recognizer:
    """Open a model on one thread."""
    return open_recognizer(path, Runtime("onnx", "cpu", 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("errors", "learning"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("output/review_loop"))
    parser.add_argument("--model", help="default: the embedded model")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--orders", nargs="+", default=list(ORDERS), choices=ORDERS)
    parser.add_argument("--counts", nargs="+", type=int, default=list(COUNTS))
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()

    model = find_model(None, options.model)
    for name in options.sets:
        folder = options.data / name
        if not folder.is_dir():
            sys.exit(f"{folder}: not found")
        if options.what == "errors":
            show_errors(name, folder, model, options.output if options.tune else None, options.epochs)
        else:
            show_learning(name, folder, options.output, model, options.epochs, options.orders, options.counts)


if __name__ == "__main__":
    main()
