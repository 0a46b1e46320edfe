"""``ocrx models`` and ``ocrx import``."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

# Typer reads annotations at run time and wants typing.Optional on Python 3.10.
# ruff: noqa: UP045


def models(
    contains: Annotated[str, typer.Argument(help="Only names that hold this.")] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """List the models by name: size, cost, published figures, official weights."""
    from ocrx.cli import console
    from ocrx.modes import models as mode

    console.show_models(mode.run(contains), json)


def import_model(
    source: Annotated[str, typer.Argument(help="An .onnx, .pdparams, .pth or .safetensors file, a folder, a hub id.")],
    output: Annotated[str, typer.Option("--output", help="New model folder.")],
    model: Annotated[Optional[str], typer.Option("--model", help="Whose weights they are; default: find out.")] = None,
    charset: Annotated[Optional[str], typer.Option("--charset", help="Dictionary: one character a line.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model folder.")] = False,
) -> None:
    """Read official weights into a model folder that predict, evaluate, export and train take."""
    from ocrx.cli import console
    from ocrx.modes import import_model as mode

    console.show_import(mode.run(source, output, name=model, charset=charset, overwrite=overwrite))
