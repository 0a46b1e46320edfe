"""Labelled text lines on page images: the output of the PAGE, ALTO, Label Studio and PPOCRLabel readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from ocrx.data.sample import relative_name
from ocrx.errors import DataError
from ocrx.imaging.reading import IMAGE_SUFFIXES

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


class PageImages:
    """Finds the images that annotation files name, without leaving the dataset."""

    def __init__(self, root: Path) -> None:
        """Search under a folder.

        Args:
            root: Folder of the dataset.
        """
        self._root = root
        self._inside = root.resolve()

    def find(self, folder: Path, *names: str) -> Path:
        """Find the image that an annotation file names.

        It is searched by its path, then by its name anywhere in the dataset, then by its name with another suffix, as
        pages are often converted after they were annotated.

        Args:
            folder: Folder of the annotation file.
            names: File name or path as given there; further ones are tried in turn.

        Returns:
            The image.

        Raises:
            DataError: If there is no such file in the dataset, or there are several in different folders.
        """
        paths = [Path(name.replace("\\", "/")) for name in names]
        for path in paths:
            folders = (folder, folder.parent, self._root, self._root.parent)
            for candidate in (place / part for place in folders for part in (path, path.name)):
                if self._is_usable(candidate):
                    return candidate

        for path in paths:
            if found := self._by_stem.get(path.stem):
                return _only_one([one for one in found if one.name == path.name] or found)
        named = next((path for path in paths if path.name), None)
        if named is None:
            raise DataError("no page image is named")
        raise DataError(f"page image {relative_name(named, self._root)!r} not found")

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        """All images of the dataset by their name without suffix."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self._root.rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES and self._is_usable(path):
                found.setdefault(path.stem, []).append(path)
        return found

    def _is_usable(self, path: Path) -> bool:
        try:
            return path.is_file() and path.resolve().is_relative_to(self._inside)
        except (OSError, ValueError):  # a name too long for the system, or with a NUL
            return False


def _only_one(found: Sequence[Path]) -> Path:
    if len({path.parent for path in found}) > 1:
        raise DataError(f"page image {found[0].name!r} found in {len(found)} folders; expected one")
    return found[0]


def from_upper_left(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Order the corners of a quadrilateral that may begin at any of them and run either way round.

    Args:
        corners: The corners, y downwards.

    Returns:
        The corners clockwise from the upper left one; an outline of more or fewer points as it is.
    """
    if len(corners) != 4:
        return corners

    following = (*corners[1:], corners[0])
    area = sum(x * v - u * y for (x, y), (u, v) in zip(corners, following, strict=True))
    clockwise = corners if area >= 0 else corners[::-1]
    # The upper side is the one that leads to the right.
    sides = [(u - x) / (math.hypot(u - x, v - y) or 1) for (x, y), (u, v) in pairwise((*clockwise, clockwise[0]))]
    first = sides.index(max(sides))
    return clockwise[first:] + clockwise[:first]


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
