"""What speaks for an error in a label: how it differs from what a model reads, and how usual such differences are.

A model that reads a dataset badly disagrees with right labels as well, but mostly in the same ways: it reads a
lower-case letter where the labels are upper case, or takes an accent for another. A rare difference at a place that the
model reads with confidence, in a line that it reads well otherwise, is more likely an error in the label.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ocrx.evaluation.analysis import Pair, edit_pairs

# Each character counts as if it had occurred twice more, with an average error rate.
_PSEUDO_COUNT = 2.0
_NO_SCORE = 0.5
"""Score at an edit of a line in which nothing is read."""
_LEAST_SCORE, _MOST_SCORE = 1e-4, 1 - 1e-4
_NO_EDIT = -4.0
"""Log odds of the score at an edit where there is none."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model reads in a line.

    Attributes:
        text: The text.
        scores: Score of each code point of the text.
        width: Width of the resized image in pixels.
    """

    text: str
    scores: tuple[float, ...]
    width: int


@dataclass(frozen=True, slots=True)
class LabelFit:
    """How a label fits a reading.

    Attributes:
        text: The label in NFC.
        edits: Pairs of characters of label and reading that differ, '' for none; see ``edit_pairs``.
        scores: Score at each edit: of the character read, else the lower one of its neighbours.
        agreement: Mean log odds of the scores of the other characters.
        log_odds: ln P(text read) - ln P(label), at least 0.
        width: Pixels for a character of the label.
    """

    text: str
    edits: tuple[Pair, ...]
    scores: tuple[float, ...]
    agreement: float
    log_odds: float
    width: float


def fit_label(text: str, reading: Reading, log_odds: float) -> LabelFit:
    """Compare a label with a reading.

    Args:
        text: The label in NFC.
        reading: What the model reads.
        log_odds: Log odds of the two.

    Returns:
        The comparison.
    """
    edits: list[Pair] = []
    at_edits: list[float] = []
    elsewhere: list[float] = []
    place = 0

    for label, read in edit_pairs(text, reading.text):
        if label == read:
            elsewhere.append(reading.scores[place])
        else:
            around = reading.scores[place : place + 1] if read else reading.scores[max(0, place - 1) : place + 1]
            edits.append((label, read))
            at_edits.append(min(around, default=_NO_SCORE))
        place += bool(read)

    agreement = float(np.mean([_log_odds(score) for score in elsewhere or reading.scores or (_NO_SCORE,)]))
    return LabelFit(text, tuple(edits), tuple(at_edits), agreement, log_odds, reading.width / max(1, len(text)))


class Confusions:
    """How often each character of the labels is read as each other one, over all lines of a dataset."""

    def __init__(self) -> None:
        self._edits: Counter[Pair] = Counter()
        self._characters: Counter[str] = Counter()

    def add(self, fit: LabelFit) -> None:
        """Count the characters of a line.

        Args:
            fit: Its label, compared with its reading.
        """
        self._edits.update(fit.edits)
        self._characters.update(fit.text)

    def surprises(self, fit: LabelFit, own: LabelFit) -> list[float]:
        """Measure how unusual the edits of a line are.

        Args:
            fit: A label, compared with the reading.
            own: The label that was added for this line; it does not count, or every edit would be usual.

        Returns:
            Negative logarithm of how often the label's character is read so, for each edit.
        """
        total = self._characters.total()
        rate = (self._edits.total() + 1) / (total + 1) / (len(self._edits) + 1)
        found = []
        for edit in fit.edits:
            # A character may be added anywhere.
            times = self._characters[edit[0]] - own.text.count(edit[0]) if edit[0] else total - len(own.text)
            count = self._edits[edit] - own.edits.count(edit)
            found.append(-math.log((count + _PSEUDO_COUNT * rate) / (times + _PSEUDO_COUNT)))
        return found


def label_features(fit: LabelFit, own: LabelFit, confusions: Confusions, typical_width: float) -> list[float]:
    """Put into numbers what speaks for an error in a label.

    Args:
        fit: The label, compared with the reading.
        own: The label that the dataset has for this line, compared with the reading.
        confusions: Of the dataset.
        typical_width: Pixels for a character, as a median of the dataset.

    Returns:
        The features.
    """
    surprises = confusions.surprises(fit, own)
    edits = len(fit.edits)
    return [
        max((surprise * score for surprise, score in zip(surprises, fit.scores, strict=True)), default=0.0),
        edits / max(1, len(fit.text)),
        max(map(_log_odds, fit.scores), default=_NO_EDIT),
        fit.agreement,
        math.log1p(fit.log_odds),
        math.log1p(fit.log_odds / max(1, edits)),
        abs(math.log(fit.width / typical_width)),
    ]


def _log_odds(score: float) -> float:
    kept = min(max(score, _LEAST_SCORE), _MOST_SCORE)
    return math.log(kept / (1 - kept))
