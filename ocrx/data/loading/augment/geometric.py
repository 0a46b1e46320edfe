"""Geometric augmentation: each function takes a line, a generator and a strength from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ocrx.arrays import Floats, Pixels
from ocrx.imaging.projection import projective_coefficients


@dataclass(frozen=True)
class AffineLimits:
    """Limits of ``affine``; None derives a limit from the strength.

    Attributes:
        rotation: Largest angle in degrees.
        shift: Largest vertical shift as a share of the height.
        scale: Largest change of width and height as a share.
    """

    rotation: float | None = None
    shift: float | None = None
    scale: float | None = None


def affine(
    image: Image.Image,
    generator: np.random.Generator,
    strength: float,
    max_width: int,
    limits: AffineLimits | None = None,
) -> Image.Image:
    """Scale, shear, rotate and shift in one resampling; the background tone fills what lies outside.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.
        max_width: Largest width of the result in pixels.
        limits: Replace the limits that are derived from the strength.

    Returns:
        The changed line, of the same height.
    """
    limits = limits or AffineLimits()
    width, height = image.size
    widening = generator.uniform(-0.15, 0.15) * strength
    heightening = generator.uniform(-0.12, 0.12) * strength
    shear = generator.uniform(-0.3, 0.3) * strength
    # A rotation moves the ends of a long line further than those of a short one, so the default limit is in pixels.
    slope = generator.uniform(-0.08, 0.08) * strength * height / max(width, height)
    drop = generator.uniform(-0.06, 0.06) * strength * height
    if limits.scale is not None:
        widening, heightening = generator.uniform(-1, 1, 2) * np.log1p(limits.scale)
    if limits.rotation is not None:
        slope = np.tan(np.deg2rad(generator.uniform(-limits.rotation, limits.rotation)))
    if limits.shift is not None:
        drop = generator.uniform(-limits.shift, limits.shift) * height

    wide = int(np.clip(round(width * np.exp(widening)), 1, max_width))
    tall = np.exp(heightening)
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
        fillcolor=paper(np.asarray(image)),
    )


def crop_rows(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Cut off rows at the top and the bottom, as an inexact crop does, and stretch the rest to the old height.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    width, height = image.size
    top, bottom = generator.uniform(0, 0.1 * strength * height, 2)
    return image.resize((width, height), Image.Resampling.BILINEAR, box=(0, top, width, height - bottom))


def perspective(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Move each corner by up to a tenth of the height.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    width, height = image.size
    reach = 0.1 * strength * np.array([min(width, height), height])
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    moved = (np.array(corners) + generator.uniform(-reach, reach, (4, 2))).tolist()
    coefficients = projective_coefficients(corners, moved).tolist()
    return image.transform(
        image.size,
        Image.Transform.PERSPECTIVE,
        coefficients,
        resample=Image.Resampling.BILINEAR,
        fillcolor=paper(np.asarray(image)),
    )


def elastic(image: Image.Image, generator: np.random.Generator, strength: float) -> Image.Image:
    """Deform the line elastically (Simard et al. 2003), at the scale of a letter, by up to 6 % of the height.

    Coarse noise is upsampled; smoothing noise of full size, as torchvision's transform does, takes 40 times as long.

    Args:
        image: The line.
        generator: Source of randomness.
        strength: From 0 to 1.

    Returns:
        The changed line, of the same height.
    """
    # torchvision takes a second to import, and only a training that augments needs it.
    import torch
    from torchvision.transforms.v2 import functional

    width, height = image.size
    reach = 0.06 * strength * height
    # In torchvision's units both width and height are 2.
    bend = [_smooth_noise(generator, width, height) * np.float32(2 * reach / size) for size in (width, height)]
    pixels = np.asarray(image)
    tone = np.asarray(paper(pixels), dtype=np.float32)
    # torchvision fills with 0 without a seam, but with any other tone leaves a darker one.
    planes = torch.from_numpy(np.atleast_3d(pixels - tone).transpose(2, 0, 1))
    bent = functional.elastic(planes, torch.from_numpy(np.stack(bend, axis=-1))[None]).numpy()
    values = np.rint(bent.transpose(1, 2, 0).reshape(pixels.shape) + tone)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _smooth_noise(generator: np.random.Generator, width: int, height: int) -> Floats:
    """Noise between about -1 and 1 with a correlation length of half the height: float32 [H, W]."""
    knots = generator.uniform(-1, 1, (3, max(3, 2 * width // height))).astype(np.float32)
    return np.asarray(Image.fromarray(knots).resize((width, height), Image.Resampling.BICUBIC))


def flip_vertical(pixels: Pixels) -> Pixels:
    """Mirror a line top to bottom: for symbols without an upright form, never for letters.

    A flipped b is a p and a flipped W is an M, so that labels become wrong. Off unless ``Train.flip_vertical`` is set.

    Args:
        pixels: uint8 [H, W] or [H, W, 3].

    Returns:
        The mirrored line.
    """
    return pixels[::-1]


def paper(pixels: Pixels) -> int | tuple[int, ...]:
    """Estimate the background tone: the median of the first and last row.

    Args:
        pixels: uint8 [H, W] or [H, W, 3].

    Returns:
        A grey level, or one value for each channel.
    """
    edge = np.concatenate([pixels[0], pixels[-1]])
    if pixels.ndim == 2:
        return int(np.median(edge))
    return tuple(int(v) for v in np.median(edge, axis=0))
