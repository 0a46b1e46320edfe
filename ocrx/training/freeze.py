"""Freezes parts of a network, so that training does not change them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ocrx.errors import ConfigError


def freeze(model: nn.Module, parts: Sequence[str]) -> int:
    """Freeze parts of a network.

    Args:
        model: The network, changed in place.
        parts: Names of modules or parameters as in the state dict, such as ``stem`` or ``blocks.0``.

    Returns:
        How many weights of the network are frozen.

    Raises:
        ConfigError: A part does not exist (the message lists those that do), or nothing is left to train.
    """
    for part in parts:
        inside = [p for name, p in model.named_parameters() if name == part or name.startswith(f"{part}.")]
        if not inside:
            raise ConfigError(
                f"Train.freeze: the network has no part {part!r}; expected some of {', '.join(_parts(model))}",
                hint="or a part of one of these, such as blocks.0",
            )
        for parameter in inside:
            parameter.requires_grad_(False)

    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)

    if parts and frozen == sum(p.numel() for p in model.parameters()):
        raise ConfigError(
            f"Train.freeze: {', '.join(parts)} are all parts of the network; expected at least one left to train"
        )

    return frozen


def train_mode(model: nn.Module) -> None:
    """Set training mode, except for frozen parts: their batch norms keep their statistics and they have no dropout.

    Args:
        model: The network.
    """
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            # On a GPU a recurrent layer in evaluation mode passes no gradient to the layers before it.
            module.train(isinstance(module, nn.RNNBase))


def _parts(model: nn.Module) -> list[str]:
    return [name for name, part in model.named_children() if next(part.parameters(), None) is not None]
