"""Simulated reviewing: how early planted label errors are shown, and what corrected lines are worth to a model.

    python benchmarks/review_loop.py errors --data DIR [--sets NAME ...] [--kinds typing|other] [--tune]
    python benchmarks/review_loop.py learning --data DIR --output DIR [--sets NAME ...] [--orders ...] [--epochs N]

DIR holds labelled lines (train.txt and val.txt). ``errors`` plants wrong labels in the training lines, ranks them as
`ocrx review` does with the embedded model, and counts those among the first lines; with ``--tune`` the model is first
trained on all training lines with their wrong labels. ``learning`` takes the labels of lines that are chosen at random,
by confidence or in the mixed order as corrected, trains the model on them with the code of the Train button, and reads
the validation lines. Rows of Markdown tables go to stdout.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.evaluation.label_errors import rank_labels
from ocrx.evaluation.planted_errors import plant_error
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
SEEDS = (1, 2, 3, 4, 5)
ALIKE = dict(zip("0O1lI5S8B2Z6G", "O0lI1S5B8Z2G6", strict=True))


def plant_errors(samples: Sequence[Sample], rate: float, seed: int, kinds: str) -> tuple[list[Sample], set[str]]:
    """Make labels wrong.

    Args:
        samples: The lines.
        rate: Share of the labels that become wrong.
        seed: Of the choice.
        kinds: ``typing`` errors and labels of other lines, of which the ranking knows; or ``other`` ones.

    Returns:
        The lines, and the sources of the wrong ones.
    """
    rng = random.Random(seed)
    texts = [sample.text for sample in samples]
    characters = sorted({character for text in texts for character in text if not character.isspace()})
    planted = list(samples)
    wrong = rng.sample(range(len(samples)), round(rate * len(samples)))
    for i in wrong:
        other = _other_error(texts[i], rng) if kinds == "other" else texts[i]
        planted[i] = replace(
            samples[i], text=other if other != texts[i] else plant_error(texts[i], texts, characters, rng)
        )
    return planted, {samples[i].source for i in wrong}


def _other_error(text: str, rng: random.Random) -> str:
    """A word, an accent or a space lost, a space added, letter case, a character like another; at times no change."""
    kind = rng.choice(("word", "case", "accent", "alike", "space"))
    if kind == "word" and " " in text:
        words = text.split(" ")
        del words[rng.randrange(len(words))]
        return " ".join(words)

    changes: dict[str, Callable[[str], str]] = {
        "case": str.swapcase,
        "accent": lambda character: unicodedata.normalize("NFD", character)[0],
        "alike": lambda character: ALIKE.get(character, character),
    }
    if kind in changes:
        change = changes[kind]
        places = [i for i, character in enumerate(text) if change(character) != character]
        at = rng.choice(places) if places else len(text)
        return text[:at] + "".join(map(change, text[at : at + 1])) + text[at + 1 :]

    at = rng.randrange(1, max(2, len(text)))
    return text[:at] + text[at + 1 :] if text[at : at + 1] == " " else f"{text[:at]} {text[at:]}"


def show_errors(name: str, folder: Path, model: Path, tune: Path | None, epochs: int, kinds: str) -> None:
    """Print how many planted errors are found after reviewing a share of the lines: by the ranking, and by log odds."""
    dataset = read_dataset(folder)
    for rate in RATES:
        found: dict[str, list[list[float]]] = {"error": [], "log_odds": []}
        for seed in SEEDS if tune is None else SEEDS[:1]:
            planted, wrong = plant_errors(dataset.train[:MOST_LINES], rate, seed, kinds)
            used = model if tune is None else tune / f"{name}_errors_{rate}" / "output" / "best_accuracy"
            if tune is not None and not used.is_dir():
                lines = [Line(sample.image.name, sample, "train") for sample in planted]
                val = [Line(sample.image.name, sample, "val") for sample in dataset.val[:MOST_VAL]]
                texts = {line.key: line.sample.text for line in (*lines, *val)}
                train(used.parents[1], TrainingLines(lines, val, texts), folder, model, epochs)

            ranked = rank_labels(open_model(used), planted)
            for order, shares in found.items():
                ordered = sorted(ranked, key=lambda label: -getattr(label, order))
                sources = [label.sample.source for label in ordered]
                shares.append([len(wrong & set(sources[: round(s * len(planted))])) / len(wrong) for s in SHARES])
        cells = (
            f"{100 * ours:.0f} % ({100 * plain:.0f} %)"
            for ours, plain in zip(*(map(fmean, zip(*shares, strict=True)) for shares in found.values()), strict=True)
        )
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
    parser.add_argument("--kinds", default="typing", choices=("typing", "other"), help="kinds of planted errors")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()

    model = find_model(None, options.model)
    for name in options.sets:
        folder = options.data / name
        if not folder.is_dir():
            sys.exit(f"{folder}: not found")
        if options.what == "errors":
            tune = options.output if options.tune else None
            show_errors(name, folder, model, tune, options.epochs, options.kinds)
        else:
            show_learning(name, folder, options.output, model, options.epochs, options.orders, options.counts)


if __name__ == "__main__":
    main()
