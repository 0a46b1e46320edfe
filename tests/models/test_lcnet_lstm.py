"""The activation of the embedded model's network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ocrx.errors import OcrxError
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import build_model, frame_spec

SMALL: dict[str, Any] = {"channels": [16, 24, 32], "depths": [1, 1, 1], "hidden": 8}


def spec_of(**params: Any) -> ModelSpec:
    image, values = ImageSpec(height=32), {**SMALL, **params}
    return ModelSpec("lcnet_lstm", values, tuple("abc"), image, frame_spec("lcnet_lstm", values, image), "small")


def activations(model: nn.Module) -> set[type[nn.Module]]:
    return {type(module) for module in model.modules() if isinstance(module, nn.GELU | nn.ReLU)}


@pytest.mark.parametrize(
    ("params", "expected"), [({}, {nn.GELU}), ({"activation": "gelu"}, {nn.GELU}), ({"activation": "relu"}, {nn.ReLU})]
)
def test_one_activation_is_used_throughout(params: dict[str, Any], expected: set[type[nn.Module]]) -> None:
    model = build_model(spec_of(**params))
    assert activations(model) == expected
    assert activations(model.fuse()) == expected


def test_weights_of_one_activation_initialise_the_other() -> None:
    gelu, relu = build_model(spec_of()), build_model(spec_of(activation="relu"))
    relu.load_state_dict(gelu.state_dict())
    images = torch.rand(1, 1, 32, 64)
    assert not torch.allclose(gelu.eval()(images), relu.eval()(images))


def test_another_activation_is_refused() -> None:
    with pytest.raises(OcrxError, match="activation"):
        build_model(spec_of(activation="swish"))
