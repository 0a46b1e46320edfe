"""A new division of a dataset into training and validation lines, the same for the same seed, and its undoing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.data.edit.journal import SPLIT_RECORD, backup, recover, rewrite
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import ConfigError, DataError

_LISTS = ("train.txt", "val.txt")
# Issues of reading that stand for a line which is no sample; a split would lose it.
_LOSING = ("columns", "encoding")


@dataclass(frozen=True)
class SplitReport:
    """What a split did. ``backups`` maps a list to the copy of its earlier content; ``created`` are new lists."""

    train: int
    val: int
    groups: int
    seed: int
    backups: Mapping[str, str]
    created: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def split_dataset(root: Path, val_percent: int, seed: int, group: str | None = None) -> SplitReport:
    """Write ``train.txt`` and ``val.txt`` anew from all samples; other lists stay as ``.bak``.

    The division depends on the samples and the seed alone, not on how they were divided before. ``group`` is a
    pattern that is searched in the image path (relative to ``root``, with ``/``): images whose match is equal (its
    first group, if it has one) stay on one side. Raises DataError if lines would be lost, a path does not match, or
    a part would be empty.
    """
    recover(root)
    dataset = read_dataset(root)
    lost = [issue for issue in dataset.issues if issue.code in _LOSING and issue.severity == "error"]
    if lost:
        raise DataError(
            f"{lost[0].where}: {lost[0].message} ({len(lost)} such lines would be lost by a split)",
            hint="put these lines right first",
        )
    lines = sorted((_relative(sample, root), sample.text) for sample in dataset.samples)
    parts, count = divide_groups([path for path, _ in lines], val_percent, seed, group)
    files = {
        name: "".join(f"{lines[i][0]}\t{lines[i][1]}\n" for i in sorted(part)).encode()
        for name, part in zip(_LISTS, parts, strict=True)
    }
    before = [path.name for path in dataset.label_files if path.parent == root and path.suffix == ".txt"]
    record = _record(root)
    if record is None:
        kept = {name: backup(root / name).name for name in before}
        made = tuple(name for name in _LISTS if name not in before)
    else:
        kept, made = record["kept"], tuple(record["made"])
        _keep_edited(root, record)
    report = SplitReport(len(parts[0]), len(parts[1]), count, seed, kept, made)
    note = {
        "train": report.train,
        "val": report.val,
        "groups": count,
        "seed": seed,
        "kept": dict(kept),
        "made": list(made),
        "val_percent": val_percent,
        "group": group,
        "digests": _digests(files),
    }
    rewrite(root, files, [name for name in before if name not in files], record=note)
    return report


def undo_split(root: Path) -> tuple[str, ...]:
    """Put the lists back, byte for byte, as they were before the first split; returns their names.

    Lists that were edited since the split are kept as ``.bak1`` … Raises DataError if there was no split.
    """
    recover(root)
    record = _record(root)
    if record is None:
        raise DataError(f"{root}: no split to undo ({SPLIT_RECORD} is missing)")
    missing = [kept for kept in record["kept"].values() if not (root / kept).is_file()]
    if missing:
        raise DataError(f"{root / missing[0]}: missing; the split cannot be undone")
    _keep_edited(root, record)
    files = {name: (root / kept).read_bytes() for name, kept in record["kept"].items()}
    made = [name for name in record["made"] if name not in files]
    rewrite(root, files, [*made, *record["kept"].values(), SPLIT_RECORD])
    return tuple(files)


def _keep_edited(root: Path, record: dict[str, Any]) -> None:
    for name, digest in record["digests"].items():
        path = root / name
        if path.is_file() and _digest(path.read_bytes()) != digest:
            backup(path)


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: _digest(data) for name, data in files.items()}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def divide_groups(
    paths: Sequence[str], val_percent: int, seed: int, group: str | None = None
) -> tuple[tuple[list[int], list[int]], int]:
    """Indices of the training and of the validation part, and the number of groups.

    Whole groups go to the validation part, in a shuffled order, as long as they bring it nearer to ``val_percent``.
    """
    members: dict[str, list[int]] = {}
    for i, path in enumerate(paths):
        members.setdefault(_group(path, group), []).append(i)
    order = sorted(members)
    random.Random(seed).shuffle(order)
    wanted = len(paths) * val_percent / 100
    train: list[int] = []
    val: list[int] = []
    for name in order:
        size = len(members[name])
        nearer = abs(len(val) + size - wanted) < abs(len(val) - wanted)
        (val if nearer else train).extend(members[name])
    if not train or not val:
        what = f"{len(members)} groups" if group else f"{len(paths)} lines"
        raise DataError(
            f"{what} cannot be divided {100 - val_percent} to {val_percent}: a part would be empty",
            hint="more lines, or a pattern that makes smaller groups" if group else "more lines are needed",
        )
    return (train, val), len(members)


def _group(path: str, pattern: str | None) -> str:
    if pattern is None:
        return path
    try:
        match = re.search(pattern, path)
    except re.error as error:
        raise ConfigError(f"CheckDataset.split.group: {pattern!r} is not a pattern ({error})") from None
    if match is None:
        raise DataError(
            f"{path}: does not match the group pattern {pattern!r}",
            hint=r"for example 'images/([^_]+)_' takes the part before the first _ as the document",
        )
    return match.group(1) if match.re.groups else match.group(0)


def _relative(sample: Sample, root: Path) -> str:
    path = os.fspath(sample.image)
    if sample.image.is_relative_to(root):
        path = sample.image.relative_to(root).as_posix()
    if "\t" in path or "\n" in path or "\n" in sample.text:
        raise DataError(f"{sample.source}: a TAB or line end cannot stand in train.txt", hint="rename the image")
    return path


def _record(root: Path) -> dict[str, Any] | None:
    path = root / SPLIT_RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {
            "kept": {str(name): str(kept) for name, kept in record["kept"].items()},
            "made": [str(name) for name in record["made"]],
            "digests": dict(record["digests"]),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: damaged", hint="put the .bak lists back by hand, then delete it") from None
