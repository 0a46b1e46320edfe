"""``ocrx check-dataset``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    INPUT,
    MODEL,
    ConfigOption,
    DataOption,
    DatasetArgument,
    JsonOption,
    LangOption,
    OutputOption,
    Overrides,
    dataset_option,
)

if TYPE_CHECKING:
    from rich.table import Table

    from ocrx.config import Config
    from ocrx.evaluation.label_errors import LabelError
    from ocrx.modes.check_dataset import CheckReport

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045

FINDINGS_ON_TERMINAL = 5
PLACES_ON_TERMINAL = 3
_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}
_CHANGE = "Change the dataset first"


def check_dataset(
    dataset_dir: DatasetArgument = None,
    data: DataOption = None,
    convert_from: Annotated[
        Optional[str],
        typer.Option(
            help="Input format; detected by default. page, alto, labelstudio or ppocrlabel cuts lines out of pages.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option("--model", "-m", help="Rank probable label errors with this model.", rich_help_panel=MODEL),
    ] = None,
    lang: LangOption = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Repair BOM, CRLF, NFC and spaces; originals stay as .bak.", rich_help_panel=_CHANGE
        ),
    ] = False,
    split: Annotated[
        Optional[int],
        typer.Option(help="Split again: percentage of training lines, such as 90.", rich_help_panel=_CHANGE),
    ] = None,
    group: Annotated[
        Optional[str],
        typer.Option(
            help="Regular expression on image paths; lines with equal matches stay together.", rich_help_panel=_CHANGE
        ),
    ] = None,
    undo_split: Annotated[
        bool, typer.Option("--undo-split", help="Restore the lists from before the split.", rich_help_panel=_CHANGE)
    ] = False,
    convert_to: Annotated[
        Optional[str],
        typer.Option(help="Convert to paddlex, label, csv, tsv, jsonl, pairs or lmdb.", rich_help_panel=_CHANGE),
    ] = None,
    build_dict: Annotated[
        bool,
        typer.Option("--build-dict", help="Write dict.txt from the training labels.", rich_help_panel=_CHANGE),
    ] = False,
    write_back: Annotated[
        Optional[str],
        typer.Option(
            help="Folder of PPOCRLabel or Label Studio that the lines were cut from: write corrected texts into it.",
            rich_help_panel=_CHANGE,
        ),
    ] = None,
    output: OutputOption = None,
    json: JsonOption = False,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Check a dataset and list every finding with its place; optionally fix, split or convert the dataset first."""
    options = {
        "Global.dataset_dir": dataset_option(dataset_dir, data),
        "Global.output": output,
        "CheckDataset.split.enable": True if split is not None else None,
        "CheckDataset.split.train_percent": split,
        "CheckDataset.split.val_percent": None if split is None else 100 - split,
        "CheckDataset.split.group": group,
        "CheckDataset.split.undo": undo_split or None,
        "CheckDataset.fix": fix or None,
        "CheckDataset.build_dict": build_dict or None,
        "CheckDataset.convert.enable": True if convert_to or convert_from else None,
        "CheckDataset.convert.dst_dataset_type": convert_to,
        "CheckDataset.convert.src_dataset_type": convert_from,
        "CheckDataset.model": settings.model_of(model, lang),
        "CheckDataset.write_back": write_back,
    }
    raise typer.Exit(run(settings.load(config, override, options), json))


def run(config: Config, as_json: bool = False) -> int:
    """Check the dataset and show the report.

    Args:
        config: The configuration.
        as_json: Write the report to stdout as one JSON document.

    Returns:
        The exit code: 1 if there is a finding of severity error.
    """
    from ocrx.modes import check_dataset as mode

    def work() -> int:
        with console.progress("images") as progress:
            report = mode.run(config, progress)
        return show(report, as_json)

    return settings.recording_failure("check_dataset", config, work)


def show(report: CheckReport, as_json: bool) -> int:
    """Write the summary to stderr, then the findings to stdout.

    Args:
        report: What the check found.
        as_json: Write one JSON document instead of lines.

    Returns:
        The exit code.
    """
    _write_summary(report)
    if as_json:
        console.write_json({"check_pass": report.passed, **report.to_dict()})
    elif sys.stdout.isatty():
        _write_groups(report)
    else:
        _write_lines(report)
    return 0 if report.passed else 1


def _write_summary(report: CheckReport) -> None:
    from rich.markup import escape

    stderr = console.stderr_console()
    for action in report.actions:
        stderr.print(f"[bold]done:[/] {escape(action)}", soft_wrap=True)
    # PaddleX's words.
    verdict = "[bold green]Check dataset passed ![/]" if report.passed else "[bold red]Check dataset failed ![/]"
    stderr.print(verdict)
    parts = f"{report.train:,} training and {report.val:,} validation lines ({report.layout}), {report.images:,} images"
    stderr.print(f"{parts}; see {escape(str(report.page))}", soft_wrap=True)
    if report.issues:
        stderr.print(_findings_table(report))


def _findings_table(report: CheckReport) -> Table:
    from rich.markup import escape
    from rich.table import Column, Table

    from ocrx.data.checks.grouping import split_place

    first = Column("first", overflow="fold")
    table = Table("", "finding", Column("count", justify="right"), first, "what to do", box=None, pad_edge=False)
    for group in report.groups:
        colour = _COLOURS[group.severity]
        place = split_place(group.findings[0].places[0])[0]
        row = (group.code, f"{group.count:,}", escape(place), escape(group.hint))
        table.add_row(f"[{colour}]{group.severity}[/]", *row)
    return table


def _write_groups(report: CheckReport) -> None:
    """Write the first findings of each code for people, equal ones on one line."""
    for group in report.groups:
        sys.stdout.write(f"{group.severity} {group.code} ({group.count:,}): {group.hint}\n")
        for equal in group.findings[:FINDINGS_ON_TERMINAL]:
            sys.stdout.write(f"  {equal.first_places(PLACES_ON_TERMINAL)}: {equal.message}\n")
        if (more := len(group.findings) - FINDINGS_ON_TERMINAL) > 0:
            sys.stdout.write(f"  {more:,} more in {report.page.with_name('issues.jsonl')}\n")

    for label in report.label_errors[:FINDINGS_ON_TERMINAL]:
        sys.stdout.write(_label_error_line(label))


def _write_lines(report: CheckReport) -> None:
    """Write one finding per line for programs, grouped by code."""
    order = {(group.severity, group.code): i for i, group in enumerate(report.groups)}
    for issue in sorted(report.issues, key=lambda issue: order[issue.severity, issue.code]):
        sys.stdout.write(f"{issue.where}: {issue.severity}: {issue.message} [{issue.code}]\n")
    for label in report.label_errors:
        sys.stdout.write(_label_error_line(label))


def _label_error_line(label: LabelError) -> str:
    read = f"labelled {label.sample.text!r}, read {label.prediction!r}"
    figures = f"score {100 * label.error:.0f}, log odds {label.log_odds:.1f}"
    return f"{label.sample.source}: info: {read}, {figures} [suspect]\n"
