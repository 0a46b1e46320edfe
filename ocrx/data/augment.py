"""Small changes to a prepared line that keep its text, drawn anew each epoch from the sample's own generator."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from ocrx.images import Pixels


def augment(pixels: Pixels, generator: np.random.Generator, strength: float, max_width: int) -> Pixels:
    """Vary geometry, sharpness and tone of uint8 [H, W] or [H, W, 3]; the height stays, the width stays within
    ``max_width``.

    ``strength`` from 0 (nothing) to 1 scales both how often and how much.
    """
    if strength <= 0:
        return pixels
    image = Image.fromarray(pixels)
    if generator.random() < 0.3 + 0.6 * strength:
        image = _warp(image, generator, strength, max_width)
    if generator.random() < 0.4 * strength:
        image = _soften(image, generator, strength)
    if generator.random() < 0.2 * strength:
        image = _stroke(image, generator)
    values = np.asarray(image)
    if generator.random() < 0.6 * strength:
        values = _tone(values, generator, strength)
    if generator.random() < 0.15 * strength:
        values = _compress(values, generator)
    return values


def _warp(image: Image.Image, generator: np.random.Generator, strength: float, max_width: int) -> Image.Image:
    """Scale along the line, shear, rotate and shift in one resampling; outside the line is its own paper."""
    width, height = image.size
    wide = int(np.clip(round(width * np.exp(generator.uniform(-0.15, 0.15) * strength)), 1, max_width))
    tall = np.exp(generator.uniform(-0.12, 0.12) * strength)
    shear = generator.uniform(-0.3, 0.3) * strength
    # A turn moves the ends of a long line by as much as those of a short one: bounded in pixels, not degrees.
    slope = generator.uniform(-0.08, 0.08) * strength * height / max(width, height)
    drop = generator.uniform(-0.06, 0.06) * strength * height
    centre_x, centre_y = width / 2, height / 2
    a, b = width / wide, shear
    d, e = slope, 1 / tall
    c = centre_x - a * wide / 2 - b * centre_y
    f = centre_y - d * wide / 2 - e * centre_y + drop
    return image.transform(
        (wide, height),
        Image.Transform.AFFINE,
        (a, b, c, d, e, f),
        resample=Image.Resampling.BILINEAR,
        fillcolor=_paper(image),
    )


def _paper(image: Image.Image) -> int | tuple[int, ...]:
    values = np.asarray(image)
    edge = np.concatenate([values[0], values[-1]])
    if values.ndim == 2:
        return int(np.median(edge))
    return tuple(int(v) for v in np.median(edge, axis=0))


def _soften(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Blur, or lose resolution by going through a smaller size."""
    if generator.random() < 0.5:
        return image.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 0.4 + 0.8 * strength)))
    factor = generator.uniform(1 - 0.5 * strength, 1)
    small = (max(1, round(image.width * factor)), max(8, round(image.height * factor)))
    return image.resize(small, Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BILINEAR)


def _stroke(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Half a pixel thicker or thinner strokes: the mean of the line and its minimum or maximum filter."""
    rank = ImageFilter.MinFilter(3) if generator.random() < 0.5 else ImageFilter.MaxFilter(3)
    return Image.blend(image, image.filter(rank), 0.5)


def _tone(values: Pixels, generator: np.random.Generator, strength: float) -> Pixels:
    """Contrast, brightness and noise."""
    gain = 1 + generator.uniform(-0.4, 0.3) * strength
    shift = generator.uniform(-40, 40) * strength
    changed = (values.astype(np.float32) - 128) * np.float32(gain) + np.float32(128 + shift)
    if generator.random() < 0.5:
        changed += generator.normal(0, 12 * strength, values.shape).astype(np.float32)
    result: Pixels = np.clip(changed, 0, 255).astype(np.uint8)
    return result


def _compress(values: Pixels, generator: np.random.Generator) -> Pixels:
    """JPEG artefacts."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=int(generator.integers(25, 75)))
    return np.array(Image.open(buffer), dtype=np.uint8)
