"""Labelled text lines on page images: the output of the PAGE, ALTO, Label Studio and PPOCRLabel readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrx.data.sample import relative_name
from ocrx.errors import DataError

Point = tuple[float, float]
"""x and y, in pixels of the page image unless ``Region.units`` says otherwise."""

PERCENT = (100.0, 100.0)
_MAX_COORDINATE = 1e7


@dataclass(frozen=True, slots=True)
class Region:
    """A labelled line on a page.

    Attributes:
        page: Image of the page.
        polygon: Outline, at least 3 points.
        text: The label.
        source: File and element of the annotation, such as ``page/0001.xml: line r1l3``.
        baseline: Points of the baseline; empty if there is none.
        units: Width and height of the page in the unit of the points, for example ``PERCENT``; None for pixels.
    """

    page: Path
    polygon: tuple[Point, ...]
    text: str
    source: str
    baseline: tuple[Point, ...] = ()
    units: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class SkippedRegion:
    """A region that cannot be used as a line.

    Attributes:
        source: File and element of the annotation.
        reason: Why it was skipped.
    """

    source: str
    reason: str


Found = Region | SkippedRegion
RegionReader = Callable[[Path], Iterable[Found]]
"""Reads all regions under a folder."""


def find_page_image(root: Path, beside: Path, name: str) -> Path:
    """Find the image that an annotation file refers to, within the dataset's folder.

    Args:
        root: Folder of the dataset.
        beside: Folder of the annotation file.
        name: File name or path as written in the annotation.

    Returns:
        Path of the image.

    Raises:
        DataError: If there is no such file below ``root``.
    """
    path = Path(name.replace("\\", "/"))
    folders = [beside, beside.parent, root, root.parent]
    candidates = [folder / part for folder in folders for part in (path, path.name)]
    inside = root.resolve()
    for candidate in candidates:
        try:
            if candidate.is_file() and candidate.resolve().is_relative_to(inside):
                return candidate
        except (OSError, ValueError):  # a name too long for the system, or with a NUL
            break
    raise DataError(f"page image {relative_name(path, root)!r} not found")


def to_points(numbers: Sequence[object]) -> tuple[Point, ...]:
    """Convert a list of coordinates to points.

    Args:
        numbers: x, y, x, y, … as numbers or strings.

    Returns:
        The points.

    Raises:
        DataError: If a value is not a finite number of sensible size, or the number of values is odd.
    """
    try:
        values = [float(number) for number in numbers]  # type: ignore[arg-type]  # anything else is a TypeError
    except (TypeError, ValueError, OverflowError):
        raise DataError("coordinates are not numbers") from None
    if len(values) % 2 or not all(math.isfinite(value) and abs(value) < _MAX_COORDINATE for value in values):
        raise DataError("coordinates are not valid points")
    return tuple(zip(values[::2], values[1::2], strict=True))
