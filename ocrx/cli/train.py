"""``ocrx train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    OUTPUT,
    ConfigOption,
    DataOption,
    DatasetArgument,
    DeviceOption,
    OutputOption,
    Overrides,
    dataset_option,
)

if TYPE_CHECKING:
    from ocrx.config import Config
    from ocrx.modes.train import TrainReport


def train(
    dataset_dir: DatasetArgument = None,
    data: DataOption = None,
    output: OutputOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from OUTPUT/latest.", rich_help_panel=OUTPUT)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Overwrite an existing training run.", rich_help_panel=OUTPUT)
    ] = False,
    device: DeviceOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Train a model on a dataset. --resume alone continues with the settings in OUTPUT/config.yaml."""
    if resume and config is None:
        config, _ = settings.last_training(output or settings.override_value("Global.output", override))
    options: dict[str, object] = {
        "Global.dataset_dir": dataset_option(dataset_dir, data),
        "Global.output": output,
        "Global.device": device,
        "Train.overwrite": overwrite or None,
        "Train.resume_path": "latest" if resume else None,
    }
    raise typer.Exit(run(settings.load(config, override, options)))


def run(config: Config) -> int:
    """Train a model and show the outcome.

    Args:
        config: The configuration.

    Returns:
        The exit code.
    """
    from ocrx.modes import train as mode
    from ocrx.process import is_main_process

    def work() -> int:
        report = mode.run(config, log=console.info, progress=console.progress)
        if is_main_process():
            show(report)
        return 0

    return settings.recording_failure("train", config, work)


def show(report: TrainReport) -> None:
    """Write the outcome of a training, and the next command, to stderr.

    Args:
        report: The outcome.
    """
    if report.nothing_to_do:
        return
    if report.interrupted:
        console.info(f"stopped after step {report.steps}; continue with --resume --output {report.output}")
        return

    best = f"best after epoch {report.best_epoch}" if report.best_epoch else "no epoch beat the pretrained weights"
    console.info(
        f"done in {report.minutes:.1f} minutes, {report.epochs} epochs; {best}:"
        f" {100 * report.best_accuracy:.2f} % exact lines, CER {100 * report.best_cer:.2f} %"
    )
    if report.skipped_updates:
        console.info(f"{report.skipped_updates} updates skipped: loss or gradient was not finite; see train.log")
    console.info(f"read with it: ocrx predict IMAGE --model {report.output / 'best_accuracy'}")
