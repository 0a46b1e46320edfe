"""Moves each browser tab through the lines of a review."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from ocrx.review.line_facts import LineFacts
from ocrx.review.line_order import Filter, LineOrder


class Navigation:
    """Moves browser tabs from line to line; thread-safe."""

    def __init__(self, facts: LineFacts, order: LineOrder, lock: threading.RLock) -> None:
        """Navigate the lines of a session.

        Args:
            facts: The lines.
            order: Their order.
            lock: Held while they are read.
        """
        self._facts = facts
        self._order = order
        self._lock = lock

    def following(self, tab: str, current: str | None, wanted: Filter) -> dict[str, Any] | None:
        """Move a tab forward.

        Args:
            tab: The browser tab.
            current: The line that it shows.
            wanted: The filter.

        Returns:
            The line as returned by ``LineFacts.view``; None if no line is left.
        """
        with self._lock:
            found = self._order.after(tab, self._facts.numbers.get(current or ""), wanted, self._facts.matcher(wanted))
            if found is None and wanted.status == "open":
                # Skipped lines are shown again when no other line is open.
                skipped = self._facts.matcher(replace(wanted, status="skipped"))
                found = self._order.after(tab, self._facts.numbers.get(current or ""), wanted, skipped)
            return None if found is None else self._facts.view(self._facts.lines[found].key)

    def previous(self, tab: str, current: str, wanted: Filter) -> dict[str, Any] | None:
        """Move a tab back to the previous line.

        Args:
            tab: The browser tab.
            current: The line that it shows.
            wanted: The filter.

        Returns:
            The line as returned by ``LineFacts.view``; None at the beginning.
        """
        with self._lock:
            number = self._facts.numbers.get(current, -1)
            found = self._order.before(tab, number, wanted)
            return None if found is None else self._facts.view(self._facts.lines[found].key)

    def jump(self, tab: str, key: str, wanted: Filter) -> dict[str, Any]:
        """Jump to a line.

        Args:
            tab: The browser tab.
            key: The line.
            wanted: The filter.

        Returns:
            The line as returned by ``LineFacts.view``.

        Raises:
            DataError: If there is no such line.
        """
        with self._lock:
            self._facts.line(key)
            self._order.jump(tab, self._facts.numbers[key], wanted)
            return self._facts.view(key)

    def upcoming(self, tab: str, wanted: Filter) -> dict[str, Any] | None:
        """Predict the next line, so that its image can be preloaded.

        Args:
            tab: The browser tab.
            wanted: The filter.

        Returns:
            The line as returned by ``LineFacts.view``; None at the end.
        """
        with self._lock:
            found = self._order.peek(tab, wanted, self._facts.matcher(wanted))
            return None if found is None else self._facts.view(self._facts.lines[found].key)
