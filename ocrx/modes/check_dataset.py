"""``ocrx check-dataset``: convert, fix or split the dataset if asked, then check it and write the results."""

from __future__ import annotations

import shutil
import unicodedata
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrx.config import Config
from ocrx.data.checks.dataset import count_characters
from ocrx.data.checks.geometry import recipe_geometry
from ocrx.data.checks.grouping import FindingGroup, group_findings
from ocrx.data.checks.histogram import count_label_lengths, draw_histogram
from ocrx.data.checks.html_report import ReportData, illustrated_sources, render_report
from ocrx.data.checks.run import CACHE_FILE, Findings, run_checks
from ocrx.data.edit.convert import convert_dataset
from ocrx.data.edit.cut_lines import LEFT_OUT_FILE, count_reasons
from ocrx.data.edit.fix import FixReport, build_dict, fix_labels
from ocrx.data.edit.journal import recover
from ocrx.data.edit.split import SplitReport, split_dataset, undo_split
from ocrx.data.edit.write_back import WriteBackReport, write_back
from ocrx.data.formats.dictionary import DICT_FILE
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import ConfigError
from ocrx.files import atomic_file, to_json, write_file
from ocrx.results import Issue, Progress, write_result
from ocrx.text.charset import Charset
from ocrx.text.charsets import resolve_charset

if TYPE_CHECKING:
    from ocrx.evaluation.label_errors import LabelError

FOLDER = "check_dataset"
"""Folder of the results, under the output."""

# PaddleX lists ten images of each part.
_DEMO_IMAGES = 10
_LISTED = 10_000
_PAGE_LABEL_ERRORS = 50
_PAGE_CHARACTERS = 1000


@dataclass(frozen=True)
class CheckReport:
    """The result of a check.

    Attributes:
        dataset_dir: The dataset.
        output: Folder of the results.
        layout: Layout of the label files.
        train: Number of training lines.
        val: Number of validation lines.
        images: Number of image files.
        decoded: Number of images that were opened, rather than found in the cache.
        issues: The findings, errors first.
        actions: The changes that were made on disk first, one sentence each.
        label_errors: Probable label errors, the most likely ones first; empty without a model.
    """

    dataset_dir: Path
    output: Path
    layout: str
    train: int
    val: int
    images: int
    decoded: int
    issues: tuple[Issue, ...]
    actions: tuple[str, ...]
    label_errors: tuple[LabelError, ...]

    @property
    def root(self) -> Path:
        """The folder that holds the label files."""
        return self.dataset_dir if self.dataset_dir.is_dir() else self.dataset_dir.parent

    @property
    def page(self) -> Path:
        """The HTML report."""
        return self.output / FOLDER / "report.html"

    @property
    def passed(self) -> bool:
        """Whether no finding is an error."""
        return not any(issue.severity == "error" for issue in self.issues)

    @cached_property
    def groups(self) -> list[FindingGroup]:
        """Findings grouped by code, equal ones merged; errors first."""
        return group_findings(self.issues)

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields; long lists are truncated.
        """
        counts = Counter((issue.severity, issue.code) for issue in self.issues)
        return {
            "layout": self.layout,
            "images": self.images,
            "actions": list(self.actions),
            "summary": [{"severity": s, "code": c, "count": n} for (s, c), n in counts.items()],
            "issues": [issue.to_dict() for issue in self.issues[:_LISTED]],
            "issues_total": len(self.issues),
            "suspects": [label.to_dict(self.root) for label in self.label_errors[:_LISTED]],
        }


def run(config: Config, progress: Progress | None = None) -> CheckReport:
    """Make the changes that ``CheckDataset`` asks for, then check the dataset.

    Writes ``check_dataset_result.json`` and the folder ``check_dataset`` to ``Global.output``.

    Args:
        config: The configuration.
        progress: Called with (images checked, images in all).

    Returns:
        The report.

    Raises:
        ConfigError: Without ``Global.dataset_dir``, or for changes that cannot be made together.
        DataError: If there is no dataset to check.
    """
    if not config.Global.dataset_dir:
        hint = "ocrx check-dataset DIR, or -o Global.dataset_dir=DIR"
        raise ConfigError("Global.dataset_dir: not given", hint=hint)
    output = Path(config.Global.output)
    root, actions = _change_dataset(Path(config.Global.dataset_dir), config)

    dataset = read_dataset(root)
    findings = run_checks(
        replace(dataset, charset=resolve_charset(config.Global.charset)) if config.Global.charset else dataset,
        recipe_geometry(config.Global.model, config.Model.architecture, config.Model.params, config.Image),
        min_samples=config.CheckDataset.min_samples,
        cache=output / CACHE_FILE,
        workers=config.CheckDataset.workers,
        progress=progress,
    )
    report = CheckReport(
        dataset_dir=root,
        output=output,
        layout=dataset.layout,
        train=len(dataset.train),
        val=len(dataset.val),
        images=len(findings.scan.facts),
        decoded=findings.scan.decoded,
        issues=findings.issues,
        actions=tuple(actions),
        label_errors=_find_label_errors(config, dataset, progress),
    )
    _write_results(report, dataset, findings)
    return report


def _change_dataset(root: Path, config: Config) -> tuple[Path, list[str]]:
    """Make the requested changes on disk; returns the folder to check and a sentence for each change."""
    options = config.CheckDataset
    to_lmdb = options.convert.enable and options.convert.dst_dataset_type == "lmdb"
    _reject_contradictions(root, config, to_lmdb)

    actions: list[str] = []
    if root.is_dir() and recover(root):
        actions.append("completed an interrupted change of the label files")
    if options.split.undo:
        actions.append(f"restored {', '.join(undo_split(root))} from before the split")
    if options.convert.enable:
        output = Path(options.convert.output) if options.convert.output else None
        source, target = options.convert.src_dataset_type, options.convert.dst_dataset_type
        made = convert_dataset(root, target, source=source, output=output)
        actions.append(f"converted {made.source} to {made.target} in {made.folder}: {made.train} + {made.val} lines")
        if made.left_out:
            actions.append(
                f"left out {len(made.left_out):,} ({count_reasons(made.left_out)}); see {made.folder / LEFT_OUT_FILE}"
            )
        # An LMDB database has no files to check: its source is checked instead.
        root = root if to_lmdb else made.folder
    if options.fix:
        actions.append(describe_fix(fix_labels(root)))
    if options.split.enable:
        percent, seed = options.split.val_percent or 0, config.Global.seed
        actions.append(describe_split(split_dataset(root, percent, seed, options.split.group)))
    if options.build_dict:
        charset, copy = build_dict(root)
        old = f"; the old one is now {copy.name}" if copy else ""
        actions.append(f"wrote {DICT_FILE} with the {len(charset)} characters of the training labels{old}")
    if options.write_back is not None:
        actions.append(describe_write_back(write_back(root, Path(options.write_back))))
    return root, actions


def _reject_contradictions(root: Path, config: Config, to_lmdb: bool) -> None:
    """Raise ConfigError for impossible changes before any change is made."""
    options = config.CheckDataset
    changes = (
        options.split.undo, options.convert.enable, options.fix, options.split.enable, options.build_dict,
        options.write_back is not None,
    )  # fmt: skip
    if root.is_file() and any(changes):
        raise ConfigError(f"{root}: a file; to change a dataset, name its folder")
    if to_lmdb and (options.fix or options.split.enable or options.build_dict):
        hint = "fix, split and build the dictionary first, then convert to lmdb"
        raise ConfigError("an LMDB database cannot be changed after the conversion", hint=hint)
    if options.split.group and not options.split.enable:
        raise ConfigError("CheckDataset.split.group: given without a split", hint="add the split: --split 90")


def describe_fix(report: FixReport) -> str:
    """Describe a repair.

    Args:
        report: The repair.

    Returns:
        One line.
    """
    if not report.backups:
        return "nothing to fix"
    repairs = ", ".join(f"{code} {n}×" for code, n in report.repairs.items())
    changed = list(report.backups.items())
    shown = ", ".join(f"{name} (original: {copy})" for name, copy in changed[:4])
    return f"fixed {repairs} in {shown}" + (f" and {len(changed) - 4} more files" if len(changed) > 4 else "")


def describe_write_back(report: WriteBackReport) -> str:
    """Put into words what was written back into annotated pages.

    Args:
        report: What was done.

    Returns:
        One line.
    """
    files = ", ".join(f"{name} (original: {copy})" for name, copy in report.backups.items())
    done = f"wrote back {report.changed:,} texts and marked {report.unreadable:,} regions as unreadable"
    left = f"; left out {len(report.left_out):,} ({count_reasons(report.left_out)})" if report.left_out else ""
    return f"{done} in {files or 'no file'}{left}"


def describe_split(report: SplitReport) -> str:
    """Describe a split.

    Args:
        report: The split.

    Returns:
        One line.
    """
    originals = f"; originals: {', '.join(report.backups.values())}" if report.backups else ""
    return f"split into {report.train} training and {report.val} validation lines (seed {report.seed}{originals})"


def _find_label_errors(config: Config, dataset: Dataset, progress: Progress | None) -> tuple[LabelError, ...]:
    """Probable label errors, the most likely ones first; empty without a model."""
    if config.CheckDataset.model is None:
        return ()
    # Loads the model's runtime.
    from ocrx.evaluation.label_errors import rank_labels
    from ocrx.inference.opening import create_model

    recognizer = create_model(config.CheckDataset.model, device=config.Global.device, threads=config.Global.threads)
    batch_size = config.Predict.batch_size or recognizer.batch_size
    ranked = rank_labels(recognizer, [*dataset.train, *dataset.val], batch_size, progress)
    return tuple(label for label in ranked if label.log_odds > 0)


def _write_results(report: CheckReport, dataset: Dataset, findings: Findings) -> None:
    folder = report.output / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lengths = count_label_lengths((s.text for s in dataset.train), (s.text for s in dataset.val))
    draw_histogram(lengths, folder / "histogram.png")
    with atomic_file(folder / "issues.jsonl") as file:
        file.writelines((to_json(issue.to_dict()) + "\n").encode() for issue in report.issues)

    val_counts = count_characters(dataset.val)
    characters = sorted({*findings.characters, *val_counts}, key=lambda c: (findings.characters[c], c))
    rows = [(c, findings.characters[c], val_counts[c]) for c in characters]
    _write_characters(folder / "characters.tsv", rows, dataset.charset)
    _write_page(report, dataset, findings, rows)

    rows_of, problems = findings.scan.row_of.tolist(), findings.scan.problems
    demo = {
        "train": _copy_demo_images(dataset.train, rows_of[: report.train], problems, folder, "train"),
        "val": _copy_demo_images(dataset.val, rows_of[report.train :], problems, folder, "val"),
    }
    write_result(report.output, "check_dataset", _result_fields(report, demo))


def _result_fields(report: CheckReport, demo_images: dict[str, list[str]]) -> dict[str, Any]:
    """PaddleX's fields, followed by those of ocrx."""
    attributes = {
        "train_samples": report.train,
        "train_sample_paths": demo_images["train"],
        "val_samples": report.val,
        "val_sample_paths": demo_images["val"],
    }

    return {
        "check_pass": report.passed,
        "attributes": attributes,
        "analysis": {"histogram": f"{FOLDER}/histogram.png"},
        "dataset_path": str(report.dataset_dir),
        "show_type": "image",
        "dataset_type": "MSTextRecDataset",
        "report": f"{FOLDER}/{report.page.name}",
        "issues_file": f"{FOLDER}/issues.jsonl",
        "characters_file": f"{FOLDER}/characters.tsv",
        **report.to_dict(),
    }


def _copy_demo_images(
    samples: Sequence[Sample], rows: Sequence[int], problems: Container[int], folder: Path, part: str
) -> list[str]:
    """Copy the first readable images of a part; returns their paths relative to the output."""
    target = folder / "demo_img"
    target.mkdir(exist_ok=True)
    for old in target.glob(f"{part}_*"):
        old.unlink()

    paths: list[str] = []
    for sample, row in zip(samples, rows, strict=True):
        if row in problems:
            continue
        # The name may already have the maximal length.
        name = f"{part}_{len(paths):02}_{sample.image.name[-50:]}"
        shutil.copyfile(sample.image, target / name)
        paths.append(f"{FOLDER}/demo_img/{name}")
        if len(paths) == _DEMO_IMAGES:
            break
    return paths


def _write_characters(path: Path, rows: Sequence[tuple[str, int, int]], charset: Charset | None) -> None:
    """Write a table of all characters with the numbers of training and validation labels that contain them."""
    lines = ["character\tcode\tname\ttrain_labels\tval_labels\tin_dict\n"]
    for character, train, val in rows:
        in_dict = "" if charset is None else str(character in charset).lower()
        name = unicodedata.name(character, "")
        lines.append(f"{_visible(character)}\tU+{ord(character):04X}\t{name}\t{train}\t{val}\t{in_dict}\n")
    write_file(path, "".join(lines))


def _write_page(
    report: CheckReport, dataset: Dataset, findings: Findings, characters: Sequence[tuple[str, int, int]]
) -> None:
    groups = report.groups
    label_errors = report.label_errors[:_PAGE_LABEL_ERRORS]
    data = ReportData(
        title=f"{report.dataset_dir.absolute().name}: dataset check",
        passed=report.passed,
        facts=_facts(report, len(findings.characters)),
        histogram=report.output / FOLDER / "histogram.png",
        characters=[(_visible(c), train, val) for c, train, val in characters[:_PAGE_CHARACTERS]],
        label_errors=[label.to_dict(report.root) for label in label_errors],
    )

    wanted = illustrated_sources(groups) | {label.sample.source for label in label_errors}
    rows = findings.scan.row_of.tolist()
    images = {
        sample.source: sample.image
        for sample, row in zip(dataset.samples, rows, strict=True)
        if sample.source in wanted and row not in findings.scan.problems
    }
    page = render_report(data, groups, images)
    # A file name may contain bytes that are not UTF-8.
    write_file(report.page, page.encode("utf-8", errors="replace"))


def _facts(report: CheckReport, characters: int) -> list[tuple[str, str]]:
    facts = [
        ("folder", str(report.dataset_dir)),
        ("layout", report.layout),
        ("training lines", f"{report.train:,}"),
        ("validation lines", f"{report.val:,}"),
        ("image files", f"{report.images:,}"),
        ("characters", f"{characters:,}"),
    ]
    return facts + [("done first", action) for action in report.actions]


def _visible(character: str) -> str:
    """The character itself, or its code point if it is invisible."""
    if character == " ":
        return "(space)"
    if unicodedata.category(character)[0] in "CZ":
        return f"U+{ord(character):04X}"
    return f"◌{character}" if unicodedata.combining(character) else character
