"""Cuts lines out of a page, upright."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ocrx.arrays import Float64s
from ocrx.pages.boxes import LineBox, Point, Polygon, bounds

_TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


def crop_line(image: Image.Image, polygon: Polygon) -> Image.Image:
    """Cut out a quadrilateral.

    Args:
        image: The page.
        polygon: The corners, clockwise from the upper left one of the text.

    Returns:
        The line, upright, in the mode of the page. An axis-aligned rectangle is copied; other quadrilaterals are
        resampled (projective, bicubic).
    """
    quarters = _right_angles(polygon)
    if quarters is not None:
        left, top, right, bottom = (round(edge) for edge in bounds(polygon))
        line = image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
        turn = _TURNS[quarters]
        return line if turn is None else line.transpose(turn)

    size = crop_size(polygon)
    corners = ((0.0, 0.0), (float(size[0]), 0.0), (float(size[0]), float(size[1])), (0.0, float(size[1])))
    coefficients = projective_map(corners, polygon).ravel()[:8]
    return image.transform(
        size, Image.Transform.PERSPECTIVE, tuple(coefficients), Image.Resampling.BICUBIC, fillcolor="white"
    )


def crop_size(polygon: Polygon) -> tuple[int, int]:
    """Compute the size of the result of ``crop_line`` for a polygon that is not axis-aligned.

    Args:
        polygon: The corners.

    Returns:
        Width and height in pixels, at least 1.
    """
    box = LineBox(polygon)
    return max(1, round(box.width)), max(1, round(box.height))


def projective_map(source: tuple[Point, ...], target: tuple[Point, ...]) -> Float64s:
    """Compute the projective map (homography) between four pairs of points.

    Args:
        source: Four points, no three of them collinear.
        target: Their images.

    Returns:
        float64 [3, 3], with 1 as the last entry.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved, *_ = np.linalg.lstsq(np.array(rows, dtype=np.float64), np.array(values, dtype=np.float64), rcond=None)
    return np.append(solved, 1.0).reshape(3, 3)


def _right_angles(polygon: Polygon) -> int | None:
    """Quarter turns clockwise of an axis-aligned rectangle; None for any other quadrilateral."""
    sides = [(polygon[(i + 1) % 4][0] - polygon[i][0], polygon[(i + 1) % 4][1] - polygon[i][1]) for i in range(4)]
    if any(min(abs(x), abs(y)) > 1e-6 for x, y in sides):
        return None
    return round(math.degrees(math.atan2(sides[0][1], sides[0][0])) / 90) % 4
