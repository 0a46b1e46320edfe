"""``ocrx export``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import INPUT, OUTPUT, ConfigOption, LangOption, ModelOption, Overrides, PrecisionOption

if TYPE_CHECKING:
    from ocrx.config import Config
    from ocrx.modes.export import ExportReport

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045


def export(
    data: Annotated[
        Optional[str], typer.Option("--data", help="Dataset to compare both models on.", rich_help_panel=INPUT)
    ] = None,
    model: ModelOption = None,
    lang: LangOption = None,
    form: Annotated[
        Optional[str],
        typer.Option("--format", help="onnx, openvino, torchscript, rapidocr or paddlex.", rich_help_panel=OUTPUT),
    ] = None,
    max_loss: Annotated[
        Optional[float],
        typer.Option(
            help="Largest accepted drop of accuracy in reduced precision; 0.01 is one percentage point.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    output: Annotated[
        Optional[str],
        typer.Option("--output", help="Folder for the file. Default: inference/ of the model.", rich_help_panel=OUTPUT),
    ] = None,
    precision: PrecisionOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Export a model for another runtime and compare the two on real lines. Without --model, the last training's."""
    model = settings.model_of(model, lang)
    options = {
        "Global.dataset_dir": data,
        "Export.weight_path": model,
        "Export.format": form,
        "Export.precision": precision,
        "Export.max_loss": max_loss,
    }
    if config is None and model is None and settings.override_value("Export.weight_path", override) is None:
        trained = settings.override_value("Global.output", override)
        config, options["Export.weight_path"] = settings.last_training(trained)

    loaded = settings.load(config, override, options)
    if config:
        loaded = settings.with_trained_weights("export", loaded, config)
    # After the weights were found: --output is the folder to write to, not that of the training.
    loaded = replace(loaded, Global=replace(loaded.Global, output=output or loaded.Global.output))
    raise typer.Exit(run(loaded, output))


def run(config: Config, target: str | None = None) -> int:
    """Export the model and show how the file compares with it.

    Args:
        config: The configuration.
        target: Folder for the file; default: ``inference/`` of the model.

    Returns:
        The exit code.
    """
    from pathlib import Path

    from ocrx.modes import export as mode

    def work() -> int:
        show(mode.run(config, console.info, Path(target) if target else None))
        return 0

    return settings.recording_failure("export", config, work)


def show(report: ExportReport) -> None:
    """Write the file's path to stdout and the comparison to stderr.

    Args:
        report: What was exported.
    """
    sys.stdout.write(f"{report.file}\n")
    sys.stdout.flush()
    unit = "logit" if report.example is None else "probability"
    console.info(f"{report.bytes / 2**20:.1f} MiB; largest difference of a {unit} {report.largest_difference:.2g}")

    if report.accuracy is not None and report.accuracy_before is not None:
        loss = f"{report.accuracy:.2%} exact, before {report.accuracy_before:.2%}"
        console.info(f"{report.lines} lines: {report.texts_changed} texts changed, {loss}")
    else:
        kind = "noise" if report.example is None else "rendered lines"
        console.info(f"compared on {kind} only; add --data DIR to compare on real lines")

    if report.example is not None:
        checked = (
            "read lines inside itself alike" if report.checked_in_host else "is not installed here, not checked in it"
        )
        console.info(f"{report.format} {checked}. To use it:")
        console.info(report.example)
