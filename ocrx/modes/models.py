"""``ocrx models``: lists every model with its size, cost and published figures; fetches and removes official ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.config import load_config, recipe_names
from ocrx.errors import ConfigError, ModelError
from ocrx.model_folder import read_spec
from ocrx.schema import closest
from ocrx.zoo.catalog import CATALOG, COSTS, LATENCIES, Entry
from ocrx.zoo.sources import Location, locate, obtain, remove


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
        source: Source of the published accuracy, and what it was measured on.
        published_gpu_ms: Published latency on a Tesla T4, in normal and high-performance mode.
        published_cpu_ms: Published latency on eight threads of a Xeon Gold 6271C, in normal and high-performance mode.
        weights: Where official weights are published.
        licence: Their licence.
        place: Where the weights would be read from, see ``zoo.sources.locate``.
        location: The folder or package of that place, or the hub's repository.
        download_mb: Size of a download, estimated from the parameters if none was published.
        calibrated: Whether results have a confidence; None if there are no weights.
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
    published_gpu_ms: tuple[float, float] | None
    published_cpu_ms: tuple[float, float] | None
    weights: str
    licence: str
    place: str
    location: str
    download_mb: float | None
    calibrated: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields.
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
    location, latency = locate(entry.name), LATENCIES.get(entry.name)

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
        published_gpu_ms=latency.gpu if latency else None,
        published_cpu_ms=latency.cpu if latency else None,
        weights=entry.weights,
        licence=entry.licence,
        place=location.place,
        location=location.detail,
        download_mb=entry.download_megabytes if location.place == "download" else None,
        calibrated=_is_calibrated(location),
    )


def _is_calibrated(location: Location) -> bool | None:
    """Whether a model's folder holds a calibration. Official weights come without one."""
    if location.place == "training only":
        return None
    if location.place not in ("embedded", "cached"):
        return False
    try:
        return read_spec(Path(location.detail)).calibration is not None
    except ModelError:
        return False  # the list of models is no place to report a damaged one


def _computed(entry: Entry) -> tuple[int, float, str]:
    # Loads torch, which only recipes outside the catalogue need.
    from ocrx.zoo.cost import cost_of

    cost = cost_of(entry.name, entry.classes)
    return cost.parameters, cost.gmac, cost.size
