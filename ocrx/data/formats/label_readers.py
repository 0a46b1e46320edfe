"""The label files that are not ``path<TAB>text``: JSON lines, CSV and TSV, and ``x.png`` with ``x.gt.txt``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ocrx.data.formats.text_file import read_text
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.imaging.reading import IMAGE_SUFFIXES
from ocrx.results import Issue

PATH_COLUMNS = ("file_name", "filename", "image", "image_path", "path", "file", "img", "img_path", "name")
TEXT_COLUMNS = ("text", "label", "transcription", "ground_truth", "words", "sentence", "gt", "rec_text")
PAIR_SUFFIX = ".gt.txt"
# ocropy keeps binarised and flattened versions of a line under these names
_EXTRA_SUFFIXES = (".bin.png", ".nrm.png")


def read_jsonl(path: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """One JSON object a line with a file name and a text, paths relative to the file's own folder."""
    name = _name(path, root)
    file = read_text(path, name)
    samples: list[Sample] = []
    issues = list(file.issues)
    for number, line in file.lines():
        source = f"{name}:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            issues.append(Issue("error", "columns", source, f"not JSON ({error})", "write one JSON object a line"))
            continue
        image = _value(row, PATH_COLUMNS) if isinstance(row, dict) else None
        text = _value(row, TEXT_COLUMNS) if isinstance(row, dict) else None
        if not isinstance(image, str) or not isinstance(text, str):
            message = "expected an object with a file name and a text, both strings"
            hint = f'for example {{"{PATH_COLUMNS[0]}": "a.png", "{TEXT_COLUMNS[0]}": "hello"}}'
            issues.append(Issue("error", "columns", source, message, hint))
            continue
        if not _is_unicode(image + text):
            message = "half of a surrogate pair (\\ud800 to \\udfff), which is no character"
            issues.append(Issue("error", "columns", source, message, "write the line again as UTF-8"))
            continue
        samples.append(Sample(path.parent / image, text, source))
    return samples, issues


def read_table(path: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """CSV (comma or semicolon) or TSV with a header row, paths relative to the file's own folder.

    CSV follows the usual quoting rules; in TSV a quote is an ordinary character.
    Raises DataError if no header names an image and a text column.
    """
    name = _name(path, root)
    file = read_text(path, name)
    issues = list(file.issues)
    lines = (line + "\n" for _, line in file.lines())
    header = next(lines, "")
    if path.suffix.lower() == ".tsv":
        columns = header.rstrip("\n").split("\t")
        rows: Iterable[tuple[int, Sequence[str]]] = (
            (number, line.rstrip("\n").split("\t")) for number, line in enumerate(lines, start=2)
        )
    else:
        delimiter = ";" if header.count(";") > header.count(",") else ","
        columns = next(csv.reader([header], delimiter=delimiter), [])
        reader = csv.reader(lines, delimiter=delimiter)
        rows = ((reader.line_num + 1, row) for row in reader)
    image_at, text_at = (_column(columns, names, path) for names in (PATH_COLUMNS, TEXT_COLUMNS))
    samples: list[Sample] = []
    number = 1
    try:
        for number, row in rows:
            if not row or row == [""]:
                continue
            if len(row) != len(columns):
                message = f"{len(row)} columns; the header has {len(columns)}"
                hint = "quote a field that holds the separator"
                issues.append(Issue("error", "columns", f"{name}:{number}", message, hint))
                continue
            samples.append(Sample(path.parent / row[image_at], row[text_at], f"{name}:{number}"))
    except csv.Error as error:
        message = f"cannot be read as a table from here on ({error})"
        issues.append(Issue("error", "columns", f"{name}:{number + 1}", message, "is a quote not closed?"))
    return samples, issues


def find_image_pairs(folder: Path, *, first: bool = False) -> list[Path]:
    """The ``.gt.txt`` files under ``folder``, sorted; with ``first`` only one of them."""
    found = folder.rglob("*" + PAIR_SUFFIX)
    if first:
        one = next(found, None)
        return [one] if one else []
    return sorted(found)


def read_pairs(folder: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """``x.gt.txt`` holds the text of ``x.png`` (any image suffix, also ``x.bin.png``)."""
    samples: list[Sample] = []
    issues: list[Issue] = []
    for path in find_image_pairs(folder):
        name = _name(path, root)
        file = read_text(path, name)
        # A missing final newline is usual for a file of one line.
        issues += [issue for issue in file.issues if issue.code != "no-final-newline"]
        lines = [line for _, line in file.lines()]
        while len(lines) > 1 and not lines[-1]:
            lines.pop()
        if len(lines) > 1:
            message = f"{len(lines)} lines; expected one, the text of the image"
            issues.append(Issue("error", "columns", name, message, "an image holds one line of text: cut it"))
            continue
        samples.append(Sample(_image_of(path), lines[0] if lines else "", f"{name}:1"))
    return samples, issues


def _image_of(path: Path) -> Path:
    stem = path.name[: -len(PAIR_SUFFIX)]
    suffixes = [*IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES), *_EXTRA_SUFFIXES]
    candidates = [path.with_name(stem + suffix) for suffix in suffixes]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _value(row: Mapping[str, object], names: Sequence[str]) -> object:
    return next((row[name] for name in names if name in row), None)


def _column(columns: Sequence[str], names: Sequence[str], path: Path) -> int:
    folded = [column.strip().casefold() for column in columns]
    for name in names:
        if name in folded:
            return folded.index(name)
    raise DataError(
        f"{path}:1: no column named {', '.join(names[:4])} … in the header {', '.join(columns)!r}",
        hint="the first line names the columns, for example file_name,text",
    )


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
