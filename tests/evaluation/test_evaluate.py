from __future__ import annotations

from pathlib import Path

import pytest

from ocrx import create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.evaluation.evaluate import LineResult, evaluate
from ocrx.inference.results import Prediction


def line(truth: str, read: str, *, ignore_case: bool = False) -> LineResult:
    return LineResult(Sample(Path("x.png"), truth, "val.txt:1"), read, 0.5, None, Prediction(text=read), ignore_case)


@pytest.mark.parametrize(
    ("truth", "read", "strict", "lenient"),
    [
        ("ab", "ab", True, True),
        ("Ab", "aB", False, True),
        ("STRASSE", "straße", False, True),
        ("é", "e\u0301", True, True),
        ("a b", "ab", False, False),
        ("", "", True, True),
    ],
)
def test_a_line_is_right_if_the_texts_agree(truth: str, read: str, strict: bool, lenient: bool) -> None:
    assert line(truth, read).is_right is strict
    assert line(truth, read, ignore_case=True).is_right is lenient


def test_lines_come_in_the_order_of_the_samples_and_unreadable_ones_are_wrong(
    model_folder: Path, line_folder: Path
) -> None:
    samples = [*read_dataset(line_folder).val, Sample(line_folder / "none.png", "x", "val.txt:5")]
    seen: list[tuple[int, int]] = []
    found = evaluate(create_model(model_dir=model_folder), samples, 2, lambda done, total: seen.append((done, total)))
    assert [line.sample for line in found.lines] == samples
    assert found.metrics.count == 5 and seen == [(n, 5) for n in range(1, 6)]
    last = found.lines[-1]
    assert last.prediction == "" and last.score == 0 and "none.png: no such file" in str(last.error)


def test_metrics_ignore_case_on_request(model_folder: Path, line_folder: Path) -> None:
    recognizer = create_model(model_dir=model_folder)
    samples = read_dataset(line_folder).val
    read = [found.text for found in recognizer.predict([str(sample.image) for sample in samples])]
    swapped = [Sample(sample.image, text.swapcase(), sample.source) for sample, text in zip(samples, read, strict=True)]
    assert evaluate(recognizer, swapped, ignore_case=True).metrics.accuracy == 1
    assert evaluate(recognizer, swapped).metrics.accuracy_ci == 1
