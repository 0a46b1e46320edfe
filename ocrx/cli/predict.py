"""``ocrx predict``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import settings
from ocrx.cli.options import (
    INPUT,
    OUTPUT,
    RUNTIME,
    AllowOption,
    BackendOption,
    BatchOption,
    BeamOption,
    ConfigOption,
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
    Overrides,
    PatternOption,
    PrecisionOption,
    ThreadsOption,
    decode_options,
)
from ocrx.cli.prediction import output_form, run
from ocrx.errors import ConfigError

if TYPE_CHECKING:
    from ocrx.config import Config

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045


def predict(
    context: typer.Context,
    inputs: Annotated[
        Optional[list[str]],
        typer.Argument(help="Images, folders, glob patterns, PDF files, URLs, @list.txt, or - for stdin."),
    ] = None,
    lines: Annotated[
        Optional[str],
        typer.Option(
            help="one: an image is a line; split: cut clean pages into lines; detect: find the lines of any page.",
            metavar="one|split|detect",
            rich_help_panel=INPUT,
        ),
    ] = None,
    orientation: Annotated[
        Optional[str],
        typer.Option(
            help="auto turns lines that are upside down. Default: auto with --lines detect.",
            metavar="none|auto",
            rich_help_panel=INPUT,
        ),
    ] = None,
    split_lines: Annotated[bool, typer.Option("--split-lines", hidden=True)] = False,
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
    effort: EffortOption = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Write one JSON object per line.", rich_help_panel=OUTPUT)
    ] = False,
    json: JsonOption = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Write comma-separated values with a header.", rich_help_panel=OUTPUT)
    ] = False,
    form: Annotated[
        Optional[str],
        typer.Option(
            "--format",
            help="Output format: tsv, csv, jsonl or json; for pages also text, page-json or hocr.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Add scores and spans of the characters.", rich_help_panel=OUTPUT)
    ] = False,
    min_score: Annotated[
        Optional[float], typer.Option(help="Omit lines with a lower score.", rich_help_panel=OUTPUT)
    ] = None,
    save_dir: Annotated[
        Optional[str],
        typer.Option(help="Write a JSON file and a picture of each line, or page, here.", rich_help_panel=OUTPUT),
    ] = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    batch_size: BatchOption = None,
    use_hpip: Annotated[
        bool,
        typer.Option("--hpip", help="Use the settings that `ocrx benchmark --tune` chose.", rich_help_panel=RUNTIME),
    ] = False,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Read lines of text from images."""
    options: dict[str, object] = {
        "Global.device": device,
        "Global.threads": threads,
        **settings.readers_of(model, lang),
        "Predict.batch_size": batch_size,
        "Predict.backend": backend,
        "Predict.precision": precision,
        "Predict.lines": _lines(lines, split_lines),
        "Predict.orientation": orientation,
        "Predict.min_score": min_score,
        "Predict.save_dir": save_dir,
        "Predict.use_hpip": use_hpip or None,
        **decode_options(context),
    }
    chosen = output_form(form, jsonl, json, csv)
    raise typer.Exit(run(_configuration(config, override, options), inputs, chosen, details))


def _configuration(config: str | None, override: Sequence[str] | None, options: dict[str, object]) -> Config:
    """The configuration; without ``-c`` and ``-o`` no YAML reader is loaded."""
    from ocrx.config import config_from_options

    if not config and not override:
        return config_from_options(options)
    loaded = settings.load(config, override, options)
    return settings.with_trained_weights("predict", loaded, config) if config else loaded


def _lines(lines: str | None, split_lines: bool) -> str | None:
    if split_lines and lines not in (None, "split"):
        raise ConfigError(
            f"--split-lines and --lines {lines}: expected one of them",
            hint="--split-lines is the former name of --lines split",
        )
    return "split" if split_lines else lines
