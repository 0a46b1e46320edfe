"""Everything known about each line: label, decision, score and findings; filters and search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ocrx.data.checks.grouping import split_place
from ocrx.errors import DataError
from ocrx.results import Issue, Severity
from ocrx.review.decisions import Decisions, LineState, Status
from ocrx.review.label_files import digest_of
from ocrx.review.line_order import Filter
from ocrx.review.lines import Line, ReviewFolder, merge_folder
from ocrx.review.ranking import Score
from ocrx.text.direction import runs_right_to_left
from ocrx.text.normalize import normalize

FOUND_LINES = 20
"""Maximum number of lines returned by a search."""

_OF_DATASET = ("few-samples",)  # a finding that names lines as examples only


class LineFacts:
    """Everything known about the lines of a review; not thread-safe.

    Attributes:
        lines: The lines; a line keeps its number even after it was removed.
        numbers: Their numbers by key.
    """

    def __init__(self, folder: ReviewFolder, decisions: Decisions) -> None:
        """Start from the label files and the journal.

        Args:
            folder: The folder under review.
            decisions: The decisions.
        """
        self.lines: tuple[Line, ...] = folder.lines
        self.numbers = {line.key: i for i, line in enumerate(self.lines)}
        self._folder = folder
        self._decisions = decisions
        self._scores: dict[str, Score] = {}
        self._findings: dict[int, dict[str, Issue]] = {}

    @property
    def present(self) -> list[Line]:
        """Lines that are in the label files."""
        return [line for line in self.lines if not line.gone]

    def update(self, folder: ReviewFolder) -> None:
        """Update the lines after the label files were read again.

        Args:
            folder: The folder, as just read.
        """
        self._folder = folder
        self.lines = merge_folder(self.lines, folder.lines)
        self.numbers = {line.key: i for i, line in enumerate(self.lines)}

    def add_score(self, key: str, score: Score) -> None:
        """Store the model's score of a line.

        Args:
            key: The line.
            score: The score.
        """
        self._scores[key] = score

    def forget_scores(self) -> None:
        """Drop all scores, because another model is used from now on."""
        self._scores.clear()

    def add_findings(self, issues: Iterable[Issue]) -> Iterator[tuple[int, Severity]]:
        """Store findings.

        Args:
            issues: The findings; those that concern no line are skipped.

        Yields:
            The number of each line that has one, and its severity.
        """
        by_source = {line.sample.source: i for i, line in enumerate(self.lines) if line.sample.source}
        for issue in issues:
            if issue.code in _OF_DATASET:
                continue
            for place in split_place(issue.where):
                number = by_source.get(place, self.numbers.get(place))
                if number is not None:
                    self._findings.setdefault(number, {})[issue.code] = issue
                    yield number, issue.severity

    def count_findings(self) -> dict[str, int]:
        """Count the lines with each finding.

        Returns:
            Number of lines by code, the largest first.
        """
        return dict(Counter(code for of_line in self._findings.values() for code in of_line).most_common())

    def line(self, key: str) -> Line:
        """Look up a line.

        Args:
            key: The line.

        Returns:
            The line.

        Raises:
            DataError: If there is no such line.
        """
        number = self.numbers.get(key)
        if number is None:
            raise DataError(f"{key}: no such line in this review")
        return self.lines[number]

    def status(self, line: Line) -> Status:
        """Check whether and how a line is decided.

        Args:
            line: The line.

        Returns:
            Its status; ``open`` again if another program has changed its label since.
        """
        if self._decisions.is_changed_outside(line):
            return "open"
        return self._decisions.state(line.key).status

    def is_corrected(self, line: Line) -> bool:
        """Check whether a line was accepted with a text that differs from its original label.

        Args:
            line: The line.

        Returns:
            Whether it was corrected.
        """
        state = self._decisions.state(line.key)
        return self.status(line) == "accepted" and state.text != self._decisions.first_label(line)

    def view(self, key: str) -> dict[str, Any]:
        """Describe a line for the page.

        Args:
            key: The line.

        Returns:
            Plain values.
        """
        line, state = self.line(key), self._decisions.state(key)
        outside = self._decisions.is_changed_outside(line)
        text = state.text if state.status == "accepted" and not outside else line.sample.text
        score = self._scores.get(key)
        if not text and state.status == "open" and score is not None:
            text = score.text
        sample = text or line.sample.text or (score.text if score else "")
        number = self.numbers[key]

        return {
            "key": key,
            "number": number + 1,
            "source": line.sample.source or key,
            "image_name": line.key,
            "part": line.part,
            "label": line.sample.text,
            "text": text,
            "status": self.status(line),
            "turns": self._pending_turns(line, state),
            "stamp": _time_of(line.sample.image),
            "revision": state.revision,
            "reading": score.text if score else None,
            "error": score.error if score else None,
            "outside": outside,
            "mine": state.text if outside else "",
            "direction": "rtl" if runs_right_to_left(sample) or self._mostly_right_to_left(sample) else "ltr",
            "findings": [
                {"code": issue.code, "severity": issue.severity, "message": issue.message}
                for issue in self._findings.get(number, {}).values()
            ],
        }

    def search(self, text: str) -> list[dict[str, str]]:
        """Find lines by place, image, label or reading.

        Args:
            text: What to find; ``train.txt:17`` and a whole path come first.

        Returns:
            The first lines found, each with its key, place and label.
        """
        wanted = normalize(text.strip()).casefold()
        if not wanted:
            return []

        exact = [line for line in self.lines if wanted in (line.sample.source.casefold(), line.key.casefold())]
        found = (line for line in self.lines if line not in exact and wanted in self._searched(line))
        rows = islice(chain(exact, found), FOUND_LINES)
        return [{"key": x.key, "source": x.sample.source or x.key, "text": self._text(x)} for x in rows]

    def matcher(self, wanted: Filter) -> Callable[[int], bool]:
        """Compile a filter into a predicate on line numbers.

        Args:
            wanted: The filter.

        Returns:
            A function that tells whether a line passes.
        """
        text = normalize(wanted.text).casefold()

        def matches(number: int) -> bool:
            line = self.lines[number]
            return (
                not line.gone
                and (wanted.status == "all" or self._has_status(line, wanted.status))
                and (not wanted.part or line.part == wanted.part)
                and (not wanted.finding or wanted.finding in self._findings.get(number, ()))
                and (wanted.min_error <= 0 or (self._error_of(line) or 0) >= wanted.min_error)
                and (not text or text in self._searched(line))
            )

        return matches

    def _has_status(self, line: Line, status: str) -> bool:
        return self.is_corrected(line) if status == "corrected" else self.status(line) == status

    def _error_of(self, line: Line) -> float | None:
        score = self._scores.get(line.key)
        return score.error if score else None

    def _text(self, line: Line) -> str:
        state = self._decisions.state(line.key)
        return state.text if state.status == "accepted" else line.sample.text

    def _searched(self, line: Line) -> str:
        score = self._scores.get(line.key)
        return f"{self._text(line)}\n{score.text if score else ''}\n{line.key}".casefold()

    def _mostly_right_to_left(self, text: str) -> bool:
        """Whether a text without letters follows the direction of the other lines, which is right to left."""
        return not any(character.isalpha() for character in text) and self._folder.runs_right_to_left

    def _pending_turns(self, line: Line, state: LineState) -> int:
        return state.turns if state.turns and state.image and digest_of(line.sample.image) == state.image else 0


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return 0
