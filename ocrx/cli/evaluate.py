"""``ocrx evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    MODEL,
    OUTPUT,
    TEXT,
    AllowOption,
    BackendOption,
    BatchOption,
    BeamOption,
    ConfigOption,
    DataOption,
    DatasetArgument,
    DenyOption,
    DeviceOption,
    EffortOption,
    JsonOption,
    LangOption,
    LexiconOption,
    LmOption,
    LmWeightOption,
    MarginOption,
    ModelOption,
    OutputOption,
    Overrides,
    PatternOption,
    ThreadsOption,
    dataset_option,
    decode_options,
)

if TYPE_CHECKING:
    from ocrx.config import Config
    from ocrx.modes.evaluate import EvaluateReport

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045


def evaluate(
    context: typer.Context,
    dataset_dir: DatasetArgument = None,
    data: DataOption = None,
    model: ModelOption = None,
    lang: LangOption = None,
    compare: Annotated[
        Optional[str],
        typer.Option("--compare", help="Second model to compare on the same lines.", rich_help_panel=MODEL),
    ] = None,
    pattern: PatternOption = None,
    lexicon: LexiconOption = None,
    lexicon_margin: MarginOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    lm: LmOption = None,
    lm_weight: LmWeightOption = None,
    beam: BeamOption = None,
    effort: EffortOption = None,
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", help="Ignore differences of case.", rich_help_panel=TEXT)
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Fit the confidence on these lines and store it.", rich_help_panel=OUTPUT),
    ] = False,
    output: OutputOption = None,
    json: JsonOption = False,
    backend: BackendOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    batch_size: BatchOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Measure how well a model reads labelled lines. Without arguments, the model and data of the last training."""
    dataset, model = dataset_option(dataset_dir, data), settings.model_of(model, lang)
    options = {
        "Global.dataset_dir": dataset,
        "Global.output": output,
        "Global.device": device,
        "Global.threads": threads,
        "Evaluate.weight_path": model,
        "Evaluate.batch_size": batch_size,
        "Evaluate.backend": backend,
        "Evaluate.compare": compare,
        "Evaluate.ignore_case": ignore_case or None,
        "Evaluate.calibrate": calibrate or None,
        **decode_options(context),
    }
    weights = model or settings.override_value("Evaluate.weight_path", override)
    if config is None and weights is None and dataset is None:
        trained = output or settings.override_value("Global.output", override)
        config, options["Evaluate.weight_path"] = settings.last_training(trained)

    loaded = settings.load(config, override, options)
    if config:
        loaded = settings.with_trained_weights("evaluate", loaded, config)
    raise typer.Exit(run(loaded, json))


def run(config: Config, as_json: bool = False) -> int:
    """Evaluate and show the report.

    Args:
        config: The configuration.
        as_json: Write the report to stdout as one JSON document.

    Returns:
        The exit code: 1 if an image could not be read.
    """
    from pathlib import Path

    from ocrx.model_folder import reject_file
    from ocrx.modes import evaluate as mode

    output = Path(config.Global.output)

    def log(line: str) -> None:
        # The first line is logged once dataset and model were found, before the long work.
        output.mkdir(parents=True, exist_ok=True)
        console.info(line)

    def work() -> int:
        reject_file(output)
        with console.progress("evaluating") as progress:
            report = mode.run(config, log, progress)
        return show(report, as_json)

    return settings.recording_failure("evaluate", config, work)


def show(report: EvaluateReport, as_json: bool) -> int:
    """Write metrics to stdout; intervals, the worst lines and failures to stderr.

    Args:
        report: The result of the evaluation.
        as_json: Write one JSON document instead of rows.

    Returns:
        The exit code: 1 if an image could not be read.
    """
    for line in report.failed:
        console.fail(f"{line.sample.source}: {line.error}")
    for issue in report.issues:
        if issue.severity != "info":
            console.info(f"{issue.severity}: {issue.where}: {issue.message}")

    if as_json:
        console.write_json({"done_flag": True, **report.to_dict()}, indent=2)
    elif sys.stdout.isatty():
        _show_table(report)
    else:
        sys.stdout.write("".join("\t".join(row) + "\n" for row in _metric_rows(report)))
    sys.stdout.flush()

    _show_worst(report)
    _show_confidence(report)
    console.info(f"report: {report.report_file}, every line: {report.lines_file}")
    return 1 if report.failed else 0


def _show_confidence(report: EvaluateReport) -> None:
    """Say how reliable score and confidence are, and what a calibration changed."""
    threshold = report.analysis.calibration
    if threshold.threshold is not None:
        share = f"{threshold.kept:.1%} of the lines, {threshold.precision:.0%} of them exact"
        console.info(f"score {threshold.threshold:.4f} or more: {share}")

    quality, calibrated = report.analysis.confidence, report.calibrated
    if quality is not None and quality.brier_confidence is not None and quality.ece_confidence is not None:
        console.info(
            f"Brier score {quality.brier_score:.4f} of the score, {quality.brier_confidence:.4f} of the confidence;"
            f" calibration error {quality.ece_score:.4f} and {quality.ece_confidence:.4f}"
        )
    elif quality is not None and calibrated is None:
        console.info("confidence: none, as the model has no calibration of its own; --calibrate fits one on such lines")
    if calibrated is not None:
        after = calibrated.quality
        console.info(
            f"calibrated on {calibrated.calibration.lines} lines, written into {calibrated.folder}; cross-validated"
            f" Brier score {after.brier_confidence:.4f}, calibration error {after.ece_confidence:.4f}"
        )


def _show_worst(report: EvaluateReport) -> None:
    from rich.markup import escape
    from rich.table import Column, Table

    if not report.worst:
        return
    columns = [Column(name, overflow="fold") for name in ("image", "label", "read", "score")]
    worst = Table(*columns, title="worst lines", title_justify="left", box=None)
    for line in report.worst[:10]:
        read = line.prediction if line.error is None else line.error
        worst.add_row(*map(escape, (line.sample.source, line.sample.text, read, f"{line.score:.3f}")))
    console.stderr_console().print(worst)


def _show_table(report: EvaluateReport) -> None:
    """Write the metrics as a table for people."""
    from rich.console import Console
    from rich.table import Column, Table

    head, *rows = _metric_rows(report)
    table = Table(head[0], *(Column(name, justify="right") for name in head[1:]), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


def _metric_rows(report: EvaluateReport) -> Iterator[list[str]]:
    """A header, then name, value and any 95 % interval of each metric, also those of a second model."""
    other = report.compared
    head = ["metric", "value", "95% low", "95% high"]
    yield head if other is None else [*head, "", "second", "difference 95% low", "high"]

    for name in ("accuracy", "norm_edit_dis", "cer", "wer", "accuracy_ci", "cer_ci"):
        row = [name, f"{getattr(report.metrics, name):.4f}"]
        row += [f"{bound:.4f}" for bound in report.analysis.intervals.get(name, ())]
        if other is not None:
            row += [""] * (4 - len(row))  # not every metric has an interval
            row += ["compared", f"{getattr(other.metrics, name):.4f}"]
            row += [f"{bound:+.4f}" for bound in other.differences.get(name, ())]
        yield row

    yield ["lenient_acc", f"{report.metrics.lenient.acc:.4f}"]
    yield ["lines", str(report.metrics.count)]
