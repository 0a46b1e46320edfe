"""The order in which the lines of a page are read: columns from left to right, each from top to bottom.

A recursive XY-cut (Nagy and Seth, 1984). A gutter is a stretch of white that runs down the page between lines of
running text; lines that cross it, such as headings, cut the page into bands. The cells of a table have white between
them, too, but they are short: tables are read row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ocrx.arrays import Bools, Float64s, Ints
from ocrx.pages.boxes import LineBox, rotated_bounds

_MIN_COLUMN_LINES = 3  # lines on each side of a gutter
_MIN_COLUMN_WIDTH = 8.0  # line heights; most cells of tables are narrower
_MIN_GUTTER = 0.25  # line heights between boxes, which reach beyond the text
_MIN_CELL_GAP = 1.5  # line heights between two cells of a table
_MIN_CELLS = 4  # fewer are ends of paragraphs side by side
_SAME_ROW = 0.5  # overlap of two lines in a row, as a share of the lower one's height


_Pairs: TypeAlias = "tuple[Ints, Ints]"
"""First and second line of each pair, in both orders: lists are far shorter than matrices on pages of many lines."""


def reading_order(boxes: Sequence[LineBox], angle: float = 0.0, *, right_to_left: bool = False) -> list[int]:
    """Sort lines into reading order.

    Args:
        boxes: The lines.
        angle: Degrees by which the page is turned clockwise.
        right_to_left: Columns, and the parts of a row, run from right to left.

    Returns:
        Indices into ``boxes``.
    """
    if not boxes:
        return []
    rectangles = rotated_bounds(boxes, angle)
    if right_to_left:
        rectangles = rectangles[:, [2, 1, 0, 3]] * (-1, 1, -1, 1)
    return _cut(rectangles, np.arange(len(boxes)), float(np.median([box.height for box in boxes])))


@dataclass(frozen=True)
class _Band:
    """Lines between two rows that are no part of columns, left and right of a gutter: indices."""

    left: Ints
    right: Ints


def _cut(rectangles: Float64s, lines: Ints, height: float) -> list[int]:
    """The order of some of the lines: cut at the gutter that divides most of them, else by rows."""
    bands = _best_cut(rectangles[lines], height)
    if not bands:
        return _by_rows(rectangles, lines)

    order: list[int] = []
    others: list[Ints] = []  # what is read before the next columns
    for row, band in bands:
        others.append(lines[row])
        if _is_columns(rectangles[lines], band, height):
            before = np.concatenate(others)
            for part in (before, lines[band.left], lines[band.right]):
                order += _cut(rectangles, part, height)
            others = []
        else:
            others += [lines[band.left], lines[band.right]]
    return order + _cut(rectangles, np.concatenate([np.empty(0, np.int64), *others]), height)


def _best_cut(rectangles: Float64s, height: float) -> list[tuple[Ints, _Band]]:
    """The bands at the gutter that has most lines in columns beside it; none where there are no columns.

    Lines beside a gutter narrower than a line is high count less: one that passes by a page number is the wrong one.
    Worse is one that the longest lines of the left column cross, though they end before the right column begins.
    """
    best: list[tuple[Ints, _Band]] = []
    most = 0.0
    neighbours = _neighbours(rectangles, height)

    step = _MIN_GUTTER * height / 2  # right of every line, and still inside the narrowest gutter
    for x in (np.unique(np.ceil(rectangles[:, 2] / step))[:-1] + 0.5) * step:
        bands = _bands(rectangles, float(x), neighbours)
        columns = [band for _, band in bands if _is_columns(rectangles, band, height)]
        score = sum((len(band.left) + len(band.right)) * min(1.0, _gap(rectangles, band) / height) for band in columns)
        if _cuts_a_column(rectangles, float(x), height):
            score /= 4
        if score > most:
            best, most = bands, score
    return best


def _cuts_a_column(rectangles: Float64s, x: float, height: float) -> bool:
    """Whether a line of running text crosses ``x`` and ends left of everything that begins right of it."""
    right = rectangles[:, 0] >= x
    if not right.any():
        return False
    across = (rectangles[:, 0] < x - _MIN_COLUMN_WIDTH * height) & (rectangles[:, 2] > x)
    return bool((across & (rectangles[:, 2] <= rectangles[right, 0].min())).any())


def _bands(rectangles: Float64s, x: float, neighbours: tuple[_Pairs, _Pairs]) -> list[tuple[Ints, _Band]]:
    """Rows that no column holds, each with the band below it; the first band has none above. Nothing without columns.

    Such a row crosses ``x``, or has several parts on one side of it, as a row of a table has.
    """
    middle = (rectangles[:, 1] + rectangles[:, 3]) / 2
    across: Bools = (rectangles[:, 0] < x) & (rectangles[:, 2] > x)
    left, right = rectangles[:, 2] <= x, rectangles[:, 0] >= x

    (line, beside), (first, second) = neighbours
    parts = np.zeros(len(rectangles), dtype=bool)
    parts[first[(left[first] & left[second]) | (right[first] & right[second])]] = True
    cutting = across
    if parts.sum() >= _MIN_CELLS:
        cutting = across | parts
        cutting[line[parts[beside]]] = True
    if np.count_nonzero(~cutting) < 2 * _MIN_COLUMN_LINES:
        return []

    rows = np.flatnonzero(cutting)
    rows = rows[np.argsort(middle[rows], kind="stable")]
    place = np.searchsorted(middle[rows], middle)
    bands = []
    for number in range(len(rows) + 1):
        here = ~cutting & (place == number)
        band = _Band(np.flatnonzero(here & left), np.flatnonzero(here & right))
        bands.append((rows[max(0, number - 1) : number], band))
    return bands


def _neighbours(rectangles: Float64s, height: float) -> tuple[_Pairs, _Pairs]:
    """Pairs of lines in one row, and those of short lines with more white between them than between words."""
    top, bottom = rectangles[:, 1], rectangles[:, 3]
    overlap = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    beside = overlap >= _SAME_ROW * np.minimum.outer(bottom - top, bottom - top)
    gap = np.maximum.outer(rectangles[:, 0], rectangles[:, 0]) - np.minimum.outer(rectangles[:, 2], rectangles[:, 2])
    short = rectangles[:, 2] - rectangles[:, 0] < _MIN_COLUMN_WIDTH * height
    apart = beside & (gap >= _MIN_CELL_GAP * height) & np.outer(short, short)
    return _pairs(beside), _pairs(apart)


def _pairs(related: Bools) -> _Pairs:
    first, second = np.nonzero(related)
    return first, second


def _is_columns(rectangles: Float64s, band: _Band, height: float) -> bool:
    """Whether running text stands on both sides of the gutter."""
    if min(len(band.left), len(band.right)) < _MIN_COLUMN_LINES:
        return False
    if _gap(rectangles, band) < _MIN_GUTTER * height:
        return False
    return all(_is_prose(rectangles[side], height) for side in (band.left, band.right))


def _gap(rectangles: Float64s, band: _Band) -> float:
    """The white between the sides of a band that has lines on both."""
    return float(rectangles[band.right, 0].min() - rectangles[band.left, 2].max())


def _is_prose(rectangles: Float64s, height: float) -> bool:
    """Whether lines as long as those of running text hold most of the text; the cells of a small table may be more."""
    widths = rectangles[:, 2] - rectangles[:, 0]
    return float(widths[widths >= _MIN_COLUMN_WIDTH * height].sum()) >= float(widths.sum()) / 2


def _by_rows(rectangles: Float64s, lines: Ints) -> list[int]:
    """Rows from top to bottom, each from left to right."""
    middle = (rectangles[lines, 1] + rectangles[lines, 3]) / 2
    rows: list[list[int]] = []
    for line in lines[np.argsort(middle, kind="stable")].tolist():
        if rows and _in_row(rectangles[line], rectangles[rows[-1]]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda index: float(rectangles[index, 0]))]


def _in_row(rectangle: Float64s, row: Float64s) -> bool:
    """Whether a line stands beside those of a row."""
    overlap = np.minimum(rectangle[3], row[:, 3]) - np.maximum(rectangle[1], row[:, 1])
    lower = np.minimum(rectangle[3] - rectangle[1], row[:, 3] - row[:, 1])
    beside = (rectangle[0] >= row[:, 2] - 0.5 * lower) | (rectangle[2] <= row[:, 0] + 0.5 * lower)
    return bool(np.median(overlap / lower) >= _SAME_ROW and beside.all())
