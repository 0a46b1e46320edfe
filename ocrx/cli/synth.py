"""``ocrx synth``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console, settings
from ocrx.cli.options import OUTPUT, RUNTIME, SETTINGS, ConfigOption, Overrides

if TYPE_CHECKING:
    from ocrx.modes.synth import SynthReport

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045


def synth(
    output: Annotated[str, typer.Option("--output", help="New folder for the dataset.", rich_help_panel=OUTPUT)],
    count: Annotated[
        Optional[int], typer.Option("--count", min=1, help="Number of lines.", rich_help_panel=OUTPUT)
    ] = None,
    workers: Annotated[
        Optional[int], typer.Option("--workers", min=1, help="Processes.", rich_help_panel=RUNTIME)
    ] = None,
    seed: Annotated[
        Optional[int],
        typer.Option("--seed", help="The same seed gives the same lines.", rich_help_panel=SETTINGS),
    ] = None,
    config: ConfigOption = None,
    override: Overrides = None,
) -> None:
    """Render a dataset of synthetic lines."""
    from ocrx.modes import synth as mode

    options = {"Global.output": output, "Global.seed": seed, "Synth.count": count, "Synth.workers": workers}
    with console.progress("lines") as progress:
        report = mode.run(settings.load(config, override, options), progress)
    show(report)


def show(report: SynthReport) -> None:
    """Write what was rendered, and where the contact sheet is, to stderr.

    Args:
        report: The result.
    """
    lines = f"{report.train:,} training and {report.val:,} validation lines"
    faces = f"{report.characters} characters in {report.faces} faces"
    console.info(f"{lines} of {faces}; see {report.output / 'contact_sheet.png'}")
