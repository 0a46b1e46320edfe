"""Ranks lines before a person sees them: by findings and by the readings of a model.

Ranking runs in the background, so that the first line is shown at once; the modules that it needs are imported there,
too. A score says how likely a line is to need a correction: for a label see ``evaluation.label_errors``; without a
label it is 1 - confidence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from ocrx.data.checks.labels import check_label
from ocrx.data.formats.layouts import Dataset
from ocrx.errors import OcrxError
from ocrx.results import Issue
from ocrx.review.lines import Line

if TYPE_CHECKING:
    from ocrx.evaluation.label_errors import LabelRanker
    from ocrx.inference.recognizer import Recognizer
    from ocrx.inference.results import Prediction

UNREADABLE_IMAGE = "image-unreadable"
# The first chunk is small, to be ready soon; later ones are large enough to sort well into batches.
_FIRST_CHUNK, _CHUNK, _SHARED_CHUNK = 16, 256, 16


@dataclass(frozen=True, slots=True)
class Score:
    """A model's score of a line.

    Attributes:
        text: The model's reading.
        error: How likely the line is to need a correction, 0 to 1; 0 if the model reads the label. It is not a
            calibrated probability.
    """

    text: str
    error: float


Found = Callable[[str, Score], None]
Noted = Callable[[Iterable[Issue]], None]


class Reader:
    """A recognizer that the page and the ranking share.

    Attributes:
        recognizer: Reads the lines.
        name: Name of the model, for display.
    """

    def __init__(self, recognizer: Recognizer, name: str) -> None:
        self.recognizer = recognizer
        self.name = name
        shared = recognizer.backend.parallel < 2
        self._one_at_a_time: AbstractContextManager[Any] = threading.Lock() if shared else nullcontext()
        self.chunk = _SHARED_CHUNK if shared else _CHUNK
        self._ranker: LabelRanker | None = None
        self._keys: dict[int, str] = {}

    def read(self, image: Image.Image) -> Prediction:
        """Read one line.

        Args:
            image: The line as displayed.

        Returns:
            Text, confidence and the spans of the characters.
        """
        with self._one_at_a_time:
            return next(iter(self.recognizer.predict(image)))

    def score(self, lines: Sequence[Line]) -> dict[str, Score | None]:
        """Score lines.

        Args:
            lines: The lines.

        Returns:
            Scores by key, None for an image that cannot be read; also those of earlier lines whose scores changed.
        """
        labelled = [line for line in lines if line.sample.source]
        rest = [line for line in lines if not line.sample.source]
        with self._one_at_a_time:
            found = self._score_labels(labelled)
            for line, prediction in zip(rest, self.recognizer.predict([x.sample.image for x in rest]), strict=True):
                failed = prediction.error is not None
                found[line.key] = None if failed else Score(prediction.text, 1 - _confidence(prediction))
        return found

    def _score_labels(self, lines: Sequence[Line]) -> dict[str, Score | None]:
        from ocrx.evaluation.label_errors import LabelRanker

        if self._ranker is None:
            self._ranker = LabelRanker(self.recognizer)
        self._keys |= {id(line.sample): line.key for line in lines}  # the ranker keeps the samples
        found: dict[str, Score | None] = {line.key: None for line in lines}
        for label in self._ranker.add([line.sample for line in lines]):
            found[self._keys[id(label.sample)]] = Score(label.prediction, label.error)
        return found


def _confidence(prediction: Prediction) -> float:
    return prediction.score if prediction.confidence is None else prediction.confidence


class _Stopped(Exception):  # noqa: N818  # not an error
    """The ranking was asked to end."""


class Ranking:
    """Ranks lines in a separate thread until it is stopped.

    Attributes:
        done: Number of lines that the model has scored.
        failed: Why the ranking ended early, if so.
    """

    def __init__(self, dataset: Dataset | None, found: Found, noted: Noted) -> None:
        """Prepare a ranking.

        Args:
            dataset: The dataset to check; None for a folder without labels.
            found: Called with the score of each line.
            noted: Called with findings.
        """
        self._dataset = dataset
        self._found, self._noted = found, noted
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.done = 0
        self.failed: str | None = None

    def start(self, lines: Sequence[Line], open_reader: Callable[[], Reader] | None) -> None:
        """Start the thread.

        Args:
            lines: The lines that the model scores, in this order.
            open_reader: Opens the model, in the thread; None without a model.
        """
        self._thread = threading.Thread(target=self._run, args=(lines, open_reader), name="ocrx-ranking", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current chunk."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all lines are ranked.

        Args:
            timeout: Maximum time to wait in seconds.

        Returns:
            Whether the ranking has ended.
        """
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, lines: Sequence[Line], open_reader: Callable[[], Reader] | None) -> None:
        from ocrx.data.checks.run import run_checks

        try:
            if self._dataset is not None:
                self._noted([issue for sample in self._dataset.samples for issue in check_label(sample)])
            if open_reader is not None:
                self._score_all(lines, open_reader())
            if self._dataset is not None and not self._stop.is_set():
                self._noted(run_checks(self._dataset, workers=0, progress=self._check_stop).issues)
        except OcrxError as error:
            self.failed = error.message
        except _Stopped:
            return

    def _check_stop(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _score_all(self, lines: Sequence[Line], reader: Reader) -> None:
        start, size = 0, min(_FIRST_CHUNK, reader.chunk)
        while start < len(lines) and not self._stop.is_set():
            for key, score in reader.score(lines[start : start + size]).items():
                self._found(key, score or Score("", 1.0))
                if score is None:
                    self._noted([Issue("error", UNREADABLE_IMAGE, key, "the image cannot be read")])
            start += size
            self.done = min(start, len(lines))
            size = min(2 * size, reader.chunk)
