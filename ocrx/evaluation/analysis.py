"""What an evaluation says beyond its headline: how sure the numbers are, and where the errors lie."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import editdistance
import numpy as np
import numpy.typing as npt

from ocrx.evaluation.evaluate import LineResult
from ocrx.text.normalize import normalize

RESAMPLES = 1000
_Z = 1.959964  # of the normal distribution, 95 % lie within so many deviations
_BINS = 10
_LENGTHS = (0, 1, 3, 6, 11, 21, 41, 81)
_WIDTHS = (0, 65, 129, 257, 513, 1025)

Pair = tuple[str, str]
Interval = tuple[float, float]
Counts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Lines (or characters) of one kind: how many, and how many of them wrong."""

    name: str
    count: int
    wrong: int

    @property
    def error_rate(self) -> float:
        return self.wrong / self.count if self.count else 0.0


@dataclass(frozen=True)
class Confusion:
    """``truth`` was read as ``prediction`` ``count`` times; '' stands for nothing."""

    truth: str
    prediction: str
    count: int


@dataclass(frozen=True)
class Bin:
    """Lines with a score in [low, high): how many, their mean score, and the share that is exact."""

    low: float
    high: float
    count: int
    mean_score: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How well the score tells right from wrong.

    ``error`` is the mean distance of score and accuracy over the bins, weighted (expected calibration error, Naeini et
    al. 2015). Of the lines with a score of ``threshold`` or more, a share of ``kept``, at least ``precision`` are
    exact; None where no threshold does it.
    """

    bins: tuple[Bin, ...]
    error: float
    precision: float
    threshold: float | None
    kept: float


@dataclass(frozen=True)
class Analysis:
    """Breakdown of an evaluation. ``intervals`` are 95 % intervals of the named metrics, see there."""

    intervals: dict[str, Interval]
    confusions: tuple[Confusion, ...]
    by_length: tuple[Group, ...]
    by_width: tuple[Group, ...]
    by_class: tuple[Group, ...]
    spaces: int
    spaces_lost: int
    spaces_added: int
    repeats: int
    repeats_lost: int
    calibration: Calibration
    unreadable: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def analyse(lines: Sequence[LineResult], precision: float = 0.99) -> Analysis:
    """Break an evaluation down; ``precision`` is what the advised score threshold is to reach."""
    edits = [edit_pairs(normalize(line.sample.text), normalize(line.prediction)) for line in lines]
    pairs = [pair for line in edits for pair in line]
    wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
    repeats, repeats_lost = _repeats(edits)
    return Analysis(
        intervals=intervals(lines),
        confusions=tuple(Confusion(t, p, n) for (t, p), n in sorted(wrong.items(), key=lambda e: (-e[1], e[0]))),
        by_length=_grouped(lines, lambda line: _range_name(len(normalize(line.sample.text)), _LENGTHS, "characters")),
        by_width=_grouped(lines, _width_name),
        by_class=_by_class(pairs),
        spaces=sum(t == " " for t, _ in pairs),
        spaces_lost=sum(t == " " != p for t, p in pairs),
        spaces_added=sum(p == " " != t for t, p in pairs),
        repeats=repeats,
        repeats_lost=repeats_lost,
        calibration=calibrate([(line.score, line.is_right()) for line in lines], precision),
        unreadable=sum(line.error is not None for line in lines),
    )


def edit_pairs(truth: str, prediction: str) -> list[Pair]:
    """One cheapest way from ``truth`` to ``prediction``: (character, character read), '' for nothing on either side.

    Levenshtein with unit costs; of equal ways the one that keeps characters paired from the end.
    """
    if truth == prediction:
        return [(c, c) for c in truth]
    rows = [list(range(len(prediction) + 1))]
    for i, t in enumerate(truth, start=1):
        above = rows[-1]
        row = [i]
        for j, p in enumerate(prediction, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (t != p)))
        rows.append(row)
    pairs: list[Pair] = []
    i, j = len(truth), len(prediction)
    while i or j:
        here = rows[i][j]
        if i and j and here == rows[i - 1][j - 1] + (truth[i - 1] != prediction[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], prediction[j]))
        elif i and here == rows[i - 1][j] + 1:
            i -= 1
            pairs.append((truth[i], ""))
        else:
            j -= 1
            pairs.append(("", prediction[j]))
    return pairs[::-1]


def intervals(lines: Sequence[LineResult], other: Sequence[LineResult] | None = None) -> dict[str, Interval]:
    """95 % intervals of accuracy, norm_edit_dis, cer, wer.

    Of the accuracy Wilson's, because resampled lines that are all right or all wrong would leave no doubt; of the
    others the percentiles of 1000 seeded resamples of the lines. With ``other``, another model on the same lines,
    resampled intervals of all differences ``other`` - ``lines``.
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
    names = ("accuracy", "norm_edit_dis", "cer", "wer")
    found = {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}
    return found if against is not None else {**found, "accuracy": wilson(int(counts[:, 0].sum()), len(lines))}


def wilson(right: int, count: int) -> Interval:
    """The 95 % interval of a share of which ``right`` of ``count`` were seen (E. B. Wilson 1927)."""
    share, spread = right / count, _Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _line_counts(lines: Sequence[LineResult]) -> Counts:
    """Per line: exact, distance ratio, character edits and count, word edits and count."""
    rows = []
    for line in lines:
        t, p = normalize(line.sample.text), normalize(line.prediction)
        edits = editdistance.eval(t, p)
        words = editdistance.eval(t.split(), p.split())
        rows.append((t == p, edits / max(len(t), len(p), 1), edits, len(t), words, len(t.split())))
    return np.array(rows, dtype=np.float64)


def _ratios(sums: Counts, count: int) -> Counts:
    exact, distance, edits, characters, word_edits, words = sums
    return np.array([exact / count, 1 - distance / count, edits / max(1, characters), word_edits / max(1, words)])


def calibrate(scored: Sequence[tuple[float, bool]], precision: float) -> Calibration:
    """Reliability of (score, exact) pairs, and the least score that gives ``precision``."""
    bins = []
    for index in range(_BINS):
        low, high = index / _BINS, (index + 1) / _BINS
        inside = [(s, e) for s, e in scored if low <= s < high or (index == _BINS - 1 and s >= 1)]
        count = len(inside)
        mean, exact = (sum(values) / max(1, count) for values in ([s for s, _ in inside], [e for _, e in inside]))
        bins.append(Bin(low, high, count, mean, exact))
    error = sum(b.count * abs(b.mean_score - b.accuracy) for b in bins) / max(1, len(scored))
    threshold, kept, exact_above = None, 0.0, 0
    ranked = sorted(scored, key=lambda pair: -pair[0])
    for number, (score, exact) in enumerate(ranked, start=1):
        exact_above += exact
        # Lines with equal scores are kept or left out together.
        last_of_its_score = number == len(ranked) or ranked[number][0] != score
        if last_of_its_score and exact_above >= precision * number:
            threshold, kept = score, number / len(ranked)
    return Calibration(tuple(bins), error, precision, threshold, kept)


def _repeats(edits: Sequence[Sequence[Pair]]) -> tuple[int, int]:
    """Characters that equal the one before them, and how many such runs came out shorter: the typical CTC error."""
    total = lost = 0
    for line in edits:
        kept = [pair for pair in line if pair[0]]
        for (before, read_before), (here, read_here) in pairwise(kept):
            if before == here:
                total += 1
                lost += not read_here or (not read_before and read_here == here)
    return total, lost


def _grouped(lines: Sequence[LineResult], name: Callable[[LineResult], tuple[int, str]]) -> tuple[Group, ...]:
    count: Counter[tuple[int, str]] = Counter()
    wrong: Counter[tuple[int, str]] = Counter()
    for line in lines:
        key = name(line)
        count[key] += 1
        wrong[key] += not line.is_right()
    return tuple(Group(key[1], count[key], wrong[key]) for key in sorted(count))


def _width_name(line: LineResult) -> tuple[int, str]:
    size = line.details.image_size
    return _range_name(size[0], _WIDTHS, "pixels wide") if size else (-1, "unreadable")


def _range_name(value: int, bounds: Sequence[int], unit: str) -> tuple[int, str]:
    index = max(i for i, bound in enumerate(bounds) if bound <= value)
    low = bounds[index]
    if index + 1 == len(bounds):
        return index, f"{low} {unit} or more"
    high = bounds[index + 1] - 1
    return index, f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _by_class(pairs: Sequence[Pair]) -> tuple[Group, ...]:
    count: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for truth, prediction in pairs:
        if truth:
            name = character_class(truth)
            count[name] += 1
            wrong[name] += truth != prediction
    return tuple(Group(name, n, wrong[name]) for name, n in count.most_common())


def character_class(character: str) -> str:
    """A coarse kind for reports: space, digits, punctuation, or letters by case."""
    if character == " ":
        return "space"
    category = unicodedata.category(character[0])
    names = {"Lu": "upper case", "Ll": "lower case", "Nd": "digits"}
    kinds = {"L": "other letters", "M": "marks", "N": "other numbers", "P": "punctuation", "S": "symbols"}
    return names.get(category) or kinds.get(category[0], "other")
