"""Calibration: fitted on lines of known odds, stored in the folder, judged on lines it has not seen."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ocrx import create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.evaluation.calibration import (
    KEPT,
    MIN_LINES,
    _familiar_score,
    calibrate_model,
    cross_validated_confidence,
    fit_calibration,
    store_calibration,
)
from ocrx.evaluation.evaluate import LineResult
from ocrx.evaluation.reliability import confidence_quality
from ocrx.inference.confidence import line_confidence, typical_score
from ocrx.inference.results import Prediction
from ocrx.model_folder import read_spec
from ocrx.model_spec import CalibrationSpec


def _line(scores: tuple[float, ...], right: bool, text: str = "") -> LineResult:
    truth = text or "x" * len(scores)
    read = truth if right else truth[:-1] + "y"
    score = sum(scores) / len(scores) if scores else 0.0
    details = Prediction(text=read, score=score, char_scores=scores, typical_score=typical_score(scores))
    return LineResult(Sample(Path("a.png"), truth, "val.txt:1"), read, score, None, details)


def _lines(count: int, temperature: float, seed: int = 0) -> list[LineResult]:
    """Lines of a model whose probabilities are too extreme by a factor ``temperature`` of their logits."""
    random = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        logits = random.normal(3.0, 2.0, size=random.integers(1, 12))
        right = bool((random.random(len(logits)) < 1 / (1 + np.exp(-logits))).all())
        lines.append(_line(tuple((1 / (1 + np.exp(-logits * temperature))).tolist()), right))
    return lines


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_fit_undoes_a_temperature(temperature: float) -> None:
    calibration = fit_calibration(_lines(4000, temperature))
    assert calibration is not None and calibration.lines == 4000
    unseen = _lines(4000, temperature, seed=1)
    found = [line_confidence(line.details.char_scores, calibration) for line in unseen]
    true = CalibrationSpec(temperature=temperature)
    expected = [line_confidence(line.details.char_scores, true) for line in unseen]
    assert np.abs(np.array(found) - np.array(expected)).mean() < 0.03


def test_calibrating_lowers_brier_score_and_calibration_error() -> None:
    lines = _lines(1000, 3.0)
    quality = confidence_quality(lines, cross_validated_confidence(lines), cross_validated=True)
    assert quality is not None and quality.cross_validated and quality.lines == 1000
    assert quality.brier_confidence is not None and quality.ece_confidence is not None
    assert quality.brier_confidence < quality.brier_score
    assert quality.ece_confidence < 0.05 < quality.ece_score


def test_few_lines_stay_near_the_uncalibrated_model_and_fewer_are_refused() -> None:
    right = [_line((0.9, 0.9), True)] * MIN_LINES
    calibration = fit_calibration(right)
    assert calibration is not None
    assert 0.81 < line_confidence((0.9, 0.9), calibration) < 1
    assert fit_calibration(right[1:]) is None


@pytest.mark.parametrize("right", [True, False])
def test_lines_that_are_all_right_or_all_wrong_are_fitted(right: bool) -> None:
    calibration = fit_calibration([_line((0.999, 0.99, 0.9999), right)] * 200)
    assert calibration is not None
    confidence = line_confidence((0.999, 0.99, 0.9999), calibration)
    assert (confidence > 0.95) if right else (confidence < 0.05)
    assert (calibration.familiar_score > 0) is right


def test_the_familiar_score_keeps_its_share_of_the_right_lines() -> None:
    lines = _lines(2000, 1.0)
    calibration = fit_calibration(lines)
    assert calibration is not None
    typical = [line.details.typical_score for line in lines if line.is_right]
    kept = sum(value >= calibration.familiar_score for value in typical) / len(typical)
    assert KEPT + 0.003 < kept < KEPT + 0.01, "a margin for lines of the same kind that were not seen"


@pytest.mark.parametrize("count", [20, 149, 600, 2000])
def test_the_familiar_score_keeps_its_share_of_lines_that_were_not_seen(count: int) -> None:
    """Scores are uniform from 0 to 1: the share of all lines below a score is the score."""
    random = np.random.default_rng(5)
    flagged = [_familiar_score(random.random(count).tolist()) for _ in range(500)]
    promised = sum(share <= 1 - KEPT for share in flagged) / len(flagged)
    assert 0.92 <= promised <= 0.99 if count >= 149 else promised > 0.25
    assert np.mean(flagged) > (1 - KEPT) / 4, "no lower than that takes"


def test_case_is_no_error_where_it_is_ignored() -> None:
    upper = LineResult(Sample(Path("b.png"), "B", "1"), "b", 0.99, None, Prediction(text="b", char_scores=(0.99,)))
    lines = [_line((0.99,), True, "A")] * 10 + [upper] * 20
    strict, lenient = (
        fit_calibration([replace(line, ignore_case=ignored) for line in lines]) for ignored in (False, True)
    )
    assert strict is not None and lenient is not None
    assert line_confidence((0.99,), strict) < 0.5 < 0.9 < line_confidence((0.99,), lenient)


def test_unreadable_images_and_empty_readings_do_not_count() -> None:
    empty = _line((), False)
    lines = _lines(100, 1.0)
    failed = LineResult(empty.sample, "", 0.0, "no such file", Prediction(error="no such file"))
    assert fit_calibration([*lines, empty, failed]) == fit_calibration(lines)


def test_the_calibration_lies_in_both_model_files_and_is_read_again(model_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    before = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert "calibration" not in before
    calibration = CalibrationSpec(1.5, -0.2, 0.9, 0.1, 0.6, 77)
    store_calibration(folder, calibration)
    assert read_spec(folder).calibration == read_spec(folder / "inference").calibration == calibration
    after = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert after.pop("calibration")["lines"] == 77
    assert after == before


def test_a_model_is_calibrated_on_its_validation_lines(model_folder: Path, line_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    dataset = read_dataset(line_folder)
    samples = [*dataset.train, *dataset.val] * MIN_LINES
    found = calibrate_model(folder, create_model(model_dir=folder), samples)
    assert found is not None and found.lines >= MIN_LINES
    assert read_spec(folder).calibration == found
    assert calibrate_model(folder, create_model(model_dir=folder), samples[:1]) is None


def test_a_model_that_is_far_off_is_fitted_as_well() -> None:
    """Where the uncalibrated model is certain and wrong, a plain Newton step overshoots."""
    random = np.random.default_rng(0)
    scores = 1 - random.uniform(0, 1e-6, size=(400, 30))
    lines = [_line(tuple(row.tolist()), bool(random.random() < 0.5)) for row in scores]
    calibration = fit_calibration(lines)
    assert calibration is not None
    found = [line_confidence(line.details.char_scores, calibration) for line in lines]
    assert float(np.mean(found)) == pytest.approx(0.5, abs=0.06)
