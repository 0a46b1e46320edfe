"""Computes 95 % intervals of metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence

import editdistance
import numpy as np

from ocrx.arrays import Float64s
from ocrx.evaluation.evaluate import LineResult

RESAMPLES = 1000
METRICS = ("accuracy", "norm_edit_dis", "cer", "wer")

_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations

Interval = tuple[float, float]


def intervals(lines: Sequence[LineResult], other: Sequence[LineResult] | None = None) -> dict[str, Interval]:
    """Compute 95 % intervals by resampling lines.

    Intervals are percentiles of 1000 seeded resamples (bootstrap). For the accuracy, and if all resamples agree because
    every line is right or every line is wrong, Wilson's interval is used instead. For other metrics it is conservative,
    since it treats lines as entirely right or wrong.

    Args:
        lines: The lines of an evaluation.
        other: The lines of another model on the same samples.

    Returns:
        Metric → interval, for ``METRICS``; with ``other``, intervals of the differences ``other`` - ``lines``. Empty
        without lines.
    """
    if not lines:
        return {}
    random = np.random.default_rng(0)
    counts = _line_counts(lines)
    against = None if other is None else _line_counts(other)
    drawn = []
    for _ in range(RESAMPLES):
        picked = random.integers(len(lines), size=len(lines))
        values = _ratios(counts[picked].sum(axis=0), len(lines))
        drawn.append(values if against is None else _ratios(against[picked].sum(axis=0), len(lines)) - values)

    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    found = {name: (float(a), float(b)) for name, a, b in zip(METRICS, low, high, strict=True)}
    if against is not None:
        return found

    measured = dict(zip(METRICS, _ratios(counts.sum(axis=0), len(lines)).tolist(), strict=True))
    for name, (a, b) in found.items():
        if name == "accuracy" or (a == b and measured[name] <= 1):
            found[name] = wilson(measured[name] * len(lines), len(lines))
    return found


def wilson(right: float, count: int) -> Interval:
    """Compute the 95 % interval of a proportion (E. B. Wilson 1927).

    Args:
        right: Number of successes, possibly fractional.
        count: Number of trials, at least 1.

    Returns:
        Lower and upper bound, from 0 to 1.
    """
    share, spread = right / count, _Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _line_counts(lines: Sequence[LineResult]) -> Float64s:
    """Per line: exact, distance ratio, character edits and count, word edits and count."""
    rows = []
    for line in lines:
        t, p = line.truth, line.read
        edits = editdistance.eval(t, p)
        words = editdistance.eval(t.split(), p.split())
        rows.append((t == p, edits / max(len(t), len(p), 1), edits, len(t), words, len(t.split())))
    return np.array(rows, dtype=np.float64)


def _ratios(sums: Float64s, count: int) -> Float64s:
    """The values of ``METRICS``."""
    exact, distance, edits, characters, word_edits, words = sums
    return np.array([exact / count, 1 - distance / count, edits / max(1, characters), word_edits / max(1, words)])
