"""Converts a dataset from one label format to another, in a new folder or with new lists beside the old labels.

Images are hard-linked if the file system allows it, otherwise copied, and never re-encoded. Texts are not changed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ocrx.data.edit.cut_lines import LEFT_OUT_FILE, READERS, cut_lines
from ocrx.data.edit.journal import replace_files
from ocrx.data.edit.list_writer import list_line, require_all_lines_read
from ocrx.data.edit.lmdb import read_lmdb, write_lmdb
from ocrx.data.formats.dictionary import DICT_FILE
from ocrx.data.formats.label_readers import PAIR_SUFFIX, PATH_COLUMNS, TEXT_COLUMNS
from ocrx.data.formats.layouts import Dataset, is_lmdb, read_dataset
from ocrx.data.formats.regions import SkippedRegion
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.model_folder import atomic_folder

_TABLE_TYPES = ("csv", "tsv")
_HEADER = (PATH_COLUMNS[0], TEXT_COLUMNS[0])
_Parts = Mapping[str, tuple[Sample, ...]]


@dataclass(frozen=True)
class ConvertReport:
    """The result of a conversion.

    Attributes:
        folder: Folder of the converted dataset.
        source: Type that was read.
        target: Type that was written.
        train: Number of training lines.
        val: Number of validation lines.
        left_out: Regions of annotated pages that were skipped, with the reason.
    """

    folder: Path
    source: str
    target: str
    train: int
    val: int
    left_out: tuple[SkippedRegion, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return {**asdict(self), "folder": str(self.folder)}


def convert_dataset(root: Path, target: str, *, source: str | None = None, output: Path | None = None) -> ConvertReport:
    """Convert a dataset.

    Args:
        root: Folder of the dataset.
        target: paddlex, label, csv, tsv, jsonl, pairs or lmdb.
        source: Type that ``root`` must have; None accepts any dataset of lines. For annotated pages the type is
            required: page, alto, labelstudio or ppocrlabel; their lines are cut out.
        output: Folder to write. By default, a conversion to paddlex writes train.txt and val.txt into ``root``, and
            any other conversion creates a folder beside it, such as ``root_csv``.

    Returns:
        The result.

    Raises:
        DataError: If ``root`` is not of that type or has unreadable lines, if an image is missing, or if ``output`` is
            not empty.
    """
    if source == "lmdb" or (source is None and is_lmdb(root)):
        return _convert_lmdb(root, target, output)
    if source is not None and source in READERS:
        return _convert_pages(root, source, target, output or _folder_beside(root, target))
    dataset = read_dataset(root)
    if source is not None:
        _require_type(dataset, source)
    require_all_lines_read(dataset)
    if dataset.layout == "paddlex" and target == "paddlex" and output is None:
        hint = "choose another CheckDataset.convert.dst_dataset_type"
        raise DataError(f"{root}: already in PaddleX's layout", hint=hint)

    parts = {"train": dataset.train, "val": dataset.val}
    if target == "paddlex" and output is None:
        _write_lists_beside(root, parts)
        folder = root
    else:
        folder = output or _folder_beside(root, target)
        _write_folder(folder, dataset, parts, target)
    return ConvertReport(folder, source or dataset.layout, target, len(dataset.train), len(dataset.val))


def _folder_beside(root: Path, target: str) -> Path:
    full = root.absolute()
    return full.with_name(f"{full.name}_{target}")


def _require_type(dataset: Dataset, source: str) -> None:
    suffixes = {path.suffix.lower().lstrip(".") for path in dataset.label_files}
    is_table = dataset.layout == "table" and source in suffixes
    if not (is_table if source in _TABLE_TYPES else dataset.layout == source):
        raise DataError(f"{dataset.root}: not a dataset of type {source}; found {dataset.layout}")


def _convert_lmdb(root: Path, target: str, output: Path | None) -> ConvertReport:
    """Unpack beside the database (paddlex), or into a temporary folder that is then converted."""
    if target == "lmdb":
        raise DataError(f"{root}: already an LMDB database")
    folder = output or (root if target == "paddlex" else _folder_beside(root, target))
    unpacked = folder if target == "paddlex" else folder.with_name(f".{folder.name}.unpacked")

    try:
        train, val = read_lmdb(root, unpacked)
        if target != "paddlex":
            convert_dataset(unpacked, target, output=folder)
    finally:
        if unpacked != folder:
            shutil.rmtree(unpacked, ignore_errors=True)
    return ConvertReport(folder, "lmdb", target, train, val)


def _convert_pages(root: Path, source: str, target: str, folder: Path) -> ConvertReport:
    """Cut the lines into a new folder (paddlex), or into a temporary folder that is then converted."""
    _require_empty(folder)
    unpacked = folder.with_name(f".{folder.name}.lines")

    try:
        shutil.rmtree(unpacked, ignore_errors=True)
        report = cut_lines(root, source, unpacked)
        if target == "paddlex":
            with atomic_folder(folder) as partial:
                shutil.copytree(unpacked, partial, dirs_exist_ok=True)
        else:
            convert_dataset(unpacked, target, output=folder)
            shutil.copytree(unpacked / LEFT_OUT_FILE.parent, folder / LEFT_OUT_FILE.parent)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return ConvertReport(folder, source, target, report.lines, 0, report.left_out)


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: not empty", hint="choose another folder: CheckDataset.convert.output")


def _write_lists_beside(root: Path, parts: _Parts) -> None:
    """Write train.txt and val.txt for images that stay in place; only train.txt if the dataset is not split."""
    files = {}
    for part, samples in parts.items():
        if samples or part == "train":
            lines = (list_line(Path(os.path.relpath(sample.image, root)).as_posix(), sample) for sample in samples)
            files[f"{part}.txt"] = "".join(lines).encode()
    replace_files(root, files)


def _write_folder(folder: Path, dataset: Dataset, parts: _Parts, target: str) -> None:
    _require_empty(folder)
    with atomic_folder(folder) as partial:
        _WRITERS[target](partial, dataset.root, parts)
        if (dataset.root / DICT_FILE).is_file():
            shutil.copy2(dataset.root / DICT_FILE, partial / DICT_FILE)


def _write_paddlex(folder: Path, root: Path, parts: _Parts) -> None:
    names = _ImageNames(root)
    for part, samples in parts.items():
        if samples:
            lines = [list_line(name, sample) for name, sample in _link_all(samples, names, folder)]
            _write(folder / f"{part}.txt", "".join(lines))


def _write_label(folder: Path, root: Path, parts: _Parts) -> None:
    _write_paddlex(folder, root, {"label": (*parts["train"], *parts["val"])})


def _write_csv(folder: Path, root: Path, parts: _Parts) -> None:
    names = _ImageNames(root)
    for part, samples in parts.items():
        if samples:
            buffer = io.StringIO()
            rows = [_HEADER, *((name, sample.text) for name, sample in _link_all(samples, names, folder))]
            csv.writer(buffer, lineterminator="\n").writerows(rows)
            _write(folder / f"{part}.csv", buffer.getvalue())


def _write_tsv(folder: Path, root: Path, parts: _Parts) -> None:
    names = _ImageNames(root)
    for part, samples in parts.items():
        if samples:
            lines = [list_line(name, sample) for name, sample in _link_all(samples, names, folder)]
            _write(folder / f"{part}.tsv", "\t".join(_HEADER) + "\n" + "".join(lines))


def _write_jsonl(folder: Path, root: Path, parts: _Parts) -> None:
    names = _ImageNames(root)
    for part, name_of_part in (("train", "train"), ("val", "validation")):
        if parts[part]:
            inside = folder / name_of_part
            rows = [
                json.dumps(dict(zip(_HEADER, (name, sample.text), strict=True)), ensure_ascii=False) + "\n"
                for name, sample in _link_all(parts[part], names, inside)
            ]
            _write(inside / "metadata.jsonl", "".join(rows))


def _write_pairs(folder: Path, root: Path, parts: _Parts) -> None:
    for part, samples in parts.items():
        inside = folder / part if parts["val"] else folder
        taken: set[str] = set()
        for sample in samples:
            flat = PurePosixPath(_name_inside(sample, root)).with_suffix("").as_posix().replace("/", "_")
            stem, number = flat, 1
            while stem in taken:
                number += 1
                stem = f"{flat}_{number}"
            taken.add(stem)

            _link_image(sample, inside / (stem + sample.image.suffix))
            _write(inside / (stem + PAIR_SUFFIX), sample.text + "\n")


def _write_lmdb(folder: Path, root: Path, parts: _Parts) -> None:
    for part, samples in parts.items():
        if samples:
            write_lmdb(folder / part if parts["val"] else folder, samples)


_WRITERS: Mapping[str, Callable[[Path, Path, _Parts], None]] = {
    "paddlex": _write_paddlex,
    "label": _write_label,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "jsonl": _write_jsonl,
    "pairs": _write_pairs,
    "lmdb": _write_lmdb,
}


class _ImageNames:
    """Names images in the new folder: by their path in the old one; images outside of it are numbered."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._outside: dict[Path, str] = {}

    def of(self, sample: Sample) -> str:
        name = _name_inside(sample, self._root)
        if name != sample.image.name or sample.image.parent == self._root:
            return name
        return self._outside.setdefault(sample.image, f"outside/{len(self._outside):06}_{name}")


def _name_inside(sample: Sample, root: Path) -> str:
    relative = Path(os.path.relpath(sample.image, root)).as_posix()
    return sample.image.name if relative.startswith("../") else relative


def _link_all(samples: tuple[Sample, ...], names: _ImageNames, folder: Path) -> list[tuple[str, Sample]]:
    """Link the images into a folder; returns their new names with the samples."""
    rows = []
    for sample in samples:
        name = names.of(sample)
        _link_image(sample, folder / name)
        rows.append((name, sample))
    return rows


def _link_image(sample: Sample, target: Path) -> None:
    """Hard-link the image, or copy it if links are not possible."""
    if target.exists():
        return
    if not sample.image.is_file():
        what = "not a regular file" if sample.image.exists() else "no such image"
        raise DataError(f"{sample.source}: {sample.image}: {what}", hint="run ocrx check-dataset on it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(sample.image, target)
    except OSError:
        shutil.copy2(sample.image, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
