"""What the dataset rules need of a network, known without loading it: image size and frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ocrx.spec import FrameSpec, ImageSpec, ModelSpec

_Layers = tuple[tuple[int, int, int], ...]


def _lcnetv4(params: Mapping[str, Any]) -> _Layers:
    return ((3, 2, 1), (3, 2, 1), *(((2, 2, 0),) if params.get("width_stride", 4) == 8 else ()))


def _cnn_bilstm(params: Mapping[str, Any]) -> _Layers:
    return ((2, 2, 0), (2, 2, 0), (2, 2, 0), (7, 1, 0))


# Said again here because the networks import torch, and the checker must not; a test holds both equal.
LAYERS: Mapping[str, Callable[[Mapping[str, Any]], _Layers]] = MappingProxyType(
    {"lcnetv4": _lcnetv4, "cnn_bilstm": _cnn_bilstm}
)


@dataclass(frozen=True)
class Geometry:
    """How large images become and how many frames a width gives; ``name`` is the model's, for messages."""

    name: str
    image: ImageSpec
    frames: FrameSpec

    @classmethod
    def of(cls, spec: ModelSpec) -> Geometry:
        return cls(spec.name or spec.architecture, spec.image, spec.frames)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height in pixels as the model's steps turn the image."""
        tall = "rotate_tall" in self.image.steps and height >= 1.5 * width
        return (height, width) if tall else (width, height)

    def frame_count(self, width: int, height: int) -> int:
        """Frames for an image of ``width`` x ``height`` pixels."""
        resized = self.image.resized_width(*self.size(width, height))
        return self.frames.count(self.image.bucket_width(resized))


def geometry(name: str, architecture: str, params: Mapping[str, Any], image: ImageSpec) -> Geometry | None:
    """The geometry of a recipe; None for an architecture that is not in ``LAYERS``."""
    layers = LAYERS.get(architecture)
    return Geometry(name, image, FrameSpec(layers(params))) if layers else None
