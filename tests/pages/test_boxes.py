"""Places of lines on a page."""

from __future__ import annotations

import numpy as np
import pytest

from ocrx.pages.boxes import LineBox, bounds, rotated_bounds, weighted_median

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
