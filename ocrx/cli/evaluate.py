"""``ocrx evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    MODEL,
    AllowOption,
    BackendOption,
    BatchOption,
    BeamOption,
    ConfigOption,
    DataOption,
    DatasetArgument,
    DenyOption,
    DeviceOption,
    JsonOption,
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
from ocrx.files import to_json

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
    dataset = dataset_option(dataset_dir, data)
    options = {
        "Global.dataset_dir": dataset,
        "Global.output": output,
        "Global.device": device,
        "Global.threads": threads,
        "Evaluate.weight_path": model,
        "Evaluate.batch_size": batch_size,
        "Evaluate.backend": backend,
        "Evaluate.compare": compare,
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
    """Evaluate, and show the report.

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
        # The first line comes once dataset and model are found, before the long work.
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
        sys.stdout.write(to_json({"done_flag": True, **report.to_dict()}, indent=2) + "\n")
    else:
        sys.stdout.write("".join(_metric_rows(report)))
    sys.stdout.flush()

    _show_worst(report)
    calibration = report.analysis.calibration
    if calibration.threshold is not None:
        share = f"{calibration.kept:.1%} of the lines, {calibration.precision:.0%} of them exact"
        console.info(f"score {calibration.threshold:.4f} or more: {share}")
    console.info(f"report: {report.report_file}, every line: {report.lines_file}")
    return 1 if report.failed else 0


def _show_worst(report: EvaluateReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not report.worst:
        return
    worst = Table("image", "label", "read", "score", title="worst lines", title_justify="left", box=None)
    for line in report.worst[:10]:
        read = line.prediction if line.error is None else line.error
        worst.add_row(*map(escape, (line.sample.source, line.sample.text, read, f"{line.score:.3f}")))
    console.stderr_console().print(worst)


def _metric_rows(report: EvaluateReport) -> Iterator[str]:
    """``name<TAB>value<TAB>low<TAB>high`` with the 95 % interval where there is one; of a second model as well."""
    other = report.compared
    head = ["metric", "value", "95% low", "95% high"]
    yield "\t".join(head if other is None else [*head, "", "second", "difference 95% low", "high"]) + "\n"

    for name in ("accuracy", "norm_edit_dis", "cer", "wer", "accuracy_ci", "cer_ci"):
        row = [name, f"{getattr(report.metrics, name):.4f}"]
        row += [f"{bound:.4f}" for bound in report.analysis.intervals.get(name, ())]
        if other is not None:
            row += [""] * (4 - len(row))  # not every metric has an interval
            row += ["compared", f"{getattr(other.metrics, name):.4f}"]
            row += [f"{bound:+.4f}" for bound in other.differences.get(name, ())]
        yield "\t".join(row) + "\n"

    yield f"lenient_acc\t{report.metrics.lenient.acc:.4f}\nlines\t{report.metrics.count}\n"
