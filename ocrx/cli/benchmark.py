"""``ocrx benchmark``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    RUNTIME,
    ConfigOption,
    DataOption,
    JsonOption,
    LangOption,
    ModelOption,
    OutputOption,
    Overrides,
)

if TYPE_CHECKING:
    from ocrx.modes.benchmark import BenchmarkReport

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045

HEAD = ("back end", "precision", "threads", "batch", "ms per line", "lines/s", "p50 ms", "p95 ms")
STAGES = ("read", "prepare", "network", "decode")


def benchmark(
    inputs: Annotated[Optional[list[str]], typer.Argument(help="Images to read, as for predict.")] = None,
    data: DataOption = None,
    model: ModelOption = None,
    lang: LangOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
    backend: Annotated[
        Optional[list[str]],
        typer.Option("--backend", help="Measure only this back end. Repeatable.", rich_help_panel=RUNTIME),
    ] = None,
    threads: Annotated[
        Optional[list[int]],
        typer.Option("--threads", help="Processor cores to use. Repeatable.", rich_help_panel=RUNTIME),
    ] = None,
    batch_size: Annotated[
        Optional[list[int]], typer.Option("--batch-size", help="Lines per batch. Repeatable.", rich_help_panel=RUNTIME)
    ] = None,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Save the fastest settings for `predict --hpip`.", rich_help_panel=RUNTIME),
    ] = False,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Measure latency and throughput on this machine, stage by stage."""
    options = {
        "Global.dataset_dir": data,
        "Global.output": output,
        "Predict.model_dir": settings.model_of(model, lang),
        "Benchmark.backends": backend or None,
        "Benchmark.threads": threads or None,
        "Benchmark.batch_sizes": batch_size or None,
        "Benchmark.tune": tune or None,
    }
    from ocrx.modes import benchmark as mode

    loaded = settings.load(config, override, options)
    if config:
        loaded = settings.with_trained_weights("predict", loaded, config)
    show(mode.run(loaded, console.info, inputs), json)


def show(report: BenchmarkReport, as_json: bool) -> None:
    """Write one row per measurement to stdout, the fastest first.

    Args:
        report: The measurements.
        as_json: Write one JSON document instead of rows.
    """
    if as_json:
        console.write_json(report.to_dict(), indent=2)
    else:
        console.write_rows((*HEAD, *STAGES, "MiB", "texts changed"), _rows(report))

    for reason in report.skipped:
        console.info(f"not measured: {reason}")
    if report.tuned is not None:
        tuned = report.tuned
        setting = f"{tuned.backend} {tuned.precision}, {tuned.threads} threads, batch {tuned.batch_size}"
        console.info(f"saved to {report.tuned_file}: {setting}; `ocrx predict --hpip` uses it")


def _rows(report: BenchmarkReport) -> list[list[str]]:
    rows = []
    for timing in report.timings:
        row = [timing.backend, timing.precision, str(timing.threads), str(timing.batch_size)]
        row += [f"{timing.ms_per_line:.2f}", f"{timing.lines_per_second:.0f}"]
        row += [f"{timing.p50_ms:.2f}", f"{timing.p95_ms:.2f}"]
        row += [f"{stage.ms_per_line:.2f}" for stage in timing.stages]
        rows.append([*row, f"{timing.memory_mib:.0f}", f"{timing.text_mismatch_rate:.2%}"])
    return rows
