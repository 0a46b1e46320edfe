"""Reads ALTO XML, as written by libraries, ABBYY, Tesseract and eScriptorium: one file per page image."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from ocrx.data.formats.regions import Found, PageImages, Point, Region, SkippedRegion, from_upper_left, to_points
from ocrx.data.formats.safe_xml import read_xml
from ocrx.data.sample import relative_name
from ocrx.errors import DataError


def read_alto(root: Path) -> Iterator[Found]:
    """Read the text lines of all ALTO files under a folder.

    Args:
        root: The folder, with the page images anywhere in it.

    Yields:
        Lines in file order, and unusable files and lines with the reason.
    """
    images = PageImages(root)
    for path in sorted(root.rglob("*.xml")):
        name = relative_name(path, root)
        try:
            document = read_xml(path, name)
            if document.tag != "alto":
                raise DataError(f"{name}: not an ALTO file")
            named = document.findtext("Description/sourceImageInformation/fileName", "").strip()
            image = images.find(path.parent, named, f"{path.stem}.png")
            in_pixels = document.findtext("Description/MeasurementUnit", "pixel").strip() == "pixel"
        except DataError as error:
            yield SkippedRegion(name, error.message.removeprefix(f"{name}: "))
            continue

        for page in document.iter("Page"):
            yield from _lines(page, image, name, in_pixels)


def _lines(page: ET.Element, image: Path, name: str, in_pixels: bool) -> Iterator[Found]:
    for number, line in enumerate(page.iter("TextLine"), start=1):
        source = f"{name}: line {line.get('ID') or number}"
        try:
            units = _page_size(page, in_pixels)
            text = _text(line)
            yield Region(image, _outline(line), text, source, _baseline(line), units)
        except DataError as error:
            yield SkippedRegion(source, error.message)


def _page_size(page: ET.Element, in_pixels: bool) -> tuple[float, float] | None:
    """Return the page's width and height in its unit, from which the scale to pixels follows; None for pixels."""
    ((width, height),) = to_points([page.get("WIDTH", 0), page.get("HEIGHT", 0)])
    if width > 0 and height > 0:
        return width, height
    if in_pixels:
        return None
    raise DataError("coordinates not in pixels, and the page's size is missing")


def _text(line: ET.Element) -> str:
    """Join the words with spaces and append the end-of-line hyphen, if there is one."""
    words = [string.get("CONTENT", "") for string in line.iter("String")]
    if not words:
        raise DataError("no text")
    hyphen = next((hyp.get("CONTENT", "-") for hyp in line.iter("HYP")), "")
    return " ".join(word for word in words if word) + hyphen


def _outline(line: ET.Element) -> tuple[Point, ...]:
    polygon = line.find("Shape/Polygon")
    if polygon is not None:
        return from_upper_left(to_points(polygon.get("POINTS", "").replace(",", " ").split()))
    ((x, y), (width, height)) = to_points([line.get(key) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")])
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def _baseline(line: ET.Element) -> tuple[Point, ...]:
    """Return the points of the baseline; none if there is only a height, as in older versions of ALTO."""
    numbers = line.get("BASELINE", "").replace(",", " ").split()
    return to_points(numbers) if len(numbers) > 1 else ()
