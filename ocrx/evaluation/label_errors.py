"""Candidate label errors: labels that disagree with what a model reads, the least probable labels first.

Labels are ranked by the log odds ln P(text read) - ln P(label): how much more probable the model finds its own
reading than the label. Both probabilities are summed over all CTC paths. The log odds are 0 where the model reads
the label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ocrx.arrays import Pixels
from ocrx.ctc.reference import log_likelihoods
from ocrx.data.sample import Sample
from ocrx.decoding.greedy import greedy
from ocrx.errors import DataError
from ocrx.imaging.preparation import pad, resize, scale
from ocrx.imaging.reading import read_image
from ocrx.inference.recognizer import Recognizer
from ocrx.results import Progress
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

# A character the model has no class for: surely no less surprising than any it has.
UNKNOWN = 20.0
_WINDOW = 512


@dataclass(frozen=True)
class LabelError:
    """A label that may be wrong, what the model reads instead, and the ``log_odds`` of the two in nats (>= 0)."""

    sample: Sample
    prediction: str
    log_odds: float

    def to_dict(self, root: Path) -> dict[str, Any]:
        """The fields for reports; the image relative to ``root``.

        ``doubt`` is the key that readers of ``check_dataset_result.json`` know.
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
    """Score the labels of all readable images, the highest log odds first.

    A label too long for its frames counts like one with only unknown characters.
    """
    scored: list[LabelError] = []
    stream = iter(samples)
    done = 0
    with ThreadPoolExecutor(2) as readers:
        while window := list(islice(stream, _WINDOW)):
            pixels = readers.map(lambda sample: _pixels(recognizer, sample), window)
            lines = [(sample, p) for sample, p in zip(window, pixels, strict=True) if p is not None]
            for batch in _batches(recognizer, lines, batch_size):
                scored += _score(recognizer, batch)
            done += len(window)
            if progress:
                progress(done, len(samples))
    return sorted(scored, key=lambda label: -label.log_odds)


def _pixels(recognizer: Recognizer, sample: Sample) -> Pixels | None:
    try:
        return resize(read_image(sample.image), recognizer.spec.image)
    except DataError:
        return None


def _batches(
    recognizer: Recognizer, lines: list[tuple[Sample, Pixels]], size: int
) -> Iterator[list[tuple[Sample, Pixels]]]:
    """Lines of one bucket width together."""
    by_width: dict[int, list[tuple[Sample, Pixels]]] = {}
    for line in lines:
        by_width.setdefault(recognizer.spec.image.bucket_width(line[1].shape[1]), []).append(line)
    for group in by_width.values():
        yield from (group[i : i + size] for i in range(0, len(group), size))


def _score(recognizer: Recognizer, batch: list[tuple[Sample, Pixels]]) -> list[LabelError]:
    spec = recognizer.spec
    charset = Charset.from_spec(spec)
    width = spec.image.bucket_width(batch[0][1].shape[1])
    images = np.stack([pad(scale(pixels, spec.image), width, spec.image) for _, pixels in batch])
    logits = recognizer.backend.logits(images)
    read = [decoded.classes for decoded in greedy(logits)]
    known, unknown = zip(*(_encode(charset, sample.text) for sample, _ in batch), strict=True)
    of_label = log_likelihoods(logits, known)
    of_read = log_likelihoods(logits, read)
    scored = []
    for i, (sample, _) in enumerate(batch):
        impossible = len(known[i]) if np.isneginf(of_label[i]) else 0
        gap = 0.0 if impossible else max(0.0, float(of_read[i] - of_label[i]))
        scored.append(LabelError(sample, charset.decode(read[i]), gap + UNKNOWN * (unknown[i] + impossible)))
    return scored


def _encode(charset: Charset, text: str) -> tuple[list[int], int]:
    """Classes of the characters that have one, and how many have none."""
    text = normalize(text)
    missing = set(charset.missing(text))
    if not missing:
        return charset.encode(text), 0
    rest = "".join(character for character in text if character not in missing)
    return charset.encode(rest), len(text) - len(rest)
