"""Photometric augmentation: each function takes a line, a generator and a strength from 0 to 1."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from ocrx.arrays import Floats, Pixels


def strokes(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Erode or dilate by half a pixel: average the line with its 3 x 3 minimum or maximum.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    pixels = np.asarray(image)
    # Two passes over three shifted views take a twentieth of the time of Pillow's rank filters.
    choose = np.minimum if generator.random() < 0.5 else np.maximum
    changed = np.pad(pixels, [(1, 1), (1, 1), (0, 0)][: pixels.ndim], mode="edge")
    changed = choose(choose(changed[:-2], changed[1:-1]), changed[2:])
    changed = choose(choose(changed[:, :-2], changed[:, 1:-1]), changed[:, 2:])
    return Image.blend(image, Image.fromarray(changed), 0.5)


def blur(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Blur with a Gaussian of 0.3 to 1.2 pixels.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    return image.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 0.4 + 0.8 * strength)))


def resolution(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Shrink to as little as half the size, and enlarge again.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    factor = generator.uniform(1 - 0.5 * strength, 1)
    small = (max(1, round(image.width * factor)), max(8, round(image.height * factor)))
    return image.resize(small, Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BILINEAR)


def contrast(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Change contrast and brightness.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    gain = 1 + generator.uniform(-0.4, 0.3) * strength
    shift = generator.uniform(-40, 40) * strength
    return _image((np.asarray(image, dtype=np.float32) - 128) * np.float32(gain) + np.float32(128 + shift))


def noise(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Add Gaussian noise with a standard deviation of 12 of 255 grey levels at strength 1.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    pixels = np.asarray(image)
    grain = generator.standard_normal(pixels.shape, dtype=np.float32)
    return _image(pixels + grain * np.float32(12 * strength))


def jpeg(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Compress as a JPEG file of low quality and decompress.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(generator.integers(25, 75)))
    return Image.open(buffer, formats=["JPEG"])


def _image(values: Floats) -> Image.Image:
    pixels: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)
