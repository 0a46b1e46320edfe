"""Places of lines on a page."""

from __future__ import annotations

import numpy as np
import pytest

from ocrx.pages.boxes import LineBox, bounds, rotated_bounds, separate, weighted_median

UPRIGHT = LineBox(((10, 20), (110, 20), (110, 50), (10, 50)), 0.9)


def test_a_box_knows_its_direction_and_size() -> None:
    assert (UPRIGHT.angle, UPRIGHT.width, UPRIGHT.height) == (0.0, 100.0, 30.0)


@pytest.mark.parametrize(("quarters", "angle", "first"), [(1, 90, (110, 20)), (2, 180, (110, 50)), (-1, -90, (10, 50))])
def test_turning_moves_the_first_corner_and_keeps_the_place(
    quarters: int, angle: float, first: tuple[int, int]
) -> None:
    box = UPRIGHT.turned(quarters)
    assert (box.angle, box.polygon[0], box.score) == (angle, first, 0.9)
    assert set(box.polygon) == set(UPRIGHT.polygon)
    assert box.turned(-quarters) == UPRIGHT


def test_bounds_hold_every_corner() -> None:
    assert bounds(((5, 1), (9, 4), (6, 8), (2, 5))) == (2, 1, 9, 8)


def test_boxes_of_a_turned_page_are_those_of_the_upright_one() -> None:
    # A page of 300 x 200 turned clockwise: (x, y) goes to (200 - y, x).
    turned = LineBox(tuple((200 - y, x) for x, y in UPRIGHT.polygon), 0.9)
    assert turned.angle == 90
    left, top, right, bottom = rotated_bounds([turned], 90)[0]
    assert (right - left, bottom - top) == pytest.approx((100, 30))


def test_the_weighted_median_bears_outliers() -> None:
    assert weighted_median(np.array([90.0, 1.0, 1.2, -80.0]), np.array([5.0, 300.0, 200.0, 10.0])) == 1.0


def test_a_trimmed_box_lacks_strips_along_its_text() -> None:
    assert UPRIGHT.trimmed(0.1, 0.2).polygon == ((10, 23), (110, 23), (110, 44), (10, 44))
    turned = UPRIGHT.turned(2).trimmed(0.1, 0.2)
    assert bounds(turned.polygon) == (10, 26, 110, 47)
    assert turned.score == UPRIGHT.score


def row(top: float, bottom: float, left: float = 0, right: float = 200) -> LineBox:
    return LineBox(((left, top), (right, top), (right, bottom), (left, bottom)))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_lines_that_overlap_end_in_the_middle_of_the_overlap(quarters: int) -> None:
    lines = [row(0, 40), row(26, 66), row(60, 100), row(26, 66, left=500, right=900)]
    turned = [box if not quarters else _turned(box, quarters) for box in lines]
    found = [bounds(box.polygon) for box in separate(turned)]
    expected = [row(0, 33), row(33, 66), row(60, 100), row(26, 66, left=500, right=900)]
    for box, wanted in zip(found, expected, strict=True):
        assert box == pytest.approx(bounds(_turned(wanted, quarters).polygon))


def _turned(box: LineBox, quarters: int) -> LineBox:
    """A box on a page that is turned clockwise by quarters."""
    for _ in range(quarters):
        first, second, third, fourth = ((1000 - y, x) for x, y in box.polygon)
        box = LineBox((first, second, third, fourth), box.score)
    return box


def test_boxes_that_hide_each_other_or_lie_apart_stay() -> None:
    for boxes in (
        [row(0, 40), row(5, 45)],
        [row(0, 40), row(40, 80)],
        [row(0, 40), row(20, 60, left=150, right=900)],
        [],
    ):
        assert separate(boxes) == boxes
