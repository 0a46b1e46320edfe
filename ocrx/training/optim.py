"""Optimizers, learning rate schedules and the exponential moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ocrx.config import TrainConfig

ONE_CYCLE_START = 1 / 25  # of the highest learning rate; all three as in torch's OneCycleLR
ONE_CYCLE_END = 1e-4  # of the start
ONE_CYCLE_WARM = 0.3


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Build the optimizer that ``Train.optimizer`` names.

    Weight decay is decoupled in adamw and part of the gradient in the others; it never applies to one-dimensional
    parameters, such as biases and those of norms. Adadelta expects a learning rate of about 1.

    Args:
        model: The network; frozen parameters are left out.
        config: The section ``Train``.

    Returns:
        The optimizer, at the highest learning rate.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.98), fused=True)
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=config.rate, betas=(0.9, 0.98), fused=True)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.rate, momentum=config.momentum)

    return torch.optim.Adadelta(groups, lr=config.rate)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameter groups.

    Args:
        optimizer: The optimizer.
        rate: The learning rate.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a saved state, but keep the settings of the optimizer, which may have changed since.

    Each tensor gets the memory layout of its parameter, which fused optimizers require.

    Args:
        optimizer: The optimizer.
        state: The state that an optimizer of the same kind saved.
    """
    own = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, settings in zip(optimizer.param_groups, own, strict=True):
        group.update(settings)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter).copy_(value)


def warmup_fraction(config: TrainConfig, steps: int) -> float:
    """Compute the fraction of a training in which the learning rate rises.

    Args:
        config: The section ``Train``.
        steps: Updates of the whole training.

    Returns:
        From 0 to 1; 0 where ``Train.warmup_steps`` sets the warm-up instead, see ``warm_up``.
    """
    if config.warmup_steps is not None:
        return 0.0
    if config.schedule == "one_cycle":
        return ONE_CYCLE_WARM
    return min(0.5, max(1, round(0.05 * steps)) / steps)


def warm_up(config: TrainConfig, step: int) -> float:
    """Compute the factor of the learning rate during a warm-up of ``Train.warmup_steps`` updates.

    Args:
        config: The section ``Train``.
        step: Number of the update, from 0.

    Returns:
        From 0 to 1; 1 without ``Train.warmup_steps``.
    """
    return min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0


def cosine(done: float, warm: float) -> float:
    """Linear warm-up, then half a cosine down to zero.

    Args:
        done: Completed fraction of the training, 0 to 1.
        warm: Fraction of the training that is warm-up, 0 to 1.

    Returns:
        Factor of the highest learning rate, 0 to 1.
    """
    if done < warm:
        return done / warm
    return cosine_interpolate(1.0, 0.0, (done - warm) / max(1e-9, 1 - warm))


def one_cycle(done: float, warm: float) -> float:
    """Half a cosine from 1/25 up to 1, then half a cosine down to almost zero (Smith & Topin 2018).

    Args:
        done: Completed fraction of the training, 0 to 1.
        warm: Fraction of the training that is warm-up, 0 to 1.

    Returns:
        Factor of the highest learning rate, 0 to 1.
    """
    if done < warm:
        return cosine_interpolate(ONE_CYCLE_START, 1.0, done / warm)
    return cosine_interpolate(1.0, ONE_CYCLE_START * ONE_CYCLE_END, (done - warm) / max(1e-9, 1 - warm))


def constant(done: float, warm: float) -> float:
    """Linear warm-up, then constant.

    Args:
        done: Completed fraction of the training, 0 to 1.
        warm: Fraction of the training that is warm-up, 0 to 1.

    Returns:
        Factor of the highest learning rate, 0 to 1.
    """
    return done / warm if done < warm else 1.0


SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "cosine": cosine,
    "one_cycle": one_cycle,
    "constant": constant,
}
"""Factor of the highest learning rate, from the completed fraction of the training and the warm-up fraction."""


def cosine_interpolate(start: float, end: float, share: float) -> float:
    """Interpolate along half a cosine.

    Args:
        start: Value at 0.
        end: Value at 1 and beyond.
        share: Position between them.

    Returns:
        The value.
    """
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


class ExponentialMovingAverage:
    """Exponential moving average of weights and batch statistics, held in a copy of the model.

    After n updates the decay is min(decay, (1 + n) / (10 + n)): the average follows the weights faster at the start, so
    that short trainings benefit too.
    """

    def __init__(self, model: nn.Module, average: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.average = average
        self.average.load_state_dict(model.state_dict())
        self.average.eval().requires_grad_(False)
        self._pairs = list(zip(average.state_dict().values(), model.state_dict().values(), strict=True))

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the current weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mean, value in self._pairs:
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
