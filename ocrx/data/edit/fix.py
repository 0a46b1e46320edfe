"""Repairs of label files that cannot be wrong: byte order marks, CRLF, NFC, needless spaces, the final newline.

Nothing else is touched: lines that need a decision stay as they are, and so does a file in another encoding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.data.edit.journal import backup, recover, rewrite
from ocrx.data.formats.label_readers import PAIR_SUFFIX
from ocrx.data.formats.layouts import DICT_FILE, Dataset, read_dataset
from ocrx.errors import DataError
from ocrx.text.charset import Charset
from ocrx.text.normalize import normalize

_BOM = b"\xef\xbb\xbf"
_SPACES = re.compile(" {2,}")
Count = Callable[[str], None]


@dataclass(frozen=True)
class FixReport:
    """How often each repair was made, and the files that changed: name → where the original is."""

    repairs: dict[str, int]
    backups: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def fix_labels(root: Path) -> FixReport:
    """Repair the label files and dict.txt in ``root``; originals stay as ``.bak``."""
    recover(root)
    dataset = read_dataset(root)
    repairs: Counter[str] = Counter()
    files: dict[str, bytes] = {}
    for path in _label_files(dataset):
        data = path.read_bytes()
        fixed = _fixed(path, data, lambda what: repairs.update([what]))
        if fixed != data:
            files[path.relative_to(root).as_posix()] = fixed
    kept = {name: backup(root / name).relative_to(root).as_posix() for name in files}
    if files:
        rewrite(root, files)
    return FixReport(dict(repairs), kept)


def build_dict(root: Path) -> tuple[Charset, Path | None]:
    """Write dict.txt with the characters of the training labels; the old one stays as ``.bak`` and is returned.

    Raises DataError if there are no training labels.
    """
    recover(root)
    dataset = read_dataset(root)
    charset = Charset.from_texts(sample.text for sample in dataset.train)
    if not len(charset):
        raise DataError(f"{root}: no training labels to take characters from")
    path = root / DICT_FILE
    kept = backup(path) if path.is_file() else None
    partial = root / f".{DICT_FILE}.new"
    charset.save(partial)
    partial.replace(path)
    return charset, kept


def _label_files(dataset: Dataset) -> list[Path]:
    files = [path for path in dataset.label_files if path.is_file()]
    for folder in dataset.label_files:
        if folder.is_dir():
            files += sorted(folder.rglob("*" + PAIR_SUFFIX))
    path = dataset.root / DICT_FILE
    return [*files, path] if path.is_file() else files


def _fixed(path: Path, data: bytes, count: Count) -> bytes:
    """The repaired content, or ``data`` itself if it is not UTF-8."""
    body = data.removeprefix(_BOM)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return data
    if body != data:
        count("bom")
    if path.suffix.lower() not in (".csv", ".jsonl") and "\r\n" in text:
        count("crlf")
        text = text.replace("\r\n", "\n")
    is_pair = path.name.endswith(PAIR_SUFFIX)
    if text and not text.endswith("\n") and not is_pair:
        count("no-final-newline")
        text += "\n"
    if is_pair:
        text = "\n".join(_label(line, count) for line in text.split("\n"))
    elif path.suffix.lower() == ".txt" and path.name != DICT_FILE:
        text = "\n".join(_line(line, count) for line in text.split("\n"))
    return text.encode()


def _line(line: str, count: Count) -> str:
    image, tab, label = line.partition("\t")
    return f"{image}\t{_label(label, count)}" if tab else line


def _label(label: str, count: Count) -> str:
    composed = normalize(label)
    if composed != label:
        count("label-nfc")
    spaced = _SPACES.sub(" ", composed.strip(" "))
    if not spaced:
        return composed
    if spaced != composed:
        count("label-spaces")
    return spaced
