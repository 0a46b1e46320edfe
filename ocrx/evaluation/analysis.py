"""Breaks down the errors of an evaluation by characters, lengths and widths."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from ocrx.evaluation.evaluate import LineResult
from ocrx.evaluation.intervals import Interval, intervals
from ocrx.evaluation.reliability import ConfidenceQuality, ScoreReliability, confidence_quality, score_reliability

_LENGTHS = (0, 1, 3, 6, 11, 21, 41, 81)
_WIDTHS = (0, 65, 129, 257, 513, 1025)

Pair = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """Lines or characters of one kind: their number, and how many are wrong."""

    name: str
    count: int
    wrong: int

    @property
    def error_rate(self) -> float:
        """Share that is wrong; 0 for an empty group."""
        return self.wrong / self.count if self.count else 0.0


@dataclass(frozen=True)
class Confusion:
    """``truth`` was read as ``prediction`` ``count`` times; '' stands for an insertion or deletion."""

    truth: str
    prediction: str
    count: int


@dataclass(frozen=True)
class Analysis:
    """Breakdown of an evaluation.

    Attributes:
        intervals: 95 % intervals of the metrics, see ``evaluation.intervals``.
        confusions: Pairs of label and reading that differ, the most frequent first.
        by_length: Lines by number of characters.
        by_width: Lines by width of the image.
        by_class: Characters of the labels by kind.
        spaces: Spaces in the labels.
        spaces_lost: Spaces that were not read as such.
        spaces_added: Spaces read where the label has none.
        repeats: Characters of the labels that equal the one before them.
        repeats_lost: Repeated characters that were merged into one.
        calibration: How well the score separates right from wrong lines.
        unreadable: Images that could not be read.
        confidence: Quality of the calibrated confidence; None without a readable line.
    """

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
    calibration: ScoreReliability
    unreadable: int
    confidence: ConfidenceQuality | None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields for ``evaluate_result.json``.

        Returns:
            All fields as plain values.
        """
        return asdict(self)


def analyse(lines: Sequence[LineResult], precision: float = 0.99) -> Analysis:
    """Analyse an evaluation.

    Args:
        lines: The lines of the evaluation.
        precision: Share of exact lines that the suggested score threshold must reach.

    Returns:
        The analysis.
    """
    edits = [edit_pairs(line.truth, line.read) for line in lines]
    pairs = [pair for line in edits for pair in line]
    wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
    repeats, repeats_lost = _repeats(edits)

    return Analysis(
        intervals=intervals(lines),
        confusions=tuple(Confusion(t, p, n) for (t, p), n in sorted(wrong.items(), key=lambda e: (-e[1], e[0]))),
        by_length=_grouped(lines, lambda line: _range_name(len(line.truth), _LENGTHS, "characters")),
        by_width=_grouped(lines, _width_name),
        by_class=_by_class(pairs),
        spaces=sum(t == " " for t, _ in pairs),
        spaces_lost=sum(t == " " != p for t, p in pairs),
        spaces_added=sum(p == " " != t for t, p in pairs),
        repeats=repeats,
        repeats_lost=repeats_lost,
        calibration=score_reliability(lines, precision),
        unreadable=sum(line.error is not None for line in lines),
        confidence=confidence_quality(lines),
    )


def edit_pairs(truth: str, prediction: str) -> list[Pair]:
    """Align a label and a prediction with the fewest edits (Levenshtein distance).

    Args:
        truth: The label.
        prediction: The text that was read.

    Returns:
        Pairs of characters in order, with '' on one side for insertions and deletions. Among equal distances, the
        alignment that pairs characters from the end.
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

    # Back from the end.
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


def character_class(character: str) -> str:
    """Classify a character for the report.

    Args:
        character: The character.

    Returns:
        A coarse class, such as space, digits, punctuation or upper case.
    """
    if character == " ":
        return "space"

    category = unicodedata.category(character[0])
    names = {"Lu": "upper case", "Ll": "lower case", "Nd": "digits"}
    kinds = {"L": "other letters", "M": "marks", "N": "other numbers", "P": "punctuation", "S": "symbols"}
    return names.get(category) or kinds.get(category[0], "other")


def _repeats(edits: Sequence[Sequence[Pair]]) -> tuple[int, int]:
    """Count characters that equal the one before them, and how many of these were lost, the typical error of CTC."""
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
        wrong[key] += not line.is_right
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
