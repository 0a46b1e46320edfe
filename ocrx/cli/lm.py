"""``ocrx lm build`` and ``ocrx lm tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    INPUT,
    OUTPUT,
    TEXT,
    BackendOption,
    BeamOption,
    ConfigOption,
    DeviceOption,
    LangOption,
    ModelOption,
    Overrides,
    PrecisionOption,
    ThreadsOption,
    examples,
)

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045

lm = typer.Typer(help="Build a character language model and tune its weight.", no_args_is_help=True)


@lm.command(epilog=examples("ocrx lm build texts.txt --output lm.json.gz", "ocrx lm build DATASET --order 5"))
def build(
    corpus: Annotated[list[Path], typer.Argument(help="Text files, or datasets, whose training labels are used.")],
    order: Annotated[
        int, typer.Option(min=1, max=12, help="Length of the n-grams in characters.", rich_help_panel=TEXT)
    ] = 5,
    prune: Annotated[
        int,
        typer.Option(
            min=0, help="Drop n-grams of k characters that occur fewer than (k - 1) x N times.", rich_help_panel=TEXT
        ),
    ] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.", rich_help_panel=OUTPUT)] = Path(
        "lm.json"
    ),
) -> None:
    """Count the character n-grams of a corpus."""
    from ocrx.modes import lm as mode

    console.info(mode.build(corpus, output, order, prune).summary)


@lm.command(epilog=examples("ocrx lm tune lm.json.gz DATASET --model output/best_accuracy"))
def tune(
    language_model: Annotated[Path, typer.Argument(help="File from `ocrx lm build`; the weight is written into it.")],
    dataset_dir: Annotated[Path, typer.Argument(help="Dataset, whose validation lines are used.")],
    lines: Annotated[int, typer.Option(min=1, help="Number of lines to tune on.", rich_help_panel=INPUT)] = 300,
    model: ModelOption = None,
    lang: LangOption = None,
    confidence_threshold: Annotated[
        Optional[float],
        typer.Option(
            min=0,
            max=1,
            help="Apply it only to lines that contain a character with a score below this.",
            rich_help_panel=TEXT,
        ),
    ] = None,
    below: Annotated[Optional[float], typer.Option("--below", min=0, max=1, hidden=True)] = None,
    beam: BeamOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Find the weight with the lowest character error rate and write it into the file."""
    from ocrx.modes import lm as mode

    options = {
        "Global.device": device,
        "Global.threads": threads,
        "Predict.model_dir": settings.model_of(model, lang),
        "Predict.backend": backend,
        "Predict.precision": precision,
        "Decode.beam": beam,
    }
    loaded = settings.load(config, override, options)
    if config:
        loaded = settings.with_trained_weights("predict", loaded, config)
    threshold = below if confidence_threshold is None else confidence_threshold
    with console.progress("tuning") as progress:
        report = mode.tune(loaded, language_model, dataset_dir, lines, threshold, progress, console.info)
    console.info(report.summary)
