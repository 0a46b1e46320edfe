"""ALTO XML, as written by libraries, ABBYY, Tesseract and eScriptorium: one file per page image."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from ocrx.data.formats.regions import Found, LeftOut, Point, Region, find_page_image, to_points
from ocrx.data.formats.safe_xml import read_xml
from ocrx.data.sample import relative_name
from ocrx.errors import DataError
from ocrx.imaging.reading import IMAGE_SUFFIXES


def read_alto(root: Path) -> Iterator[Found]:
    """Read the text lines of all ALTO files under a folder.

    Args:
        root: The folder; page images are searched beside each file, above it, and in ``root``.

    Yields:
        Lines in the order of the files; and files and lines that cannot be used, with the reason.
    """
    for path in sorted(root.rglob("*.xml")):
        name = relative_name(path, root)
        try:
            document = read_xml(path, name)
            if document.tag != "alto":
                raise DataError(f"{name}: not an ALTO file")
            image = _page_image(root, path, document)
            in_pixels = document.findtext("Description/MeasurementUnit", "pixel").strip() == "pixel"
        except DataError as error:
            yield LeftOut(name, error.message.removeprefix(f"{name}: "))
            continue

        for page in document.iter("Page"):
            yield from _lines(page, image, name, in_pixels)


def _page_image(root: Path, path: Path, document: ET.Element) -> Path:
    """The image that the file names; else the one with the file's own name."""
    named = document.findtext("Description/sourceImageInformation/fileName", "").strip()
    try:
        return find_page_image(root, path.parent, named)
    except DataError:
        for suffix in IMAGE_SUFFIXES:
            if (image := path.with_suffix(suffix)).is_file():
                return image
        raise


def _lines(page: ET.Element, image: Path, name: str, in_pixels: bool) -> Iterator[Found]:
    for number, line in enumerate(page.iter("TextLine"), start=1):
        source = f"{name}: line {line.get('ID') or number}"
        try:
            units = _page_size(page, in_pixels)
            text = _text(line)
            yield Region(image, _outline(line), text, source, _baseline(line), units)
        except DataError as error:
            yield LeftOut(source, error.message)


def _page_size(page: ET.Element, in_pixels: bool) -> tuple[float, float] | None:
    """Width and height of the page in its unit, which say how many pixels a unit has."""
    ((width, height),) = to_points([page.get("WIDTH", 0), page.get("HEIGHT", 0)])
    if width > 0 and height > 0:
        return width, height
    if in_pixels:
        return None
    raise DataError("no size of the page, and coordinates that are not in pixels")


def _text(line: ET.Element) -> str:
    """The words with a space between them, and a hyphen at the end."""
    words = [string.get("CONTENT", "") for string in line.iter("String")]
    if not words:
        raise DataError("no text")
    hyphen = next((hyp.get("CONTENT", "-") for hyp in line.iter("HYP")), "")
    return " ".join(word for word in words if word) + hyphen


def _outline(line: ET.Element) -> tuple[Point, ...]:
    polygon = line.find("Shape/Polygon")
    if polygon is not None:
        return to_points(polygon.get("POINTS", "").replace(",", " ").split())
    ((x, y), (width, height)) = to_points([line.get(key) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")])
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def _baseline(line: ET.Element) -> tuple[Point, ...]:
    """Points of the baseline; older versions of ALTO give only a height."""
    numbers = line.get("BASELINE", "").replace(",", " ").split()
    return to_points(numbers) if len(numbers) > 1 else ()
