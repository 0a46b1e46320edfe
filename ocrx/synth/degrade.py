"""Degradations of a line by printer, paper, scanner and camera.

Arrays are float32; ink runs from 0 (none) to 1 (full), grey levels from 0 (black) to 255 (white).
"""

from __future__ import annotations

import io
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from ocrx.arrays import Float64s, Floats, Pixels
from ocrx.synth.textures import Textures

Box = tuple[float, float, float, float]


_DOWN = (Image.Resampling.BILINEAR, Image.Resampling.NEAREST, Image.Resampling.BOX, Image.Resampling.BICUBIC)


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
    """Mean darkness of the strokes. Thin faces at small sizes never reach 1.

    Args:
        amount: Darkness of each pixel, 0 to 1, float32 [H, W].

    Returns:
        The mean, 0 to 1; 1 for an empty line.
    """
    inked = amount[amount > 0.15]
    return float(inked.mean()) if inked.size else 1.0


def press(
    ink: Image.Image, rng: Random, textures: Textures, blur: float, spread: float, hardness: float, rough: float
) -> Floats:
    """Transfer ink to paper.

    Args:
        ink: mode L, 255 is full ink.
        rng: the random source.
        textures: noise fields.
        blur: radius of a Gaussian blur in pixels.
        spread: above 0 the ink bleeds, below 0 strokes become thinner.
        hardness: 1 keeps soft edges, 20 makes them crisp.
        rough: strength of the noise that breaks edges and strokes.

    Returns:
        Darkness of each pixel, 0 to 1, float32 [H, W].
    """
    if blur > 0.25:
        ink = ink.filter(ImageFilter.GaussianBlur(blur))
    amount: Floats = np.asarray(ink, dtype=np.float32) * np.float32(1 / 255)

    if rough > 0.02:
        height, width = amount.shape
        noise = textures.noise(rng, rng.choice((0, 1, 1, 2)), height, width)
        amount = amount + noise * np.minimum(amount * np.float32(5 * rough), np.float32(rough))

    if hardness > 1 or abs(spread) > 0.02:
        middle = 0.62 * solid(amount)
        amount = (amount - np.float32(middle * (1 - 2 * spread))) * np.float32(hardness) + np.float32(middle)

    if hardness > 1 or rough > 0.02 or abs(spread) > 0.02:
        np.clip(amount, 0, 1, out=amount)
    return amount


def jitter(ink: Image.Image, rng: Random, textures: Textures) -> Image.Image:
    """Shift rows against each other by a pixel, as when paper or print head move unevenly.

    Args:
        ink: The rendered line, mode L; 255 is full ink.
        rng: Source of randomness.
        textures: Noise fields.

    Returns:
        The shifted line, mode L.
    """
    pixels = np.asarray(ink)
    height, width = pixels.shape
    shift = np.rint(textures.curve(rng, rng.choice((0, 0, 1)), height) * rng.uniform(0.3, 0.8)).astype(np.intp)
    columns = np.arange(width)[None] + shift[:, None]
    return Image.fromarray(np.take_along_axis(pixels, np.clip(columns, 0, width - 1), 1))


def double_strike(ink: Image.Image, rng: Random) -> Image.Image:
    """Overprint the line a pixel or two to the side, which some printers do for emphasis.

    Args:
        ink: The rendered line, mode L; 255 is full ink.
        rng: Source of randomness.

    Returns:
        Both prints in one image, mode L.
    """
    return ImageChops.lighter(ink, ImageChops.offset(ink, rng.choice((1, 1, 2)), rng.choice((0, 0, 1))))


def keep_legible(amount: Floats, ink: Image.Image) -> Floats:
    """Restore as much of the true ink as a reader needs.

    Args:
        amount: Darkness of each pixel, 0 to 1, float32 [H, W].
        ink: The rendered line, mode L; 255 is full ink.

    Returns:
        Darkness, float32 [H, W]; at least about half of the true ink.
    """
    true = np.asarray(ink, dtype=np.float32) * np.float32(1 / 255)
    total = float(true.sum())
    kept = float((amount * true).sum()) / total if total else 1.0
    full = float(np.square(true).sum()) / total if total else 1.0
    lack = 0.5 - kept / max(full, 1e-3)
    return np.maximum(amount, true * np.float32(min(0.9, lack + 0.35))) if lack > 0 else amount


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
    """The background of a scan: a grey level with uneven light and grain; float32 [H, W].

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


def sharpen(image: Image.Image, rng: Random) -> Image.Image:
    """Sharpen as scanners do, with light halos.

    Args:
        image: The image.
        rng: Source of randomness.

    Returns:
        The sharpened image.
    """
    return image.filter(ImageFilter.UnsharpMask(rng.uniform(0.8, 2.5), rng.randint(60, 260), 0))


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


def luminance(tone: tuple[int, int, int]) -> float:
    """Luma of an RGB colour, 0 to 255 (ITU-R BT.601).

    Args:
        tone: Red, green and blue, 0 to 255.

    Returns:
        The luma.
    """
    return 0.299 * tone[0] + 0.587 * tone[1] + 0.114 * tone[2]


def tones(rng: Random, contrast: float) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Colours of ink and background whose luminance differs by at least ``contrast``.

    Args:
        rng: Source of randomness.
        contrast: Least difference of luminance, 0 to 255.

    Returns:
        Ink and background, each red, green and blue.
    """
    while True:
        ink = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
        ground = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
        if abs(luminance(ink) - luminance(ground)) >= contrast:
            return ink, ground
