"""Reads Label Studio's JSON export of an OCR project: boxes or polygons in percent of the page, with their text."""

from __future__ import annotations

import math
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ocrx.data.formats.regions import (
    PERCENT,
    Found,
    PageImages,
    Point,
    Region,
    SkippedRegion,
    from_upper_left,
    to_points,
)
from ocrx.data.sample import relative_name
from ocrx.errors import DataError
from ocrx.files import read_json

_IMAGE_KEYS = ("ocr", "image", "captioning")


def read_label_studio(root: Path) -> Iterator[Found]:
    """Read the regions of all JSON files in a folder.

    Args:
        root: Folder with the export and the page images.

    Yields:
        Regions in file order, and unusable files, tasks and regions with the reason.
    """
    images = PageImages(root)
    for path in sorted(root.glob("*.json")):
        name = relative_name(path, root)
        try:
            tasks = read_json(path)
            if not isinstance(tasks, list):
                raise DataError("not a list of tasks; export the project as JSON")
        except DataError as error:
            yield SkippedRegion(name, error.message)
            continue
        for number, task in enumerate(tasks, start=1):
            yield from _task(task, root, images, _source(task, number, name))


def region_results(tasks: object, name: str) -> dict[str, list[dict[str, Any]]]:
    """Collect the results of each region in an export, so that they can be changed in place.

    Args:
        tasks: The parsed export.
        name: Name of its file, as in the sources of ``read_label_studio``.

    Returns:
        The ``value`` objects of each region, by its source.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for number, task in enumerate(tasks if isinstance(tasks, list) else [], start=1):
        usable = _usable(_field(task, "annotations"))
        results = usable[0].get("result") if usable else []
        for result in results if isinstance(results, list) else []:
            value = _field(result, "value")
            if isinstance(value, dict):
                found.setdefault(f"{_source(task, number, name)}: region {_field(result, 'id')}", []).append(value)
    return found


def _source(task: object, number: int, name: str) -> str:
    return f"{name}: task {_field(task, 'id') or number}"


def _usable(annotations: object) -> list[Mapping[str, Any]]:
    """Filter out cancelled annotations."""
    rows = annotations if isinstance(annotations, list) else []
    return [one for one in rows if isinstance(one, Mapping) and one.get("was_cancelled") is not True]


def _task(task: object, root: Path, images: PageImages, source: str) -> Iterator[Found]:
    data, annotations = _field(task, "data"), _field(task, "annotations")
    if not isinstance(annotations, list):
        yield SkippedRegion(source, "no annotations; export the project as JSON, not JSON-MIN")
        return
    usable = _usable(annotations)
    if not usable:
        yield SkippedRegion(source, "not annotated")
        return

    try:
        image = images.find(root, *_image_names(data))
    except DataError as error:
        yield SkippedRegion(source, error.message)
        return
    if len(usable) > 1:
        yield SkippedRegion(source, f"{len(usable) - 1} more annotations of the same page; only the first is used")
    yield from _regions(usable[0].get("result"), image, source)


def _image_names(data: object) -> list[str]:
    """Return possible names of a task's image: its URL names an uploaded file, or a file on the server's disk."""
    address = next((value for key in _IMAGE_KEYS if isinstance(value := _field(data, key), str)), None)
    if address is None:
        raise DataError("no image")

    parts = urllib.parse.urlsplit(address)
    served = urllib.parse.parse_qs(parts.query).get("d", [urllib.parse.unquote(parts.path)])[0].lstrip("/")
    # Label Studio prefixes the names of uploaded files with eight random characters and a dash.
    _, dash, original = Path(served).name.partition("-")
    return [served, original] if dash else [served]


def _regions(results: object, image: Path, source: str) -> Iterator[Found]:
    """Merge the results that share an ID, the outline and the text of a region."""
    joined: dict[str, dict[str, Any]] = {}
    for result in results if isinstance(results, list) else []:
        value = _field(result, "value")
        if isinstance(value, Mapping):
            sizes = {key: _field(result, key) for key in ("original_width", "original_height")}
            joined.setdefault(str(_field(result, "id")), {}).update({**sizes, **value})

    for name, value in joined.items():
        where = f"{source}: region {name}"
        try:
            yield Region(image, _outline(value), _text(value), where, units=PERCENT)
        except DataError as error:
            yield SkippedRegion(where, error.message)


def _text(value: Mapping[str, Any]) -> str:
    text = value.get("text")
    lines = [text] if isinstance(text, str) else text
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise DataError("no text")
    return "\n".join(lines)


def _outline(value: Mapping[str, Any]) -> tuple[Point, ...]:
    """Return a polygon's points, or the corners of a box, rotated clockwise about its upper left corner."""
    points = value.get("points")
    if isinstance(points, list):
        if not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise DataError("coordinates are not valid points")
        return from_upper_left(to_points([number for point in points for number in point]))

    if "x" not in value:
        raise DataError("no outline")
    ((x, y), (width, height)) = to_points([value.get(key) for key in ("x", "y", "width", "height")])
    ((rotation, _),) = to_points([value.get("rotation") or 0, 0])
    if not rotation:
        return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return _rotated((x, y), (width, height), math.radians(rotation), _aspect(value))


def _rotated(corner: Point, size: tuple[float, float], angle: float, aspect: float) -> tuple[Point, ...]:
    """Return the corners of a rotated box, in percent; the page's width is ``aspect`` times its height in pixels."""
    (x, y), (width, height) = corner, size
    across = (width * math.cos(angle), width * math.sin(angle) * aspect)
    down = (-height * math.sin(angle) / aspect, height * math.cos(angle))
    return (
        (x, y),
        (x + across[0], y + across[1]),
        (x + across[0] + down[0], y + across[1] + down[1]),
        (x + down[0], y + down[1]),
    )


def _aspect(value: Mapping[str, Any]) -> float:
    ((width, height),) = to_points([value.get("original_width"), value.get("original_height")])
    if width <= 0 or height <= 0:
        raise DataError("a rotated box, but the page's size is missing")
    return width / height


def _field(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
