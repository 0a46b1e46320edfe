"""Reads PPOCRLabel's ``Label.txt``: per page image a line ``path<TAB>[{"transcription": …, "points": …}, …]``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ocrx.data.formats.regions import Found, PageImages, Region, SkippedRegion, to_points
from ocrx.data.formats.text_file import read_text
from ocrx.errors import DataError

LABEL_FILE = "Label.txt"
# PPOCRLabel and ICDAR write this for unknown text.
UNREADABLE_TEXT = "###"
_UNKNOWN = (UNREADABLE_TEXT, "待识别")


def read_ppocrlabel(root: Path) -> Iterator[Found]:
    """Read the boxes of ``Label.txt``.

    Args:
        root: Folder with ``Label.txt`` and the page images.

    Yields:
        Boxes in file order, and unusable lines and boxes with the reason.

    Raises:
        DataError: If there is no ``Label.txt``.
    """
    images = PageImages(root)
    for number, line in read_text(root / LABEL_FILE, LABEL_FILE).lines():
        where = f"{LABEL_FILE}:{number}"
        if not line.strip():
            continue

        name, _, written = line.partition("\t")
        try:
            image = images.find(root, name)
            boxes = json.loads(written)
        except DataError as error:
            yield SkippedRegion(where, error.message)
        except (ValueError, RecursionError):
            yield SkippedRegion(where, "not a JSON list of boxes")
        else:
            for index, box in enumerate(boxes if isinstance(boxes, list) else [boxes], start=1):
                yield _box(image, box, f"{where}: box {index}")


def _box(image: Path, box: object, source: str) -> Found:
    try:
        if not isinstance(box, Mapping) or not isinstance(text := box.get("transcription"), str):
            raise DataError("no transcription")
        if text in _UNKNOWN:
            raise DataError(f"marked as unreadable ({text})")
        if box.get("difficult") is True:
            raise DataError("marked as difficult")

        points = box.get("points")
        if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise DataError("no points")
        return Region(image, to_points([value for point in points for value in point]), text, source)
    except DataError as error:
        return SkippedRegion(source, error.message)
