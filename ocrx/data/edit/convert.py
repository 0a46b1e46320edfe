"""From one label format to another: a new folder with images and labels, or lists beside the old labels.

Images are linked where the file system can, else copied; they are never encoded anew. Texts stay as they are.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ocrx.data.edit.journal import rewrite
from ocrx.data.edit.lmdb import read_lmdb, write_lmdb
from ocrx.data.formats.label_readers import PAIR_SUFFIX
from ocrx.data.formats.layouts import DICT_FILE, Dataset, is_lmdb, read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.model_folder import atomic_folder

_LAYOUTS = {"csv": "table", "tsv": "table"}
Parts = Mapping[str, tuple[Sample, ...]]


@dataclass(frozen=True)
class ConvertReport:
    """``folder`` holds the converted dataset; ``train`` and ``val`` are its numbers of lines."""

    folder: Path
    source: str
    target: str
    train: int
    val: int

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder)}


def convert_dataset(root: Path, target: str, *, source: str | None = None, output: Path | None = None) -> ConvertReport:
    """Convert the dataset in ``root`` to ``target``: paddlex, label, csv, tsv, jsonl, pairs or lmdb.

    ``source`` says what it has to be; None takes it as found. Without ``output`` a conversion to paddlex writes
    train.txt and val.txt into ``root`` itself, any other a new folder beside it. Raises DataError if ``root`` is not
    of that kind or has lines that cannot be read, if an image is missing, or if ``output`` is there and not empty.
    """
    if source == "lmdb" or (source is None and is_lmdb(root)):
        return _from_lmdb(root, target, output)
    dataset = read_dataset(root)
    _refuse(dataset, source)
    if dataset.layout == "paddlex" and target == "paddlex" and output is None:
        raise DataError(
            f"{root}: is in PaddleX's layout already", hint="choose another CheckDataset.convert.dst_dataset_type"
        )
    found = source or dataset.layout
    parts = {"train": dataset.train, "val": dataset.val}
    if target == "paddlex" and output is None:
        _put_lists(root, parts)
        folder = root
    else:
        folder = output or _beside(root, target)
        _new_folder(folder, dataset, parts, target)
    return ConvertReport(folder, found, target, len(dataset.train), len(dataset.val))


def _beside(root: Path, target: str) -> Path:
    full = root.absolute()
    return full.with_name(f"{full.name}_{target}")


def _refuse(dataset: Dataset, source: str | None) -> None:
    if source is not None:
        suffixes = {path.suffix.lower().lstrip(".") for path in dataset.label_files}
        right = dataset.layout == _LAYOUTS.get(source, source) and (source not in _LAYOUTS or source in suffixes)
        if not right:
            raise DataError(f"{dataset.root}: not a dataset of type {source}; found {dataset.layout}")
    lost = [issue for issue in dataset.issues if issue.code in ("columns", "encoding") and issue.severity == "error"]
    if lost:
        raise DataError(
            f"{lost[0].where}: {lost[0].message} ({len(lost)} lines would be lost)", hint="put them right first"
        )


def _from_lmdb(root: Path, target: str, output: Path | None) -> ConvertReport:
    """Unpack beside the database (paddlex) or into a new folder, then go on from there."""
    if target == "lmdb":
        raise DataError(f"{root}: is an LMDB database already")
    folder = output or (root if target == "paddlex" else _beside(root, target))
    unpacked = folder if target == "paddlex" else folder.with_name(f".{folder.name}.unpacked")
    try:
        counts = read_lmdb(root, unpacked)
        if target != "paddlex":
            convert_dataset(unpacked, target, output=folder)
    finally:
        if unpacked != folder:
            shutil.rmtree(unpacked, ignore_errors=True)
    return ConvertReport(folder, "lmdb", target, *counts)


def _put_lists(root: Path, parts: Parts) -> None:
    """train.txt and val.txt for images that stay where they are; only train.txt if nothing is divided."""
    files = {}
    for part, samples in parts.items():
        if samples or part == "train":
            lines = (_line(Path(os.path.relpath(sample.image, root)).as_posix(), sample) for sample in samples)
            files[f"{part}.txt"] = "".join(lines).encode()
    rewrite(root, files)


def _new_folder(folder: Path, dataset: Dataset, parts: Parts, target: str) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder}: is there and not empty", hint="name another one: CheckDataset.convert.output")
    with atomic_folder(folder) as partial:
        if target == "lmdb":
            for part, samples in parts.items():
                if samples:
                    write_lmdb(partial / part if parts["val"] else partial, samples)
        else:
            _WRITERS[target](partial, dataset.root, parts)
        if (dataset.root / DICT_FILE).is_file():
            shutil.copy2(dataset.root / DICT_FILE, partial / DICT_FILE)


def _write_paddlex(folder: Path, root: Path, parts: Parts) -> None:
    names = _Names(root)
    for part, samples in parts.items():
        if not samples:
            continue
        lines = []
        for sample in samples:
            name = names.of(sample)
            _place(sample, folder / name)
            lines.append(_line(name, sample))
        _write(folder / f"{part}.txt", "".join(lines))


def _write_label(folder: Path, root: Path, parts: Parts) -> None:
    _write_paddlex(folder, root, {"label": (*parts["train"], *parts["val"])})


def _write_table(folder: Path, root: Path, parts: Parts, suffix: str) -> None:
    names = _Names(root)
    for part, samples in parts.items():
        if not samples:
            continue
        rows = [("file_name", "text")]
        for sample in samples:
            name = names.of(sample)
            _place(sample, folder / name)
            rows.append((name, sample.text))
        if suffix == "tsv":
            text = "".join(_line(name, sample) for name, sample in _checked_rows(rows, samples))
        else:
            buffer = io.StringIO()
            csv.writer(buffer, lineterminator="\n").writerows(rows)
            text = buffer.getvalue()
        _write(folder / f"{part}.{suffix}", text)


def _write_jsonl(folder: Path, root: Path, parts: Parts) -> None:
    names = _Names(root)
    for part, inside in (("train", "train"), ("val", "validation")):
        if not parts[part]:
            continue
        rows = []
        for sample in parts[part]:
            name = names.of(sample)
            _place(sample, folder / inside / name)
            rows.append(json.dumps({"file_name": name, "text": sample.text}, ensure_ascii=False) + "\n")
        _write(folder / inside / "metadata.jsonl", "".join(rows))


def _write_pairs(folder: Path, root: Path, parts: Parts) -> None:
    divided = bool(parts["val"])
    for part, samples in parts.items():
        taken: set[str] = set()
        for sample in samples:
            place = folder / part if divided else folder
            flat = PurePosixPath(_inside(sample, root)).with_suffix("").as_posix().replace("/", "_")
            stem, number = flat, 1
            while stem in taken:
                number += 1
                stem = f"{flat}_{number}"
            taken.add(stem)
            _place(sample, place / (stem + sample.image.suffix))
            _write(place / (stem + PAIR_SUFFIX), sample.text + "\n")


_WRITERS: Mapping[str, Callable[[Path, Path, Parts], None]] = {
    "paddlex": _write_paddlex,
    "label": _write_label,
    "csv": lambda folder, root, parts: _write_table(folder, root, parts, "csv"),
    "tsv": lambda folder, root, parts: _write_table(folder, root, parts, "tsv"),
    "jsonl": _write_jsonl,
    "pairs": _write_pairs,
}


class _Names:
    """Names of images in a new folder: their paths under the old one; those outside get a number each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._outside: dict[Path, str] = {}

    def of(self, sample: Sample) -> str:
        name = _inside(sample, self._root)
        if name != sample.image.name or sample.image.parent == self._root:
            return name
        return self._outside.setdefault(sample.image, f"outside/{len(self._outside):06}_{name}")


def _inside(sample: Sample, root: Path) -> str:
    relative = Path(os.path.relpath(sample.image, root)).as_posix()
    return sample.image.name if relative.startswith("../") else relative


def _place(sample: Sample, target: Path) -> None:
    """Hard link the image, or copy it where links cannot be made."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(sample.image, target)
    except FileNotFoundError:
        raise DataError(f"{sample.source}: {sample.image}: no such image", hint="run the check first") from None
    except OSError:
        shutil.copy2(sample.image, target)


def _line(name: str, sample: Sample) -> str:
    if "\t" in name or "\n" in name or "\n" in sample.text:
        raise DataError(f"{sample.source}: a TAB or line end cannot stand in a list", hint="choose csv or jsonl")
    return f"{name}\t{sample.text}\n"


def _checked_rows(rows: Iterable[tuple[str, str]], samples: Iterable[Sample]) -> Iterable[tuple[str, Sample]]:
    header = Sample(Path(), "text", "header")
    return zip((name for name, _ in rows), [header, *samples], strict=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
