"""One review: lines, decisions, order and ranking together, behind a lock, for any number of browser tabs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from PIL import Image

from ocrx.data.checks.grouping import split_place
from ocrx.data.edit.journal import recover
from ocrx.data.formats.layouts import REVIEW_DIR
from ocrx.errors import DataError
from ocrx.imaging.reading import read_image
from ocrx.results import Issue
from ocrx.review.decisions import Decisions, LineState, Status
from ocrx.review.journal import JOURNAL_FILE, Journal
from ocrx.review.label_files import FinishReport, digest_of, turned_image, write_decisions
from ocrx.review.line_order import Filter, LineOrder
from ocrx.review.lines import Line, ReviewFolder, count_characters, find_labels, merge_folder, read_folder
from ocrx.review.ranking import Ranking, Reader, Score
from ocrx.text.direction import runs_right_to_left
from ocrx.text.normalize import normalize

MAX_TEXT = 10_000
FOUND_LINES = 20
_LOCK_FILE = "lock"
_OF_DATASET = ("few-samples",)  # a finding that names lines as examples only


@dataclass(frozen=True)
class Decision:
    """What a reviewer sends about a line.

    Attributes:
        key: The line.
        status: The decision.
        text: The text of the line; it is stored in NFC, without spaces around it.
        turns: Quarter turns clockwise that the image needs.
        seen: Revision of the line that the reviewer saw.
        reviewer: Who decides.
    """

    key: str
    status: Status
    text: str
    turns: int
    seen: int
    reviewer: str


class ReviewSession:
    """An open review. All methods may be called from several threads.

    Attributes:
        folder: What is reviewed, as read last.
        state_dir: The review's own folder.
        decisions: What was decided.
        reader: The model that reads; None without one, or until it is opened.
    """

    def __init__(self, path: Path) -> None:
        """Open a review, or go on with one.

        Args:
            path: A dataset, a label file, or a folder of images.

        Raises:
            DataError: If there is nothing to review, the folder is being reviewed by another process, or it cannot
                be written to.
        """
        root = path if path.is_dir() else path.parent
        if path.is_dir():
            recover(path)
        dataset = find_labels(path)
        self.state_dir = root / REVIEW_DIR
        with ExitStack() as opened:
            opened.callback(_lock(self.state_dir).release)
            journal = Journal(self.state_dir / JOURNAL_FILE, transcription=dataset is None)
            opened.callback(journal.close)
            self.decisions = Decisions(journal)
            self.folder = read_folder(path, dataset, transcription=journal.transcription)
            self._opened = opened.pop_all()

        self._lock = threading.RLock()
        self._lines: tuple[Line, ...] = self.folder.lines
        self._numbers = {line.key: i for i, line in enumerate(self._lines)}
        self._order = LineOrder(len(self._lines))
        self._scores: dict[str, Score] = {}
        self._findings: dict[int, dict[str, Issue]] = {}
        self._signature = _signature(self.folder)
        self._outside: set[str] = set()
        self._ranking: Ranking | None = None
        self.reader: Reader | None = None

    def start_ranking(self, open_reader: Callable[[], Reader] | None) -> None:
        """Begin, or begin anew, to rank the lines in the background.

        Args:
            open_reader: Opens the model; None to look for findings alone.
        """
        self._stop_ranking()

        def opened() -> Reader:
            assert open_reader is not None
            self.reader = open_reader()
            return self.reader

        with self._lock:
            waiting = [line for line in self._lines if self.status(line) in ("open", "skipped")]
            self._ranking = Ranking(self.folder.dataset, self._store_score, self._store_findings)
        self._ranking.start(waiting, opened if open_reader else None)

    def use_reader(self, reader: Reader) -> None:
        """Read and rank with another model from now on.

        Args:
            reader: The model.
        """
        self._stop_ranking()
        with self._lock:
            self._scores.clear()
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
        number = self._numbers.get(key)
        if number is None:
            raise DataError(f"{key}: no such line in this review")
        return self._lines[number]

    def status(self, line: Line) -> Status:
        """Tell whether and how a line is decided.

        Args:
            line: The line.

        Returns:
            Its status; ``open`` again if another program has changed its label since.
        """
        if self.decisions.is_changed_outside(line):
            return "open"
        return self.decisions.state(line.key).status

    def view(self, key: str) -> dict[str, Any]:
        """Describe a line for the page.

        Args:
            key: The line.

        Returns:
            Plain values.
        """
        with self._lock:
            line, state = self.line(key), self.decisions.state(key)
            outside = self.decisions.is_changed_outside(line)
            text = state.text if state.status == "accepted" and not outside else line.sample.text
            score = self._scores.get(key)
            if not text and state.status == "open" and score is not None:
                text = score.text
            sample = text or line.sample.text or (score.text if score else "")
            number = self._numbers[key]

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
                "error": self._order.error_of(number),
                "outside": outside,
                "mine": state.text if outside else "",
                "direction": "rtl" if runs_right_to_left(sample) or self._mostly_right_to_left(sample) else "ltr",
                "findings": [
                    {"code": issue.code, "severity": issue.severity, "message": issue.message}
                    for issue in self._findings.get(number, {}).values()
                ],
            }

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
            return count_characters(self._lines)

    def next_line(self, tab: str, current: str | None, wanted: Filter) -> dict[str, Any] | None:
        """Move a tab forward.

        Args:
            tab: The browser tab.
            current: The line that it shows.
            wanted: The filter.

        Returns:
            The line as ``view`` gives it; None if no line is left.
        """
        with self._lock:
            found = self._order.after(tab, self._numbers.get(current or ""), wanted, self._matcher(wanted))
            if found is None and wanted.status == "open":
                # What was skipped comes again when nothing else is open.
                skipped = self._matcher(replace(wanted, status="skipped"))
                found = self._order.after(tab, self._numbers.get(current or ""), wanted, skipped)
            return None if found is None else self.view(self._lines[found].key)

    def previous_line(self, tab: str, current: str, wanted: Filter) -> dict[str, Any] | None:
        """Move a tab back to what it showed before.

        Args:
            tab: The browser tab.
            current: The line that it shows.
            wanted: The filter.

        Returns:
            The line as ``view`` gives it; None at the beginning.
        """
        with self._lock:
            number = self._numbers.get(current, -1)
            found = self._order.before(tab, number, wanted)
            return None if found is None else self.view(self._lines[found].key)

    def show_line(self, tab: str, key: str, wanted: Filter) -> dict[str, Any]:
        """Jump to a line.

        Args:
            tab: The browser tab.
            key: The line.
            wanted: The filter.

        Returns:
            The line as ``view`` gives it.
        """
        with self._lock:
            self.line(key)
            self._order.jump(tab, self._numbers[key], wanted)
            return self.view(key)

    def upcoming(self, tab: str, wanted: Filter) -> dict[str, Any] | None:
        """Tell which line will probably come next, so that its image can be loaded ahead.

        Args:
            tab: The browser tab.
            wanted: The filter.

        Returns:
            The line as ``view`` gives it; None at the end.
        """
        with self._lock:
            found = self._order.peek(tab, wanted, self._matcher(wanted))
            return None if found is None else self.view(self._lines[found].key)

    def decide(self, decision: Decision) -> LineState:
        """Record a decision; when this returns it is on the disk.

        Args:
            decision: The decision.

        Returns:
            The new state of the line.

        Raises:
            ConflictError: If the line was changed since the reviewer saw it.
            DataError: If the text cannot be a label, or the journal cannot be written.
        """
        text = _checked_text(decision)

        with self._lock:
            line = self.line(decision.key)
            turns = decision.turns % 4
            state = LineState(
                status=decision.status,
                text=text,
                label=line.sample.text,
                turns=turns,
                image=digest_of(line.sample.image) if turns else "",
            )
            return self.decisions.decide(decision.key, state, decision.reviewer, decision.seen)

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

        with self._lock:
            exact = [line for line in self._lines if wanted in (line.sample.source.casefold(), line.key.casefold())]
            found = (line for line in self._lines if line not in exact and wanted in self._searched(line))
            rows = exact[:FOUND_LINES] or []
            for line in found:
                if len(rows) >= FOUND_LINES:
                    break
                rows.append(line)
            return [
                {"key": line.key, "source": line.sample.source or line.key, "text": self._text(line)} for line in rows
            ]

    def progress(self) -> dict[str, Any]:
        """Count what is done.

        Returns:
            Plain values: counts by status, rate, progress of the ranking, findings by code, label files that another
            program changed.
        """
        with self._lock:
            outside = self._refresh()
            lines = [line for line in self._lines if not line.gone]
            decided = self.decisions.decided()
            counts = Counter(self.status(line) for line in lines if line.key in decided)
            corrected = sum(self._is_corrected(line) for line in lines if line.key in decided)
            codes = Counter(code for of_line in self._findings.values() for code in of_line)
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
                "findings": dict(codes.most_common()),
                "changed_outside": outside,
                "model": self.reader.name if self.reader else None,
            }

    def finish(self) -> FinishReport:
        """Write all decisions into the label files.

        Returns:
            What was written.

        Raises:
            DataError: If a file cannot be written.
        """
        with self._lock:
            self._reread()
            report = write_decisions(self.folder, self._lines, self.decisions, self.state_dir)
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
            lines = [line for line in self._lines if not line.gone and self.status(line) == "accepted"]
            return lines, {line.key: self.decisions.state(line.key).text for line in lines}

    def unchecked(self, part: str) -> list[Line]:
        """List the lines of a part that are not decided.

        Args:
            part: ``train`` or ``val``.

        Returns:
            The lines.
        """
        with self._lock:
            return [x for x in self._lines if not x.gone and x.part == part and self.status(x) in ("open", "skipped")]

    def close(self) -> None:
        """End the ranking and release the folder; decisions that were not finished stay in the journal."""
        self._stop_ranking()
        self._opened.close()

    def _stop_ranking(self) -> None:
        if self._ranking is not None:
            self._ranking.stop()

    def _store_score(self, key: str, score: Score) -> None:
        with self._lock:
            self._scores[key] = score
            self._order.set_error(self._numbers[key], score.error)

    def _store_findings(self, issues: Iterable[Issue]) -> None:
        with self._lock:
            numbers = {line.sample.source: i for i, line in enumerate(self._lines) if line.sample.source}
            for issue in issues:
                if issue.code in _OF_DATASET:
                    continue
                for place in split_place(issue.where):
                    number = numbers.get(place, self._numbers.get(place))
                    if number is not None:
                        self._findings.setdefault(number, {})[issue.code] = issue
                        self._order.add_finding(number, issue.severity)

    def _matcher(self, wanted: Filter) -> Callable[[int], bool]:
        text = normalize(wanted.text).casefold()

        def matches(number: int) -> bool:
            line = self._lines[number]
            return (
                not line.gone
                and (wanted.status == "all" or self._has_status(line, wanted.status))
                and (not wanted.part or line.part == wanted.part)
                and (not wanted.finding or wanted.finding in self._findings.get(number, ()))
                and (wanted.min_error <= 0 or (self._order.error_of(number) or 0) >= wanted.min_error)
                and (not text or text in self._searched(line))
            )

        return matches

    def _has_status(self, line: Line, status: str) -> bool:
        return self._is_corrected(line) if status == "corrected" else self.status(line) == status

    def _is_corrected(self, line: Line) -> bool:
        state = self.decisions.state(line.key)
        return self.status(line) == "accepted" and state.text != self.decisions.first_label(line)

    def _text(self, line: Line) -> str:
        state = self.decisions.state(line.key)
        return state.text if state.status == "accepted" else line.sample.text

    def _searched(self, line: Line) -> str:
        score = self._scores.get(line.key)
        return f"{self._text(line)}\n{score.text if score else ''}\n{line.key}".casefold()

    def _mostly_right_to_left(self, text: str) -> bool:
        """Digits and signs alone run as the other lines do."""
        return not any(character.isalpha() for character in text) and self.folder.runs_right_to_left

    def _pending_turns(self, line: Line, state: LineState) -> int:
        return state.turns if state.turns and digest_of(line.sample.image) == state.image else 0

    def _refresh(self) -> list[str]:
        """Read the label files again if another program changed them; names of those that changed since Finish."""
        now = _signature(self.folder)
        changed = {path.name for path, stamp in now.items() if self._signature.get(path) != stamp}
        if changed:
            self._outside |= changed
            self._reread()
        return sorted(self._outside)

    def _reread(self) -> None:
        given = self.folder.given
        self.folder = read_folder(given, find_labels(given), transcription=self.folder.transcription)
        self._lines = merge_folder(self._lines, self.folder.lines)
        self._numbers = {line.key: i for i, line in enumerate(self._lines)}
        self._order.grow(len(self._lines))
        self._signature = _signature(self.folder)


def _lock(state_dir: Path) -> FileLock:
    """Take the lock of a folder, so that two processes never write one journal."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(state_dir / _LOCK_FILE, thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        hint = "open a second window of that review instead, or end it with Ctrl-C"
        raise DataError(f"{state_dir.parent}: is being reviewed by another process", hint=hint) from None
    except OSError as problem:
        message = f"{state_dir}: cannot be written ({problem.strerror or problem})"
        hint = "the review writes beside the labels: copy the dataset to a disk where you may write"
        raise DataError(message, hint=hint) from None

    return lock


def _signature(folder: ReviewFolder) -> dict[Path, tuple[int, int]]:
    """Time and size of the label files, which tell whether they were changed."""
    found = {}
    for path in folder.label_files:
        status = path.stat()
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _checked_text(decision: Decision) -> str:
    """The text of a decision as it is stored."""
    if decision.status != "accepted":
        return ""
    text = normalize(decision.text.strip())
    if not text:
        raise DataError("the text is empty", hint="type what the image shows, or mark the line as unreadable")
    if len(text) > MAX_TEXT:
        raise DataError(f"the text has {len(text):,} characters; expected at most {MAX_TEXT:,}")
    if not text.isprintable() and any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise DataError("a label cannot hold a TAB, line end, control character or half of a surrogate pair")
    return text
