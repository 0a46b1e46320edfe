"""``ocrx models``: every model by name, with its size, its cost, and what was published about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.config import load_config, recipe_names
from ocrx.errors import ConfigError
from ocrx.schema import closest
from ocrx.zoo.catalog import CATALOG, COSTS, Entry
from ocrx.zoo.sources import locate, obtain, remove


@dataclass(frozen=True)
class ModelRow:
    """One model. ``parameters`` and ``gmac`` (10^9 multiplications for one image of ``cost_size``) in inference form.

    ``place`` and ``location`` say where the weights would come from, see ``zoo.sources.locate``.
    ``published_mb``, ``published_accuracy`` (percent) and their ``source`` are what others measured on their own data.
    """

    name: str
    architecture: str
    script: str
    classes: int
    parameters: int
    gmac: float
    cost_size: str
    published_mb: float | None
    published_accuracy: float | None
    source: str
    weights: str
    licence: str
    place: str
    location: str

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to plain values.

        Returns:
            The fields, as JSON can hold them.
        """
        return asdict(self)


def run(contains: str = "") -> list[ModelRow]:
    """All recipes whose name holds ``contains`` (any case). Raises ConfigError if there is none.

    Args:
        contains: Part of the name.

    Returns:
        One row for each model.
    """
    names = [name for name in recipe_names() if contains.casefold() in name.casefold()]
    if not names:
        raise ConfigError(f"no model's name holds {contains!r}", hint="`ocrx models` lists all")
    return [_row(CATALOG.get(name) or Entry(name, "any", 97)) for name in names]


def download(names: Sequence[str]) -> list[tuple[str, Path]]:
    """Fetch models ahead of their use.

    Args:
        names: Models with official weights.

    Returns:
        Name and model folder in the cache of each.

    Raises:
        ConfigError: A name is not that of a model with official weights.
        ModelError: One cannot be had.
    """
    for name in names:
        if name not in CATALOG or not CATALOG[name].official:
            known = [entry.name for entry in CATALOG.values() if entry.official]
            hint = closest(name, known) or "see `ocrx models`"
            raise ConfigError(f"{name}: no model whose weights are fetched by name", hint=hint)
    return [(name, obtain(name)) for name in names]


def discard(names: Sequence[str]) -> list[str]:
    """Remove models from the cache; returns the names of those that were there.

    Args:
        names: Names of the models.

    Returns:
        The names.
    """
    return [name for name in names if remove(name)]


def _row(entry: Entry) -> ModelRow:
    parameters, gmac, size = COSTS.get(entry.name) or _computed(entry)
    location = locate(entry.name)

    return ModelRow(
        name=entry.name,
        architecture=load_config(entry.name).Model.architecture,
        script=entry.script,
        classes=entry.classes,
        parameters=parameters,
        gmac=gmac,
        cost_size=size,
        published_mb=entry.megabytes,
        published_accuracy=entry.accuracy,
        source=entry.source,
        weights=entry.weights,
        licence=entry.licence,
        place=location.place,
        location=location.detail,
    )


def _computed(entry: Entry) -> tuple[int, float, str]:
    # Only a recipe that the catalogue does not know needs torch.
    from ocrx.zoo.cost import cost_of

    cost = cost_of(entry.name, entry.classes)
    return cost.parameters, cost.gmac, cost.size
