"""``ocrx review``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import (
    BackendOption,
    ConfigOption,
    DataOption,
    DatasetArgument,
    DeviceOption,
    JsonOption,
    LangOption,
    ModelOption,
    Overrides,
    ThreadsOption,
    dataset_option,
)

if TYPE_CHECKING:
    from ocrx.config import Config
    from ocrx.modes.review import ReviewReport

PAGE = "Page"


def review(
    dataset_dir: DatasetArgument = None,
    data: DataOption = None,
    model: ModelOption = None,
    lang: LangOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.", rich_help_panel=PAGE)
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.", rich_help_panel=PAGE)
    ] = True,
    json: JsonOption = False,
    backend: BackendOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Check and correct labels in the browser, the most likely errors first, or label a folder of images."""
    options = {
        "Global.dataset_dir": dataset_option(dataset_dir, data),
        "Global.device": device,
        "Global.threads": threads,
        "Predict.model_dir": settings.model_of(model, lang),
        "Predict.backend": backend,
    }
    raise typer.Exit(run(settings.load(config, override, options), port, browser, json))


def run(config: Config, port: int, browser: bool, as_json: bool = False) -> int:
    """Serve the page until Ctrl-C, then show a summary.

    Args:
        config: The configuration.
        port: Port of the page.
        browser: Open the page in the browser.
        as_json: Write the report to stdout as one JSON document.

    Returns:
        The exit code.
    """
    from ocrx.modes import review as mode

    report = mode.run(config, console.info, port, browser)
    show(report)
    if as_json:
        console.write_json(report.to_dict())
    return 0


def show(report: ReviewReport) -> None:
    """Write the outcome of a review, and the next command, to stderr.

    Args:
        report: The outcome.
    """
    console.info(
        f"{report.accepted:,} of {report.lines:,} lines accepted ({report.corrected:,} corrected),"
        f" {report.unreadable:,} unreadable, {report.skipped:,} skipped, {report.open:,} open"
    )
    if report.files:
        shown = ", ".join(report.files[:4]) + (f" and {len(report.files) - 4} more" if len(report.files) > 4 else "")
        console.info(f"wrote {shown}; the originals are in the .bak files")
    if report.outside:
        console.info(f"changed by another program and left as they are: {', '.join(report.outside[:4])}")
    if report.accepted:
        console.info(f"train on them: ocrx train {report.root} -c fine_tune")
