"""Counts the parameters and multiplications of a recipe's network, on the meta device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ocrx.config import Config, load_config
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import accepted_heights, build_model, frame_spec
from ocrx.models.necks import GlobalBlock

HEIGHT, WIDTH = 48, 320


@dataclass(frozen=True)
class Cost:
    """The cost of a network in inference form.

    Attributes:
        parameters: Number of weights.
        gmac: 10^9 multiply-accumulate operations for one image.
        size: Height and width of that image, such as ``48x320``.
    """

    parameters: int
    gmac: float
    size: str


def cost_of(recipe: str, classes: int) -> Cost:
    """Compute the cost of a recipe's network for an image of 48x320 pixels.

    Args:
        recipe: Name of the recipe.
        classes: Number of classes, the blank included.

    Returns:
        The cost; at the recipe's own height if the network does not accept a height of 48 or has a different number of
        parameters there.
    """
    config = load_config(recipe)
    accepted = accepted_heights(config.Model.architecture, config.Model.params)
    own = _cost_at(config, config.Image.height, classes)
    if config.Image.height == HEIGHT or HEIGHT not in accepted:
        return own
    usual = _cost_at(config, HEIGHT, classes)
    return usual if usual.parameters == own.parameters else own


def _cost_at(config: Config, height: int, classes: int) -> Cost:
    model, image = config.Model, config.Image
    shape = ImageSpec(height=height, order=image.order, min_width=WIDTH, mean=image.mean, std=image.std)
    frames = frame_spec(model.architecture, model.params, shape)
    charset = tuple(chr(0x10000 + i) for i in range(classes - 1))
    with torch.device("meta"):
        network = build_model(ModelSpec(model.architecture, model.params, charset, shape, frames)).eval()
        network = network.fuse()
        operations = multiplications(network, torch.empty(1, shape.channels, height, WIDTH))
    parameters = sum(p.numel() for p in network.parameters())
    return Cost(parameters, round(operations / 1e9, 2), f"{height}x{WIDTH}")


def multiplications(network: nn.Module, images: torch.Tensor) -> int:
    """Count the multiplications of convolutions, linear layers, LSTMs and attention, not the element-wise ones.

    Args:
        network: The network.
        images: float32 [N, C, H, W]; on the meta device nothing is computed.

    Returns:
        Multiplications for all N images.
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
