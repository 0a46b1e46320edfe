"""Compares a recognizer with labelled lines; the one evaluation, during training and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocrx.data.sample import Sample
from ocrx.inference.inputs import ImageInput
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.results import Prediction
from ocrx.results import Progress
from ocrx.text.metrics import Metrics, compute_metrics
from ocrx.text.normalize import normalize


@dataclass(frozen=True)
class LineResult:
    """One labelled line and its prediction.

    Attributes:
        sample: The labelled line.
        prediction: The text that was read; '' for an image that could not be read.
        score: The score of the line.
        error: Why the image could not be read.
        details: The complete prediction.
        ignore_case: Whether differences of case are ignored.
    """

    sample: Sample
    prediction: str
    score: float
    error: str | None
    details: Prediction
    ignore_case: bool = False

    @property
    def truth(self) -> str:
        """The label as it is compared: in NFC, case-folded if case is ignored."""
        return self._comparable(self.sample.text)

    @property
    def read(self) -> str:
        """The prediction as it is compared."""
        return self._comparable(self.prediction)

    @property
    def is_right(self) -> bool:
        """Whether prediction and label are equal."""
        return self.truth == self.read

    def _comparable(self, text: str) -> str:
        return normalize(text).casefold() if self.ignore_case else normalize(text)


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a set of lines, and every line in the order of the samples."""

    metrics: Metrics
    lines: tuple[LineResult, ...]


def evaluate(
    recognizer: Recognizer,
    samples: Sequence[Sample],
    batch_size: int = 32,
    progress: Progress | None = None,
    *,
    ignore_case: bool = False,
) -> Evaluation:
    """Read labelled lines and compare them with their labels. The text of an unreadable image is ''.

    Args:
        recognizer: The model.
        samples: The labelled lines.
        batch_size: Lines in a batch.
        progress: Called with (lines done, lines in all).
        ignore_case: Ignore differences of case.

    Returns:
        Metrics and lines.
    """
    inputs = (ImageInput.of_file(sample.image, str(sample.image)) for sample in samples)
    lines: list[LineResult] = []
    for sample, found in zip(samples, recognizer.predict_inputs(inputs, batch_size), strict=True):
        lines.append(LineResult(sample, found.text, found.score, found.error, found, ignore_case))
        if progress is not None:
            progress(len(lines), len(samples))
    return Evaluation(compute_metrics((line.truth, line.read) for line in lines), tuple(lines))
