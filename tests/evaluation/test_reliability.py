from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.sample import Sample
from ocrx.evaluation.evaluate import LineResult
from ocrx.evaluation.reliability import calibration_error, confidence_quality, score_reliability
from ocrx.inference.results import Prediction


def lines(
    scored: list[tuple[float, bool]], confidences: list[float] | None = None, error: str | None = None
) -> list[LineResult]:
    given: list[float | None] = list(confidences) if confidences else [None] * len(scored)
    return [
        LineResult(
            Sample(Path("x.png"), "a", "val.txt:1"),
            "a" if right else "b",
            score,
            error,
            Prediction(text="a" if right else "b", score=score, confidence=confidence),
        )
        for (score, right), confidence in zip(scored, given, strict=True)
    ]


def test_bins_error_and_threshold_by_hand() -> None:
    scored = [(0.95, True)] * 8 + [(0.95, False)] * 2 + [(0.55, True), (0.55, False)]
    found = score_reliability(lines(scored), 0.8)
    top, middle = found.bins[9], found.bins[5]
    assert (top.count, round(top.accuracy, 6), round(top.mean_score, 6)) == (10, 0.8, 0.95)
    assert (middle.count, middle.accuracy) == (2, 0.5)
    assert found.error == pytest.approx((10 * 0.15 + 2 * 0.05) / 12)
    assert found.threshold == 0.95 and found.kept == pytest.approx(10 / 12)
    assert score_reliability(lines(scored), 0.9).threshold is None
    assert score_reliability(lines([(1.0, True), (0.2, False)]), 0.99).threshold == 1.0
    assert score_reliability([], 0.9).threshold is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans())), st.floats(0.1, 0.9))
def test_the_threshold_keeps_its_promise(scored: list[tuple[float, bool]], precision: float) -> None:
    found = score_reliability(lines(scored), precision)
    assert sum(b.count for b in found.bins) == len(scored)
    if found.threshold is not None:
        above = [exact for score, exact in scored if score >= found.threshold]
        assert sum(above) / len(above) >= precision - 1e-9
        assert found.kept == pytest.approx(len(above) / len(scored))


def test_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    confidence, right = np.array([0.95, 0.95, 0.15, 0.15]), np.array([1.0, 0.0, 0.0, 0.0])
    assert calibration_error(confidence, right) == pytest.approx((0.9 + 0.3) / 4)
    assert calibration_error(np.array([1.0]), np.array([1.0])) == 0


def test_brier_score_and_calibration_error_of_score_and_confidence() -> None:
    found = confidence_quality(lines([(0.9, True), (0.9, False)], [1.0, 0.2]))
    assert found is not None and found.lines == 2 and not found.cross_validated
    assert found.brier_score == pytest.approx((0.01 + 0.81) / 2)
    assert found.brier_confidence == pytest.approx(0.02)
    assert found.ece_score == pytest.approx(0.4) and found.ece_confidence == pytest.approx(0.1)


def test_without_a_calibration_only_the_score_is_measured() -> None:
    found = confidence_quality(lines([(0.9, True)]))
    assert found is not None and found.brier_score == pytest.approx(0.01)
    assert found.brier_confidence is None and found.ece_confidence is None


def test_unreadable_images_do_not_count() -> None:
    readable = lines([(0.9, True)], [0.8])
    assert confidence_quality([*readable, *lines([(0.0, False)], error="damaged")]) == confidence_quality(readable)
    assert confidence_quality(lines([(0.0, False)], error="damaged")) is None
