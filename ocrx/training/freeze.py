"""Parts of a network that a training leaves as they are."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ocrx.errors import ConfigError


def freeze(model: nn.Module, parts: Sequence[str]) -> int:
    """Take the parameters of ``parts`` out of the training; returns how many numbers that leaves as they are.

    A part is a module's name or a parameter's, as in the state dict: ``stem``, ``blocks.0``. Raises ConfigError that
    lists the parts where none has such a name, or where nothing is left to train.

    Args:
        model: The network.
        parts: Names of modules or parameters.

    Returns:
        How many numbers are frozen.
    """
    for part in parts:
        inside = [p for name, p in model.named_parameters() if name == part or name.startswith(f"{part}.")]
        if not inside:
            raise ConfigError(
                f"Train.freeze: the network has no part {part!r}; expected some of {', '.join(_parts(model))}",
                hint="or a part of a part, e.g. blocks.0",
            )
        for parameter in inside:
            parameter.requires_grad_(False)

    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)

    if parts and frozen == sum(p.numel() for p in model.parameters()):
        raise ConfigError(
            f"Train.freeze: {', '.join(parts)} are all parts of the network; expected one that is left to train"
        )

    return frozen


def train_mode(model: nn.Module) -> None:
    """Training mode, except for frozen parts: their batch norms keep their statistics, and nothing is dropped.

    Args:
        model: The network.
    """
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            # A recurrent layer on a GPU gives gradients to what is before it in training mode only.
            module.train(isinstance(module, nn.RNNBase))


def _parts(model: nn.Module) -> list[str]:
    return [name for name, part in model.named_children() if next(part.parameters(), None) is not None]
