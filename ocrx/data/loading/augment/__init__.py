"""Small random changes to a resized line that keep its text readable.

``geometric`` moves pixels, ``photometric`` changes their values, ``concat`` joins two lines. All but the elastic
deformation use Pillow; at strength 0.5 a line of 32 x 384 pixels takes about a third of a millisecond.
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

# Probability at strength 1, and the step; in the order of image formation in a camera.
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
        strength: From 0 (nothing) to 1; scales both the probability and the size of every change.
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
        """Probability that a line is rotated, shifted and scaled."""
        given = (self.rotation, self.shift, self.scale)
        if any(value is not None for value in given):
            return 0.9
        return 0.3 + 0.6 * self.strength if self.strength > 0 else 0.0

    @property
    def limits(self) -> AffineLimits:
        """The settings of the affine transformation."""
        return AffineLimits(self.rotation, self.shift, self.scale)


NO_AUGMENTATION = Augmentation(0.0)
"""Changes nothing."""


def augment(
    pixels: Pixels, generator: np.random.Generator, augmentation: Augmentation | float, max_width: int
) -> Pixels:
    """Change geometry, sharpness and tone of a line at random.

    The result depends on the arguments and the state of the generator only.

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
