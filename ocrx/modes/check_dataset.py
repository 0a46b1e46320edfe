"""``ocrx check-dataset``: split, convert and repair if asked; then all that would spoil a training, in one pass."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrx.config import Config
from ocrx.data.checks.dataset import count_characters
from ocrx.data.checks.geometry import recipe_geometry
from ocrx.data.checks.histogram import count_label_lengths, draw_histogram
from ocrx.data.checks.html_report import ReportData, render_report, shown_issues
from ocrx.data.checks.run import CACHE_FILE, Findings, run_checks
from ocrx.data.edit.convert import ConvertReport, convert_dataset
from ocrx.data.edit.fix import FixReport, build_dict, fix_labels
from ocrx.data.edit.journal import recover
from ocrx.data.edit.split import SplitReport, split_dataset, undo_split
from ocrx.data.formats.dictionary import DICT_FILE
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import ConfigError
from ocrx.results import Issue, Progress, write_result
from ocrx.text.charset import Charset
from ocrx.text.charsets import resolve_charset

if TYPE_CHECKING:
    from ocrx.evaluation.label_errors import LabelError

FOLDER = "check_dataset"
# PaddleX lists ten images of each part.
_DEMO_IMAGES = 10
_LISTED = 10_000
_PAGE_LABEL_ERRORS = 50
_PAGE_CHARACTERS = 1000


@dataclass(frozen=True)
class CheckReport:
    """What was found. ``issues`` are sorted, errors first; ``actions`` says in words what was changed on disk."""

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
    def passed(self) -> bool:
        """No finding is an error."""
        return not any(issue.severity == "error" for issue in self.issues)

    def counts(self) -> list[tuple[str, str, int]]:
        """(severity, code, number), errors first."""
        found = Counter((issue.severity, issue.code) for issue in self.issues)
        return [(severity, code, n) for (severity, code), n in found.items()]

    def to_dict(self) -> dict[str, Any]:
        return {
            "layout": self.layout,
            "images": self.images,
            "actions": list(self.actions),
            "summary": [{"severity": s, "code": c, "count": n} for s, c, n in self.counts()],
            "issues": [issue.to_dict() for issue in self.issues[:_LISTED]],
            "issues_total": len(self.issues),
            "suspects": [label.to_dict(self.root) for label in self.label_errors[:_LISTED]],
        }


def run(config: Config, progress: Progress | None = None) -> CheckReport:
    """Do what ``CheckDataset`` asks for (undo, convert, fix, split, dictionary), then check, and write the results.

    Leaves ``check_dataset_result.json`` and the folder ``check_dataset`` in ``Global.output``. Raises DataError if
    there is no dataset to check, ConfigError without ``Global.dataset_dir``.
    """
    if not config.Global.dataset_dir:
        hint = "ocrx check-dataset DIR, or -o Global.dataset_dir=DIR"
        raise ConfigError("Global.dataset_dir: not given", hint=hint)
    root, output = Path(config.Global.dataset_dir), Path(config.Global.output)
    root, actions = _prepare(root, config)
    dataset = read_dataset(root)
    image = config.Image.spec()
    findings = run_checks(
        replace(dataset, charset=resolve_charset(config.Global.charset)) if config.Global.charset else dataset,
        recipe_geometry(config.Global.model, config.Model.architecture, config.Model.params, image),
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
        label_errors=_label_errors(config, dataset, progress),
    )
    _write(report, dataset, findings)
    return report


def _prepare(root: Path, config: Config) -> tuple[Path, list[str]]:
    """The changes on disk that were asked for; the folder to check, and what was done in words."""
    options = config.CheckDataset
    actions: list[str] = []
    changes = (options.split.undo, options.convert.enable, options.fix, options.split.enable, options.build_dict)
    if root.is_file() and any(changes):
        raise ConfigError(f"{root}: a file; to change a dataset, name its folder")
    packed = options.convert.enable and options.convert.dst_dataset_type == "lmdb"
    if packed and (options.fix or options.split.enable or options.build_dict):
        raise ConfigError("a database is not changed any more", hint="fix, split and build first, then convert to lmdb")
    if options.split.group and not options.split.enable:
        raise ConfigError("CheckDataset.split.group: nothing is divided", hint="say how: --split 90")
    if root.is_dir() and recover(root):
        actions.append("completed a change of the lists that had been interrupted")
    if options.split.undo:
        actions.append(f"put back {', '.join(undo_split(root))} as before the split")
    if options.convert.enable:
        made = _convert(root, config)
        actions.append(f"converted {made.source} to {made.target} in {made.folder}: {made.train} + {made.val} lines")
        # An LMDB database holds no files to check: the lines it was made of are checked.
        root = root if packed else made.folder
    if options.fix:
        actions.append(describe_fix(fix_labels(root)))
    if options.split.enable:
        percent, seed = options.split.val_percent or 0, config.Global.seed
        actions.append(describe_split(split_dataset(root, percent, seed, options.split.group)))
    if options.build_dict:
        charset, kept = build_dict(root)
        old = f", the old one is {kept.name}" if kept else ""
        actions.append(f"wrote {DICT_FILE} with {len(charset)} characters of the training labels{old}")
    return root, actions


def _convert(root: Path, config: Config) -> ConvertReport:
    options = config.CheckDataset.convert
    output = Path(options.output) if options.output else None
    return convert_dataset(root, options.dst_dataset_type, source=options.src_dataset_type, output=output)


def describe_fix(report: FixReport) -> str:
    if not report.backups:
        return "nothing to fix"
    repairs = ", ".join(f"{code} {n}×" for code, n in report.repairs.items())
    kept = list(report.backups.items())
    shown = ", ".join(f"{name} (before: {old})" for name, old in kept[:4])
    return f"fixed {repairs} in {shown}" + (f" and {len(kept) - 4} more files" if len(kept) > 4 else "")


def describe_split(report: SplitReport) -> str:
    kept = f"; before: {', '.join(report.backups.values())}" if report.backups else ""
    return f"split into {report.train} training and {report.val} validation lines (seed {report.seed}{kept})"


def _label_errors(config: Config, dataset: Dataset, progress: Progress | None) -> tuple[LabelError, ...]:
    """All labels that the model does not read, the least probable first; empty without a model."""
    if config.CheckDataset.model is None:
        return ()
    # The model's runtime is loaded only where a model is asked for.
    from ocrx.evaluation.label_errors import rank_labels
    from ocrx.inference.recognizer import create_model

    recognizer = create_model(config.CheckDataset.model, device=config.Global.device, threads=config.Global.threads)
    ranked = rank_labels(
        recognizer, [*dataset.train, *dataset.val], config.Predict.batch_size or recognizer.batch_size, progress
    )
    return tuple(label for label in ranked if label.log_odds > 0)


def _write(report: CheckReport, dataset: Dataset, findings: Findings) -> None:
    output, folder = report.output, report.output / FOLDER
    scan, at = findings.scan, findings.scan.row_of.tolist()
    folder.mkdir(parents=True, exist_ok=True)
    draw_histogram(
        count_label_lengths((s.text for s in dataset.train), (s.text for s in dataset.val)), folder / "histogram.png"
    )
    val_counts = count_characters(dataset.val)
    characters = sorted({*findings.characters, *val_counts}, key=lambda c: (findings.characters[c], c))
    _write_characters(folder / "characters.tsv", characters, findings.characters, val_counts, dataset.charset)
    with (folder / "issues.jsonl").open("w", encoding="utf-8") as file:
        for issue in report.issues:
            file.write(json.dumps(issue.to_dict(), ensure_ascii=False) + "\n")
    page = ReportData(
        title=f"{report.dataset_dir.absolute().name}: dataset check",
        passed=report.passed,
        facts=_facts(report, len(findings.characters)),
        histogram=folder / "histogram.png",
        characters=[(_visible(c), findings.characters[c], val_counts[c]) for c in characters[:_PAGE_CHARACTERS]],
        label_errors=[label.to_dict(report.root) for label in report.label_errors[:_PAGE_LABEL_ERRORS]],
    )
    (folder / "report.html").write_text(render_report(page, report.issues, _places(report, dataset)), encoding="utf-8")
    fields = {
        "check_pass": report.passed,
        "attributes": {
            "train_samples": report.train,
            "train_sample_paths": _demo_images(dataset.train, at[: report.train], scan.problems, folder, "train"),
            "val_samples": report.val,
            "val_sample_paths": _demo_images(dataset.val, at[report.train :], scan.problems, folder, "val"),
        },
        "analysis": {"histogram": f"{FOLDER}/histogram.png"},
        "dataset_path": str(report.dataset_dir),
        "show_type": "image",
        "dataset_type": "MSTextRecDataset",
        "report": f"{FOLDER}/report.html",
        "issues_file": f"{FOLDER}/issues.jsonl",
        "characters_file": f"{FOLDER}/characters.tsv",
        **report.to_dict(),
    }
    write_result(output, "check_dataset", fields)


def _demo_images(
    samples: Sequence[Sample], rows: Sequence[int], problems: Container[int], folder: Path, part: str
) -> list[str]:
    """Copy the first readable images of a part; their paths relative to the output."""
    target = folder / "demo_img"
    target.mkdir(exist_ok=True)
    for old in target.glob(f"{part}_*"):
        old.unlink()
    paths: list[str] = []
    for sample, row in zip(samples, rows, strict=True):
        if row in problems:
            continue
        name = f"{part}_{len(paths):02}_{sample.image.name[-50:]}"  # a whole name may be as long as names can be
        shutil.copyfile(sample.image, target / name)
        paths.append(f"{FOLDER}/demo_img/{name}")
        if len(paths) == _DEMO_IMAGES:
            break
    return paths


def _write_characters(
    path: Path, characters: Sequence[str], train: Counter[str], val: Counter[str], charset: Charset | None
) -> None:
    rows = ["character\tcode\tname\ttrain_labels\tval_labels\tin_dict\n"]
    for c in characters:
        known = "" if charset is None else str(c in charset).lower()
        name = unicodedata.name(c, "")
        rows.append(f"{_visible(c)}\tU+{ord(c):04X}\t{name}\t{train[c]}\t{val[c]}\t{known}\n")
    path.write_text("".join(rows), encoding="utf-8")


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


def _places(report: CheckReport, dataset: Dataset) -> dict[str, Path]:
    """The images that the page shows beside findings and candidate label errors."""
    wanted = {place for issue in shown_issues(report.issues) for place in issue.where.split(", ")[:2]}
    wanted |= {label.sample.source for label in report.label_errors[:_PAGE_LABEL_ERRORS]}
    return {sample.source: sample.image for sample in dataset.samples if sample.source in wanted}


def _visible(character: str) -> str:
    """The character itself, or its name where nothing or something else would be seen."""
    if character == " ":
        return "(space)"
    if unicodedata.category(character)[0] in "CZ":
        return f"U+{ord(character):04X}"
    return f"◌{character}" if unicodedata.combining(character) else character
