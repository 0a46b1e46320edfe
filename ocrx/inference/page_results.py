"""The lines of a page together: its text, PaddleX's fields of a page, hOCR, and a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ocrx.files import to_json
from ocrx.inference.page_drawing import draw_page
from ocrx.inference.results import Prediction, SavePath, corners, result_path, save_picture
from ocrx.pages.boxes import LineBox, Polygon, bounds, page_angle, rotated_bounds
from ocrx.pages.crops import projective_map
from ocrx.version import __version__

_SAME_ROW = 0.5  # overlap of two lines in a row, as a share of the lower one's height

HOCR_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title></title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
<meta name="ocr-system" content="ocrx {__version__}"/>
<meta name="ocr-capabilities" content="ocr_page ocr_line ocrx_word"/>
</head>
<body>
"""
"""What stands before the pages of an hOCR file."""

HOCR_TAIL = "</body>\n</html>\n"
"""What stands behind them."""


@dataclass(frozen=True)
class PageResult:
    """What was read on one page, or in one image.

    Attributes:
        lines: The lines in reading order; none where the page has no text or could not be read.
        source: A result of this page, for its path, page index, size and error.
    """

    lines: tuple[Prediction, ...]
    source: Prediction

    @property
    def text(self) -> str:
        """The text in reading order, a line for each row; TABs divide parts of a row, such as the cells of a table."""
        polygons = [LineBox(corners(line.box)) for line in self.lines if line.box is not None]
        if len(polygons) < len(self.lines) or not polygons:
            return "".join(f"{line.text}\n" for line in self.lines)
        rectangles = rotated_bounds(polygons, page_angle(polygons))
        parts = [self.lines[0].text]
        for line, above, here in zip(self.lines[1:], rectangles, rectangles[1:], strict=False):
            overlap = min(above[3], here[3]) - max(above[1], here[1])
            lower = min(above[3] - above[1], here[3] - here[1])
            beside = here[0] >= above[2] - lower / 2 or here[2] <= above[0] + lower / 2
            parts += ["\t" if beside and overlap >= _SAME_ROW * lower else "\n", line.text]
        return "".join(parts) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The page with the fields of PaddleX's OCR pipeline.

        Returns:
            ``input_path``, ``page_index``, ``dt_polys`` and ``rec_polys`` (four corners for each line), ``rec_boxes``
            (left, top, right, bottom), ``rec_texts``, ``rec_scores``; beside them ``confidences`` and ``warnings``, and
            ``error`` on failure.
        """
        polygons = [_rounded(_polygon(line)) for line in self.lines]
        fields: dict[str, Any] = {
            "input_path": self.source.input_path,
            "page_index": self.source.page_index,
            "dt_polys": polygons,
            "rec_polys": polygons,
            "rec_boxes": [list(_outward(_polygon(line))) for line in self.lines],
            "rec_texts": [line.text for line in self.lines],
            "rec_scores": [line.score for line in self.lines],
            "confidences": [line.confidence for line in self.lines],
            "warnings": [line.warning for line in self.lines],
        }

        if self.source.error is not None:
            fields["error"] = self.source.error
        return fields

    @property
    def json(self) -> dict[str, Any]:
        """``{"res": {...}}``, as PaddleX has it."""
        return {"res": self.to_dict()}

    @property
    def img(self) -> dict[str, Image.Image]:
        """``{"ocr_res_img": picture}``: the page with a frame around each line, and the texts beside it.

        Raises:
            DataError: The page cannot be opened, or not any more.
        """
        page = replace(self.source, box=None, turned=False).open()
        return {"ocr_res_img": draw_page(page, [(_polygon(line), line.text, line.score) for line in self.lines])}

    def hocr(self, number: int = 0) -> str:
        """The page as an element of an hOCR file.

        Args:
            number: Pages before it in the file.

        Returns:
            A ``div`` of class ``ocr_page``, to stand between ``HOCR_HEAD`` and ``HOCR_TAIL``.
        """
        width, height = self.source.page_size or self.source.image_size or (0, 0)
        name = escape(self.source.input_path or "")
        title = f"image &quot;{name}&quot;; bbox 0 0 {width} {height}; ppageno {self.source.page_index or 0}"
        rows = [f'<div class="ocr_page" id="page_{number + 1}" title="{title}">\n']
        rows += [_hocr_line(line, f"{number + 1}_{index + 1}") for index, line in enumerate(self.lines)]
        return "".join([*rows, "</div>\n"])

    def save_to_json(self, save_path: SavePath, indent: int = 4, ensure_ascii: bool = False) -> Path:
        """Write the page as JSON.

        Args:
            save_path: A file whose name ends in ``.json``, or a folder, in which the page gets a name of its own.
            indent: Spaces for each level.
            ensure_ascii: Escape all characters outside ASCII.

        Returns:
            The file.
        """
        target = Path(save_path)
        whole = replace(self.source, line_index=None)
        path = result_path(target, ".json", whole, is_file=target.suffix.lower() == ".json")
        path.write_text(to_json(self.to_dict(), indent=indent, ensure_ascii=ensure_ascii) + "\n", encoding="utf-8")
        return path

    def save_to_img(self, save_path: SavePath) -> Path:
        """Write the picture ``img``.

        Args:
            save_path: A file with an image suffix, or a folder, in which the picture gets a name of its own as PNG.

        Returns:
            The file.

        Raises:
            DataError: The page cannot be opened, or not any more.
        """
        return save_picture(self.img["ocr_res_img"], save_path, replace(self.source, line_index=None))

    def save_all(self, save_path: SavePath) -> None:
        """Write the page as JSON and, where it could be read, as a picture.

        Args:
            save_path: A folder; each file gets a name of its own.
        """
        folder = Path(save_path)
        folder.mkdir(parents=True, exist_ok=True)
        self.save_to_json(folder)
        if self.source.error is None:
            self.save_to_img(folder)


def group_pages(results: Iterable[Prediction], min_score: float = 0.0) -> Iterator[PageResult]:
    """Put the lines of each page together.

    Args:
        results: Predictions in order, as ``Recognizer.predict`` gives them.
        min_score: Lines with a lower score are left out. Their page stays, even if it has no others.

    Yields:
        The pages, each once all its lines have come.
    """
    page: list[Prediction] = []
    for result in results:
        if page and not _continues(page[-1], result):
            yield _page(page, min_score)
            page = []
        page.append(result)
    if page:
        yield _page(page, min_score)


def _continues(before: Prediction, result: Prediction) -> bool:
    """Whether a result is a further line of the page of the one before."""
    if before.line_index is None or result.line_index is None or result.line_index <= before.line_index:
        return False
    return (before.input_path, before.page_index) == (result.input_path, result.page_index)


def _page(results: list[Prediction], min_score: float) -> PageResult:
    unread = len(results) == 1 and (results[0].error is not None or (not results[0].text and results[0].box is None))
    lines = () if unread else tuple(line for line in results if line.score >= min_score)
    return PageResult(lines, results[0])


def _polygon(line: Prediction) -> Polygon:
    """The corners of a line; those of the image where it is the line."""
    width, height = line.image_size or (0, 0)
    return corners((0, 0, width, height) if line.box is None else line.box)


def _rounded(polygon: Polygon) -> list[list[float]]:
    return [[round(x, 1), round(y, 1)] for x, y in polygon]


def _outward(polygon: Polygon) -> tuple[int, int, int, int]:
    """The upright rectangle around a polygon in whole pixels."""
    left, top, right, bottom = bounds(polygon)
    return floor(left + 1e-6), floor(top + 1e-6), ceil(right - 1e-6), ceil(bottom - 1e-6)


def _hocr_line(line: Prediction, number: str) -> str:
    polygon = _polygon(line)
    angle = round(-LineBox(polygon).angle % 360, 2)
    title = f"bbox {_joined(_outward(polygon))}" + (f"; textangle {angle:g}" if angle else "")
    words = "\n".join(
        f'<span class="ocrx_word" id="word_{number}_{index + 1}" title="bbox {_joined(_outward(box))}; '
        f'x_wconf {round(100 * line.min_score)}">{escape(word)}</span>'
        for index, (word, box) in enumerate(_words(line, polygon))
    )
    return f'<span class="ocr_line" id="line_{number}" title="{title}">{words}</span>\n'


def _words(line: Prediction, polygon: Polygon) -> list[tuple[str, Polygon]]:
    """The words of a line and their places on the page; the whole line's where the words have none."""
    words, (width, height) = line.text.split(), line.image_size or (0, 0)
    if line.turned or len(words) != len(line.word_spans) or min(width, height) < 1:
        return [(line.text, polygon)] if words else []
    to_page = projective_map(((0, 0), (width, 0), (width, height), (0, height)), polygon)
    boxes = []
    for word, (left, right) in zip(words, line.word_spans, strict=True):
        places = to_page @ np.array([(left, right, right, left), (0, 0, height, height), (1, 1, 1, 1)])
        first, second, third, fourth = ((float(x / w), float(y / w)) for x, y, w in places.T)
        boxes.append((word, (first, second, third, fourth)))
    return boxes


def _joined(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))
