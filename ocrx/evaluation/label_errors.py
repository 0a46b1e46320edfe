"""Finds candidate label errors: labels that differ from what a model reads, the most likely errors first.

The log odds ln P(text read) - ln P(label), with probabilities summed over all CTC paths, would rank the model's own
errors first on lines that it reads badly. So the ranker plants errors into copies of the labels, learns by logistic
regression what tells them from the labels as they are (see ``label_evidence``), and ranks the labels by that. The idea
is that of noise-contrastive estimation (Gutmann and Hyvärinen 2010), with typing errors as the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ocrx.arrays import Float64s, Floats, Pixels
from ocrx.ctc.reference import log_likelihoods, log_normalizer
from ocrx.data.sample import Sample
from ocrx.decoding.greedy import greedy
from ocrx.errors import DataError
from ocrx.evaluation.label_evidence import Confusions, LabelFit, Reading, fit_label, label_features
from ocrx.evaluation.logistic import fit_logistic
from ocrx.evaluation.planted_errors import plant_error
from ocrx.imaging.preparation import resize
from ocrx.imaging.reading import read_image
from ocrx.inference.batching import batch_logits
from ocrx.inference.recognizer import Recognizer
from ocrx.results import Progress
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

# Nats for a character without a class, more than for almost any character with one.
UNKNOWN = 20.0
MIN_LINES = 100
"""With fewer lines nothing is learned: the labels are ranked by their log odds."""

_HALF_LOG_ODDS = 5.0
"""An error of 0.5 while nothing is learned."""
_WINDOW = 512
_PRIOR_STRENGTH = 1.0


@dataclass(frozen=True)
class LabelError:
    """A label that may be wrong.

    Attributes:
        sample: The labelled line.
        prediction: What the model reads instead.
        log_odds: Log odds of the two in nats, at least 0.
        error: How likely the label is wrong, 0 to 1: 0 where the model reads it, 0.5 where it looks as much like one
            with a planted error as like the labels of the dataset. As few labels are wrong, it is no probability.
    """

    sample: Sample
    prediction: str
    log_odds: float
    error: float

    def to_dict(self, root: Path) -> dict[str, Any]:
        """Give the fields for reports.

        Args:
            root: The folder that the image's path is relative to.

        Returns:
            Plain values. ``doubt`` is the former name of ``log_odds``, kept for readers of
            ``check_dataset_result.json``.
        """
        image = self.sample.image
        return {
            "where": self.sample.source,
            "image": image.relative_to(root).as_posix() if image.is_relative_to(root) else str(image),
            "text": self.sample.text,
            "prediction": self.prediction,
            "doubt": round(self.log_odds, 3),
            "log_odds": round(self.log_odds, 3),
            "error": round(self.error, 4),
        }


@dataclass(frozen=True, slots=True)
class _Line:
    """A labelled line with its reading, and how its label and a planted error fit."""

    sample: Sample
    prediction: str
    given: LabelFit
    planted: LabelFit


@dataclass(frozen=True)
class _Weights:
    """What was learned from planted errors."""

    weights: Float64s
    mean: Float64s
    deviation: Float64s
    width: float


class LabelRanker:
    """Scores labels in any number of steps, and learns from planted errors when enough lines are there."""

    def __init__(self, recognizer: Recognizer, batch_size: int = 32) -> None:
        """Begin with nothing learned.

        Args:
            recognizer: The model.
            batch_size: Most lines in a batch.
        """
        self._recognizer = recognizer
        self._batch_size = batch_size
        self._lines: list[_Line] = []
        self._confusions = Confusions()
        self._learned: _Weights | None = None
        self._learned_from = 0

    def add(self, samples: Sequence[Sample]) -> list[LabelError]:
        """Score more labels.

        A label that is too long for its frames counts as if all its characters were unknown.

        Args:
            samples: The labelled lines.

        Returns:
            Those whose images can be read; all so far, where more was learned since the last call.
        """
        first = len(self._lines)
        with ThreadPoolExecutor(2) as readers:
            pixels = list(readers.map(self._pixels, samples))
        for indices, logits in batch_logits(pixels, self._recognizer.backend, self._batch_size):
            widths = [image.shape[1] for index in indices if (image := pixels[index]) is not None]
            self._lines += self._compare([samples[index] for index in indices], widths, logits)

        for added in self._lines[first:]:
            self._confusions.add(added.given)
        if len(self._lines) >= max(MIN_LINES, 2 * self._learned_from):
            self.learn()
            first = 0
        return [self._score(line) for line in self._lines[first:]]

    def learn(self) -> None:
        """Learn what tells planted errors from the labels as they are, if there are enough lines."""
        if len(self._lines) < MIN_LINES:
            return

        width = max(float(np.median([line.given.width for line in self._lines])), 1.0)
        rows = [self._features(line, fit, width) for line in self._lines for fit in (line.given, line.planted)]
        x = np.array(rows)
        mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
        standard = np.column_stack([np.ones(len(x)), (x - mean) / deviation])
        is_planted = np.tile([0.0, 1.0], len(self._lines))
        found = fit_logistic(standard, is_planted, np.zeros(standard.shape[1]), _PRIOR_STRENGTH)

        self._learned = _Weights(found.weights, mean, deviation, width)
        self._learned_from = len(self._lines)

    def ranking(self) -> list[LabelError]:
        """Rank all labels so far.

        Returns:
            The labels, the most likely errors first.
        """
        self.learn()
        return sorted(map(self._score, self._lines), key=lambda label: (-label.error, -label.log_odds))

    def _pixels(self, sample: Sample) -> Pixels | None:
        try:
            return resize(read_image(sample.image), self._recognizer.spec.image)
        except DataError:
            return None

    def _compare(self, samples: Sequence[Sample], widths: Sequence[int], logits: Floats) -> list[_Line]:
        charset = self._recognizer.charset
        decoded, normalizer = greedy(logits), log_normalizer(logits)
        of_read = log_likelihoods(logits, [line.classes for line in decoded], normalizer=normalizer)
        texts = [normalize(sample.text) for sample in samples]
        planted_texts = _plant_errors(samples, texts)

        readings = [
            _reading(charset, line.classes, line.scores, width) for line, width in zip(decoded, widths, strict=True)
        ]
        given, planted = (
            [
                fit_label(text, reading, float(log_odds))
                for text, reading, log_odds in zip(
                    labels, readings, _log_odds(charset, labels, logits, normalizer, of_read), strict=True
                )
            ]
            for labels in (texts, planted_texts)
        )
        return [
            _Line(sample, reading.text, own, wrong)
            for sample, reading, own, wrong in zip(samples, readings, given, planted, strict=True)
        ]

    def _features(self, line: _Line, fit: LabelFit, width: float) -> list[float]:
        return label_features(fit, line.given, self._confusions, width)

    def _score(self, line: _Line) -> LabelError:
        log_odds, learned = line.given.log_odds, self._learned
        if log_odds == 0:
            error = 0.0
        elif learned is None:
            error = log_odds / (log_odds + _HALF_LOG_ODDS)
        else:
            x = (np.array(self._features(line, line.given, learned.width)) - learned.mean) / learned.deviation
            error = float(1 / (1 + np.exp(-np.clip(learned.weights[0] + x @ learned.weights[1:], -500, 500))))
        return LabelError(line.sample, line.prediction, log_odds, error)


def rank_labels(
    recognizer: Recognizer, samples: Sequence[Sample], batch_size: int = 32, progress: Progress | None = None
) -> list[LabelError]:
    """Score the labels of all readable images.

    Args:
        recognizer: The model.
        samples: The labelled lines.
        batch_size: Most lines in a batch.
        progress: Called with (lines done, lines in all).

    Returns:
        The labels, the most likely errors first.
    """
    ranker = LabelRanker(recognizer, batch_size)
    stream, done = iter(samples), 0
    while window := list(islice(stream, _WINDOW)):
        ranker.add(window)
        done += len(window)
        if progress:
            progress(done, len(samples))
    return ranker.ranking()


def _plant_errors(samples: Sequence[Sample], texts: Sequence[str]) -> list[str]:
    """A wrong label for each line; the same one whenever the same lines are given."""
    characters = sorted({character for text in texts for character in text}) or ["?"]
    return [
        plant_error(text, texts, characters, Random(sample.source)) for sample, text in zip(samples, texts, strict=True)
    ]


def _reading(charset: Charset, classes: Sequence[int], scores: Sequence[float], width: int) -> Reading:
    """A class may have several code points; each gets the score of its class."""
    parts = [charset.decode([number]) for number in classes]
    spread = tuple(score for part, score in zip(parts, scores, strict=True) for _ in part)
    return Reading("".join(parts), spread, width)


def _log_odds(
    charset: Charset, texts: Sequence[str], logits: Floats, normalizer: Float64s, of_read: Float64s
) -> Float64s:
    """Ln P(text read) - ln P(label) of each line, at least 0."""
    known, unknown = zip(*(_encode(charset, text) for text in texts), strict=True)
    of_label = log_likelihoods(logits, known, normalizer=normalizer)
    impossible = np.isneginf(of_label)
    gap = np.where(impossible, 0.0, np.maximum(0.0, of_read - np.where(impossible, 0.0, of_label)))
    missing = np.array(unknown) + np.where(impossible, [len(text) for text in known], 0)
    result: Float64s = gap + UNKNOWN * missing
    return result


def _encode(charset: Charset, text: str) -> tuple[list[int], int]:
    """Classes of the known characters, and the number of unknown ones."""
    missing = set(charset.missing(text))
    if not missing:
        return charset.encode(text), 0
    rest = "".join(character for character in text if character not in missing)
    return charset.encode(rest), len(text) - len(rest)
