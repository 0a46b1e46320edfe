"""A review: lines, decisions, order and ranking behind one lock, for any number of browser tabs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from ocrx.data.edit.journal import recover
from ocrx.data.formats.layouts import JOURNAL_FILE as FINISH_FILE
from ocrx.data.formats.layouts import REVIEW_DIR
from ocrx.imaging.reading import read_image
from ocrx.results import Issue
from ocrx.review.decision_request import DecisionRequest, label_text
from ocrx.review.decisions import Decisions, LineState, Status
from ocrx.review.folder_lock import lock_folder
from ocrx.review.journal import JOURNAL_FILE, Journal
from ocrx.review.label_files import FinishReport, digest_of, turned_image, write_decisions
from ocrx.review.line_facts import LineFacts
from ocrx.review.line_order import LineOrder
from ocrx.review.lines import Line, ReviewFolder, count_characters, find_labels, read_folder
from ocrx.review.navigation import Navigation
from ocrx.review.ranking import Ranking, Reader, Score


class ReviewSession:
    """An open review; thread-safe.

    Attributes:
        folder: The folder under review, as last read.
        state_dir: Folder of the review's own files.
        decisions: The decisions.
        reader: The model in use; None without one, or until it is opened.
        navigation: Moves browser tabs through the lines.
    """

    def __init__(self, path: Path) -> None:
        """Open a review, or continue one.

        Args:
            path: A dataset, a label file, or a folder of images.

        Raises:
            DataError: If there is nothing to review, the folder is being reviewed by another process, or it cannot
                be written to.
        """
        root = path if path.is_dir() else path.parent
        interrupted = (root / FINISH_FILE).is_file()
        dataset = None if interrupted else find_labels(path)
        self.state_dir = root / REVIEW_DIR
        with ExitStack() as opened:
            opened.callback(lock_folder(self.state_dir).release)
            if interrupted:  # only now: whoever had the lock may have been writing the label files
                recover(root)
                dataset = find_labels(path)
            journal = Journal(self.state_dir / JOURNAL_FILE, transcription=dataset is None)
            opened.callback(journal.close)
            self.decisions = Decisions(journal)
            self.folder = read_folder(path, dataset, transcription=journal.transcription)
            self._opened = opened.pop_all()

        self._lock = threading.RLock()
        self._facts = LineFacts(self.folder, self.decisions)
        self._order = LineOrder(len(self._facts.lines))
        self.navigation = Navigation(self._facts, self._order, self._lock)
        self._signature = _signature(self.folder)
        self._outside: set[str] = set()
        self._ranking: Ranking | None = None
        self.reader: Reader | None = None

    @property
    def trained_model(self) -> Path | None:
        """The model from a fine-tuning of this review; None if none was better than its predecessor."""
        return None if self.decisions.model is None else self.state_dir / self.decisions.model

    def start_ranking(self, open_reader: Callable[[], Reader] | None) -> None:
        """Start or restart ranking the lines in the background.

        Args:
            open_reader: Opens the model; None to look for findings only.
        """
        self._stop_ranking()

        def opened() -> Reader:
            assert open_reader is not None
            self.reader = open_reader()
            return self.reader

        with self._lock:
            waiting = [line for line in self._facts.present if self._facts.status(line) in ("open", "skipped")]
            self._ranking = Ranking(self.folder.dataset, self._store_score, self._store_findings)
        self._ranking.start(waiting, opened if open_reader else None)

    def use_reader(self, reader: Reader, trained: Path | None = None) -> None:
        """Switch to another model for reading and ranking.

        Args:
            reader: The model.
            trained: Its folder, if a fine-tuning of this review made it: the next review of this folder begins with it.

        Raises:
            DataError: If the journal cannot be written.
        """
        self._stop_ranking()
        with self._lock:
            if trained is not None:
                place, own = trained.absolute(), self.state_dir.absolute()
                inside = place.is_relative_to(own)
                self.decisions.record_model(place.relative_to(own).as_posix() if inside else str(place))

            self._facts.forget_scores()
            self._order.forget_errors()
        self.start_ranking(lambda: reader)

    def wait_for_ranking(self, timeout: float | None = None) -> bool:
        """Wait until all lines are ranked.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether they are.
        """
        return self._ranking is None or self._ranking.wait(timeout)

    def line(self, key: str) -> Line:
        """Look up a line.

        Args:
            key: The line.

        Returns:
            The line.

        Raises:
            DataError: If there is no such line.
        """
        return self._facts.line(key)

    def status(self, line: Line) -> Status:
        """Check whether and how a line is decided.

        Args:
            line: The line.

        Returns:
            Its status; ``open`` again if another program has changed its label since.
        """
        return self._facts.status(line)

    def view(self, key: str) -> dict[str, Any]:
        """Describe a line for the page.

        Args:
            key: The line.

        Returns:
            Plain values.
        """
        with self._lock:
            return self._facts.view(key)

    def search(self, text: str) -> list[dict[str, str]]:
        """Find lines by place, image, label or reading.

        Args:
            text: What to find.

        Returns:
            The first lines found, each with its key, place and label.
        """
        with self._lock:
            return self._facts.search(text)

    def image(self, key: str, turns: int) -> Image.Image:
        """Open the image of a line.

        Args:
            key: The line.
            turns: Quarter turns clockwise.

        Returns:
            The image, upright as its file says, then turned.

        Raises:
            DataError: If it cannot be read.
        """
        return turned_image(read_image(self.line(key).sample.image), turns)

    def read(self, key: str, turns: int) -> dict[str, Any]:
        """Read a line with the model, for the page.

        Args:
            key: The line.
            turns: Quarter turns clockwise.

        Returns:
            ``text``, ``confidence``, and ``characters`` with left and right edge as shares of the image's width (of
            its height where ``turned``); all empty without a model.

        Raises:
            DataError: If the image cannot be read.
        """
        if self.reader is None:
            return {"text": None, "confidence": None, "characters": [], "turned": False}

        image = self.image(key, turns)
        found = self.reader.read(image)
        width = found.image_size[0] if found.image_size else 1
        # An entry of the charset may have several code points; then spans and characters do not correspond.
        matched = len(found.text) == len(found.char_spans)
        rows = zip(found.text, found.char_spans, found.char_scores, strict=True) if matched else ()
        return {
            "text": found.text,
            "confidence": found.confidence,
            "warning": found.warning,
            "characters": [[c, left / width, right / width, score] for c, (left, right), score in rows],
            "turned": found.turned,
        }

    def count_characters(self) -> Counter[str]:
        """Count the characters of all labels.

        Returns:
            How often each character occurs.
        """
        with self._lock:
            return count_characters(self._facts.lines)

    def decide(self, request: DecisionRequest) -> LineState:
        """Record a decision; when this returns it is on the disk.

        Args:
            request: What the reviewer sent.

        Returns:
            The new state of the line.

        Raises:
            ConflictError: If the line was changed since the reviewer saw it.
            DataError: If the text cannot be a label, or the journal cannot be written.
        """
        text = label_text(request)

        with self._lock:
            line = self.line(request.key)
            turns = request.turns % 4
            state = LineState(
                status=request.status,
                text=text,
                label=line.sample.text,
                turns=turns,
                image=digest_of(line.sample.image) if turns else "",
            )
            return self.decisions.decide(request.key, state, request.reviewer, request.seen)

    def undo(self, reviewer: str) -> str | None:
        """Take back the last decision of a reviewer.

        Args:
            reviewer: Who.

        Returns:
            The line that is as before; None if nothing is left to undo.

        Raises:
            ConflictError: If it cannot be undone any more.
            DataError: If the journal cannot be written.
        """
        with self._lock:
            return self.decisions.undo(reviewer)

    def progress(self) -> dict[str, Any]:
        """Report the progress of the review.

        Returns:
            Plain values: counts by status, rate, progress of the ranking, findings by code, label files that another
            program changed.
        """
        with self._lock:
            outside = self._refresh()
            lines = self._facts.present
            decided = self.decisions.decided()
            counts = Counter(self._facts.status(line) for line in lines if line.key in decided)
            corrected = sum(self._facts.is_corrected(line) for line in lines if line.key in decided)
            ranking = self._ranking

            return {
                "lines": len(lines),
                "open": len(lines) - sum(counts.values()) + counts["open"],
                "accepted": counts["accepted"],
                "corrected": corrected,
                "unreadable": counts["unreadable"],
                "skipped": counts["skipped"],
                "per_hour": round(self.decisions.per_hour()),
                "ranked": ranking.done if ranking else 0,
                "ranking_done": ranking is None or ranking.wait(0),
                "ranking_failed": ranking.failed if ranking else None,
                "findings": self._facts.count_findings(),
                "changed_outside": outside,
                "model": self.reader.name if self.reader else None,
            }

    def finish(self) -> FinishReport:
        """Write all decisions to the label files.

        Returns:
            The report.

        Raises:
            DataError: If a file cannot be written.
        """
        with self._lock:
            self._reread()
            report = write_decisions(self.folder, self._facts.lines, self.decisions, self.state_dir)
            if report.files or report.removed or report.turned:
                self.decisions.record_finish(report.files)
            self._reread()
            self._outside.clear()
            return report

    def confirmed(self) -> tuple[list[Line], dict[str, str]]:
        """List the lines with a confirmed text.

        Returns:
            The lines, and their texts by key.
        """
        with self._lock:
            lines = [line for line in self._facts.present if self._facts.status(line) == "accepted"]
            return lines, {line.key: self.decisions.state(line.key).text for line in lines}

    def unchecked(self, part: str) -> list[Line]:
        """List the undecided lines of a part.

        Args:
            part: ``train`` or ``val``.

        Returns:
            The lines.
        """
        with self._lock:
            return [x for x in self._facts.present if x.part == part and self._facts.status(x) in ("open", "skipped")]

    def close(self) -> None:
        """Stop the ranking and release the folder; decisions that were not written stay in the journal."""
        self._stop_ranking()
        self._opened.close()

    def _stop_ranking(self) -> None:
        if self._ranking is not None:
            self._ranking.stop()

    def _store_score(self, key: str, score: Score) -> None:
        with self._lock:
            self._facts.add_score(key, score)
            self._order.set_error(self._facts.numbers[key], score.error)

    def _store_findings(self, issues: Iterable[Issue]) -> None:
        with self._lock:
            for number, severity in self._facts.add_findings(issues):
                self._order.add_finding(number, severity)

    def _refresh(self) -> list[str]:
        """Reload label files changed by another program; returns the names of those changed since Finish."""
        now = _signature(self.folder)
        changed = {path.name for path in now.keys() | self._signature if self._signature.get(path) != now.get(path)}
        if changed:
            self._outside |= changed
            self._reread()
        return sorted(self._outside)

    def _reread(self) -> None:
        given = self.folder.given
        self.folder = read_folder(given, find_labels(given), transcription=self.folder.transcription)
        self._facts.update(self.folder)
        self._order.grow(len(self._facts.lines))
        self._signature = _signature(self.folder)


def _signature(folder: ReviewFolder) -> dict[Path, tuple[int, int]]:
    """Return time and size of the label files, to detect changes."""
    found = {}
    for path in folder.label_files:
        with suppress(FileNotFoundError):  # removed a moment ago
            status = path.stat()
            found[path] = (status.st_mtime_ns, status.st_size)
    return found
