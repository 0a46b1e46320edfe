"""What the checks need to know of a network without loading it: image size and frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.models import MODELS, frame_spec


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
        The geometry; None for an unknown architecture.

    Raises:
        ModelError: If the architecture takes no such parameters or images.
    """
    if architecture not in MODELS:
        return None
    return Geometry(name, image, frame_spec(architecture, params, image))
