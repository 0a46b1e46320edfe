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

HEAD = (
    *("name", "from", "script", "classes", "parameters", "GMAC", "at", "confidence"),
    *("published MB", "published GPU ms", "published CPU ms", "published accuracy", "source", "official weights"),
)


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
    console.write_rows(HEAD, [_cells(row) for row in rows])
    if any(row.calibrated is False for row in rows):
        console.info(
            "confidence no: the model has no calibration of its own; "
            "`ocrx evaluate DATASET --model NAME --calibrate` fits one"
        )


def _cells(row: ModelRow) -> tuple[str, ...]:
    cost = (f"{row.parameters / 1e6:.2f} M", f"{row.gmac:.2f}", row.cost_size)
    confidence = {True: "yes", False: "no", None: ""}[row.calibrated]
    published = (
        f"{row.published_mb or ''}",
        _milliseconds(row.published_gpu_ms),
        _milliseconds(row.published_cpu_ms),
        f"{row.published_accuracy or ''}",
    )
    return (
        *(row.name, _place(row), row.script, str(row.classes)),
        *(*cost, confidence, *published, row.source, row.weights),
    )


def _milliseconds(latency: tuple[float, float] | None) -> str:
    """Published latencies in PaddleX's two modes."""
    return "" if latency is None else f"{latency[0]:g} / {latency[1]:g}"


def _place(row: ModelRow) -> str:
    """The place that a model would be read from, in a few words."""
    if row.place == "wheel":
        return f"wheel {row.location}"
    if row.place == "download":
        return f"download of {row.download_mb:g} MB" if row.download_mb else "download"
    return row.place
