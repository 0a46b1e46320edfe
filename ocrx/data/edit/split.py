"""Splits a dataset into training and validation lines, reproducibly for a seed, and undoes a split."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.data.edit.journal import SPLIT_RECORD, backup, is_inside, recover, replace_files
from ocrx.data.edit.list_writer import list_line, require_all_lines_read
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import relative_name
from ocrx.errors import ConfigError, DataError
from ocrx.files import read_json

_LISTS = ("train.txt", "val.txt")


@dataclass(frozen=True)
class SplitReport:
    """The result of a split.

    Attributes:
        train: Number of training lines.
        val: Number of validation lines.
        groups: Number of groups that were kept together.
        seed: Seed of the shuffle.
        backups: Backup of each list as it was before the first split, by list name.
        created: Lists that did not exist before.
    """

    train: int
    val: int
    groups: int
    seed: int
    backups: Mapping[str, str]
    created: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
        """
        return asdict(self)


def split_dataset(root: Path, val_percent: int, seed: int, group: str | None = None) -> SplitReport:
    """Rewrite ``train.txt`` and ``val.txt`` from all samples; the old lists are kept as ``.bak``.

    The split depends only on the samples and the seed, not on an earlier split.

    Args:
        root: Folder of the dataset.
        val_percent: Percentage of validation lines.
        seed: Seed of the shuffle.
        group: Regular expression that is searched for in the image path (relative to ``root``, with ``/``). Images with
            the same match (or the same first group of it) stay in the same part.

    Returns:
        The result.

    Raises:
        DataError: If lines would be lost, a path does not match ``group``, or a part would be empty.
        ConfigError: If ``group`` is not a regular expression.
    """
    recover(root)
    dataset = read_dataset(root)
    require_all_lines_read(dataset)
    rows = sorted(
        ((relative_name(sample.image, root), sample) for sample in dataset.samples),
        key=lambda row: (row[0], row[1].text),
    )
    lines = [list_line(name, sample) for name, sample in rows]
    parts, groups = divide_groups([name for name, _ in rows], val_percent, seed, group)
    files = {name: "".join(lines[i] for i in sorted(part)).encode() for name, part in zip(_LISTS, parts, strict=True)}

    before = [path.name for path in dataset.label_files if path.parent == root and path.suffix == ".txt"]
    record = _read_record(root)
    if record is None:
        backups = {name: backup(root / name).name for name in before}
        created = tuple(name for name in _LISTS if name not in before)
    else:
        backups, created = record["kept"], tuple(record["made"])
        _keep_edited(root, record)

    report = SplitReport(len(parts[0]), len(parts[1]), groups, seed, backups, created)
    settings = {"val_percent": val_percent, "group": group}
    remove = [name for name in before if name not in files]
    replace_files(root, files, remove, record={**_to_record(report), **settings, "digests": _digests(files)})
    return report


def undo_split(root: Path) -> tuple[str, ...]:
    """Restore the lists, byte for byte, as they were before the first split.

    Lists that were edited after the split are kept as ``.bak1`` …

    Args:
        root: Folder of the dataset.

    Returns:
        Names of the restored lists.

    Raises:
        DataError: If there was no split, or a backup is missing.
    """
    recover(root)
    record = _read_record(root)
    if record is None:
        raise DataError(f"{root}: no split to undo ({SPLIT_RECORD} is missing)")
    missing = [copy for copy in record["kept"].values() if not (root / copy).is_file()]
    if missing:
        raise DataError(f"{root / missing[0]}: missing; the split cannot be undone")

    _keep_edited(root, record)
    files = {name: (root / copy).read_bytes() for name, copy in record["kept"].items()}
    created = [name for name in record["made"] if name not in files]
    replace_files(root, files, [*created, *record["kept"].values(), SPLIT_RECORD])
    return tuple(files)


def divide_groups(
    paths: Sequence[str], val_percent: int, seed: int, group: str | None = None
) -> tuple[tuple[list[int], list[int]], int]:
    """Split paths into two parts without splitting a group.

    Groups are shuffled, and each goes to the validation part if that brings its size closer to ``val_percent``.

    Args:
        paths: Image paths.
        val_percent: Percentage of the validation part.
        seed: Seed of the shuffle.
        group: Regular expression; paths with the same match form a group. Without it, each path is a group.

    Returns:
        Indices of the training and of the validation part, and the number of groups.

    Raises:
        DataError: If a path does not match ``group``, or a part would be empty.
        ConfigError: If ``group`` is not a regular expression.
    """
    members: dict[str, list[int]] = {}
    for i, path in enumerate(paths):
        members.setdefault(_group_of(path, group), []).append(i)
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
            f"{what} cannot be split {100 - val_percent} to {val_percent}: a part would be empty",
            hint="add lines, or use a pattern that forms smaller groups" if group else "add lines",
        )
    return (train, val), len(members)


def _group_of(path: str, pattern: str | None) -> str:
    if pattern is None:
        return path
    try:
        match = re.search(pattern, path)
    except re.error as error:
        raise ConfigError(f"CheckDataset.split.group: {pattern!r} is not a regular expression ({error})") from None

    if match is None:
        raise DataError(
            f"{path}: does not match the group pattern {pattern!r}",
            hint=r"for example, 'images/([^_]+)_' groups by the part of the file name before the first _",
        )
    return match.group(1) if match.re.groups else match.group(0)


def _keep_edited(root: Path, record: Mapping[str, Any]) -> None:
    """Back up the lists that were edited after the last split."""
    for name, digest in record["digests"].items():
        path = root / name
        if path.is_file() and _digest(path.read_bytes()) != digest:
            backup(path)


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: _digest(data) for name, data in files.items()}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _to_record(report: SplitReport) -> dict[str, Any]:
    """Convert the report to the keys of ``split.json``."""
    fields = report.to_dict()
    kept, made = fields.pop("backups"), list(fields.pop("created"))
    return {**fields, "kept": kept, "made": made}


def _read_record(root: Path) -> dict[str, Any] | None:
    path = root / SPLIT_RECORD
    if not path.is_file():
        return None
    try:
        record = read_json(path)
        kept = {str(name): str(copy) for name, copy in record["kept"].items()}
        made = [str(name) for name in record["made"]]
        digests = dict(record["digests"])

        if not all(map(is_inside, (*kept, *kept.values(), *made, *digests))):
            raise ValueError
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: damaged", hint="restore the .bak lists by hand, then delete it") from None
    return {"kept": kept, "made": made, "digests": digests}
