"""Writes decisions into label files: only the lines that change, all files together, originals kept as ``.bak``."""

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
    """What was written.

    Attributes:
        changed: Labels that were changed, or written for the first time.
        removed: Unreadable lines that were taken out.
        turned: Images that were turned.
        outside: Places whose label another program changed meanwhile, or took out though its text was confirmed; they
            were left as they are.
        files: SHA-256 of each label file that was written, by name.
        backups: The files that changed, and the copies of the originals.
    """

    changed: int = 0
    removed: int = 0
    turned: int = 0
    outside: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    backups: Mapping[str, str] = field(default_factory=dict)


def write_decisions(folder: ReviewFolder, lines: Iterable[Line], decisions: Decisions, state_dir: Path) -> FinishReport:
    """Bring label files and images up to the decisions.

    Args:
        folder: The folder, as read just now.
        lines: Its lines.
        decisions: What was decided.
        state_dir: The review's own folder.

    Returns:
        What was written.

    Raises:
        DataError: If a file cannot be written or is not UTF-8; the label files are then as before.
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
    """Turn an image.

    Args:
        image: The image.
        turns: Quarter turns clockwise.

    Returns:
        The turned image; the same one for a whole turn.
    """
    return image.transpose(_TURNS[turns % 4]) if turns % 4 else image


def digest_of(path: Path) -> str:
    """Hash a file.

    Args:
        path: The file.

    Returns:
        SHA-256 in hexadecimal; empty if the file cannot be read, or is no regular file of a size that is read.
    """
    try:
        return hashlib.sha256(read_bytes(path, max_bytes=MAX_IMAGE_BYTES)).hexdigest()
    except DataError:
        return ""


def _new_files(
    folder: ReviewFolder, lines: Iterable[Line], changes: Mapping[str, str | None]
) -> tuple[dict[str, tuple[bytes, str]], list[str]]:
    """New content and digest of the label files that change, and names of those that vanish."""
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
    """The content of a label file with other texts at some line numbers; None removes the line."""
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
    """The records of a table; those that stay are given byte for byte."""
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
    """The lines of each record: several where a quoted field holds line ends."""
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
    """``label.txt`` with the texts of images that had none."""
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
    """Copy the files that the review has not written itself."""
    copies = {}
    for name in names:
        path = root / name
        if path.is_file() and digest_of(path) != written.get(name):
            copies[name] = relative_name(backup(path), root)
    return copies


def _turn(line: Line, decisions: Decisions) -> bool:
    """Turn the image of a line, unless it was changed since (by an earlier Finish, for example)."""
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
