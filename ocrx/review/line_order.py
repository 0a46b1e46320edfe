"""Which line comes next: the most likely errors first or a mixture, what was shown stays in its place, and filters.

While lines are still being ranked the order of those not shown yet changes. Each browser tab therefore has the list of
the lines it has shown: arrows move along it, and only at its end the best of the remaining lines is added.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ocrx.arrays import Float64s
from ocrx.results import Severity

_REORDER_S = 0.5
"""Minimum time between two sorts by new scores."""
_HELD_S = 300.0
"""A line shown in one tab is withheld from others for five minutes."""
# Below every score above 0, and in this order.
_WEIGHTS: dict[Severity, float] = {"error": 3e-6, "warning": 2e-6, "info": 1e-6}
_UNKNOWN = 1e-9


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines to show; empty fields mean all.

    Attributes:
        status: ``open``, ``accepted``, ``corrected``, ``unreadable``, ``skipped`` or ``all``.
        finding: Code of a finding.
        part: ``train`` or ``val``.
        text: Text that label or reading must contain; case is ignored.
        min_error: Minimum score, 0 to 1.
        mixed: Lines of all scores in turn, instead of the most likely errors first.
    """

    status: str = "open"
    finding: str = ""
    part: str = ""
    text: str = ""
    min_error: float = 0.0
    mixed: bool = False


def spread(order: Sequence[int]) -> list[int]:
    """Mix an order so that its first lines, however many, are spread evenly over the whole.

    Args:
        order: Line numbers, the most likely errors first.

    Returns:
        The first one, then one from the middle, then from the middles of both halves, and so on.
    """
    bits = max(1, (len(order) - 1).bit_length())
    reversed_bits = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(len(order))]
    return [order[i] for i in sorted(range(len(order)), key=reversed_bits.__getitem__)]


class LineOrder:
    """The order of the lines of one review; not thread-safe.

    Lines are identified by their number in the order of the label files.
    """

    def __init__(self, count: int) -> None:
        """Start with unknown scores.

        Args:
            count: Number of lines.
        """
        self._errors: Float64s = np.full(count, np.nan)
        self._findings: Float64s = np.zeros(count)
        self._order: Sequence[int] = range(count)
        self._mixed: Sequence[int] | None = None
        self._stale = False
        self._next_sort = 0.0
        self._shown: dict[str, tuple[Filter, list[int]]] = {}
        self._held: dict[int, tuple[str, float]] = {}

    def grow(self, count: int) -> None:
        """Add lines that appeared in the label files.

        Args:
            count: Number of lines now.
        """
        more = count - len(self._errors)
        self._errors = np.concatenate([self._errors, np.full(more, np.nan)])
        self._findings = np.concatenate([self._findings, np.zeros(more)])
        self._sort()

    def set_error(self, line: int, error: float) -> None:
        """Store how likely a line is to need a correction.

        Args:
            line: The line.
            error: 0 to 1.
        """
        self._errors[line] = error
        self._stale = True

    def forget_errors(self) -> None:
        """Drop all scores, because another model is used from now on."""
        self._errors[:] = np.nan
        self._stale, self._next_sort = True, 0.0

    def add_finding(self, line: int, severity: Severity) -> None:
        """Store that a line has a finding.

        Args:
            line: The line.
            severity: Severity of the finding.
        """
        self._findings[line] = max(self._findings[line], _WEIGHTS[severity])
        self._stale = True

    def error_of(self, line: int) -> float | None:
        """Look up how likely a line is to need a correction.

        Args:
            line: The line.

        Returns:
            0 to 1; None if it is not ranked yet.
        """
        error = float(self._errors[line])
        return None if np.isnan(error) else error

    def after(self, tab: str, current: int | None, wanted: Filter, matches: Callable[[int], bool]) -> int | None:
        """Find the line to show next.

        Args:
            tab: The browser tab.
            current: The line that it shows; None at the start.
            wanted: The filter; a changed filter starts a new list.
            matches: Whether a line passes the filter.

        Returns:
            The next line of the tab's list, else the best line that is not in it; None at the end.
        """
        shown = self._list(tab, wanted)
        if current in shown:
            place = shown.index(current) + 1 if shown[-1] != current else len(shown)
            if place < len(shown):
                return self._hold(tab, shown[place])
        found = self._best(tab, wanted, set(shown), matches)
        if found is None:
            return None
        shown.append(found)
        return self._hold(tab, found)

    def before(self, tab: str, current: int, wanted: Filter) -> int | None:
        """Find the line that was shown before.

        Args:
            tab: The browser tab.
            current: The line that it shows.
            wanted: The filter.

        Returns:
            The line; None at the beginning of the tab's list.
        """
        shown = self._list(tab, wanted)
        place = shown.index(current) if current in shown else len(shown)
        return self._hold(tab, shown[place - 1]) if place else None

    def jump(self, tab: str, line: int, wanted: Filter) -> None:
        """Add a line to the list of a tab, as its last one.

        Args:
            tab: The browser tab.
            line: The line.
            wanted: The filter.
        """
        shown = self._list(tab, wanted)
        if line not in shown:
            shown.append(line)
        self._hold(tab, line)

    def peek(self, tab: str, wanted: Filter, matches: Callable[[int], bool]) -> int | None:
        """Find the line that will probably be added next, so that its image can be loaded ahead.

        Args:
            tab: The browser tab.
            wanted: The filter.
            matches: Whether a line passes the filter.

        Returns:
            The line, or None at the end.
        """
        return self._best(tab, wanted, set(self._list(tab, wanted)), matches)

    def _list(self, tab: str, wanted: Filter) -> list[int]:
        known = self._shown.get(tab)
        if known is None or known[0] != wanted:
            self._shown[tab] = known = (wanted, [])
        return known[1]

    def _hold(self, tab: str, line: int) -> int:
        now = time.monotonic()
        self._held = {one: (t, at) for one, (t, at) in self._held.items() if t != tab and now - at < _HELD_S}
        self._held[line] = (tab, now)
        return line

    def _best(self, tab: str, wanted: Filter, shown: set[int], matches: Callable[[int], bool]) -> int | None:
        if self._stale and time.monotonic() >= self._next_sort:
            self._sort()
            self._next_sort = time.monotonic() + _REORDER_S
        if wanted.mixed and self._mixed is None:
            self._mixed = spread(self._order)

        second: int | None = None
        for line in (self._mixed or ()) if wanted.mixed else self._order:
            if line in shown or not matches(line):
                continue
            if self._held.get(line, (tab, 0))[0] == tab:
                return line
            second = line if second is None else second
        return second

    def _sort(self) -> None:
        known = ~np.isnan(self._errors)
        weight = np.where(known, np.nan_to_num(self._errors), _UNKNOWN)
        weight = np.where(weight > max(_WEIGHTS.values()), weight, np.maximum(weight, self._findings))
        self._order = np.argsort(-weight, kind="stable").tolist()
        self._mixed = None
        self._stale = False
