"""Serialises predictions for programs: TSV, CSV, JSON, plain text or hOCR, one result or page at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ocrx.files import to_json
from ocrx.inference.results import Prediction

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
"""Characters that a field of a TSV file must not hold → their backslash escapes."""

_CSV_FIELDS = (
    *("input_path", "page_index", "line_index", "rec_text", "rec_score", "min_score"),
    *("confidence", "warning", "error"),
)
_CSV_DETAILS = ("box", "char_scores", "char_spans")


def place(prediction: Prediction) -> str:
    """Name the place that a text comes from.

    Args:
        prediction: The result.

    Returns:
        The path; with ``#page=2&line=3`` (from 1) appended where there are several pages or lines.
    """
    name = prediction.input_path or ""
    parts = [
        f"{word}={number + 1}"
        for word, number in (("page", prediction.page_index), ("line", prediction.line_index))
        if number is not None
    ]
    return f"{name}#{'&'.join(parts)}" if parts else name


def tsv(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """Write ``path<TAB>text<TAB>score`` for each line that was read; TAB, line ends and backslash are escaped.

    Args:
        results: The predictions.
        details: Add columns: lowest score of a character, confidence, warning, and scores and spans of the characters
            as JSON.

    Yields:
        A line for each result; '' for a failure.
    """
    for result in results:
        if result.error is not None:
            yield ""
            continue
        cells = [place(result), result.text, f"{result.score:.4f}"]
        if details:
            confidence = "" if result.confidence is None else f"{result.confidence:.4f}"
            cells += [f"{result.min_score:.4f}", confidence, result.warning or "", *_characters(result)]
        yield "\t".join(cell.translate(ESCAPES) for cell in cells) + "\n"


def json_lines(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """Write one flat object for each result, failures included.

    Args:
        results: The predictions.
        details: Add scores and spans of the characters.

    Yields:
        A line for each result.
    """
    for result in results:
        yield to_json(result.to_dict(details)) + "\n"


def json_document(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """Write one array with an object on each line, failures included.

    Args:
        results: The predictions.
        details: Add scores and spans of the characters.

    Yields:
        The parts of the document.
    """
    yield from _array(result.to_dict(details) for result in results)


def comma_separated(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """Write CSV with a header, failures included.

    Args:
        results: The predictions.
        details: Add the box where a page was cut, and scores and spans of the characters, as JSON.

    Yields:
        The header with the first row, then a row for each result.
    """
    buffer = io.StringIO()
    fields = (*_CSV_FIELDS, *_CSV_DETAILS) if details else _CSV_FIELDS
    writer = csv.DictWriter(buffer, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()

    for result in results:
        row = {**result.to_dict(), "min_score": result.min_score}
        row["char_scores"], row["char_spans"] = _characters(result)
        row["box"] = to_json(row["box"]) if result.box else None
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def paddlex(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """Write ``{'res': {...}}`` for each result, as PaddleX prints it, failures included.

    Args:
        results: The predictions.
        details: Has no effect: the form is PaddleX's.

    Yields:
        A line for each result.
    """
    for result in results:
        yield f"{result.str}\n"


def text(results: Iterable[Prediction], details: bool = False, min_score: float = 0.0) -> Iterator[str]:
    """Write the plain text of each page in reading order, a form feed between pages; failures are left out.

    Args:
        results: The predictions.
        details: Changes nothing.
        min_score: Lines with a lower score are left out, pages never.

    Yields:
        The text of a page.
    """
    from ocrx.inference.page_results import group_pages  # only where pages are written

    before = ""
    for page in group_pages(results, min_score):
        if page.source.error is None:
            yield before + page.text
            before = "\f"


def page_json(results: Iterable[Prediction], details: bool = False, min_score: float = 0.0) -> Iterator[str]:
    """Write one array with an object for each page, in the fields of PaddleX's OCR pipeline, failures included.

    Args:
        results: The predictions.
        details: Changes nothing.
        min_score: Lines with a lower score are left out, pages never.

    Yields:
        The parts of the document.
    """
    from ocrx.inference.page_results import group_pages  # only where pages are written

    yield from _array(page.to_dict() for page in group_pages(results, min_score))


def hocr(results: Iterable[Prediction], details: bool = False, min_score: float = 0.0) -> Iterator[str]:
    """Write hOCR: XHTML with the places of pages, lines and words; failures are empty pages.

    Args:
        results: The predictions.
        details: Changes nothing.
        min_score: Lines with a lower score are left out, pages never.

    Yields:
        The parts of the document.
    """
    from ocrx.inference.page_results import HOCR_HEAD, HOCR_TAIL, group_pages  # only where pages are written

    yield HOCR_HEAD
    for number, page in enumerate(group_pages(results, min_score)):
        yield page.hocr(number)
    yield HOCR_TAIL


def _array(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A JSON array with an object on each line."""
    before = "[\n"
    for fields in objects:
        yield before + to_json(fields)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _characters(result: Prediction) -> tuple[str, str]:
    """Scores and spans of the characters as JSON, rounded."""
    spans = [[round(left, 1), round(right, 1)] for left, right in result.char_spans]
    return to_json([round(score, 4) for score in result.char_scores]), to_json(spans)


FORMATS: Mapping[str, Callable[[Iterable[Prediction], bool], Iterator[str]]] = MappingProxyType(
    {
        "tsv": tsv,
        "csv": comma_separated,
        "jsonl": json_lines,
        "json": json_document,
        "text": text,
        "page-json": page_json,
        "hocr": hocr,
        "paddlex": paddlex,
    }
)
"""The output forms by name."""

PAGE_FORMATS: Mapping[str, Callable[[Iterable[Prediction], bool, float], Iterator[str]]] = MappingProxyType(
    {"text": text, "page-json": page_json, "hocr": hocr}
)
"""Those of whole pages; they take all results of a page and the lowest score of a line to write."""
