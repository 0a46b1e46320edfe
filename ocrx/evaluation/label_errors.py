"""Finds candidate label errors: labels that differ from what a model reads, the least probable labels first.

Labels are ranked by the log odds ln P(text read) - ln P(label), with probabilities summed over all CTC paths. The log
odds are 0 if the model reads the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ocrx.arrays import Floats, Pixels
from ocrx.ctc.reference import log_likelihoods
from ocrx.data.sample import Sample
from ocrx.decoding.greedy import greedy
from ocrx.errors import DataError
from ocrx.imaging.preparation import resize
from ocrx.imaging.reading import read_image
from ocrx.inference.batching import batch_logits
from ocrx.inference.recognizer import Recognizer
from ocrx.results import Progress
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

# Nats for a character without a class, more than for almost any character with one.
UNKNOWN = 20.0
_WINDOW = 512


@dataclass(frozen=True)
class LabelError:
    """A label that may be wrong, what the model reads instead, and the ``log_odds`` of the two in nats (>= 0)."""

    sample: Sample
    prediction: str
    log_odds: float

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
        }


def rank_labels(
    recognizer: Recognizer, samples: Sequence[Sample], batch_size: int = 32, progress: Progress | None = None
) -> list[LabelError]:
    """Score the labels of all readable images.

    A label that is too long for its frames counts as if all its characters were unknown.

    Args:
        recognizer: The model.
        samples: The labelled lines.
        batch_size: Most lines in a batch.
        progress: Called with (lines done, lines in all).

    Returns:
        The labels, the highest log odds first.
    """
    scored: list[LabelError] = []
    stream = iter(samples)
    done = 0
    with ThreadPoolExecutor(2) as readers:
        while window := list(islice(stream, _WINDOW)):
            lines = list(readers.map(lambda sample: _pixels(recognizer, sample), window))
            for indices, logits in batch_logits(lines, recognizer.backend, batch_size):
                scored += _score(recognizer.charset, [window[index] for index in indices], logits)

            done += len(window)
            if progress:
                progress(done, len(samples))
    return sorted(scored, key=lambda label: -label.log_odds)


def _pixels(recognizer: Recognizer, sample: Sample) -> Pixels | None:
    try:
        return resize(read_image(sample.image), recognizer.spec.image)
    except DataError:
        return None


def _score(charset: Charset, samples: Sequence[Sample], logits: Floats) -> list[LabelError]:
    read = [decoded.classes for decoded in greedy(logits)]
    known, unknown = zip(*(_encode(charset, sample.text) for sample in samples), strict=True)
    of_label = log_likelihoods(logits, known)
    of_read = log_likelihoods(logits, read)

    scored = []
    for i, sample in enumerate(samples):
        impossible = len(known[i]) if np.isneginf(of_label[i]) else 0
        gap = 0.0 if impossible else max(0.0, float(of_read[i] - of_label[i]))
        scored.append(LabelError(sample, charset.decode(read[i]), gap + UNKNOWN * (unknown[i] + impossible)))
    return scored


def _encode(charset: Charset, text: str) -> tuple[list[int], int]:
    """Classes of the known characters, and the number of unknown ones."""
    text = normalize(text)
    missing = set(charset.missing(text))
    if not missing:
        return charset.encode(text), 0
    rest = "".join(character for character in text if character not in missing)
    return charset.encode(rest), len(text) - len(rest)
