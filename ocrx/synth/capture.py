"""Degradations of a printed line by scanner and camera: shadows, perspective, blur, low resolution, JPEG."""

from __future__ import annotations

import io
from random import Random

import numpy as np
from PIL import Image, ImageFilter

from ocrx.arrays import Float64s
from ocrx.synth.render import Box

_DOWN = (Image.Resampling.BILINEAR, Image.Resampling.NEAREST, Image.Resampling.BOX, Image.Resampling.BICUBIC)


def edge_bar(image: Image.Image, rng: Random) -> Image.Image:
    """A translucent bar along the left or right side: the coloured edge of a form, or the shadow of a margin.

    Args:
        image: The image.
        rng: Source of randomness.

    Returns:
        The image with the bar.
    """
    pixels = np.asarray(image).astype(np.float32)
    reach = max(1, round(image.height * rng.uniform(0.1, 0.8)))
    tone = [rng.uniform(0.3, 1) for _ in range(3)] if image.mode == "RGB" else rng.uniform(0.3, 0.85)
    columns = slice(None, reach) if rng.random() < 0.7 else slice(-reach, None)
    pixels[:, columns] *= np.asarray(tone, dtype=np.float32)
    return Image.fromarray(pixels.astype(np.uint8))


def motion_blur(image: Image.Image, rng: Random) -> Image.Image:
    """Motion blur: the mean of the image and a shifted copy.

    Args:
        image: The image.
        rng: Source of randomness.

    Returns:
        The blurred image.
    """
    dx, dy = rng.choice(((1, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1)))
    moved = image.transform(image.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy), Image.Resampling.NEAREST)
    return Image.blend(image, moved, 0.5)


def low_resolution(image: Image.Image, rng: Random, least: int) -> Image.Image:
    """Downsample and upsample again, as after a low-resolution scan.

    Args:
        image: The image.
        rng: Source of randomness.
        least: Lowest height in pixels to go down to.

    Returns:
        The image at its old size.
    """
    factor = max(rng.uniform(0.4, 0.85), least / image.height)
    if factor >= 1:
        return image
    small = (max(4, round(image.width * factor)), max(6, round(image.height * factor)))
    down = rng.choice(_DOWN)
    up = rng.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST))
    shrunk = image.resize(small, down)
    return shrunk if rng.random() < 0.4 else shrunk.resize(image.size, up)


def sharpen(image: Image.Image, rng: Random) -> Image.Image:
    """Sharpen as scanners do, with light halos.

    Args:
        image: The image.
        rng: Source of randomness.

    Returns:
        The sharpened image.
    """
    return image.filter(ImageFilter.UnsharpMask(rng.uniform(0.8, 2.5), rng.randint(60, 260), 0))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Compress as JPEG and decode again.

    Args:
        image: The image.
        quality: JPEG quality, 1 to 95.

    Returns:
        The decoded image.
    """
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer, formats=["JPEG"])


def perspective(
    image: Image.Image, boxes: tuple[Box, ...], rng: Random, amount: float
) -> tuple[Image.Image, tuple[Box, ...]]:
    """Apply a mild perspective to the image and to the boxes.

    Args:
        image: The image.
        boxes: Left, top, right and bottom of each character in pixels.
        rng: Source of randomness.
        amount: Strength, 0 to 1.

    Returns:
        The image and the moved boxes.
    """
    width, height = image.size
    reach_x, reach_y = amount * height * 0.35, amount * height * 0.2
    rows, right = [], []

    for x, y in ((0, 0), (width, 0), (width, height), (0, height)):
        # more outwards than inwards, so that the text stays inside the image
        u = x + rng.uniform(-0.1, 1) * reach_x * (1 if x else -1)
        v = y + rng.uniform(-0.1, 1) * reach_y * (1 if y else -1)
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]

    coefficients = tuple(np.linalg.solve(np.array(rows), np.array(right)).tolist())
    back = np.linalg.inv(np.array([*coefficients, 1.0]).reshape(3, 3))
    pixels = np.asarray(image)
    mean = pixels.reshape(-1, 3).mean(0).tolist() if pixels.ndim == 3 else [float(pixels.mean())]
    fill = tuple(int(value) for value in mean)
    bent = image.transform(
        image.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR, fillcolor=fill
    )
    return bent, tuple(_bent_box(box, back) for box in boxes)


def _bent_box(box: Box, matrix: Float64s) -> Box:
    points = [matrix @ (x, y, 1) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs, ys = [float(p[0] / p[2]) for p in points], [float(p[1] / p[2]) for p in points]
    return min(xs), min(ys), max(xs), max(ys)
