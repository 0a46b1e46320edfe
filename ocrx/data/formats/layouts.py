"""Detects the layout of a dataset folder and reads its samples.

Layouts, in the order in which they are tried:

    paddlex   train.txt and val.txt with lines ``path<TAB>text``; optionally dict.txt
    label     a single label.txt with such lines
    lmdb      data.mdb of deep-text-recognition-benchmark; it has to be converted first
    jsonl     metadata.jsonl (Hugging Face image folder), at the top or in train/ and val/; or train.jsonl, val.jsonl
    table     CSV or TSV with a header: train.csv and val.csv, or a single file
    pairs     x.png + x.gt.txt (tesstrain, ocropy, kraken), at the top or in train/ and val/

For a dataset that is not split (a single label.txt, a single table, flat pairs), all samples are in ``train`` and
``val`` is empty; callers decide how to proceed. Texts are kept exactly as written, without line endings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ocrx.data.formats.dictionary import read_dict
from ocrx.data.formats.label_readers import (
    JSONL_SUFFIXES,
    TABLE_SUFFIXES,
    find_image_pairs,
    read_jsonl,
    read_list,
    read_pairs,
    read_table,
)
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.results import Issue
from ocrx.text.charset import Charset

Layout = Literal["paddlex", "label", "jsonl", "table", "pairs", "list"]

LMDB_FILE = "data.mdb"
REVIEW_DIR = ".ocrx-review"
"""Folder in a reviewed dataset that holds the journal of the review and its lists."""
UNREADABLE_FILE = "unreadable.txt"
"""In ``REVIEW_DIR``: lines ``image<TAB>label`` that were removed as unreadable."""
VAL_NAMES = ("val", "validation", "valid", "dev", "eval", "test")
JOURNAL_FILE = ".ocrx-rewrite.json"
"""In a folder whose label files are being replaced; see ``ocrx.data.edit.journal``."""

_Reader = Callable[[Path, Path], tuple[list[Sample], list[Issue]]]
_Finder = Callable[[Path], "Dataset | None"]


class NoLabelFileError(DataError):
    """A folder without any label file."""


@dataclass(frozen=True)
class Dataset:
    """The labelled lines of a folder.

    Attributes:
        root: The folder.
        train: Training lines; all lines if the dataset is not split.
        val: Validation lines.
        charset: Charset from dict.txt; None if there is no such file. If the file has errors (see ``issues``), it holds
            the distinct entries, so that the labels can still be compared with it.
        issues: Problems found while reading the files; unreadable lines are in neither part.
        layout: Layout of the folder.
        label_files: Files that hold the labels (for pairs, folders), those of ``train`` first.
        extra_roots: Further folders whose lines were added to ``train``.
    """

    root: Path
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    charset: Charset | None
    issues: tuple[Issue, ...]
    layout: Layout = "paddlex"
    label_files: tuple[Path, ...] = ()
    extra_roots: tuple[Path, ...] = ()

    @property
    def samples(self) -> Iterator[Sample]:
        """All samples, train first."""
        yield from self.train
        yield from self.val


def read_dataset(root: Path) -> Dataset:
    """Read a folder in any of the layouts above, or one label file (``val.txt``, ``lines.csv``) with its folder.

    Args:
        root: The folder or the label file.

    Returns:
        The samples, and the problems in the files. No image is opened.

    Raises:
        NoLabelFileError: If the folder contains no label file.
        DataError: If the folder does not exist, or if rewriting its label files was interrupted.
    """
    if root.is_file():
        return _undivided(root.parent, "list", root, _reader_of(root))
    if not root.is_dir():
        what = "neither a folder nor a regular file" if root.exists() else "no such folder"
        raise DataError(f"{root}: {what}", hint="give the folder that holds train.txt and val.txt")
    if (root / JOURNAL_FILE).exists():
        hint = f"complete it: ocrx check-dataset {root}"
        raise DataError(f"{root}: rewriting the label files was interrupted", hint=hint)

    finders: tuple[_Finder, ...] = (
        _find_paddlex, _find_label_file, _reject_lmdb, _find_jsonl, _find_tables, _find_pairs,
    )  # fmt: skip
    for find in finders:
        dataset = find(root)
        if dataset is not None:
            return dataset

    raise NoLabelFileError(
        f"{root}: no label file; expected train.txt and val.txt, label.txt, metadata.jsonl, a CSV or TSV with a "
        "header, or x.png with x.gt.txt",
        hint="each line of train.txt is path<TAB>text",
    )


def is_lmdb(root: Path) -> bool:
    """Check whether a folder, or ``train`` in it, is an LMDB database.

    Args:
        root: The folder.

    Returns:
        True if there is a ``data.mdb``.
    """
    return any((folder / LMDB_FILE).is_file() for folder in (root, root / "train"))


def _find_paddlex(root: Path) -> Dataset | None:
    paths = {part: root / f"{part}.txt" for part in ("train", "val")}
    found = {part: path for part, path in paths.items() if path.is_file()}
    return _divided(root, "paddlex", found, read_list) if found else None


def _find_label_file(root: Path) -> Dataset | None:
    path = root / "label.txt"
    return _undivided(root, "label", path, read_list) if path.is_file() else None


def _reject_lmdb(root: Path) -> Dataset | None:
    if is_lmdb(root):
        raise DataError(
            f"{root}: an LMDB database; ocrx reads image files",
            hint="convert it: ocrx check-dataset DIR --convert-to paddlex",
        )
    return None


def _find_jsonl(root: Path) -> Dataset | None:
    parts = _find_parts(root, "{}/metadata.jsonl") or _find_parts(root, "{}.jsonl")
    if parts:
        return _divided(root, "jsonl", parts, read_jsonl)
    path = root / "metadata.jsonl"
    if path.is_file():
        return _undivided(root, "jsonl", path, read_jsonl)
    single = sorted(root.glob("*.jsonl"))
    return _undivided(root, "jsonl", single[0], read_jsonl) if len(single) == 1 else None


def _find_tables(root: Path) -> Dataset | None:
    for suffix in TABLE_SUFFIXES:
        parts = _find_parts(root, "{}" + suffix) or _find_parts(root, "{}/metadata" + suffix)
        if parts:
            return _divided(root, "table", parts, read_table)
    single = sorted(path for path in root.iterdir() if path.suffix.lower() in TABLE_SUFFIXES)
    if len(single) > 1:
        names = ", ".join(path.name for path in single)
        raise DataError(
            f"{root}: several tables ({names})", hint="name them train.csv and val.csv, or give one of them"
        )
    return _undivided(root, "table", single[0], read_table) if single else None


def _find_pairs(root: Path) -> Dataset | None:
    parts = {
        part: root / name
        for part, names in (("train", ("train", "training")), ("val", VAL_NAMES))
        for name in names[::-1]
        if (root / name).is_dir() and find_image_pairs(root / name, first=True)
    }
    if "train" in parts:
        return _divided(root, "pairs", parts, read_pairs)
    return _undivided(root, "pairs", root, read_pairs) if find_image_pairs(root, first=True) else None


def _find_parts(root: Path, pattern: str) -> dict[str, Path]:
    """Find the files of both parts, validation under any of its usual names; empty if there is no training part."""
    train = root / pattern.format("train")
    vals = [root / pattern.format(name) for name in VAL_NAMES]
    val = next((path for path in vals if path.is_file()), None)
    if not train.is_file():
        return {}
    return {"train": train} | ({"val": val} if val else {})


def _divided(root: Path, layout: Layout, paths: Mapping[str, Path], read: _Reader) -> Dataset:
    """Read a dataset of two parts; a missing part is an issue."""
    issues: list[Issue] = []
    samples: dict[str, tuple[Sample, ...]] = {"train": (), "val": ()}
    for part in samples:
        if part not in paths:
            name = f"{part}.txt" if layout == "paddlex" else part
            hint = "create both: ocrx check-dataset DIR --split 90"
            issues.append(Issue("error", "list-missing", name, f"no {part} part", hint))
            continue
        found, more = read(paths[part], root)
        samples[part] = tuple(found)
        issues += more

    charset, more = read_dict(root)
    return Dataset(root, samples["train"], samples["val"], charset, (*issues, *more), layout, tuple(paths.values()))


def _undivided(root: Path, layout: Layout, path: Path, read: _Reader) -> Dataset:
    samples, issues = read(path, root)
    charset, more = read_dict(root)
    return Dataset(root, tuple(samples), (), charset, (*issues, *more), layout, (path,))


def _reader_of(path: Path) -> _Reader:
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return read_table
    return read_jsonl if suffix in JSONL_SUFFIXES else read_list
