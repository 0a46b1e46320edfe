from __future__ import annotations

from itertools import pairwise

import pytest

from ocrx.review import line_order
from ocrx.review.line_order import Filter, LineOrder, spread

ALL = Filter()


def anything(line: int) -> bool:
    return True


@pytest.fixture(autouse=True)
def sort_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_order, "_REORDER_S", -1.0)


def walk(order: LineOrder, tab: str = "t", count: int = 10) -> list[int]:
    found: list[int] = []
    current = None
    while len(found) < count and (current := order.after(tab, current, ALL, anything)) is not None:
        found.append(current)
    return found


def test_likely_errors_come_first_then_findings_then_the_rest() -> None:
    order = LineOrder(6)
    for line, error in enumerate([0.0, 0.3, 0.9, 0.0, 0.0]):
        order.set_error(line, error)
    order.add_finding(3, "info")
    order.add_finding(4, "error")
    assert walk(order) == [2, 1, 4, 3, 5, 0]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_a_mixture_holds_every_line_and_begins_with_lines_of_all_scores(count: int) -> None:
    mixed = spread(range(count))
    assert sorted(mixed) == list(range(count))
    for first in range(4, count, 9):
        gaps = [b - a for a, b in pairwise(sorted(mixed[:first]))]
        assert max(gaps) <= 4 * count / first, "no part of the order is left out"


def test_a_mixed_tab_gets_lines_of_all_scores() -> None:
    order = LineOrder(8)
    for line in range(8):
        order.set_error(line, 0.9 - line / 10)
    mixed = Filter(mixed=True)
    first = order.after("m", None, mixed, anything)
    second = order.after("m", first, mixed, anything)
    assert (first, second) == (0, 4)
    order.set_error(7, 0.95)
    assert order.after("m", second, mixed, anything) == 7, "new scores change what is mixed"
    assert order.after("t", None, ALL, anything) == 0


def test_the_order_of_the_files_is_kept_among_equals() -> None:
    assert walk(LineOrder(4)) == [0, 1, 2, 3]


def test_what_was_shown_stays_while_scores_change() -> None:
    order = LineOrder(5)
    first = order.after("t", None, ALL, anything)
    order.set_error(4, 0.9)
    second = order.after("t", first, ALL, anything)
    order.set_error(3, 0.99)
    assert (first, second) == (0, 4)
    assert order.before("t", 4, ALL) == 0
    assert order.before("t", 0, ALL) is None
    assert order.after("t", 0, ALL, anything) == 4
    assert order.after("t", 4, ALL, anything) == 3


def test_two_tabs_get_different_lines_as_long_as_there_are_some() -> None:
    order = LineOrder(3)
    assert order.after("one", None, ALL, anything) == 0
    assert order.after("two", None, ALL, anything) == 1
    assert order.after("one", 0, ALL, anything) == 2
    assert order.after("two", 1, ALL, anything) == 0


def test_another_filter_begins_anew() -> None:
    order = LineOrder(4)
    order.after("t", None, ALL, anything)
    odd = Filter(text="odd")
    assert order.after("t", None, odd, lambda line: line % 2 == 1) == 1
    assert order.after("t", 1, odd, lambda line: line % 2 == 1) == 3
    assert order.after("t", 3, odd, lambda line: line % 2 == 1) is None


def test_a_jump_is_part_of_the_way_back() -> None:
    order = LineOrder(9)
    order.after("t", None, ALL, anything)
    order.jump("t", 7, ALL)
    assert order.before("t", 7, ALL) == 0
    assert order.after("t", 7, ALL, anything) == 1


def test_lines_that_appear_later_are_shown_last() -> None:
    order = LineOrder(1)
    order.set_error(0, 0.5)
    order.grow(3)
    assert walk(order) == [0, 1, 2]
    assert order.error_of(2) is None
    order.forget_errors()
    assert order.error_of(0) is None


def test_the_first_line_is_the_best_of_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_order, "_REORDER_S", 3600.0)
    order = LineOrder(3)
    order.set_error(2, 0.5)
    assert order.after("t", None, ALL, anything) == 2
    order.set_error(1, 0.9)
    assert order.after("t", 2, ALL, anything) == 0, "not sorted again for every new score"
    order.forget_errors()
    order.set_error(1, 0.9)
    assert order.after("u", None, ALL, anything) == 1
