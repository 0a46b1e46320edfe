"""``ocrx explain`` and ``ocrx lm``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import mode_runs as modes
from ocrx.cli.options import (
    AllowOption,
    BackendOption,
    BeamOption,
    ConfigOption,
    DenyOption,
    DeviceOption,
    LexiconOption,
    LmOption,
    LmWeightOption,
    MarginOption,
    ModelOption,
    OutputOption,
    Overrides,
    PatternOption,
    PrecisionOption,
    ThreadsOption,
    decoding,
)

if TYPE_CHECKING:
    from ocrx.config import Config

# Typer reads annotations at run time and wants typing.Optional on Python 3.10.
# ruff: noqa: UP045

lm = typer.Typer(help="Build a character language model, and find how much to listen to it.", no_args_is_help=True)


def explain(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(help="Image of one line.")],
    text: Annotated[Optional[str], typer.Option("--text", help="Explain how the model sees this text.")] = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
    output: OutputOption = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    pattern: PatternOption = None,
    lexicon: LexiconOption = None,
    lexicon_margin: MarginOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    lm: LmOption = None,
    lm_weight: LmWeightOption = None,
    beam: BeamOption = None,
    json: Annotated[bool, typer.Option("--json", help="Everything as one JSON document.")] = False,
) -> None:
    """Show why a line is read as it is: one picture and JSON."""
    from ocrx.cli import console
    from ocrx.modes import explain as mode

    options = {**_reader(model, backend, precision, device, threads), **decoding(context)}
    settings = _settings(config, override, options)
    # Only now: --output is where to write, not where the training lies.
    settings = replace(settings, Global=replace(settings.Global, output=output or settings.Global.output))
    seen = mode.run(settings, image, text, console.note)
    console.show_explanation(seen, json)


@lm.command()
def build(
    corpus: Annotated[list[Path], typer.Argument(help="Text files, or datasets whose training labels count.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("lm.json"),
    order: Annotated[int, typer.Option(min=1, max=12, help="Characters looked at, the next one included.")] = 5,
    prune: Annotated[int, typer.Option(min=0, help="Leave out k characters met less than (k - 1) x N times.")] = 0,
) -> None:
    """Count the n-grams of a corpus."""
    from ocrx.cli import console
    from ocrx.modes import lm as mode

    console.note(mode.build(corpus, output, order, prune).summary)


@lm.command()
def tune(
    language_model: Annotated[Path, typer.Argument(help="File from `ocrx lm build`; the weight is written into it.")],
    dataset_dir: Annotated[Path, typer.Argument(help="Dataset; its validation lines are read.")],
    model: ModelOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    lines: Annotated[int, typer.Option(min=1, help="Lines to tune on.")] = 300,
    below: Annotated[
        Optional[float], typer.Option(min=0, max=1, help="Use it only for lines with a character less sure than this.")
    ] = None,
    beam: BeamOption = None,
) -> None:
    """Find the weight with the lowest character error rate."""
    from ocrx.cli import console
    from ocrx.modes import lm as mode

    options = {**_reader(model, backend, precision, device, threads), "Decode.beam": beam}
    settings = _settings(config, override, options)
    with console.progress("tuning") as progress:
        report = mode.tune(settings, language_model, dataset_dir, lines, below, progress, console.note)
    console.note(report.summary)


def _reader(
    model: str | None, backend: str | None, precision: str | None, device: str | None, threads: int | None
) -> dict[str, object]:
    """The options that say what reads, under predict's keys."""
    return {
        "Global.device": device,
        "Global.threads": threads,
        "Predict.model_dir": model,
        "Predict.backend": backend,
        "Predict.precision": precision,
    }


def _settings(config: str | None, override: Sequence[str] | None, options: Mapping[str, object]) -> Config:
    """The configuration with the weights that predict would read with."""
    settings = modes.load(config, override, options)
    return modes.with_weights("predict", settings, config) if config else settings
