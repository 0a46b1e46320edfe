"""Repairs of label files that are always safe: byte order marks, CRLF, NFC, extra spaces, the final newline.

Nothing else is touched: lines that need a decision are left alone, and so are files in another encoding.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.data.edit.journal import backup, recover, replace_files
from ocrx.data.formats.dictionary import DICT_FILE
from ocrx.data.formats.label_readers import PAIR_SUFFIX
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.errors import DataError
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

_SPACES = re.compile(" {2,}")
_Count = Callable[[str], None]


@dataclass(frozen=True)
class FixReport:
    """The repairs that were made.

    Attributes:
        repairs: Number of repairs by finding code.
        backups: Backup of each changed file, by file name.
    """

    repairs: dict[str, int]
    backups: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return asdict(self)


def fix_labels(root: Path) -> FixReport:
    """Repair the label files and dict.txt of a folder; the originals are kept as ``.bak``.

    Args:
        root: Folder of the dataset.

    Returns:
        The report.

    Raises:
        DataError: If there is no dataset.
    """
    recover(root)
    dataset = read_dataset(root)
    repairs: Counter[str] = Counter()
    files: dict[str, bytes] = {}
    for path in _label_files(dataset):
        data = path.read_bytes()
        fixed = _fix_file(path, data, lambda code: repairs.update([code]))
        if fixed != data:
            files[path.relative_to(root).as_posix()] = fixed

    backups = {name: backup(root / name).relative_to(root).as_posix() for name in files}
    if files:
        replace_files(root, files)
    return FixReport(dict(repairs), backups)


def build_dict(root: Path) -> tuple[Charset, Path | None]:
    """Write dict.txt with the characters of the training labels; an existing one is kept as ``.bak``.

    Args:
        root: Folder of the dataset.

    Returns:
        The characters, and the backup of the previous file if there was one.

    Raises:
        DataError: If there are no training labels.
    """
    recover(root)
    dataset = read_dataset(root)
    charset = Charset.from_texts(sample.text for sample in dataset.train)
    if not len(charset):
        raise DataError(f"{root}: no training labels to take characters from")

    path = root / DICT_FILE
    copy = backup(path) if path.is_file() else None
    charset.save(path)
    return charset, copy


def _label_files(dataset: Dataset) -> list[Path]:
    files = [path for path in dataset.label_files if path.is_file()]
    for folder in dataset.label_files:
        if folder.is_dir():
            files += sorted(folder.rglob("*" + PAIR_SUFFIX))
    path = dataset.root / DICT_FILE
    return [*files, path] if path.is_file() else files


def _fix_file(path: Path, data: bytes, count: _Count) -> bytes:
    """Repair the content of a file; returns ``data`` itself if it is not UTF-8."""
    body = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return data

    if body != data:
        count("bom")
    # In CSV and JSON a CRLF may be part of a text.
    if path.suffix.lower() not in (".csv", ".jsonl") and "\r\n" in text:
        count("crlf")
        text = text.replace("\r\n", "\n")
    is_pair = path.name.endswith(PAIR_SUFFIX)
    if text and not text.endswith("\n") and not is_pair:
        count("no-final-newline")
        text += "\n"

    if is_pair:
        text = "\n".join(_fix_text(line, count) for line in text.split("\n"))
    elif path.suffix.lower() == ".txt" and path.name != DICT_FILE:
        text = "\n".join(_fix_line(line, count) for line in text.split("\n"))
    return text.encode()


def _fix_line(line: str, count: _Count) -> str:
    image, tab, text = line.partition("\t")
    return f"{image}\t{_fix_text(text, count)}" if tab else line


def _fix_text(text: str, count: _Count) -> str:
    composed = normalize(text)
    if composed != text:
        count("label-nfc")
    spaced = _SPACES.sub(" ", composed.strip(" "))
    # A label that consists of spaces needs a decision.
    if not spaced:
        return composed
    if spaced != composed:
        count("label-spaces")
    return spaced
