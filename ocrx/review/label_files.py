"""Writes decisions to the label files: only changed lines, all files together, originals kept as ``.bak``."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ocrx.data.edit.journal import backup, recover, replace_files
from ocrx.data.edit.list_writer import list_line
from ocrx.data.formats.label_readers import JSONL_SUFFIXES, PAIR_SUFFIX, TABLE_SUFFIXES, TEXT_COLUMNS
from ocrx.data.formats.layouts import UNREADABLE_FILE
from ocrx.data.sample import Sample, relative_name
from ocrx.errors import DataError
from ocrx.files import read_bytes, write_file
from ocrx.imaging.reading import IMAGE_FORMATS, MAX_IMAGE_BYTES, read_image
from ocrx.review.decisions import Decisions
from ocrx.review.lines import LABEL_FILE, Line, ReviewFolder

_JPEG_QUALITY = 95
_LINES = re.compile(r"[^\n]*\n|[^\n]+")  # other separators, such as U+2028, may be part of a label
_TURNS = {1: Image.Transpose.ROTATE_270, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_90}


@dataclass(frozen=True)
class FinishReport:
    """The result of writing the decisions.

    Attributes:
        changed: Number of labels that were changed or added.
        removed: Number of unreadable lines that were removed.
        turned: Number of images that were rotated.
        outside: Lines whose label another program changed, or removed although its text was confirmed; they were left
            alone.
        files: SHA-256 of each written label file, by name.
        backups: Backup of each changed file, by file name.
    """

    changed: int = 0
    removed: int = 0
    turned: int = 0
    outside: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    backups: Mapping[str, str] = field(default_factory=dict)


def write_decisions(folder: ReviewFolder, lines: Iterable[Line], decisions: Decisions, state_dir: Path) -> FinishReport:
    """Apply all decisions to label files and images.

    Args:
        folder: The folder, as just read.
        lines: Its lines.
        decisions: The decisions.
        state_dir: Folder of the review's own files.

    Returns:
        The report.

    Raises:
        DataError: If a file cannot be written or is not UTF-8; the label files are then unchanged.
    """
    lines = list(lines)
    taken_out = [line for line in lines if line.gone and decisions.state(line.key).status == "accepted"]
    lines = [line for line in lines if not line.gone]
    changes = {line.key: target for line in lines if (target := decisions.target(line)) != line.sample.text}
    changed = [line for line in lines if changes.get(line.key)]
    removed = [line for line in lines if line.key in changes and changes[line.key] is None and line.sample.source]

    outside = [*(line for line in lines if decisions.is_changed_outside(line)), *taken_out]

    try:
        recover(folder.root)
        files, vanished = _new_files(folder, [*changed, *removed], changes)
        backups = _back_up(folder.root, [*files, *vanished], decisions.written)
        if files or vanished:
            replace_files(folder.root, {name: data for name, (data, _) in files.items()}, vanished)
        turned = sum([_turn(line, decisions) for line in lines if decisions.state(line.key).turns])
        _list_unreadable(state_dir, decisions)
    except OSError as problem:
        message = f"{problem.filename or folder.root}: cannot be written ({problem.strerror or problem})"
        raise DataError(message, hint="nothing is lost: the decisions are in the journal; finish again later") from None

    return FinishReport(
        changed=len(changed),
        removed=len(removed),
        turned=turned,
        outside=tuple(line.sample.source or line.key for line in outside),
        files={name: digest for name, (_, digest) in files.items()},
        backups=backups,
    )


def turned_image(image: Image.Image, turns: int) -> Image.Image:
    """Rotate an image.

    Args:
        image: The image.
        turns: Quarter turns clockwise.

    Returns:
        The rotated image; the same object for a full turn.
    """
    return image.transpose(_TURNS[turns % 4]) if turns % 4 else image


def digest_of(path: Path) -> str:
    """Hash a file.

    Args:
        path: The file.

    Returns:
        SHA-256 in hexadecimal; empty if the file cannot be read, is not a regular file, or is too large.
    """
    try:
        return hashlib.sha256(read_bytes(path, max_bytes=MAX_IMAGE_BYTES)).hexdigest()
    except DataError:
        return ""


def _new_files(
    folder: ReviewFolder, lines: Iterable[Line], changes: Mapping[str, str | None]
) -> tuple[dict[str, tuple[bytes, str]], list[str]]:
    """Return the new content and digest of label files that change, and the names of those to remove."""
    by_file: dict[str, dict[int, str | None]] = {}
    added: list[Line] = []
    for line in lines:
        name, _, number = line.sample.source.rpartition(":")
        if name:
            by_file.setdefault(name, {})[int(number)] = changes[line.key]
        else:
            added.append(line)

    contents: dict[str, bytes] = {}
    vanished: list[str] = []
    for name, texts in by_file.items():
        if name.endswith(PAIR_SUFFIX) and texts[1] is None:
            vanished.append(name)
        else:
            contents[name] = _rewritten(folder.root / name, texts)
    if added:
        contents[LABEL_FILE] = _with_added(contents.get(LABEL_FILE), added, changes, folder.root)
    return {name: (data, hashlib.sha256(data).hexdigest()) for name, data in contents.items()}, vanished


def _rewritten(path: Path, texts: Mapping[int, str | None]) -> bytes:
    """Return the content of a label file with new texts at some line numbers; None removes the line."""
    try:
        content = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        hint = "convert it first: ocrx check-dataset names its encoding"
        raise DataError(f"{path}: not UTF-8; it cannot be changed", hint=hint) from None

    suffix, body = path.suffix.lower(), content.removeprefix("\ufeff")
    if path.name.endswith(PAIR_SUFFIX):
        line_end = body[len(body.rstrip("\r\n")) :] or "\n"
        rows = [f"{texts[1]}{line_end}"]
    elif suffix in TABLE_SUFFIXES:
        rows = list(_table(suffix, _LINES.findall(body), texts))
    else:
        rewrite = _json_row if suffix in JSONL_SUFFIXES else _list_row
        rows = [
            row if number not in texts else rewrite(row, text)
            for number, row in enumerate(_LINES.findall(body), start=1)
            if (text := texts.get(number, "")) is not None
        ]
    return (content[: len(content) - len(body)] + "".join(rows)).encode()


def _line_end(row: str) -> str:
    return row[len(row.rstrip("\r\n")) :]


def _list_row(row: str, text: str) -> str:
    return f"{row.partition(chr(9))[0]}\t{text}{_line_end(row)}"


def _json_row(row: str, text: str) -> str:
    fields = json.loads(row)
    key = next(name for name in TEXT_COLUMNS if name in fields)
    return json.dumps({**fields, key: text}, ensure_ascii=False) + _line_end(row)


def _table(suffix: str, lines: list[str], texts: Mapping[int, str | None]) -> Iterator[str]:
    """Yield the records of a table; unchanged ones byte for byte."""
    header = lines[0]
    delimiter = "\t" if suffix == ".tsv" else ";" if header.count(";") > header.count(",") else ","
    columns = [cell.strip().casefold() for cell in _cells([header], delimiter)]
    at = next(columns.index(name) for name in TEXT_COLUMNS if name in columns)
    yield header

    # The number of a record is that of its last line.
    number = 1
    for record in _records(lines[1:], delimiter):
        number += len(record)
        if number not in texts:
            yield "".join(record)
        elif (text := texts[number]) is not None:
            cells = _cells(record, delimiter)
            cells[at] = text
            yield _joined(cells, delimiter) + _line_end(record[-1])


def _records(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the lines of each record: several if a quoted field contains line endings."""
    if delimiter == "\t":
        yield from ([line] for line in lines)
        return
    reader, start = csv.reader(lines, delimiter=delimiter), 0
    for _ in reader:
        yield lines[start : reader.line_num]
        start = reader.line_num


def _cells(record: list[str], delimiter: str) -> list[str]:
    if delimiter == "\t":
        return record[0].rstrip("\r\n").split("\t")
    return next(csv.reader(record, delimiter=delimiter), [])


def _joined(cells: list[str], delimiter: str) -> str:
    if delimiter == "\t":
        return "\t".join(cells)
    buffer = io.StringIO()
    # Python before 3.13 quotes a cell with a line end only if the line end of the writer holds the same character.
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n")


def _with_added(content: bytes | None, lines: Iterable[Line], changes: Mapping[str, str | None], root: Path) -> bytes:
    """Return ``label.txt`` with added texts of images that had none."""
    path = root / LABEL_FILE
    if content is None:
        content = path.read_bytes() if path.is_file() else b""
    if content and not content.endswith(b"\n"):
        content += b"\n"
    rows = []
    for line in lines:
        name = relative_name(line.sample.image, root)
        rows.append(list_line(name, Sample(line.sample.image, changes[line.key] or "", name)))
    return content + "".join(rows).encode()


def _back_up(root: Path, names: Iterable[str], written: Mapping[str, str]) -> dict[str, str]:
    """Back up the files that the review has not written itself."""
    copies = {}
    for name in names:
        path = root / name
        if path.is_file() and digest_of(path) != written.get(name):
            copies[name] = relative_name(backup(path), root)
    return copies


def _turn(line: Line, decisions: Decisions) -> bool:
    """Rotate the image of a line, unless it has changed since (by an earlier Finish, for example)."""
    state, path = decisions.state(line.key), line.sample.image
    if not state.image or digest_of(path) != state.image:
        return False

    image = turned_image(read_image(path), state.turns)
    with Image.open(path, formats=IMAGE_FORMATS) as stored:
        kind = stored.format or "PNG"
    buffer = io.BytesIO()
    options = {"quality": _JPEG_QUALITY, "subsampling": 0} if kind == "JPEG" else {}
    image.save(buffer, kind, **options)

    backup(path)
    write_file(path, buffer.getvalue())
    return True


def _list_unreadable(state_dir: Path, decisions: Decisions) -> None:
    rows = [f"{key}\t{state.label}\n" for key, state in decisions.decided().items() if state.status == "unreadable"]
    if rows or (state_dir / UNREADABLE_FILE).exists():
        write_file(state_dir / UNREADABLE_FILE, "".join(rows))
