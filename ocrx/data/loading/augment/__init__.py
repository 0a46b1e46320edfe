"""Small changes to a resized line that keep its text, sampled in each epoch from the sample's own generator.

``geometric`` moves pixels, ``photometric`` changes their tones, ``concat`` joins two lines. All work on the resized
line with Pillow, except for the elastic bend; a line of 32 x 384 takes about a third of a millisecond at strength 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ocrx.arrays import Pixels
from ocrx.data.loading.augment import geometric, photometric
from ocrx.data.loading.augment.geometric import AffineLimits

Step = Callable[[Image.Image, np.random.Generator, float], Image.Image]

# How often at strength 1, and what; in the order in which a camera would do it.
STEPS: tuple[tuple[float, Step], ...] = (
    (0.2, geometric.crop_rows),
    (0.2, geometric.perspective),
    (0.2, geometric.elastic),
    (0.2, photometric.strokes),
    (0.2, photometric.blur),
    (0.2, photometric.resolution),
    (0.6, photometric.contrast),
    (0.3, photometric.noise),
    (0.15, photometric.jpeg),
)


@dataclass(frozen=True)
class Augmentation:
    """How much lines are changed.

    Attributes:
        strength: From 0 (nothing) to 1; scales both how often and how much.
        rotation: Largest angle in degrees; None follows the strength.
        shift: Largest vertical shift as a share of the height; None follows the strength.
        scale: Largest change of width and height as a share; None follows the strength.
    """

    strength: float = 0.5
    rotation: float | None = None
    shift: float | None = None
    scale: float | None = None

    @property
    def affine_probability(self) -> float:
        """How often a line is rotated, shifted and scaled."""
        given = (self.rotation, self.shift, self.scale)
        if any(value is not None for value in given):
            return 0.9
        return 0.3 + 0.6 * self.strength if self.strength > 0 else 0.0

    @property
    def limits(self) -> AffineLimits:
        """The settings of the affine transformation."""
        return AffineLimits(self.rotation, self.shift, self.scale)


NO_AUGMENTATION = Augmentation(0.0)
"""Leaves lines as they are."""


def augment(
    pixels: Pixels, generator: np.random.Generator, augmentation: Augmentation | float, max_width: int
) -> Pixels:
    """Vary geometry, sharpness and tone of a line.

    The result is a function of the arguments and of the generator's state alone.

    Args:
        pixels: uint8 [H, W] or [H, W, 3].
        generator: Source of the randomness.
        augmentation: How much to change; a number is the strength.
        max_width: Largest width of the result in pixels.

    Returns:
        The changed line, of the same height.
    """
    if not isinstance(augmentation, Augmentation):
        augmentation = Augmentation(augmentation)
    strength = augmentation.strength
    if augmentation.affine_probability <= 0:
        return pixels

    image = Image.fromarray(pixels)
    if generator.random() < augmentation.affine_probability:
        image = geometric.affine(image, generator, strength, max_width, augmentation.limits)
    for chance, step in STEPS:
        if generator.random() < chance * strength:
            image = step(image, generator, strength)
    return np.asarray(image)
