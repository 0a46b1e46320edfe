"""Degradations of a line by printer and paper.

Ink is an image in mode L as long as it is laid out (255 is full ink), and then an array of float32 from 0 (none) to 1
(full). Grey levels run from 0 (black) to 255 (white).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
from PIL import Image, ImageChops

from ocrx.arrays import Floats, Pixels
from ocrx.synth.textures import Textures

_COSINES = np.cos(np.arange(17) * 2 * np.pi / 32) - 1  # the frequencies of ``blur``


def dots(ink: Image.Image, step: int, radius: float) -> Image.Image:
    """Replace each pixel by a round dot of ``radius`` on a grid of ``step`` pixels, as an impact printer does.

    Args:
        ink: The rendered line, mode L; 255 is full ink.
        step: Pixels from dot to dot.
        radius: Radius of a dot as a share of ``step``.

    Returns:
        The line in dots, ``step`` times as large.
    """
    grid = np.arange(step, dtype=np.float32) - (step - 1) / 2
    disc = np.clip(radius * step + 0.5 - np.hypot(grid[:, None], grid[None]), 0, 1) * 255
    return Image.fromarray(np.kron(np.asarray(ink) >> 7, disc.astype(np.uint8)))


def lose_dots(ink: Image.Image, rng: Random, textures: Textures, amount: float) -> Image.Image:
    """Drop single dots, whole rows and columns, as a failing print head does. One pixel is one printer dot.

    Args:
        ink: The rendered line, mode L; 255 is full ink.
        rng: Source of randomness.
        textures: Noise fields.
        amount: How much is lost, 0 to 1.

    Returns:
        The line without these dots, mode L.
    """
    pixels = np.array(ink)
    height, width = pixels.shape
    if rng.random() < 0.6:
        pixels[textures.uniform(rng, height, width) < amount * rng.random() * 0.25] = 0
    if rng.random() < 0.4:
        for _ in range(rng.randint(1, max(1, height // 12))):
            pixels[rng.randrange(height)] //= rng.choice((2, 4, 255))
    if rng.random() < 0.3:
        for _ in range(rng.randint(1, 1 + width // 20)):
            pixels[:, rng.randrange(width)] = 0
    return Image.fromarray(pixels)


def solid(amount: Floats) -> float:
    """Compute the mean darkness of the strokes. Thin faces at small sizes never reach 1.

    Args:
        amount: Darkness of each pixel, 0 to 1, float32 [H, W].

    Returns:
        The mean, 0 to 1; 1 for an empty line.
    """
    inked = amount > 0.15
    count = np.count_nonzero(inked)
    return float((amount * inked).sum()) / count if count else 1.0


def blur(plane: Floats, sigma: float) -> Floats:
    """Blur with a Gaussian; pixels outside the image are those of its edge.

    A weighted sum of shifted views takes two thirds of the time of Pillow's filter, and needs no conversions.

    Args:
        plane: Values, float32 [H, W].
        sigma: Standard deviation in pixels, at most 4.

    Returns:
        The blurred values, float32 [H, W].

    Source: Lindeberg 1990, the discrete Gaussian, whose deviation is right below one pixel, too.
    """
    reach = max(1, math.ceil(2.3 * sigma))
    weights = np.fft.irfft(np.exp(sigma**2 * _COSINES))[: reach + 1]
    shares = (weights / (2 * weights.sum() - weights[0])).astype(np.float32)
    height, width = plane.shape

    rows = np.concatenate([plane[:1]] * reach + [plane] + [plane[-1:]] * reach)
    columns = np.empty((height, width + 2 * reach), np.float32)
    down, both = columns[:, reach:-reach], np.empty_like(plane)
    np.multiply(plane, shares[0], out=down)
    for step in range(1, reach + 1):
        np.add(rows[reach - step :][:height], rows[reach + step :][:height], out=both)
        both *= shares[step]
        down += both

    columns[:, :reach], columns[:, -reach:] = down[:, :1], down[:, -1:]
    across: Floats = down * shares[0]
    for step in range(1, reach + 1):
        np.add(columns[:, reach - step :][:, :width], columns[:, reach + step :][:, :width], out=both)
        both *= shares[step]
        across += both
    return across


def press(
    ink: Floats, rng: Random, textures: Textures, sigma: float, spread: float, hardness: float, rough: float
) -> Floats:
    """Transfer ink to paper.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: the random source.
        textures: noise fields.
        sigma: standard deviation of a Gaussian blur in pixels.
        spread: above 0 the ink bleeds, below 0 strokes become thinner.
        hardness: 1 keeps soft edges, 20 makes them crisp.
        rough: strength of the noise that breaks edges and strokes.

    Returns:
        Darkness of each pixel, 0 to 1, float32 [H, W].
    """
    amount = blur(ink, sigma) if sigma > 0.25 else ink.copy()

    if rough > 0.02:
        height, width = amount.shape
        noise = np.minimum(amount * np.float32(5 * rough), np.float32(rough))
        noise *= textures.noise(rng, rng.choice((0, 1, 1, 2)), height, width)
        amount += noise

    if hardness > 1 or abs(spread) > 0.02:
        middle = 0.62 * solid(amount)
        amount *= np.float32(hardness)
        amount += np.float32(middle - middle * (1 - 2 * spread) * hardness)

    if hardness > 1 or rough > 0.02 or abs(spread) > 0.02:
        np.clip(amount, 0, 1, out=amount)
    return amount


def jitter(ink: Floats, rng: Random, textures: Textures) -> Floats:
    """Shift rows against each other by a pixel, as when paper or print head move unevenly.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.

    Returns:
        The shifted line, float32 [H, W].
    """
    height, width = ink.shape
    shift = np.rint(textures.curve(rng, rng.choice((0, 0, 1)), height) * rng.uniform(0.3, 0.8)).astype(np.intp)
    columns = np.arange(width)[None] + shift[:, None]
    return np.take_along_axis(ink, np.clip(columns, 0, width - 1), 1)


def double_strike(ink: Image.Image, rng: Random) -> Image.Image:
    """Overprint the line a pixel or two to the side, which some printers do for emphasis.

    Args:
        ink: The rendered line, mode L; 255 is full ink.
        rng: Source of randomness.

    Returns:
        Both prints in one image, mode L.
    """
    return ImageChops.lighter(ink, ImageChops.offset(ink, rng.choice((1, 1, 2)), rng.choice((0, 0, 1))))


def keep_legible(amount: Floats, ink: Floats) -> Floats:
    """Restore as much of the true ink as a reader needs.

    Args:
        amount: Darkness of each pixel, 0 to 1, float32 [H, W].
        ink: The rendered line, float32 [H, W].

    Returns:
        Darkness, float32 [H, W]; at least about half of the true ink.
    """
    total = float(ink.sum())
    kept = float((amount * ink).sum()) / total if total else 1.0
    full = float(np.square(ink).sum()) / total if total else 1.0
    lack = 0.5 - kept / max(full, 1e-3)
    return np.maximum(amount, ink * np.float32(min(0.9, lack + 0.35))) if lack > 0 else amount


def paint(ground: Floats | float, pen: float, amount: Floats) -> Pixels:
    """Paint one channel.

    Args:
        ground: Grey levels of the paper, one or float32 [H, W].
        pen: Grey level of full ink.
        amount: Darkness of each pixel, 0 to 1, float32 [H, W].

    Returns:
        Grey levels, uint8 [H, W].
    """
    levels = amount * (pen - ground)
    levels += ground
    np.clip(levels, 0, 255, out=levels)
    return levels.astype(np.uint8)


def paint_colours(grounds: Sequence[Floats | float], pen: Sequence[float], amount: Floats) -> Pixels:
    """Paint red, green and blue.

    Channel by channel: NumPy is several times slower at arrays whose last axis has three values.

    Args:
        grounds: Levels of the paper for each channel, one or float32 [H, W].
        pen: Levels of full ink.
        amount: Darkness of each pixel, 0 to 1, float32 [H, W].

    Returns:
        Levels, uint8 [H, W, 3].
    """
    channels = [paint(ground, level, amount) for ground, level in zip(grounds, pen, strict=True)]
    return np.stack(channels, axis=-1)


def fade(amount: Floats, rng: Random, textures: Textures, strength: float) -> Floats:
    """Fade columns, rows, stripes, blotches or one patch of the print.

    Args:
        amount: Darkness of each pixel, 0 to 1, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        strength: Strength of the effect, 0 to 1.

    Returns:
        Darkness of the faded print, float32 [H, W].
    """
    height, width = amount.shape
    dice = rng.random()

    if dice < 0.1:
        away = np.abs(np.arange(width, dtype=np.float32) - rng.uniform(0, width)) - rng.uniform(0.3, 2.0) * height
        mood = (np.clip(0.5 - away / 3, 0, 1) * np.float32(1.8) - np.float32(0.6))[None]
    elif dice < 0.4:
        mood = textures.curve(rng, rng.choice((3, 4, 4, 2)), width)[None]
    elif dice < 0.6:
        mood = textures.curve(rng, rng.choice((1, 2, 3)), height)[:, None]
    elif dice < 0.85:
        mood = textures.noise(rng, rng.choice((2, 3, 4, 4)), height, width)
    else:
        mood = np.linspace(rng.uniform(-0.7, 1.2), rng.uniform(-0.7, 1.2), height, dtype=np.float32)[:, None]

    kept = np.float32(1) - np.float32(strength) * (np.float32(0.32) + np.float32(0.45) * mood)
    faded: Floats = amount * np.clip(kept, 0.15, 1)
    return faded


def paper(shape: tuple[int, int], rng: Random, textures: Textures, tone: float, strength: float) -> Floats:
    """Create the background of a scan: a grey level with uneven light and grain.

    Args:
        shape: Height and width in pixels.
        rng: Source of randomness.
        textures: Noise fields.
        tone: Mean grey level, 0 to 255.
        strength: Strength of the effect, 0 to 1.

    Returns:
        Grey levels, float32 [H, W].
    """
    height, width = shape
    ground = np.full(shape, tone, dtype=np.float32)
    if rng.random() < 0.5 * strength:
        ground += np.linspace(-1, 1, width, dtype=np.float32) * rng.uniform(-25, 25) * strength
    if rng.random() < 0.35 * strength:
        ground += (np.linspace(-1, 1, height, dtype=np.float32) * rng.uniform(-25, 15) * strength)[:, None]
    if rng.random() < 0.3 * strength:
        ground += textures.noise(rng, 4, height, width) * np.float32(rng.uniform(2, 16))
    if rng.random() < 0.15 * strength:
        edge = rng.uniform(-0.2, 1.2) * width
        ramp = (np.arange(width, dtype=np.float32) - edge) / rng.uniform(2, 40) * rng.choice((-1, 1))
        ground -= np.clip(ramp + 0.5, 0, 1) * np.float32(rng.uniform(10, 70))

    if rng.random() < 0.7 * strength:
        grain = rng.uniform(1, 5) if rng.random() < 0.85 else rng.uniform(5, 12)
        ground += textures.noise(rng, rng.choice((0, 1, 1, 2, 2)), height, width) * np.float32(grain)

    return ground


def speckle(pixels: Pixels, rng: Random, textures: Textures, amount: float) -> Pixels:
    """Add salt-and-pepper noise, in place.

    Args:
        pixels: Grey levels, uint8 [H, W]; changed in place.
        rng: Source of randomness.
        textures: Noise fields.
        amount: Share of the pixels.

    Returns:
        The same array.
    """
    chance = textures.uniform(rng, *pixels.shape[:2])
    share = amount * rng.random() ** 2 * 0.02
    pixels[chance < share] = 255 if rng.random() < 0.5 else 0
    pixels[chance > 1 - share * rng.random()] = 0
    return pixels


def luminance(tone: tuple[int, int, int]) -> float:
    """Compute the luma of an RGB colour, 0 to 255 (ITU-R BT.601).

    Args:
        tone: Red, green and blue, 0 to 255.

    Returns:
        The luma.
    """
    return 0.299 * tone[0] + 0.587 * tone[1] + 0.114 * tone[2]


def tones(rng: Random, contrast: float) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Choose colours of ink and background whose luminance differs by at least ``contrast``.

    Args:
        rng: Source of randomness.
        contrast: Minimum difference of luminance, 0 to 255.

    Returns:
        Ink and background, each red, green and blue.
    """
    while True:
        ink = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
        ground = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
        if abs(luminance(ink) - luminance(ground)) >= contrast:
            return ink, ground
