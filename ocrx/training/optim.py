"""The optimizer, its schedule and the average of weights."""

from __future__ import annotations

import math

import torch
from torch import nn


def build_optimizer(model: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW without decay on biases, normalisation and other one-dimensional parameters."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=learning_rate, betas=(0.9, 0.98), fused=True)


def learning_rate_factor(done: float, warm: float) -> float:
    """Linear warm-up over the share ``warm`` of the training, then cosine to zero; ``done`` from 0 to 1."""
    if done < warm:
        return done / warm
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm) / max(1e-9, 1 - warm))))


class WeightAverage:
    """Exponential moving average of weights and batch statistics, held in a copy of the model.

    The decay starts low, min(decay, (1 + n) / (10 + n)) after n steps, so that short trainings profit too.
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
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mean, value in self._pairs:
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
