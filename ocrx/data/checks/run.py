"""Runs all checks on a dataset, for ``check-dataset`` and before a training starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ocrx.data.checks.dataset import check_charset, check_coverage, check_duplicates, count_characters
from ocrx.data.checks.geometry import Geometry
from ocrx.data.checks.image_scan import ImageScan, scan_images
from ocrx.data.checks.images import check_images
from ocrx.data.checks.labels import check_label
from ocrx.data.formats.layouts import Dataset
from ocrx.data.sample import relative_name
from ocrx.errors import DataError
from ocrx.results import Issue, Progress

MIN_SAMPLES = 5
"""Characters in fewer training labels are reported."""
CACHE_FILE = Path("check_dataset") / "images.npy"
"""Cache of the facts about images, below the output folder of a mode."""

UNTRAINABLE = frozenset(f"image-{problem}" for problem in ("missing", "empty", "truncated", "unreadable", "bomb")) | {
    "letter-case",
    "label-charset",
    "label-too-long",
}
"""A line with one of these errors cannot be used in a training, whichever checks are ignored."""

_ORDER = {"error": 0, "warning": 1, "info": 2}
_SHOWN = 10


@dataclass(frozen=True)
class Findings:
    """The result of the checks.

    Attributes:
        issues: Errors, then warnings, then infos, each in the order of the lists.
        scan: Facts about the images; ``scan.row_of`` follows ``train``, then ``val``.
        characters: Number of training labels that contain each character.
    """

    issues: tuple[Issue, ...]
    scan: ImageScan
    characters: Counter[str]

    @property
    def errors(self) -> tuple[Issue, ...]:
        """Issues of severity error."""
        return tuple(issue for issue in self.issues if issue.severity == "error")

    @property
    def untrainable_sources(self) -> frozenset[str]:
        """Sources of the lines that a training must skip."""
        return frozenset(issue.where for issue in self.errors if issue.code in UNTRAINABLE)


def run_checks(
    dataset: Dataset,
    geometry: Geometry | None = None,
    *,
    min_samples: int = MIN_SAMPLES,
    near_duplicates: bool = True,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Run all checks.

    Args:
        dataset: The dataset; its charset, if any, is the dictionary that the labels are compared with.
        geometry: Image size and frames of the model; without it, the checks that need them are skipped.
        min_samples: Characters in fewer training labels are reported.
        near_duplicates: Whether to search for near duplicates between the parts.
        cache: Cache of facts about images (``output / CACHE_FILE``), so that a later check opens only new images.
        workers: Number of processes that open images; see ``scan_images``.
        progress: Called with the number of images done and the total.

    Returns:
        All findings.
    """
    samples = [*dataset.train, *dataset.val]
    issues = [*dataset.issues, *_empty_lists(dataset)]
    for sample in samples:
        issues += check_label(sample)

    train_counts, val_counts = count_characters(dataset.train), count_characters(dataset.val)
    if dataset.charset is not None:
        issues += check_charset(dataset, dataset.charset, train_counts, val_counts)
    issues += check_coverage(dataset, train_counts, val_counts, min_samples)

    scan = scan_images([sample.image for sample in samples], cache=cache, workers=workers, progress=progress)
    issues += check_images(samples, scan, dataset.root, geometry, dataset.extra_roots)
    issues += check_duplicates(dataset, scan, near_duplicates)

    issues.sort(key=lambda issue: _ORDER[issue.severity])
    return Findings(tuple(issues), scan, train_counts)


def require_no_errors(findings: Findings, ignored: tuple[str, ...]) -> None:
    """Reject a dataset with errors.

    Args:
        findings: Result of the checks.
        ignored: Codes of errors to accept (``Train.ignore_checks``).

    Raises:
        DataError: If there are other errors; the message shows the first ones.
    """
    errors = [issue for issue in findings.errors if issue.code not in ignored]
    if not errors:
        return

    counts = Counter(issue.code for issue in errors)
    shown = "".join(f"\n  {issue.where}: {issue.message} [{issue.code}]" for issue in errors[:_SHOWN])
    more = f"\n  … and {len(errors) - _SHOWN:,} more" if len(errors) > _SHOWN else ""
    codes = ", ".join(f"{code} ({count:,})" for code, count in counts.most_common())
    option = f"-o Train.ignore_checks=[{','.join(counts)}]"
    raise DataError(
        f"the dataset has {len(errors):,} errors: {codes}{shown}{more}",
        hint=f"`ocrx check-dataset` shows all; to train anyway, without the unusable lines, add {option}",
    )


def _empty_lists(dataset: Dataset) -> list[Issue]:
    """Report parts without samples, and a dataset that is not split."""
    missing = {issue.where.partition(":")[0] for issue in dataset.issues if issue.code == "list-missing"}
    parts = [("train", dataset.train)]
    if dataset.layout == "paddlex" or len(dataset.label_files) == 2:
        parts.append(("val", dataset.val))

    found = []
    for part, samples in parts:
        path = next((path for path in dataset.label_files if part in path.name), None)
        name = relative_name(path, dataset.root) if path else f"{part}.txt"
        if not samples and name not in missing:
            message = "no usable line" if dataset.issues else "empty list"
            found.append(Issue("error", "list-empty", name, message, "each line is path<TAB>text"))

    if len(parts) == 1 and dataset.layout != "list" and dataset.train:
        where = relative_name(dataset.label_files[0], dataset.root)
        hint = "split it: ocrx check-dataset DIR --split 90"
        found.append(Issue("info", "not-divided", where, "not split: there are no validation lines", hint))
    return found
