"""``ocrx bulk``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
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
from ocrx.errors import ConfigError

if TYPE_CHECKING:
    from ocrx.modes.bulk import BulkReport

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045


def bulk(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Folder, pattern, @list.txt, CSV, JSONL or Parquet manifest, or tar shards; or `status`.",
        ),
    ],
    status_of: Annotated[
        Optional[str], typer.Argument(metavar="[DIR]", help="With `status`: the output of the job.")
    ] = None,
    image_column: Annotated[
        Optional[str],
        typer.Option(help="Column with paths or bytes of images. Default: image, path, ...", rich_help_panel=INPUT),
    ] = None,
    id_column: Annotated[
        Optional[str],
        typer.Option(help="Column with ids of lines. Default: id, else row numbers.", rich_help_panel=INPUT),
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
    effort: EffortOption = None,
    output: Annotated[
        Optional[str], typer.Option("--output", help="Folder for the output.", rich_help_panel=OUTPUT)
    ] = None,
    form: Annotated[str, typer.Option("--format", help="parquet, jsonl or csv.", rich_help_panel=OUTPUT)] = "parquet",
    shard_size: Annotated[
        int, typer.Option("--shard-size", min=1, help="Lines per part.", rich_help_panel=OUTPUT)
    ] = 2000,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Read failed lines again.", rich_help_panel=OUTPUT)
    ] = False,
    json: JsonOption = False,
    workers: Annotated[
        Optional[int],
        typer.Option("--workers", min=1, help="Processes. Default: one per core.", rich_help_panel=RUNTIME),
    ] = None,
    shard: Annotated[
        str, typer.Option("--shard", help="I/N: part I (from 0) of N, for arrays of jobs.", rich_help_panel=RUNTIME)
    ] = "0/1",
    ray: Annotated[
        Optional[str],
        typer.Option(
            "--ray", help="Read on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT.", rich_help_panel=RUNTIME
        ),
    ] = None,
    backend: BackendOption = None,
    precision: PrecisionOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    batch_size: BatchOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Read millions of lines, each exactly once; run the command again to continue after an interruption."""
    if source == "status" and status_of is not None:
        raise typer.Exit(_status(status_of, json))
    if status_of is not None:
        raise ConfigError(f"two inputs, {source} and {status_of}; expected one", hint="put a pattern into quotes")
    if output is None:
        raise ConfigError("--output: missing; expected a folder or an address for the result")

    from ocrx.config import config_from_options
    from ocrx.modes import bulk as mode

    options: dict[str, object] = {
        "Global.device": device,
        "Global.threads": threads,
        "Predict.model_dir": settings.model_of(model, lang),
        "Predict.batch_size": batch_size,
        "Predict.backend": backend,
        "Predict.precision": precision,
        **decode_options(context),
    }
    loaded = settings.load(config, override, options) if config or override else config_from_options(options)
    loaded = settings.with_trained_weights("predict", loaded, config) if config else loaded
    request = mode.BulkOptions(
        source=source,
        output=output,
        workers=workers,
        shard=_parse_shard(shard),
        ray=ray,
        shard_size=shard_size,
        form=form,
        retry_errors=retry_errors,
        image_column=image_column,
        id_column=id_column,
    )
    with console.progress("lines") as show_progress:
        report = mode.run(loaded, request, show_progress, console.info)
    raise typer.Exit(_show(report, output, json))


def _parse_shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise ConfigError(f"--shard: {text!r}; expected I/N, such as 0/8 for the first of eight")
    return int(index), int(count)


def _show(report: BulkReport, output: str, json: bool) -> int:
    """Say what was done; the exit code is 1 if lines are errors."""
    if json:
        console.write_json(report.to_dict())
    own = report.own
    rate = report.read / max(1e-9, report.seconds)
    console.info(
        f"{report.read:,} lines read in {report.seconds:.1f} s ({rate:,.0f}/s); {own.rows:,} are done in {output}"
    )
    if own.errors:
        console.fail(f"{output}: {own.errors:,} lines are errors (column `error`); `--retry-errors` reads them again")
    if report.total is None:
        console.info("other processes still have shards to read")
    else:
        console.info(f"complete: {report.total.rows:,} lines, digest {report.total.to_dict()['digest']}")
    return 1 if own.errors else 0


def _status(location: str, json: bool) -> int:
    from ocrx.modes.bulk import status

    with console.progress("parts") as show_progress:
        found = status(location, show_progress)
    if json:
        console.write_json(found.to_dict())
        return 0

    rows = [
        ("lines done", f"{found.done_rows:,} of {found.rows:,} ({found.done_rows / found.rows:.1%})"),
        ("parts done", f"{found.done_shards:,} of {found.shards:,}"),
        ("errors", f"{found.errors:,}"),
        ("lines per second", "-" if found.rate is None else f"{found.rate:,.0f}"),
        ("last part", "-" if found.idle_s is None else f"{_duration(found.idle_s)} ago"),
        ("remaining", "-" if found.remaining_s is None else _duration(found.remaining_s)),
        ("complete", "yes" if found.complete else "no"),
    ]
    console.write_rows(("", location), rows)
    return 0


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
