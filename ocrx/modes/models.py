"""``ocrx models``: lists every model with its size, cost and published figures; fetches and removes official ones."""

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
    """One model.

    Attributes:
        name: Its name.
        architecture: Name of the architecture.
        script: Script or languages that it reads.
        classes: Number of classes, the blank included.
        parameters: Number of weights in inference form.
        gmac: 10^9 multiplications for one image of ``cost_size``.
        cost_size: Height and width of that image, such as ``48x320``.
        published_mb: Published size in megabytes.
        published_accuracy: Published accuracy in percent, on the publisher's own data.
        source: Source of the published figures.
        weights: Where official weights are published.
        licence: Their licence.
        place: Where the weights would be read from, see ``zoo.sources.locate``.
        location: The folder or package of that place.
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
    """List models.

    Args:
        contains: Part of the name, in any case; '' lists all.

    Returns:
        One row for each model.

    Raises:
        ConfigError: No name contains it.
    """
    names = [name for name in recipe_names() if contains.casefold() in name.casefold()]
    if not names:
        raise ConfigError(f"no model's name contains {contains!r}", hint="`ocrx models` lists all")
    return [_row(CATALOG.get(name) or Entry(name, "any", 97)) for name in names]


def download(names: Sequence[str]) -> list[tuple[str, Path]]:
    """Fetch models into the cache.

    Args:
        names: Models with official weights.

    Returns:
        Name and cached model folder of each.

    Raises:
        ConfigError: A name is not that of a model with official weights.
        ModelError: A model cannot be fetched.
    """
    for name in names:
        if name not in CATALOG or not CATALOG[name].official:
            known = [entry.name for entry in CATALOG.values() if entry.official]
            hint = closest(name, known) or "see `ocrx models`"
            raise ConfigError(f"{name}: not a model with official weights", hint=hint)
    return [(name, obtain(name)) for name in names]


def discard(names: Sequence[str]) -> list[str]:
    """Remove models from the cache.

    Args:
        names: Names of the models.

    Returns:
        The names of those that were in the cache.
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
    # Loads torch, which only recipes outside the catalogue need.
    from ocrx.zoo.cost import cost_of

    cost = cost_of(entry.name, entry.classes)
    return cost.parameters, cost.gmac, cost.size
