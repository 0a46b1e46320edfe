"""``ocrx explain``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    INPUT,
    AllowOption,
    BackendOption,
    BeamOption,
    ConfigOption,
    DenyOption,
    DeviceOption,
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
    PrecisionOption,
    ThreadsOption,
    decode_options,
)

if TYPE_CHECKING:
    from ocrx.modes.explain import Explanation

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045


def explain(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(help="Image of one line.")],
    text: Annotated[
        Optional[str],
        typer.Option("--text", help="Compare this text with the result.", rich_help_panel=INPUT),
    ] = None,
    model: ModelOption = None,
    lang: LangOption = None,
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
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Show why a line is read as it is: one picture and the most probable texts."""
    from ocrx.modes import explain as mode

    options = {
        "Global.device": device,
        "Global.threads": threads,
        "Predict.model_dir": settings.model_of(model, lang),
        "Predict.backend": backend,
        "Predict.precision": precision,
        **decode_options(context),
    }
    loaded = settings.load(config, override, options)
    if config:
        loaded = settings.with_trained_weights("predict", loaded, config)
    # After the weights were found: --output is the folder to write to, not that of the training.
    loaded = replace(loaded, Global=replace(loaded.Global, output=output or loaded.Global.output))
    show(mode.run(loaded, image, text, console.info), json)


def show(explanation: Explanation, as_json: bool) -> None:
    """Write the candidates to stdout, the most probable first; the verdict and the picture's path to stderr.

    Args:
        explanation: What was found.
        as_json: Write one JSON document instead of rows.
    """
    if as_json:
        console.write_json(explanation.to_dict())
    else:
        for text, log_prob in explanation.candidates:
            sys.stdout.write(f"{log_prob:10.3f}\t{text}\n")

    reading = explanation.reading.text
    decoded = f", decoded {explanation.found!r}" if explanation.found != reading else ""
    console.info(f"reads {reading!r}{decoded}")
    if not explanation.matched:
        console.info("no text satisfies the constraint")
    console.info(f"{explanation.verdict}; see {explanation.picture}")
