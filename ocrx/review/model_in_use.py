"""The model used in a review: opened in the background, and replaced if a fine-tuning yields a better one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ocrx.errors import DataError
from ocrx.review.fine_tuning import FineTuning, choose_lines
from ocrx.review.label_files import FinishReport
from ocrx.review.ranking import Reader
from ocrx.review.session import ReviewSession

if TYPE_CHECKING:
    from ocrx.inference.recognizer import Recognizer

Opener = Callable[[Path], "Recognizer"]


class ModelInUse:
    """Reads lines for a review, and learns from it.

    Attributes:
        fine_tuning: The training of the model.
        path: The model; None for a review without one.
    """

    def __init__(self, session: ReviewSession, path: Path | None, open_recognizer: Opener, device: str) -> None:
        """Start ranking the lines of a review.

        Args:
            session: The review.
            path: The model; None to look for findings only.
            open_recognizer: Opens a model.
            device: Device for fine-tuning.
        """
        self.path = path
        self._session = session
        self._open = open_recognizer
        self._device = device
        self.fine_tuning = FineTuning(session.state_dir, self._use)
        session.start_ranking(None if path is None else lambda: self._reader(path))

    def train(self, minutes: float) -> FinishReport:
        """Write the decisions to the label files and train on the confirmed lines.

        Args:
            minutes: Time limit.

        Returns:
            The report of writing the files.

        Raises:
            DataError: If there is no model, too few lines are confirmed, or a training runs already.
        """
        if self.path is None:
            raise DataError("this review has no model to train", hint="start it with --model")
        confirmed, texts = self._session.confirmed()
        lines = choose_lines(confirmed, texts, self._session.unchecked("val"))
        report = self._session.finish()
        self.fine_tuning.start(lines, self._session.folder.root, self.path, self._device, minutes)
        return report

    def _reader(self, path: Path) -> Reader:
        recognizer = self._open(path)
        return Reader(recognizer, recognizer.spec.name or path.name)

    def _use(self, path: Path) -> None:
        self._session.use_reader(self._reader(path), trained=path)
        self.path = path
