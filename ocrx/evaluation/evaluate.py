"""A recognizer against labelled lines: the one evaluation, during training and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ocrx.data.sample import Sample
from ocrx.imaging.reading import read_image
from ocrx.inference.inputs import ImageInput
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.results import Prediction
from ocrx.results import Progress
from ocrx.text.metrics import Metrics, compute_metrics
from ocrx.text.normalize import normalize


@dataclass(frozen=True)
class LineResult:
    """One labelled line and what was read. An image that could not be read has '' and an ``error``."""

    sample: Sample
    prediction: str
    score: float
    error: str | None
    details: Prediction

    def is_right(self, ignore_case: bool = False) -> bool:
        """Whether the line was read without an error.

        Args:
            ignore_case: Differences of case are no errors.

        Returns:
            True if label and reading agree in NFC.
        """
        truth, read = normalize(self.sample.text), normalize(self.prediction)
        return truth.casefold() == read.casefold() if ignore_case else truth == read


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a set of lines, and every line in the order of the samples."""

    metrics: Metrics
    lines: tuple[LineResult, ...]


def evaluate(
    recognizer: Recognizer, samples: Sequence[Sample], batch_size: int = 32, progress: Progress | None = None
) -> Evaluation:
    """Read all samples and compare. An unreadable image counts as the text ''."""
    items = (ImageInput(partial(read_image, sample.image), str(sample.image)) for sample in samples)
    lines = []
    for sample, prediction in zip(samples, recognizer.predict_inputs(items, batch_size), strict=True):
        lines.append(LineResult(sample, prediction.text, prediction.score, prediction.error, prediction))
        if progress is not None:
            progress(len(lines), len(samples))
    return Evaluation(compute_metrics((line.sample.text, line.prediction) for line in lines), tuple(lines))
