"""Lines of text on page images: what the readers of PAGE, ALTO, Label Studio and PPOCRLabel find."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrx.data.sample import relative_name
from ocrx.errors import DataError

Point = tuple[float, float]
"""x and y in pixels of the page image, or in percent or page units where a ``Region`` says so."""

PERCENT = (100.0, 100.0)
_WIDEST_COORDINATE = 1e7


@dataclass(frozen=True, slots=True)
class Region:
    """A labelled line on a page.

    Attributes:
        page: Image of the page.
        polygon: Outline, at least 3 points.
        text: The label.
        source: Where the region is described, such as ``page/0001.xml: line r1l3``.
        baseline: Points of the baseline; empty if it is not given.
        units: Width and height of the page in the unit of the points: ``PERCENT``, the size that the annotation
            gives, or None if it gives none and the unit is a pixel.
    """

    page: Path
    polygon: tuple[Point, ...]
    text: str
    source: str
    baseline: tuple[Point, ...] = ()
    units: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A region that gives no line.

    Attributes:
        source: Where the region is described.
        reason: Why it was left out.
    """

    source: str
    reason: str


Found = Region | LeftOut
RegionReader = Callable[[Path], Iterable[Found]]
"""Reads all regions under a folder."""


def find_page_image(root: Path, beside: Path, name: str) -> Path:
    """Find the image that an annotation file names, without leaving the dataset.

    Args:
        root: Folder of the dataset.
        beside: Folder of the annotation file.
        name: File name or path as given there.

    Returns:
        The image.

    Raises:
        DataError: If there is no such file under ``root``.
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
    """Check a list of coordinates.

    Args:
        numbers: x, y, x, y, … as numbers or text.

    Returns:
        The points.

    Raises:
        DataError: If a value is not a finite number, or an odd number of values is given.
    """
    try:
        values = [float(number) for number in numbers]  # type: ignore[arg-type]  # anything else is a TypeError
    except (TypeError, ValueError, OverflowError):
        raise DataError("coordinates that are not numbers") from None
    if len(values) % 2 or not all(math.isfinite(value) and abs(value) < _WIDEST_COORDINATE for value in values):
        raise DataError("coordinates that are not points")
    return tuple(zip(values[::2], values[1::2], strict=True))
