"""``ocrx models``: every model by name, with its size, its cost, and what was published about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from ocrx.config import load_config, recipe_names
from ocrx.errors import ConfigError
from ocrx.models import MODELS, build_model, frame_spec
from ocrx.models.necks import GlobalBlock
from ocrx.models.params import parse_params
from ocrx.spec import ImageSpec, ModelSpec
from ocrx.zoo.catalog import CATALOG, Entry

COST_HEIGHT, COST_WIDTH = 48, 320


@dataclass(frozen=True)
class ModelRow:
    """One model. ``parameters`` and ``gmac`` (10^9 multiplications for one image of ``cost_size``) in inference form.

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

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(contains: str = "") -> list[ModelRow]:
    """All recipes whose name holds ``contains`` (any case). Raises ConfigError if there is none."""
    names = [name for name in recipe_names() if contains.casefold() in name.casefold()]
    if not names:
        raise ConfigError(f"no model's name holds {contains!r}", hint="`ocrx models` lists all")
    return [_row(CATALOG.get(name) or Entry(name, "any", 97)) for name in names]


def _row(entry: Entry) -> ModelRow:
    config = load_config(entry.name)
    model, image = config.Model, config.Image.spec()
    architecture = MODELS[model.architecture]
    accepted = architecture.heights(parse_params(architecture.params, model.params, entry.name))
    height = COST_HEIGHT if COST_HEIGHT in accepted else image.height
    shape = ImageSpec(height=height, order=image.order, min_width=COST_WIDTH, mean=image.mean, std=image.std)
    frames = frame_spec(model.architecture, model.params, shape)
    charset = tuple(chr(0x10000 + i) for i in range(entry.classes - 1))
    with torch.device("meta"):
        network = build_model(ModelSpec(model.architecture, model.params, charset, shape, frames)).eval()
        fuse = getattr(network, "fuse", None)
        network = fuse() if fuse is not None else network
        operations = multiplications(network, torch.empty(1, shape.channels, height, COST_WIDTH))
    return ModelRow(
        name=entry.name,
        architecture=model.architecture,
        script=entry.script,
        classes=entry.classes,
        parameters=sum(p.numel() for p in network.parameters()),
        gmac=round(operations / 1e9, 3),
        cost_size=f"{height}x{COST_WIDTH}",
        published_mb=entry.megabytes,
        published_accuracy=entry.accuracy,
        source=entry.source,
        weights=entry.weights,
    )


def multiplications(network: nn.Module, images: torch.Tensor) -> int:
    """Those of convolutions, linear layers, LSTMs and attention for ``images``; element-wise ones do not count.

    Works on the meta device, that is, without computing anything.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features
        elif isinstance(module, nn.LSTM):
            weights = sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight"))
            total += inputs[0].shape[0] * inputs[0].shape[1] * weights
        elif isinstance(module, GlobalBlock):
            rows, length, dims = inputs[0].shape
            total += 2 * rows * length * length * dims

    handles = [module.register_forward_hook(count) for module in network.modules()]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return total
