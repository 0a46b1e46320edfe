"""The order of lines: columns, headings over them, tables, skewed and turned pages."""

from __future__ import annotations

import math
import random

import pytest

from ocrx.pages.boxes import LineBox
from ocrx.pages.reading_order import reading_order

Rectangle = tuple[float, float, float, float]


def paragraph(left: float, top: float, lines: int, width: float = 300) -> list[Rectangle]:
    """Lines 20 pixels high, 28 apart; the last one is short."""
    ends = [width - 10 * (row % 3) for row in range(lines - 1)] + [0.3 * width]
    return [(left, top + 28 * row, left + end, top + 28 * row + 20) for row, end in enumerate(ends)]


def table(left: float, top: float, rows: int, columns: int = 3) -> list[Rectangle]:
    cells = [(left + 160 * c, top + 28 * r, left + 160 * c + 60) for r in range(rows) for c in range(columns)]
    return [(x, y, right, y + 20) for x, y, right in cells]


def box(rectangle: Rectangle, degrees: float = 0.0) -> LineBox:
    left, top, right, bottom = rectangle
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    first, second, third, fourth = ((x * cosine - y * sine, x * sine + y * cosine) for x, y in corners)
    return LineBox((first, second, third, fourth))


ONE_COLUMN = [(50, 20, 400, 50), *paragraph(50, 80, 6, 640), *paragraph(50, 280, 5, 640)]
TWO_COLUMNS = [*paragraph(50, 80, 9), *paragraph(390, 80, 9)]
HEADING_AND_FOOTER = [(150, 20, 600, 50), *TWO_COLUMNS, (350, 400, 380, 420)]
UNEQUAL = [*paragraph(50, 80, 12), *paragraph(390, 80, 4)]
COLUMNS_THEN_TABLE = [*TWO_COLUMNS, *table(50, 345, 4)]
TABLE_BESIDE_NOTHING = [*paragraph(50, 80, 4, 640), *table(50, 220, 6), *paragraph(50, 420, 4, 640)]
BANDS = [
    *TWO_COLUMNS,
    (50, 360, 690, 380),
    *[(left, top + 320, right, bottom + 320) for left, top, right, bottom in TWO_COLUMNS],
]
THREE_COLUMNS = [*paragraph(20, 60, 8, 220), *paragraph(260, 60, 8, 220), *paragraph(500, 60, 8, 220)]
SMALL_TABLE_IN_A_COLUMN = [  # as found on a page: the longest line ends close to the right column, the cells are many
    (5, 90, 383, 113),
    (5, 113, 363, 134),
    (5, 134, 401, 155),
    (5, 154, 368, 177),
    (5, 175, 282, 198),
    *[(x, 240 + 25 * row, x + 70, 263 + 25 * row) for row in range(3) for x in (8, 106)],
    *[(413, 72 + 21 * row, 799 - 50 * (row % 2), 97 + 21 * row) for row in range(7)],
]
PAGES = {
    "one column": ONE_COLUMN,
    "two columns": TWO_COLUMNS,
    "heading and footer": HEADING_AND_FOOTER,
    "columns of unequal length": UNEQUAL,
    "columns, then a table": COLUMNS_THEN_TABLE,
    "a table between paragraphs": TABLE_BESIDE_NOTHING,
    "columns, a line across, columns": BANDS,
    "three columns": THREE_COLUMNS,
    "a small table in a column of unequal lines": SMALL_TABLE_IN_A_COLUMN,
    "rows of two cells": table(50, 50, 8, 2),
}


@pytest.mark.parametrize("degrees", [0.0, 1.0, -2.0, 90.0, 180.0, -91.0])
@pytest.mark.parametrize("rectangles", PAGES.values(), ids=PAGES.keys())
def test_lines_are_read_as_they_were_written(rectangles: list[Rectangle], degrees: float) -> None:
    shuffled = list(range(len(rectangles)))
    random.Random(1).shuffle(shuffled)
    order = reading_order([box(rectangles[index], degrees) for index in shuffled], degrees)
    assert [shuffled[place] for place in order] == list(range(len(rectangles)))


def test_columns_of_right_to_left_scripts_begin_on_the_right() -> None:
    boxes = [box(rectangle) for rectangle in [*paragraph(390, 80, 9), *paragraph(50, 80, 9)]]
    assert reading_order(boxes, right_to_left=True) == list(range(18))
    cells = [box((left, 0, left + 50, 20)) for left in (200, 100, 0)]
    assert reading_order(cells, right_to_left=True) == [0, 1, 2]


def test_every_line_is_read_once() -> None:
    noise = random.Random(3)
    for count in (0, 1, 2, 60):
        boxes = []
        for _ in range(count):
            left, top = noise.uniform(0, 800), noise.uniform(0, 1000)
            boxes.append(box((left, top, left + noise.uniform(5, 400), top + noise.uniform(10, 30))))
        assert sorted(reading_order(boxes)) == list(range(count))
