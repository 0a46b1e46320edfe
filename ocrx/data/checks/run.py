"""All rules over a dataset, in one pass; what ``check-dataset`` shows and what ``train`` refuses."""

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
from ocrx.errors import DataError
from ocrx.results import Issue, Progress
from ocrx.text.charset import Charset

MIN_SAMPLES = 5
CACHE_FILE = Path("check_dataset") / "images.npy"
# Errors that a training line cannot be trained with, whatever is allowed.
_UNTRAINABLE = frozenset(f"image-{problem}" for problem in ("missing", "empty", "truncated", "unreadable", "bomb")) | {
    "letter-case",
    "label-charset",
    "label-too-long",
}
_ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Findings:
    """Issues, errors first, otherwise in the order of the lists; and what was counted on the way.

    ``scan.row_of`` runs along ``train`` then ``val``. ``characters`` counts the training labels that hold each.
    """

    issues: tuple[Issue, ...]
    scan: ImageScan
    characters: Counter[str]

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == "error")

    @property
    def untrainable_sources(self) -> frozenset[str]:
        """Sources of the lines that a training has to leave out."""
        return frozenset(issue.where for issue in self.errors if issue.code in _UNTRAINABLE)


def run_checks(
    dataset: Dataset,
    geometry: Geometry | None = None,
    charset: Charset | None = None,
    *,
    min_samples: int = MIN_SAMPLES,
    near_duplicates: bool = True,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Apply every rule.

    ``geometry`` is the model's, for the rules about size and frames; without it they are left out. ``charset``
    replaces that of dict.txt. ``near`` also looks for nearly equal images across the parts. ``cache`` keeps what
    was learned about the images (``output / CACHE_FILE``), so that a later check opens only new ones.
    """
    samples = [*dataset.train, *dataset.val]
    issues = list(dataset.issues)
    issues += _empty_lists(dataset)
    for sample in samples:
        issues += check_label(sample)
    counts, validated = count_characters(dataset.train), count_characters(dataset.val)
    charset = charset or dataset.charset
    if charset is not None:
        issues += check_charset(dataset, charset, counts, validated)
    issues += check_coverage(dataset, counts, validated, min_samples)
    scan = scan_images([sample.image for sample in samples], cache=cache, workers=workers, progress=progress)
    issues += check_images(samples, scan, dataset.root, geometry, dataset.extra_roots)
    issues += check_duplicates(dataset, scan, near_duplicates)
    issues.sort(key=lambda issue: _ORDER[issue.severity])
    return Findings(tuple(issues), scan, counts)


def require_no_errors(findings: Findings, ignored: tuple[str, ...]) -> None:
    """Raise DataError that lists the errors whose codes are not ignored (``Train.ignore_checks``)."""
    refused = [issue for issue in findings.errors if issue.code not in ignored]
    if not refused:
        return
    counts = Counter(issue.code for issue in refused)
    shown = "".join(f"\n  {issue.where}: {issue.message} [{issue.code}]" for issue in refused[:10])
    more = f"\n  … and {len(refused) - 10:,} more" if len(refused) > 10 else ""
    codes = ", ".join(f"{code} ({count:,})" for code, count in counts.most_common())
    option = f"-o Train.ignore_checks=[{','.join(counts)}]"
    raise DataError(
        f"the dataset has {len(refused):,} errors: {codes}{shown}{more}",
        hint=f"see all with `ocrx check-dataset`; to train without such lines, or in spite of them: {option}",
    )


def _empty_lists(dataset: Dataset) -> list[Issue]:
    """A part that is there but holds no sample."""
    named = {issue.where.partition(":")[0] for issue in dataset.issues if issue.code == "list-missing"}
    parts = [("train", dataset.train)]
    if dataset.layout == "paddlex" or len(dataset.label_files) == 2:
        parts.append(("val", dataset.val))
    found = []
    for part, samples in parts:
        path = next((path for path in dataset.label_files if part in path.name), None)
        name = path.relative_to(dataset.root).as_posix() if path else f"{part}.txt"
        if not samples and name not in named:
            message = "no usable line" if dataset.issues else "empty list"
            found.append(Issue("error", "list-empty", name, message, "each line is path<TAB>text"))
    if len(parts) == 1 and dataset.layout != "list" and dataset.train:
        where = dataset.label_files[0].relative_to(dataset.root).as_posix()
        message = "one list only: there is no validation part to measure a training with"
        found.append(Issue("info", "not-divided", where, message, "divide it: ocrx check-dataset DIR --split 90"))
    return found
