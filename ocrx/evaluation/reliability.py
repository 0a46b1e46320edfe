"""Measures how well scores and confidences predict that a line is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocrx.arrays import Float64s
from ocrx.evaluation.evaluate import LineResult

_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Lines with a score in [low, high): their number, mean score, and share of exact lines."""

    low: float
    high: float
    count: int
    mean_score: float
    accuracy: float


@dataclass(frozen=True)
class ScoreReliability:
    """How well scores predict exact lines.

    Attributes:
        bins: Ten bins of equal width.
        error: Expected calibration error of the score.
        precision: The required share of exact lines.
        threshold: Smallest score above which at least ``precision`` of the lines are exact; None if there is none.
        kept: Share of the lines that reach the threshold.
    """

    bins: tuple[Bin, ...]
    error: float
    precision: float
    threshold: float | None
    kept: float


@dataclass(frozen=True)
class ConfidenceQuality:
    """Score and calibrated confidence as predictions that a line is right.

    Attributes:
        lines: Readable lines.
        brier_score: Mean squared distance of the score to 1 (right) or 0 (wrong); smaller is better.
        brier_confidence: Brier score of the confidence; None for a model without calibration.
        ece_score: Expected calibration error of the score over ten bins (Naeini et al. 2015); smaller is better.
        ece_confidence: Calibration error of the confidence.
        cross_validated: Whether each confidence is from a calibration that was fitted without that line.
    """

    lines: int
    brier_score: float
    brier_confidence: float | None
    ece_score: float
    ece_confidence: float | None
    cross_validated: bool


def score_reliability(lines: Sequence[LineResult], precision: float) -> ScoreReliability:
    """Compare scores with exact lines.

    Args:
        lines: The lines of an evaluation.
        precision: Share of exact lines that the advised threshold is to reach.

    Returns:
        Bins, expected calibration error and threshold.
    """
    scores = np.array([line.score for line in lines], dtype=np.float64)
    right = np.array([line.is_right for line in lines], dtype=np.float64)
    index = _bin_of(scores)
    bins = []
    for number in range(_BINS):
        inside = index == number
        count = int(inside.sum())
        mean, exact = (float(values[inside].sum()) / max(1, count) for values in (scores, right))
        bins.append(Bin(number / _BINS, (number + 1) / _BINS, count, mean, exact))

    threshold, kept = _threshold(scores, right, precision)
    return ScoreReliability(tuple(bins), calibration_error(scores, right), precision, threshold, kept)


def confidence_quality(
    lines: Sequence[LineResult], confidence: Float64s | None = None, *, cross_validated: bool = False
) -> ConfidenceQuality | None:
    """Measure score and confidence of the readable lines.

    Args:
        lines: The lines of an evaluation.
        confidence: One value for each line; default: what the recognizer gave.
        cross_validated: Where ``confidence`` comes from, for the report.

    Returns:
        The figures, or None without a readable line.
    """
    readable = [index for index, line in enumerate(lines) if line.error is None]
    if not readable:
        return None
    right = np.array([lines[index].is_right for index in readable], dtype=np.float64)
    score = np.array([lines[index].score for index in readable], dtype=np.float64)

    if confidence is not None:
        values: Float64s | None = confidence[readable]
    elif any(lines[index].details.confidence is None for index in readable):
        values = None
    else:
        values = np.array([lines[index].details.confidence for index in readable], dtype=np.float64)
    return ConfidenceQuality(
        lines=len(readable),
        brier_score=float(np.mean((score - right) ** 2)),
        brier_confidence=None if values is None else float(np.mean((values - right) ** 2)),
        ece_score=calibration_error(score, right),
        ece_confidence=None if values is None else calibration_error(values, right),
        cross_validated=cross_validated,
    )


def calibration_error(confidence: Float64s, right: Float64s) -> float:
    """Compute the expected calibration error: the distance of mean confidence and accuracy, averaged over ten bins.

    Args:
        confidence: Probabilities [N] from 0 to 1.
        right: 1.0 or 0.0 [N].

    Returns:
        A value from 0 to 1.
    """
    gaps = np.bincount(_bin_of(confidence), weights=confidence - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / max(1, len(confidence)))


def _bin_of(values: Float64s) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.minimum((values * _BINS).astype(np.int64), _BINS - 1)


def _threshold(scores: Float64s, right: Float64s, precision: float) -> tuple[float | None, float]:
    """The least score that gives ``precision``, and the share of lines that reach it; equal scores stay together."""
    threshold, kept, exact = None, 0.0, 0.0
    order = np.argsort(-scores, kind="stable")
    for number, place in enumerate(order.tolist(), start=1):
        exact += right[place]
        last_of_its_score = number == len(order) or scores[order[number]] != scores[place]
        if last_of_its_score and exact >= precision * number:
            threshold, kept = float(scores[place]), number / len(order)
    return threshold, kept
