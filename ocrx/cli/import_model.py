"""``ocrx import``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console
from ocrx.cli.options import INPUT, OUTPUT

if TYPE_CHECKING:
    from ocrx.modes.import_model import ImportReport

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045


def import_model(
    source: Annotated[str, typer.Argument(help="Weight file, .tar archive, folder, hub id, URL, or model name.")],
    output: Annotated[str, typer.Option("--output", help="New model folder.", rich_help_panel=OUTPUT)],
    model: Annotated[
        Optional[str],
        typer.Option("--model", help="Name of the model; detected by default.", rich_help_panel=INPUT),
    ] = None,
    charset: Annotated[
        Optional[str],
        typer.Option("--charset", help="Dictionary file, one character per line.", rich_help_panel=INPUT),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing model folder.", rich_help_panel=OUTPUT)
    ] = False,
) -> None:
    """Convert official weights into a model folder that every command accepts."""
    from ocrx.modes import import_model as mode

    show(mode.run(source, output, name=model, charset=charset, overwrite=overwrite))


def show(report: ImportReport) -> None:
    """Write the folder's path to stdout, and a summary to stderr.

    Args:
        report: The result of the import.
    """
    sys.stdout.write(f"{report.output}\n")
    sys.stdout.flush()
    parameters = f"{report.parameters / 1e6:.2f} M parameters"
    console.info(f"{report.name}: {parameters}, {report.classes} classes, every tensor used")
    for line in report.notes:
        console.info(line)
    if report.difference is not None:
        console.info(f"largest difference of a probability from the original: {report.difference:.1e}")
    console.info(f"read with it: ocrx predict IMAGE --model {report.output}")
