"""The position of a line on a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ocrx.arrays import Float64s

_LEVEL = 1.0  # degrees by which a line may be turned against its page and still run along it

Point: TypeAlias = tuple[float, float]
Polygon: TypeAlias = tuple[Point, Point, Point, Point]
"""Corners (x, y) in pixels, clockwise as the text is read: from its upper left corner to its lower left one."""


@dataclass(frozen=True)
class LineBox:
    """A line of text on a page.

    Attributes:
        polygon: Its corners, from the upper left one of the text.
        score: Mean probability that the pixels inside are text, 0 to 1.
    """

    polygon: Polygon
    score: float = 1.0

    @property
    def angle(self) -> float:
        """Degrees by which the text is turned clockwise, above -180 and up to 180; 0 is upright."""
        (left, top), (right, bottom) = self.polygon[0], self.polygon[1]
        degrees = math.degrees(math.atan2(bottom - top, right - left))
        return 180.0 if degrees == -180.0 else degrees

    @property
    def width(self) -> float:
        """Length along the text, in pixels."""
        return max(math.dist(self.polygon[0], self.polygon[1]), math.dist(self.polygon[3], self.polygon[2]))

    @property
    def height(self) -> float:
        """Height of the text, in pixels."""
        return max(math.dist(self.polygon[0], self.polygon[3]), math.dist(self.polygon[1], self.polygon[2]))

    def turned(self, quarters: int) -> LineBox:
        """The same box for text that is turned by further quarter turns.

        Args:
            quarters: Quarter turns, clockwise.

        Returns:
            A box with the same corners, starting ``quarters`` corners later.
        """
        start = quarters % 4
        first, second, third, fourth = self.polygon[start:] + self.polygon[:start]
        return LineBox((first, second, third, fourth), self.score)

    def trimmed(self, above: float, below: float) -> LineBox:
        """The same box without a strip along its upper and its lower edge.

        Args:
            above: Height of the upper strip, as a share of that of the box.
            below: That of the lower one; together less than 1.

        Returns:
            The smaller box.
        """
        first, second, third, fourth = self.polygon
        corners = (
            _between(first, fourth, above),
            _between(second, third, above),
            _between(third, second, below),
            _between(fourth, first, below),
        )
        return LineBox(corners, self.score)


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def bounds(polygon: Sequence[Point]) -> tuple[float, float, float, float]:
    """Find the bounding box of a polygon.

    Args:
        polygon: Its corners.

    Returns:
        Left, top, right and bottom.
    """
    across, down = [x for x, _ in polygon], [y for _, y in polygon]
    return min(across), min(down), max(across), max(down)


def rotated_bounds(boxes: Sequence[LineBox], degrees: float) -> Float64s:
    """Find the bounding boxes of lines after the page is rotated upright.

    Args:
        boxes: The boxes.
        degrees: Angle by which the page is turned clockwise.

    Returns:
        float64 [N, 4]: left, top, right and bottom in the frame of the upright page.
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = np.array([box.polygon for box in boxes], dtype=np.float64).reshape(-1, 4, 2)
    across = corners[:, :, 0] * cosine + corners[:, :, 1] * sine
    down = corners[:, :, 1] * cosine - corners[:, :, 0] * sine
    return np.stack([across.min(1), down.min(1), across.max(1), down.max(1)], axis=1)


def weighted_median(values: Float64s, weights: Float64s) -> float:
    """Compute the weighted median.

    Args:
        values: float64 [N], at least one.
        weights: float64 [N], above 0.

    Returns:
        One of the values.
    """
    order = np.argsort(values)
    shares = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(shares, shares[-1] / 2))])


def page_angle(boxes: Sequence[LineBox]) -> float:
    """Degrees by which a page is turned clockwise: what its lines have in common, long ones counting more.

    Args:
        boxes: The lines; their first corners are the upper left ones of the text.

    Returns:
        Degrees, above -180 and up to 180; 0 for a page without lines.
    """
    if not boxes:
        return 0.0
    angles, weights = np.array([box.angle for box in boxes]), np.array([box.width for box in boxes])
    quarters = np.round(angles / 90).astype(int) % 4
    quarter = int(np.argmax(np.bincount(quarters, weights, minlength=4)))

    # Within a quarter turn the skew is a few degrees: the weighted median bears single lines that are off.
    same = quarters == quarter
    skews = (angles[same] - 90 * quarter + 180) % 360 - 180
    angle = 90 * quarter + weighted_median(skews, weights[same])
    return angle - 360 if angle > 180 else angle


def separate(boxes: Sequence[LineBox]) -> list[LineBox]:
    """Separate lines that are set so close that their boxes overlap: both end in the middle of the overlap.

    Args:
        boxes: The lines of a page, as rectangles.

    Returns:
        The boxes; those that overlap by less than a quarter of their height, or nearly hide each other, are unchanged.
    """
    angle = page_angle(boxes)
    level = [index for index, box in enumerate(boxes) if abs(box.angle - angle) < _LEVEL]
    left, top, right, bottom = rotated_bounds([boxes[index] for index in level], angle).T.tolist()
    starts, ends = list(top), list(bottom)

    order = sorted(range(len(level)), key=top.__getitem__)
    for position, upper in enumerate(order):
        for lower in order[position + 1 :]:
            if top[lower] >= bottom[upper]:
                break
            overlap = min(bottom[upper], bottom[lower]) - top[lower]
            height = min(bottom[upper] - top[upper], bottom[lower] - top[lower])
            beside = min(right[upper], right[lower]) - max(left[upper], left[lower])
            width = min(right[upper] - left[upper], right[lower] - left[lower])
            if 0.25 * height < overlap < 0.75 * height and beside > 0.5 * width:
                middle = top[lower] + overlap / 2
                ends[upper], starts[lower] = min(ends[upper], middle), max(starts[lower], middle)

    found = list(boxes)
    for number, index in enumerate(level):
        height = max(1e-9, bottom[number] - top[number])
        shares = ((starts[number] - top[number]) / height, (bottom[number] - ends[number]) / height)
        if max(shares) > 0:
            found[index] = boxes[index].trimmed(*shares)
    return found
