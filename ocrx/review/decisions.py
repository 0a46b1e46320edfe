"""The decision on each line, replayed from the journal and appended to it.

Every decision holds the complete state of its line, so undo is unlimited. Each change increases the revision of its
line. A request names the revision that the reviewer saw; if that is outdated, it is a conflict.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, get_args

from ocrx.errors import DataError
from ocrx.review.journal import Journal
from ocrx.review.lines import Line

T = TypeVar("T")
Status = Literal["open", "accepted", "unreadable", "skipped"]
RATE_WINDOW_S = 300.0
"""The rate counts the decisions of the last five minutes."""


class ConflictError(DataError):
    """Somebody else has changed a line since it was shown."""


@dataclass(frozen=True, slots=True)
class LineState:
    """The decision on a line.

    Attributes:
        status: Whether and how it was decided.
        text: The confirmed text.
        label: The label at the time when the text was confirmed.
        turns: Quarter turns clockwise that the image needs.
        image: SHA-256 of the image file that was turned; empty without turns.
        revision: Number of changes so far.
    """

    status: Status = "open"
    text: str = ""
    label: str = ""
    turns: int = 0
    image: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class _Decision:
    number: int
    by: str
    key: str
    state: LineState


_UNTOUCHED = LineState()


class Decisions:
    """The decisions of a review; not thread-safe.

    Attributes:
        journal: The journal that stores them.
        model: Better model from a fine-tuning of this review, if any; a path relative to the journal's folder.
        written: SHA-256 of each label file as last written by the review.
    """

    def __init__(self, journal: Journal) -> None:
        """Read the journal.

        Args:
            journal: The open journal.

        Raises:
            DataError: If an entry cannot be understood.
        """
        self.journal = journal
        self.model: str | None = None
        self.written: dict[str, str] = {}
        self._number = 0
        self._history: dict[str, list[_Decision]] = {}
        self._revisions: dict[str, int] = {}
        self._of_reviewer: dict[str, list[_Decision]] = {}
        self._recent: deque[float] = deque()
        self._finished = 0
        self._labels: dict[str, tuple[str, set[str]]] = {}

        for line, entry in enumerate(journal.entries, start=2):
            try:
                self._replay(entry)
            except (KeyError, TypeError, ValueError, IndexError):
                hint = "delete this line to continue with the others"
                raise DataError(f"{journal.path}:{line}: not an entry of a review", hint=hint) from None

    def state(self, key: str) -> LineState:
        """Look up the decision on a line.

        Args:
            key: The line.

        Returns:
            Its state; ``open`` if there is no decision.
        """
        history = self._history.get(key)
        state = history[-1].state if history else _UNTOUCHED
        revision = self._revisions.get(key, 0)
        return state if state.revision == revision else _at_revision(state, revision)

    def decided(self) -> Mapping[str, LineState]:
        """List all lines that have ever been decided.

        Returns:
            Their states by key.
        """
        return {key: self.state(key) for key in self._history}

    def decide(self, key: str, state: LineState, by: str, seen: int) -> LineState:
        """Record a decision.

        Args:
            key: The line.
            state: The new state; its revision is ignored.
            by: The reviewer.
            seen: Revision of the line that the reviewer saw.

        Returns:
            The new state.

        Raises:
            ConflictError: If the line has changed since then; nothing is recorded.
            DataError: If the journal cannot be written; nothing is recorded.
        """
        current = self.state(key)
        if current.revision != seen:
            raise ConflictError(f"{key}: changed in another window since you opened it")

        new = _at_revision(state, current.revision + 1)
        entry = {
            "n": self._number + 1,
            "at": round(time.time(), 3),
            "by": by,
            "line": key,
            **{name: getattr(new, name) for name in LineState.__slots__},
        }
        self.journal.append(entry)
        self._apply(_Decision(self._number + 1, by, key, new))
        self._recent.append(time.time())
        return new

    def undo(self, by: str) -> str | None:
        """Undo the last decision of a reviewer.

        Args:
            by: The reviewer.

        Returns:
            The line, or None if there is nothing left to undo.

        Raises:
            ConflictError: If somebody else has changed the line since then.
            DataError: If the journal cannot be written.
        """
        own = self._of_reviewer.get(by)
        if not own:
            return None

        last = own[-1]
        if self._history[last.key][-1] is not last:
            raise ConflictError(f"{last.key}: decided again in another window; undo there first")
        if last.number <= self._finished and (last.state.turns or last.state.status == "unreadable"):
            what = "its image was turned" if last.state.turns else "the line was removed"
            raise ConflictError(f"{last.key}: {what} by Finish; the original is in the .bak file")

        self.journal.append({"n": self._number + 1, "at": round(time.time(), 3), "by": by, "undo": last.number})
        self._revert(last)
        return last.key

    def target(self, line: Line) -> str | None:
        """Determine the label that the label file should contain for a line.

        Args:
            line: The line, with its present label in the file.

        Returns:
            The confirmed text; None if the line is unreadable; otherwise its label, which is the original one if a
            decision was undone after it had been written.
        """
        state = self.state(line.key)
        if self.is_changed_outside(line):
            return line.sample.text
        if state.status in ("accepted", "unreadable"):
            return state.text if state.status == "accepted" else None
        first, ours = self._labels.get(line.key, (line.sample.text, ()))
        return first if line.sample.text in ours else line.sample.text

    def first_label(self, line: Line) -> str:
        """Look up the label that a line had before the review.

        Args:
            line: The line.

        Returns:
            That label.
        """
        return self._labels[line.key][0] if line.key in self._labels else line.sample.text

    def is_changed_outside(self, line: Line) -> bool:
        """Check whether another program changed the label of a line that was decided.

        Args:
            line: The line, with its present label in the file.

        Returns:
            True if the label is neither the one that was shown nor one that the review wrote.
        """
        state, label = self.state(line.key), line.sample.text
        if state.status not in ("accepted", "unreadable") or line.gone:
            return False
        return label not in (state.label, state.text, *self._labels[line.key][1])

    def record_finish(self, written: Mapping[str, str]) -> None:
        """Record that all decisions were written to the label files.

        Args:
            written: SHA-256 of each written file.
        """
        self.journal.append({"n": self._number + 1, "at": round(time.time(), 3), "finish": dict(written)})
        self._number += 1
        self._finished = self._number
        self.written.update(written)

    def record_model(self, model: str) -> None:
        """Record that a fine-tuned model is used from now on.

        Args:
            model: Its folder.
        """
        self.journal.append({"n": self._number + 1, "at": round(time.time(), 3), "model": model})
        self._number += 1
        self.model = model

    def per_hour(self) -> float:
        """Measure the speed of the review.

        Returns:
            Decisions per hour, measured over the last five minutes of this process; 0 before the second decision.
        """
        now = time.time()
        while self._recent and now - self._recent[0] > RATE_WINDOW_S:
            self._recent.popleft()
        if len(self._recent) < 2:
            return 0.0
        return 3600 * (len(self._recent) - 1) / max(now - self._recent[0], 1e-3)

    def _replay(self, entry: Mapping[str, Any]) -> None:
        if "undo" in entry:
            own = self._of_reviewer[_typed(entry, "by", str)]
            if own[-1].number != entry["undo"]:
                raise ValueError
            self._revert(own[-1])

        elif "line" in entry:
            key, by = _typed(entry, "line", str), _typed(entry, "by", str)
            self._apply(_Decision(_typed(entry, "n", int), by, key, _read_state(entry)))

        elif "finish" in entry:
            written = _typed(entry, "finish", dict)
            self.written.update({name: _typed(written, name, str) for name in written})
            self._number = self._finished = _typed(entry, "n", int)
        elif "model" in entry:
            self.model, self._number = _typed(entry, "model", str), _typed(entry, "n", int)

    def _apply(self, decision: _Decision) -> None:
        self._number = decision.number
        self._history.setdefault(decision.key, []).append(decision)
        self._of_reviewer.setdefault(decision.by, []).append(decision)
        self._revisions[decision.key] = decision.state.revision
        _, texts = self._labels.setdefault(decision.key, (decision.state.label, set()))
        if decision.state.status == "accepted":
            texts.add(decision.state.text)

    def _revert(self, decision: _Decision) -> None:
        self._number += 1
        self._of_reviewer[decision.by].pop()
        self._history[decision.key].pop()
        self._revisions[decision.key] += 1


def _read_state(entry: Mapping[str, Any]) -> LineState:
    """Read the state in an entry; raises TypeError or ValueError for invalid values. Fast, as journals may be long."""
    state = LineState(
        cast("Status", _typed(entry, "status", str)),
        _typed(entry, "text", str),
        _typed(entry, "label", str),
        _typed(entry, "turns", int),
        _typed(entry, "image", str),
        _typed(entry, "revision", int),
    )
    if state.status not in get_args(Status) or not 0 <= state.turns < 4 or state.revision < 0:
        raise ValueError
    return state


def _typed(entry: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = entry[name]
    if type(value) is not kind:
        raise TypeError
    return value


def _at_revision(state: LineState, revision: int) -> LineState:
    return LineState(state.status, state.text, state.label, state.turns, state.image, revision)
