"""Reads PAGE XML, as written by Transkribus, eScriptorium, OCR-D and Aletheia: one file per page image."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from ocrx.data.formats.regions import Found, PageImages, Point, Region, SkippedRegion, from_upper_left, to_points
from ocrx.data.formats.safe_xml import read_xml
from ocrx.data.sample import relative_name
from ocrx.errors import DataError


def read_page_xml(root: Path) -> Iterator[Found]:
    """Read the text lines of all PAGE files under a folder.

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
            page = document.find("Page")
            if document.tag != "PcGts" or page is None:
                raise DataError(f"{name}: not a PAGE file")
            image = images.find(path.parent, page.get("imageFilename", ""))
            ((width, height),) = to_points([page.get("imageWidth", 0), page.get("imageHeight", 0)])
            units = (width, height) if width > 0 and height > 0 else None
        except DataError as error:
            yield SkippedRegion(name, error.message.removeprefix(f"{name}: "))
            continue

        for number, line in enumerate(page.iter("TextLine"), start=1):
            source = f"{name}: line {line.get('id') or number}"
            try:
                text = _text(line)
                outline = from_upper_left(_points(line, "Coords"))
                yield Region(image, outline, text, source, _points(line, "Baseline"), units)
            except DataError as error:
                yield SkippedRegion(source, error.message)


def _text(line: ET.Element) -> str:
    """Return the line's own text, else that of its words; of several versions the one with the lowest index."""
    versions = [element for element in line.findall("TextEquiv") if element.find("Unicode") is not None]
    words = line.findall("Word")
    if not versions and words:
        return " ".join(map(_text, words))
    if not versions:
        raise DataError("no text")
    best = min(versions, key=lambda element: int(index) if (index := element.get("index", "")).isdecimal() else 0)
    return best.findtext("Unicode") or ""


def _points(line: ET.Element, tag: str) -> tuple[Point, ...]:
    element = line.find(tag)
    if element is None:
        return ()
    written = element.get("points")
    if written is not None:
        return to_points(written.replace(",", " ").split())
    # The 2010 version of the format.
    return to_points([point.get(axis) for point in element.iter("Point") for axis in ("x", "y")])
