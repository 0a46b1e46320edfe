"""The networks of recipes with few classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ocrx.config import load_config
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model, frame_spec

CHARACTERS = tuple("abcdefghijk")


def network_of(recipe: str, **changes: Any) -> tuple[nn.Module, ModelSpec]:
    """The recipe's network with few classes and statistics that a wrong fusion would show."""
    config = load_config(recipe)
    params = {**config.Model.params, **changes}
    image = config.Image
    frames = frame_spec(config.Model.architecture, params, image)
    spec = ModelSpec(config.Model.architecture, params, (*CHARACTERS, " "), image, frames)
    torch.manual_seed(0)
    model = build_model(spec)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var") or (value.ndim == 1 and name.endswith(("weight", "scale"))):
                value.uniform_(0.7, 1.3)
            elif name.endswith(("running_mean", "bias")):
                value.uniform_(-0.2, 0.2)
    return model.eval(), spec
