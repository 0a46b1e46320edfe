"""``ocrx models``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ocrx.cli import console
from ocrx.cli.options import JsonOption
from ocrx.files import to_json

if TYPE_CHECKING:
    from ocrx.modes.models import ModelRow

HEAD = ("name", "script", "classes", "parameters", "GMAC", "at", "published MB", "published accuracy", "source")


def models(
    contains: Annotated[str, typer.Argument(help="List only names that contain this.")] = "",
    json: JsonOption = False,
) -> None:
    """List all models by name: size, cost, published figures, official weights."""
    from ocrx.modes import models as mode

    show(mode.run(contains), json)


def show(rows: Sequence[ModelRow], as_json: bool) -> None:
    """Write one row a model to stdout.

    Args:
        rows: The models.
        as_json: Write one JSON document instead of rows.
    """
    if as_json:
        sys.stdout.write(to_json([row.to_dict() for row in rows], indent=2) + "\n")
        sys.stdout.flush()
        return
    console.write_rows((*HEAD, "official weights"), [_cells(row) for row in rows])


def _cells(row: ModelRow) -> tuple[str, ...]:
    cost = (f"{row.parameters / 1e6:.2f} M", f"{row.gmac:.2f}", row.cost_size)
    published = (f"{row.published_mb or ''}", f"{row.published_accuracy or ''}", row.source)
    return (row.name, row.script, str(row.classes), *cost, *published, row.weights)
