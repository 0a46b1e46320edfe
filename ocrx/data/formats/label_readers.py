"""One reader per label format: ``path<TAB>text`` lists, JSON Lines, tables, and ``x.png`` with ``x.gt.txt``.

Every reader takes a file (or a folder of pairs) and the dataset's folder. It returns the samples in order and the
issues; a line that cannot be read gives an issue and no sample.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ocrx.data.formats.text_file import read_text
from ocrx.data.sample import Sample, relative_name
from ocrx.errors import DataError
from ocrx.imaging.reading import IMAGE_SUFFIXES
from ocrx.results import Issue

PATH_COLUMNS = ("file_name", "filename", "image", "image_path", "path", "file", "img", "img_path", "name")
TEXT_COLUMNS = ("text", "label", "transcription", "ground_truth", "words", "sentence", "gt", "rec_text")
TABLE_SUFFIXES = (".csv", ".tsv")
JSONL_SUFFIXES = (".jsonl", ".ndjson")
PAIR_SUFFIX = ".gt.txt"

# ocropy keeps binarised and flattened versions of a line under these names.
_EXTRA_SUFFIXES = (".bin.png", ".nrm.png")
_SHOWN = 60


def read_list(path: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """Read ``path<TAB>text`` lines. The first TAB separates; further TABs are kept in the text and reported.

    Args:
        path: The list.
        root: Folder that the image paths are relative to.

    Returns:
        The samples in order, and the issues: lines without a TAB, blank lines, encoding and line endings.

    Raises:
        DataError: If the file is missing or cannot be opened.
    """
    name = relative_name(path, root)
    file = read_text(path, name)
    samples: list[Sample] = []
    issues = list(file.issues)
    blank = 0
    for number, line in file.lines():
        source = f"{name}:{number}"
        # Blank lines at the end of a file are not reported.
        if blank:
            issues.append(Issue("info", "blank-line", f"{name}:{blank}", "blank line, skipped", "delete it"))
            blank = 0
        if not line:
            blank = number
            continue

        image, tab, text = line.partition("\t")
        if not tab or not image.strip():
            issues.append(_missing_column(source, line))
            continue
        if "\t" in text:
            count = text.count("\t") + 2
            message = f"{count} columns; expected 2, path<TAB>text; the label is read with its TABs"
            issues.append(Issue("error", "columns", source, message, "remove the extra TABs from the line"))
        samples.append(Sample(root / image, text, source))
    return samples, issues


def read_jsonl(path: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """Read JSON Lines: objects with a file name and a text, each under one of its usual keys.

    Args:
        path: The file; image paths are relative to its folder.
        root: Folder of the dataset.

    Returns:
        The samples in order, and the issues.

    Raises:
        DataError: If the file is missing or cannot be opened.
    """
    name = relative_name(path, root)
    file = read_text(path, name)
    samples: list[Sample] = []
    issues = list(file.issues)

    for number, line in file.lines():
        if not line.strip():
            continue
        source = f"{name}:{number}"
        try:
            image, text = _json_fields(line)
        except DataError as error:
            issues.append(Issue("error", "columns", source, error.message, error.hint or ""))
        else:
            samples.append(Sample(path.parent / image, text, source))
    return samples, issues


def _json_fields(line: str) -> tuple[str, str]:
    """Extract file name and text from a JSON line; raises DataError if it has none."""
    try:
        row = json.loads(line)
    except ValueError as error:  # also an integer of thousands of digits
        raise DataError(f"not JSON ({error})", hint="write one JSON object per line") from None
    except RecursionError:
        raise DataError("not JSON (nested too deeply)", hint="write one JSON object per line") from None

    image, text = (_first_value(row, names) for names in (PATH_COLUMNS, TEXT_COLUMNS))
    if not isinstance(image, str) or not isinstance(text, str):
        hint = f'for example {{"{PATH_COLUMNS[0]}": "a.png", "{TEXT_COLUMNS[0]}": "hello"}}'
        raise DataError("expected an object with a file name and a text, both strings", hint=hint)
    if not _is_unicode(image + text):
        message = "an unpaired surrogate (\\ud800 to \\udfff), which is not a character"
        raise DataError(message, hint="rewrite the line in UTF-8")
    return image, text


def read_table(path: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """Read a CSV (comma or semicolon) or TSV file with a header row.

    CSV follows the usual quoting rules; in TSV a quote is an ordinary character.

    Args:
        path: The file; image paths are relative to its folder.
        root: Folder of the dataset.

    Returns:
        The samples in order, and the issues.

    Raises:
        DataError: If the file cannot be opened, or the header lacks an image or a text column.
    """
    name = relative_name(path, root)
    file = read_text(path, name)
    issues = list(file.issues)
    columns, rows = _table_rows(path, (line + "\n" for _, line in file.lines()))
    image_at, text_at = (_find_column(columns, names, path) for names in (PATH_COLUMNS, TEXT_COLUMNS))

    samples: list[Sample] = []
    number = 1
    try:
        for number, row in rows:
            if not row or row == [""]:
                continue
            if len(row) != len(columns):
                message = f"{len(row)} columns; the header has {len(columns)}"
                hint = "quote fields that contain the separator"
                issues.append(Issue("error", "columns", f"{name}:{number}", message, hint))
                continue
            samples.append(Sample(path.parent / row[image_at], row[text_at], f"{name}:{number}"))
    except csv.Error as error:
        message = f"the rest of the table cannot be read ({error})"
        issues.append(Issue("error", "columns", f"{name}:{number + 1}", message, "is a closing quote missing?"))
    return samples, issues


def _table_rows(path: Path, lines: Iterator[str]) -> tuple[list[str], Iterable[tuple[int, Sequence[str]]]]:
    """Split the lines into the header and the rows, with their line numbers."""
    header = next(lines, "")
    if path.suffix.lower() == ".tsv":
        rows = ((number, line.rstrip("\n").split("\t")) for number, line in enumerate(lines, start=2))
        return header.rstrip("\n").split("\t"), rows

    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(lines, delimiter=delimiter)
    columns = next(csv.reader([header], delimiter=delimiter), [])
    return columns, ((reader.line_num + 1, row) for row in reader)


def find_image_pairs(folder: Path, *, first: bool = False) -> list[Path]:
    """Find the ``.gt.txt`` files under a folder.

    Args:
        folder: Folder to search, including its subfolders.
        first: Whether to stop at the first file found.

    Returns:
        The files, sorted.
    """
    found = folder.rglob("*" + PAIR_SUFFIX)
    if first:
        one = next(found, None)
        return [one] if one else []
    return sorted(found)


def read_pairs(folder: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """Read pairs: ``x.gt.txt`` holds the text of ``x.png`` (or any other image suffix, ``.bin.png`` included).

    Args:
        folder: Folder of the pairs, including its subfolders.
        root: Folder of the dataset.

    Returns:
        The samples sorted by name, and the issues.

    Raises:
        DataError: If a file cannot be opened.
    """
    samples: list[Sample] = []
    issues: list[Issue] = []
    for path in find_image_pairs(folder):
        name = relative_name(path, root)
        file = read_text(path, name)
        # One-line files commonly lack the final newline.
        issues += [issue for issue in file.issues if issue.code != "no-final-newline"]

        lines = [line for _, line in file.lines()]
        while len(lines) > 1 and not lines[-1]:
            lines.pop()
        if len(lines) > 1:
            message = f"{len(lines)} lines; expected one, the text of the image"
            hint = "an image must show one line of text: cut it into lines"
            issues.append(Issue("error", "columns", name, message, hint))
            continue

        samples.append(Sample(_image_of_pair(path), lines[0] if lines else "", f"{name}:1"))
    return samples, issues


def _image_of_pair(path: Path) -> Path:
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


def _first_value(row: object, names: Sequence[str]) -> object:
    if not isinstance(row, Mapping):
        return None
    return next((row[name] for name in names if name in row), None)


def _find_column(columns: Sequence[str], names: Sequence[str], path: Path) -> int:
    folded = [column.strip().casefold() for column in columns]
    for name in names:
        if name in folded:
            return folded.index(name)
    raise DataError(
        f"{path}:1: no column named {', '.join(names[:4])} … in the header {', '.join(columns)!r}",
        hint="the first line names the columns, for example file_name,text",
    )


def _missing_column(source: str, line: str) -> Issue:
    shown = line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
    message = f"no TAB in {shown!r}; expected path<TAB>text" if "\t" not in line else "no path before the TAB"
    return Issue("error", "columns", source, message, "separate path and text with one TAB, not with spaces")
