"""Finds the lines of a clean, upright page by projection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Box = tuple[int, int, int, int]

_WORK_WIDTH = 800
_INK = 0.5  # a pixel is ink beyond this fraction of the way from paper to the darkest tone


def line_boxes(image: Image.Image) -> list[Box]:
    """Find the lines of a clean, upright page by projection.

    Lines are separated by rows with almost no ink. Bands lower than a third of a typical line (accents, rules) are
    joined to the nearest line. Columns side by side are not separated.

    Args:
        image: The page.

    Returns:
        Left, top, right and bottom of each line in pixels, in reading order.
    """
    ink, factor = _ink(image)
    if not ink.any():
        return []

    rows = ink.mean(axis=1)
    bands = _bands(rows > max(0.002, 0.04 * float(np.quantile(rows, 0.95))))
    bands = _joined(bands)

    boxes = []
    for top, bottom in bands:
        columns = np.flatnonzero(ink[top:bottom].any(axis=0))
        if columns.size:
            boxes.append(_grown((int(columns[0]), top, int(columns[-1]) + 1, bottom), factor, image.size))
    return boxes


def _ink(image: Image.Image) -> tuple[npt.NDArray[np.bool_], float]:
    """Which pixels are ink, in the image reduced to a width of at most 800, and the factor of the reduction."""
    factor = max(1.0, image.width / _WORK_WIDTH)
    size = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    grey = np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), dtype=np.float32)
    paper = float(np.median(grey))
    if paper < 110:
        grey, paper = 255 - grey, 255 - paper
    darkest = float(np.quantile(grey, 0.001))
    if paper - darkest < 40:
        return np.zeros(grey.shape, dtype=np.bool_), factor
    return grey < paper - _INK * (paper - darkest), factor


def _bands(inked: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of True as half-open ranges."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inked.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _joined(bands: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join bands lower than a third of a typical one to their nearest neighbour, or drop them where none is near."""
    heights = np.array([bottom - top for top, bottom in bands])
    usual = float(np.median(heights[heights >= 0.5 * heights.max()])) if len(bands) else 0.0
    kept = [list(band) for band in bands if band[1] - band[0] >= usual / 3]
    for top, bottom in bands:
        if bottom - top >= usual / 3:
            continue
        distance, nearest = min((max(band[0] - bottom, top - band[1]), i) for i, band in enumerate(kept))
        if distance <= usual / 2:
            kept[nearest] = [min(kept[nearest][0], top), max(kept[nearest][1], bottom)]
    return [(top, bottom) for top, bottom in kept]


def _grown(box: Box, factor: float, size: tuple[int, int]) -> Box:
    """The box in pixels of the original, with a margin of a tenth of its height (twice that left and right)."""
    left, top, right, bottom = (value * factor for value in box)
    margin = max(2.0, 0.1 * (bottom - top))
    return (
        max(0, int(left - 2 * margin)),
        max(0, int(top - margin)),
        min(size[0], int(right + 2 * margin) + 1),
        min(size[1], int(bottom + margin) + 1),
    )
