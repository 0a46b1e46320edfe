"""Specs of small networks and images for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import frame_spec


def spec_of(
    architecture: str,
    params: Mapping[str, Any],
    height: int = 32,
    order: str = "L",
    bucket: int = 32,
    characters: int = 10,
) -> ModelSpec:
    image = ImageSpec(height=height, order=order, bucket=bucket, min_width=64, max_width=bucket * 100)
    charset = tuple(chr(0x4E00 + i) for i in range(characters))
    return ModelSpec(architecture, params, charset, image, frame_spec(architecture, params, image))


def images_for(spec: ModelSpec, width: int, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(width)
    return torch.rand(count, spec.image.channels, spec.image.height, width, generator=generator) * 2 - 1
