"""What the checks need to know of a network without loading it: image size and frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

_Layers = tuple[tuple[int, int, int], ...]
"""Kernel, stride and padding along the width."""

_HALVED_TWICE: _Layers = ((3, 2, 1), (3, 2, 1))
_HALVED_THRICE: _Layers = (*_HALVED_TWICE, (2, 2, 0))


def _lcnetv4(params: Mapping[str, Any]) -> _Layers:
    return _HALVED_THRICE if params.get("width_stride", 4) == 8 else _HALVED_TWICE


def _fixed(*layers: tuple[int, int, int]) -> Callable[[Mapping[str, Any]], _Layers]:
    return lambda params: layers


# A copy of what the networks know: they import torch, and the checks must not. A test compares the two.
LAYERS: Mapping[str, Callable[[Mapping[str, Any]], _Layers]] = MappingProxyType(
    {
        "cnn_bilstm": _fixed((2, 2, 0), (2, 2, 0), (2, 2, 0), (7, 1, 0)),
        "crnn": _fixed((2, 2, 0), (2, 2, 0), (2, 1, 0)),
        "hgnet": _fixed(*_HALVED_THRICE),
        "hgnetv2": _fixed(*_HALVED_THRICE),
        "lcnet_lstm": _fixed(*_HALVED_TWICE),
        "lcnetv3": _fixed(*_HALVED_THRICE),
        "lcnetv4": _lcnetv4,
        "repsvtr": _fixed(*_HALVED_THRICE),
        "resnet_bilstm": _fixed((7, 2, 3), (3, 2, 1)),
        "svtr_lcnet": _fixed((3, 2, 1), (5, 2, 2), (2, 2, 0)),
        "svtrv2": _fixed(*_HALVED_TWICE),
        "svtrv2_ch": _fixed(*_HALVED_THRICE),
    }
)


@dataclass(frozen=True)
class Geometry:
    """How large images become for a model, and how many frames they give.

    Attributes:
        name: The model's name, for messages.
        image: How it prepares images.
        frames: How its layers reduce the width.
    """

    name: str
    image: ImageSpec
    frames: FrameSpec

    @classmethod
    def of(cls, spec: ModelSpec) -> Geometry:
        """Take the geometry from a model.

        Args:
            spec: The model's description.

        Returns:
            Its geometry.
        """
        return cls(spec.name or spec.architecture, spec.image, spec.frames)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Rotate a size as the model's steps rotate the image.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.

        Returns:
            Width and height in pixels as the model sees them.
        """
        tall = "rotate_tall" in self.image.steps and height >= 1.5 * width
        return (height, width) if tall else (width, height)

    def frame_count(self, width: int, height: int) -> int:
        """Count the frames that an image gives.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.

        Returns:
            Number of frames.
        """
        resized = self.image.resized_width(*self.size(width, height))
        return self.frames.count(self.image.bucket_width(resized))


def recipe_geometry(name: str, architecture: str, params: Mapping[str, Any], image: ImageSpec) -> Geometry | None:
    """Take the geometry from a recipe.

    Args:
        name: Name of the recipe.
        architecture: Name of the network.
        params: Its parameters.
        image: How images are prepared.

    Returns:
        The geometry; None for an architecture that is not in ``LAYERS``.
    """
    layers = LAYERS.get(architecture)
    return Geometry(name, image, FrameSpec(layers(params))) if layers else None
