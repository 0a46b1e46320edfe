"""Small changes to a prepared line that keep its text, drawn anew each epoch from the sample's own generator.

``shape`` moves pixels, ``look`` changes their tones, ``join`` puts two lines behind each other, ``sheet`` draws what
comes of it. All work on the resized line, on Pillow except for one bend; a line of 32 x 384 takes about a third of a
millisecond at strength 0.5.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from ocrx.arrays import Pixels
from ocrx.data.loading.augment import geometric as shape
from ocrx.data.loading.augment import photometric as look

Step = Callable[[Image.Image, np.random.Generator, float], Image.Image]

# How often at strength 1, and what; in the order in which a camera would do it.
STEPS: tuple[tuple[float, Step], ...] = (
    (0.2, shape.crop_rows),
    (0.2, shape.perspective),
    (0.2, shape.elastic),
    (0.2, look.strokes),
    (0.2, look.blur),
    (0.2, look.resolution),
    (0.6, look.contrast),
    (0.3, look.noise),
    (0.15, look.jpeg),
)


def augment(pixels: Pixels, generator: np.random.Generator, strength: float, max_width: int) -> Pixels:
    """Vary geometry, sharpness and tone of uint8 [H, W] or [H, W, 3]; the height stays, the width stays within
    ``max_width``.

    ``strength`` from 0 (nothing) to 1 scales both how often and how much. The result is a function of the arguments
    and of the generator's state alone.
    """
    if strength <= 0:
        return pixels
    image = Image.fromarray(pixels)
    if generator.random() < 0.3 + 0.6 * strength:
        image = shape.affine(image, generator, strength, max_width)
    for chance, step in STEPS:
        if generator.random() < chance * strength:
            image = step(image, generator, strength)
    return np.asarray(image)
