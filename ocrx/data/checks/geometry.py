"""What the checks need to know about a network, without loading it: its image size and number of frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.models import MODELS, frame_spec


@dataclass(frozen=True)
class Geometry:
    """The size of images after a model's preprocessing, and the number of frames they yield.

    Attributes:
        name: The model's name, for messages.
        image: Its preprocessing.
        frames: How its layers reduce the width.
    """

    name: str
    image: ImageSpec
    frames: FrameSpec

    @classmethod
    def of(cls, spec: ModelSpec) -> Geometry:
        """Derive the geometry from a model's description.

        Args:
            spec: The model's description.

        Returns:
            Its geometry.
        """
        return cls(spec.name or spec.architecture, spec.image, spec.frames)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Compute the size of an image after the model's rotation step, if it has one.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.

        Returns:
            Width and height in pixels.
        """
        tall = "rotate_tall" in self.image.steps and height >= 1.5 * width
        return (height, width) if tall else (width, height)

    def frame_count(self, width: int, height: int) -> int:
        """Compute the number of frames that an image yields.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.

        Returns:
            Number of frames.
        """
        resized = self.image.resized_width(*self.size(width, height))
        return self.frames.count(self.image.bucket_width(resized))


def recipe_geometry(name: str, architecture: str, params: Mapping[str, Any], image: ImageSpec) -> Geometry | None:
    """Derive the geometry from a recipe.

    Args:
        name: Name of the recipe.
        architecture: Name of the architecture.
        params: Its parameters.
        image: Its preprocessing.

    Returns:
        The geometry; None for an unknown architecture.

    Raises:
        ModelError: If the architecture does not accept these parameters or images.
    """
    if architecture not in MODELS:
        return None
    return Geometry(name, image, frame_spec(architecture, params, image))
