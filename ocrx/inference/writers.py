"""Predictions as text for programs: TSV, CSV, JSON lines, or one JSON document; written as they come."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from ocrx.files import to_json
from ocrx.inference.results import Prediction

_CSV_FIELDS = ("input_path", "page_index", "line_index", "rec_text", "rec_score", "min_score", "error")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def place(prediction: Prediction) -> str:
    """Where the text comes from: the path, and behind it ``#page=2&line=3`` (from 1) where there are several."""
    name = prediction.input_path or ""
    parts = [
        f"{word}={number + 1}"
        for word, number in (("page", prediction.page_index), ("line", prediction.line_index))
        if number is not None
    ]
    return f"{name}#{'&'.join(parts)}" if parts else name


def tsv(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """``path<TAB>text<TAB>score`` for each line that was read; TAB, line ends and backslash are escaped.

    ``details`` adds the score of the least certain character.
    """
    for result in results:
        if result.error is None:
            more = f"\t{result.min_score:.4f}" if details else ""
            name, text = place(result).translate(_ESCAPES), result.text.translate(_ESCAPES)
            yield f"{name}\t{text}\t{result.score:.4f}{more}\n"
        else:
            yield ""


def json_lines(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """One flat object a line, failures included."""
    for result in results:
        yield to_json(result.to_dict(details)) + "\n"


def json_document(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """``[...]``, one object a line, failures included."""
    before = "[\n"
    for result in results:
        yield before + to_json(result.to_dict(details))
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def comma_separated(results: Iterable[Prediction], details: bool = False) -> Iterator[str]:
    """CSV with a header, failures included; ``details`` changes nothing."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _CSV_FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerow({**result.to_dict(), "min_score": result.min_score})
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


FORMATS: Mapping[str, Callable[[Iterable[Prediction], bool], Iterator[str]]] = MappingProxyType(
    {"tsv": tsv, "csv": comma_separated, "jsonl": json_lines, "json": json_document}
)
