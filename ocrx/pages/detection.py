"""Finds lines of text with a DB detector (differentiable binarization, Liao et al., AAAI 2020)."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ocrx.arrays import Float64s, Floats
from ocrx.pages.boxes import LineBox, Polygon, weighted_median
from ocrx.pages.networks import DETECTOR, Network, scaled

MAX_SIDE = 1600
"""Longest side of a page for the detector, in pixels; longer ones are reduced."""

MAX_LINES = 2500
"""Most lines of a page; a texture that looks like text gives tens of thousands."""

_MIN_SIDE = 736  # shorter sides are enlarged, as the detector was trained
_STRIDE = 32
_THRESHOLD = 0.3  # probability above which a pixel belongs to a line
_BOX_THRESHOLD = 0.5  # mean probability above which a box is kept
_UNCLIP = 1.6  # the detector predicts the core of a line; the distance to its edges is area * this / perimeter
_MIN_CORE = 3  # pixels of the detector; smaller cores are noise
_LEVEL = 0.4  # degrees below which a page counts as level
_GRAIN = 2.0  # inaccuracy of the edges of the map, in pixels
_TALL = 1.5  # height / width above which a box holds a vertical line


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector finds on a page.

    Attributes:
        boxes: A rectangle around each line, in no particular order. The text of a box runs along its longer side, to
            the right or downwards; nearly square boxes count as upright.
        left_out: Smaller regions beyond the ``MAX_LINES`` largest.
    """

    boxes: list[LineBox]
    left_out: int = 0


class TextDetector:
    """The detector of the wheel ``rapidocr``; one page at a time on all cores, from any thread."""

    def __init__(self, threads: int) -> None:
        """Load the detector.

        Args:
            threads: Processor cores.

        Raises:
            BackendError: The extra ``page`` is missing.
        """
        self._network = Network(DETECTOR, threads)
        self._lock = threading.Lock()

    def detect(self, image: Image.Image) -> Detection:
        """Find the lines of a page.

        Args:
            image: The page, mode L or RGB.

        Returns:
            The lines.
        """
        pixels, factor = _prepared(image)
        with self._lock:
            probabilities = self._network(pixels[None])[0, 0]
        return boxes_from_map(probabilities, factor, image.size)


def boxes_from_map(probabilities: Floats, factor: float, size: tuple[int, int]) -> Detection:
    """Find the boxes of a probability map.

    Args:
        probabilities: float32 [H, W], the probability that a pixel belongs to the core of a line.
        factor: Pixels of the page per pixel of the map.
        size: Width and height of the page; boxes are kept inside.

    Returns:
        The boxes in pixels of the page.
    """
    import cv2  # slow to import, and optional

    mask = cv2.dilate((probabilities > _THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = contours
    if len(contours) > MAX_LINES:
        largest = sorted(contours, key=cv2.contourArea, reverse=True)[:MAX_LINES]

    boxes = []
    for core, smallest in _cores(largest):
        score = _mean_inside(probabilities, smallest.corners(0))
        if score >= _BOX_THRESHOLD:
            # A rectangle that is offset by a distance and boxed again is the rectangle with that margin.
            margin = core.width * core.height * _UNCLIP / (core.width + core.height)
            boxes.append(LineBox(_ordered((core.corners(margin) * factor).clip(0, size)), score))
    return Detection(boxes, len(contours) - len(largest))


@dataclass(frozen=True)
class _Core:
    """The rectangle around the core of a line: ``angle`` in degrees clockwise, above -45 and up to 45."""

    x: float
    y: float
    width: float
    height: float
    angle: float

    def corners(self, margin: float) -> Float64s:
        """float64 [4, 2], from the upper left one, of the rectangle grown by half of ``margin`` on each side."""
        across, down = (self.width + margin) / 2, (self.height + margin) / 2
        offsets = np.array([(-across, -down), (across, -down), (across, down), (-across, down)])
        return (self.x, self.y) + offsets @ _rotation(self.angle)


def _cores(contours: Sequence[Any]) -> list[tuple[_Core, _Core]]:
    """The rectangle of each line, and the smallest one around its contour, whose probabilities count.

    Noise of the map tilts the smallest rectangle of a short line by about a degree. Lines therefore take the common
    angle of their page, unless that would make their rectangles much higher, as for curved lines.
    """
    own = [(contour[:, 0].astype(np.float64), _smallest(contour)) for contour in contours]
    own = [(points, core) for points, core in own if min(core.width, core.height) >= _MIN_CORE]
    angles = np.array([core.angle for _, core in own])
    lengths = np.array([max(core.width, core.height) for _, core in own])
    common = weighted_median(angles, lengths) if own else 0.0
    common = 0.0 if abs(common) < _LEVEL else common

    cores = []
    for points, core in own:
        level = _rectangle(points, common)
        slack = max(_GRAIN, 0.25 * min(core.width, core.height))
        is_level = min(level.width, level.height) <= min(core.width, core.height) + slack
        cores.append((level if is_level else core, core))
    return cores


def _smallest(contour: Any) -> _Core:
    import cv2

    (x, y), (width, height), angle = cv2.minAreaRect(contour)
    upright = (angle + 45) % 90 - 45
    if round((angle - upright) / 90) % 2:
        width, height = height, width
    return _Core(x, y, width, height, upright)


def _rectangle(points: Float64s, angle: float) -> _Core:
    """The smallest rectangle of an angle around points [N, 2]."""
    turned = points @ _rotation(angle).T
    least, most = turned.min(axis=0), turned.max(axis=0)
    x, y = (least + most) / 2 @ _rotation(angle)
    return _Core(float(x), float(y), float(most[0] - least[0]), float(most[1] - least[1]), angle)


def _rotation(angle: float) -> Float64s:
    """The matrix that rotates row vectors (x, y) clockwise on the page by ``angle`` degrees."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([(cosine, sine), (-sine, cosine)])


def _prepared(image: Image.Image) -> tuple[Floats, float]:
    """The input of the detector, and the pixels of the page per pixel of the input.

    The page is scaled with its aspect ratio kept, and padded to multiples of 32 by repeating its edge.
    """
    longest, shortest = max(image.size), min(image.size)
    factor = longest / min(MAX_SIDE, max(longest, longest * _MIN_SIDE / shortest))
    width, height = (max(1, round(side / factor)) for side in image.size)
    resized = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(resized, dtype=np.float32)
    missing = ((0, -height % _STRIDE), (0, -width % _STRIDE), (0, 0))
    return scaled(np.pad(pixels, missing, mode="edge")), factor


def _mean_inside(probabilities: Floats, corners: Any) -> float:
    """Mean probability inside a quadrangle."""
    import cv2

    height, width = probabilities.shape
    left, top = np.floor(corners.min(axis=0)).astype(int).clip(0, (width - 1, height - 1))
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).clip(0, (width - 1, height - 1))
    mask = np.zeros((bottom - top + 1, right - left + 1), dtype=np.uint8)
    cv2.fillPoly(mask, [(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(probabilities[top : bottom + 1, left : right + 1], mask)[0])


def _ordered(corners: Any) -> Polygon:
    """Corners clockwise from the one at which the text begins, if it runs to the right, or down in a tall box."""
    points = [(float(x), float(y)) for x, y in corners]
    sides = [(points[(i + 1) % 4][0] - points[i][0], points[(i + 1) % 4][1] - points[i][1]) for i in range(4)]
    start = max(range(4), key=lambda i: sides[i][0] - abs(sides[i][1]))  # the side that points most to the right
    first, second, third, fourth = points[start:] + points[:start]
    box = LineBox((first, second, third, fourth))
    return (box.turned(1) if box.height >= _TALL * box.width else box).polygon
