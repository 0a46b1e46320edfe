"""Label files in: which layout a folder has, and its samples with their lines.

Layouts, in the order they are looked for:

    paddlex   train.txt and val.txt, ``path<TAB>text``, optional dict.txt
    label     one label.txt of the same form
    lmdb      data.mdb of deep-text-recognition-benchmark: not files, so it is converted first
    jsonl     metadata.jsonl (Hugging Face image folder), at the top or in train/ and val/; or train.jsonl, val.jsonl
    table     CSV or TSV with a header: train.csv, val.csv, or one file
    pairs     x.png + x.gt.txt (tesstrain, ocropy, kraken), at the top or in train/ and val/

A folder without a division into two (one label.txt, one table, flat pairs) has all samples in ``train`` and an
empty ``val``; what to do with them is the caller's to decide. Texts are kept exactly as written apart from
the line end. No image is opened here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ocrx.data.edit.journal import JOURNAL
from ocrx.data.formats.label_readers import find_image_pairs, read_jsonl, read_pairs, read_table
from ocrx.data.formats.text_file import read_text
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.results import Issue
from ocrx.text.charset import Charset

Layout = Literal["paddlex", "label", "jsonl", "table", "pairs", "list"]
Reader = Callable[[Path, Path], tuple[list[Sample], list[Issue]]]

DICT_FILE = "dict.txt"
LMDB_FILE = "data.mdb"
VAL_NAMES = ("val", "validation", "valid", "dev", "eval", "test")
_TABLE_SUFFIXES = (".csv", ".tsv")


@dataclass(frozen=True)
class Dataset:
    """What a folder holds. ``issues`` is what reading found; samples on bad lines are not in the lists.

    ``charset`` is that of dict.txt, or None without one. Where dict.txt has errors (they are in ``issues``)
    it holds the distinct entries, so that the labels can still be compared with it.
    """

    root: Path
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    charset: Charset | None
    issues: tuple[Issue, ...]
    layout: Layout = "paddlex"
    label_files: tuple[Path, ...] = ()
    extra_roots: tuple[Path, ...] = ()  # folders of lines that were added to ``train``

    @property
    def samples(self) -> Iterator[Sample]:
        """All samples, train first."""
        yield from self.train
        yield from self.val


def read_dataset(root: Path) -> Dataset:
    """Read a folder in any of the layouts above, or one list (``val.txt``, ``lines.csv``) with its folder.

    Raises DataError if there is no such folder or no label file in it.
    """
    if root.is_file():
        samples, issues = _reader(root)(root, root.parent)
        charset, more = read_dict(root.parent)
        return Dataset(root.parent, tuple(samples), (), charset, (*issues, *more), "list", (root,))
    if not root.is_dir():
        raise DataError(f"{root}: no such folder", hint="give the folder that holds train.txt and val.txt")
    if (root / JOURNAL).exists():
        hint = f"complete it: ocrx check-dataset {root}"
        raise DataError(f"{root}: a change of the lists was interrupted half-way", hint=hint)
    for find in (_paddlex, _one_label_file, _lmdb, _jsonl, _tables, _pairs):
        dataset = find(root)
        if dataset is not None:
            return dataset
    raise DataError(
        f"{root}: no label file; expected train.txt and val.txt, label.txt, metadata.jsonl, a CSV or TSV with a "
        "header, or x.png with x.gt.txt",
        hint="each line of train.txt is path<TAB>text",
    )


def read_list(path: Path, root: Path) -> tuple[list[Sample], list[Issue]]:
    """Read ``path<TAB>text`` lines; image paths are relative to ``root``.

    The first TAB separates. Returns the samples in order, and what was wrong: lines without a TAB (no sample),
    lines with several (the rest is the text), blank lines, encoding and line ends. Raises DataError if the
    file is missing.
    """
    name = _name(path, root)
    file = read_text(path, name)
    samples: list[Sample] = []
    issues = list(file.issues)
    blank = 0
    for number, line in file.lines():
        source = f"{name}:{number}"
        if blank:
            issues.append(Issue("info", "blank-line", f"{name}:{blank}", "blank line, skipped", "delete it"))
            blank = 0
        if not line:
            blank = number
            continue
        image, tab, text = line.partition("\t")
        if not tab or not image.strip():
            issues.append(_no_columns(source, line))
            continue
        if "\t" in text:
            count = text.count("\t") + 2
            message = f"{count} columns; expected 2, path<TAB>text; the label is read with its TABs"
            issues.append(Issue("error", "columns", source, message, "take the further TABs out of the line"))
        samples.append(Sample(root / image, text, source))
    return samples, issues


def read_dict(root: Path) -> tuple[Charset | None, list[Issue]]:
    """The charset of ``root/dict.txt`` (distinct entries, the space added at the end) and what is wrong with the file.

    (None, []) without the file.
    """
    path = root / DICT_FILE
    if not path.is_file():
        return None, []
    file = read_text(path, DICT_FILE)
    issues = list(file.issues)
    first: dict[str, int] = {}
    for number, entry in file.lines():
        where = f"{DICT_FILE}:{number}"
        if not entry:
            issues.append(Issue("warning", "dict-blank", where, "blank line, no character", "delete it"))
        elif entry in first:
            message = f"{entry!r} stands in line {first[entry]} already; each character needs one line"
            issues.append(
                Issue("error", "dict-duplicate", f"{DICT_FILE}:{first[entry]}, {where}", message, "delete one")
            )
        else:
            first[entry] = number
            if len(entry) > 1:
                message = f"{len(entry)} characters {entry!r} in one line; they become one class"
                issues.append(Issue("warning", "dict-multi", where, message, "write one character a line"))
    if not first:
        issues.append(
            Issue("error", "dict-empty", DICT_FILE, "no characters", "write one character a line, or use --build-dict")
        )
        return None, issues
    first.setdefault(" ", 0)
    return Charset(list(first)), issues


def _paddlex(root: Path) -> Dataset | None:
    paths = {part: root / f"{part}.txt" for part in ("train", "val")}
    if not any(path.is_file() for path in paths.values()):
        return None
    return _two_parts(root, "paddlex", {part: path for part, path in paths.items() if path.is_file()}, read_list)


def _one_label_file(root: Path) -> Dataset | None:
    path = root / "label.txt"
    return _one_part(root, "label", path, read_list) if path.is_file() else None


def is_lmdb(root: Path) -> bool:
    """Whether the folder, or its ``train``, holds an LMDB database."""
    return any((folder / LMDB_FILE).is_file() for folder in (root, root / "train"))


def _lmdb(root: Path) -> Dataset | None:
    if is_lmdb(root):
        raise DataError(
            f"{root}: an LMDB database; ocrx reads image files",
            hint="convert it: ocrx check-dataset DIR --convert-to paddlex",
        )
    return None


def _jsonl(root: Path) -> Dataset | None:
    parts = _parts(root, "{}/metadata.jsonl") or _parts(root, "{}.jsonl")
    if parts:
        return _two_parts(root, "jsonl", parts, read_jsonl)
    path = root / "metadata.jsonl"
    if path.is_file():
        return _one_part(root, "jsonl", path, read_jsonl)
    single = sorted(root.glob("*.jsonl"))
    return _one_part(root, "jsonl", single[0], read_jsonl) if len(single) == 1 else None


def _tables(root: Path) -> Dataset | None:
    for suffix in _TABLE_SUFFIXES:
        parts = _parts(root, "{}" + suffix) or _parts(root, "{}/metadata" + suffix)
        if parts:
            return _two_parts(root, "table", parts, read_table)
    single = sorted(path for path in root.iterdir() if path.suffix.lower() in _TABLE_SUFFIXES)
    if len(single) > 1:
        names = ", ".join(path.name for path in single)
        raise DataError(
            f"{root}: several tables ({names})", hint="name them train.csv and val.csv, or give one of them"
        )
    return _one_part(root, "table", single[0], read_table) if single else None


def _pairs(root: Path) -> Dataset | None:
    parts = {
        part: root / name
        for part, names in (("train", ("train", "training")), ("val", VAL_NAMES))
        for name in names[::-1]
        if (root / name).is_dir() and find_image_pairs(root / name, first=True)
    }
    if "train" in parts:
        return _two_parts(root, "pairs", parts, read_pairs)
    return _one_part(root, "pairs", root, read_pairs) if find_image_pairs(root, first=True) else None


def _parts(root: Path, pattern: str) -> dict[str, Path]:
    """Files of the two parts by name, the validation part under any of its usual names; empty without a train part."""
    train = root / pattern.format("train")
    vals = [root / pattern.format(name) for name in VAL_NAMES]
    val = next((path for path in vals if path.is_file()), None)
    if not train.is_file():
        return {}
    return {"train": train} | ({"val": val} if val else {})


def _two_parts(root: Path, layout: Layout, paths: dict[str, Path], reader: Reader) -> Dataset:
    issues: list[Issue] = []
    samples: dict[str, tuple[Sample, ...]] = {"train": (), "val": ()}
    for part in samples:
        if part not in paths:
            name = f"{part}.txt" if layout == "paddlex" else part
            hint = "make both: ocrx check-dataset DIR --split 90"
            issues.append(Issue("error", "list-missing", name, f"there is no {part} part", hint))
            continue
        found, more = reader(paths[part], root)
        samples[part] = tuple(found)
        issues += more
    charset, more = read_dict(root)
    return Dataset(root, samples["train"], samples["val"], charset, (*issues, *more), layout, tuple(paths.values()))


def _one_part(root: Path, layout: Layout, path: Path, reader: Reader) -> Dataset:
    samples, issues = reader(path, root)
    charset, more = read_dict(root)
    return Dataset(root, tuple(samples), (), charset, (*issues, *more), layout, (path,))


def _reader(path: Path) -> Reader:
    if path.suffix.lower() in _TABLE_SUFFIXES:
        return read_table
    return read_jsonl if path.suffix.lower() in (".jsonl", ".ndjson") else read_list


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _no_columns(source: str, line: str) -> Issue:
    shown = line if len(line) <= 60 else line[:57] + "..."
    message = f"no TAB in {shown!r}; expected path<TAB>text" if "\t" not in line else "no path before the TAB"
    return Issue("error", "columns", source, message, "separate the path and the text by one TAB, not by spaces")
