"""Labels that a model doubts: the wrong ones among them come first.

The doubt about a line is ln P(text read) - ln P(label), the logarithm of how many times more probable the model holds
what it reads than what the label says; both are summed over all CTC paths. It is 0 where the model reads the label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

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
class Suspect:
    """A label, what the model read instead, and its ``doubt`` in nats (>= 0, larger is worse)."""

    sample: Sample
    prediction: str
    doubt: float


def rank_labels(
    recognizer: Recognizer, samples: Sequence[Sample], batch_size: int = 32, progress: Progress | None = None
) -> list[Suspect]:
    """All labels whose image can be read, the most doubtful first.

    A label too long for its frames has the doubt of as many unknown characters as it has.
    """
    suspects: list[Suspect] = []
    stream = iter(samples)
    done = 0
    with ThreadPoolExecutor(2) as readers:
        while window := list(islice(stream, _WINDOW)):
            pixels = readers.map(lambda sample: _pixels(recognizer, sample), window)
            lines = [(sample, p) for sample, p in zip(window, pixels, strict=True) if p is not None]
            for batch in _batches(recognizer, lines, batch_size):
                suspects += _doubts(recognizer, batch)
            done += len(window)
            if progress:
                progress(done, len(samples))
    return sorted(suspects, key=lambda suspect: -suspect.doubt)


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


def _doubts(recognizer: Recognizer, batch: list[tuple[Sample, Pixels]]) -> list[Suspect]:
    spec = recognizer.spec
    charset = Charset.from_spec(spec)
    width = spec.image.bucket_width(batch[0][1].shape[1])
    images = np.stack([pad(scale(pixels, spec.image), width, spec.image) for _, pixels in batch])
    logits = recognizer.backend.logits(images)
    read = [decoded.classes for decoded in greedy(logits)]
    known, unknown = zip(*(_encode(charset, sample.text) for sample, _ in batch), strict=True)
    of_label = log_likelihoods(logits, known)
    of_read = log_likelihoods(logits, read)
    suspects = []
    for i, (sample, _) in enumerate(batch):
        impossible = len(known[i]) if np.isneginf(of_label[i]) else 0
        gap = 0.0 if impossible else max(0.0, float(of_read[i] - of_label[i]))
        suspects.append(Suspect(sample, charset.decode(read[i]), gap + UNKNOWN * (unknown[i] + impossible)))
    return suspects


def _encode(charset: Charset, text: str) -> tuple[list[int], int]:
    """Classes of the characters that have one, and how many have none."""
    text = normalize(text)
    missing = set(charset.missing(text))
    if not missing:
        return charset.encode(text), 0
    rest = "".join(character for character in text if character not in missing)
    return charset.encode(rest), len(text) - len(rest)
