"""Print styles: the appearance of a line of ink after a printer, a scanner, a screen or a camera.

Each style is a function of the ink (float32 [H, W], 0 to 1), a random source, the noise fields and the wear (0 to 1,
how much of the degradation is applied). It returns an image of the same size, grey (uint8 [H, W]) or in colour (uint8
[H, W, 3]). The styles follow scanned till receipts, office documents, typescripts, screenshots and signs.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from ocrx.arrays import Floats, Pixels
from ocrx.synth import degrade
from ocrx.synth.textures import Textures

PrintStyle = Callable[[Floats, Random, Textures, float], Pixels]
Tone = tuple[int, int, int]

# fmt: off
_COPY_PAPERS: tuple[Tone, ...] = (
    (255, 255, 255), (250, 240, 245), (255, 235, 240), (255, 250, 225), (235, 245, 255), (240, 240, 240),
)
_RIBBONS: tuple[Tone, ...] = (
    (75, 60, 165), (100, 80, 175), (40, 50, 140), (135, 70, 110), (160, 40, 50), (30, 90, 60), (70, 70, 90),
)
_LINKS: tuple[Tone, ...] = (
    (26, 13, 171), (0, 102, 204), (200, 30, 30), (20, 120, 60), (90, 90, 90), (230, 110, 0), (0, 0, 0),
)
# fmt: on
_PAGES: tuple[Tone, ...] = ((255, 255, 255), (255, 255, 255), (245, 245, 250), (255, 250, 205), (225, 235, 245))
# Grey levels of background and letters, dark mode included.
_GREYS = ((255, 0), (255, 51), (250, 80), (240, 30), (245, 119), (18, 230), (40, 255), (30, 170), (0, 255))


def thermal(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """Thermal print, scanned in grey: soft dark grey on light grey, slightly uneven.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    if len(ink) > 22 and rng.random() < 0.15:
        ink = degrade.jitter(ink, rng, textures)
    sheet = rng.uniform(198, 255)
    pen = rng.uniform(20, 120) if rng.random() < 0.75 else rng.uniform(90, sheet - 50)
    amount = degrade.press(
        ink, rng, textures, rng.uniform(0.3, 1.1), rng.uniform(-0.12, 0.2) * wear,
        rng.uniform(1, 2.2), rng.uniform(0, 0.16) * wear,
    )  # fmt: skip
    if rng.random() < 0.3:
        amount = degrade.fade(amount, rng, textures, 0.8 * wear)
    return _grey(ink, amount, rng, textures, pen, sheet, wear)


def bilevel(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """A black-and-white scan: jagged contours, dropped dots within strokes, closed counters, specks.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    closed = rng.random() < 0.12
    amount = degrade.press(
        ink, rng, textures, rng.uniform(0.7, 1.1) if closed else rng.uniform(0.35, 1.1), 0.0, 1.0, 0.0
    )
    if rng.random() < 0.22:
        amount = degrade.fade(amount, rng, textures, 0.6 * wear)
    amount = degrade.keep_legible(amount, ink)
    height, width = amount.shape
    lowest, highest = (0.38, 0.5) if closed else (0.52 if height < 20 else 0.4, 0.7)
    level = np.float32(degrade.solid(amount) * rng.uniform(lowest, highest))
    rough = np.float32(rng.uniform(0.1, 0.75) * wear) * level
    noise = textures.noise(rng, rng.choice((0, 1, 1, 1, 2)), height, width)
    black = amount + noise * np.minimum(amount * np.float32(3) * rough, rough) > level
    dice = rng.random()

    if dice < 0.1:
        # Toner or heat did not cover the paper: the middle of the strokes is hatched.
        black &= (textures.uniform(rng, height, width) > 0.4 * wear) | (amount < 0.85)
    elif dice < 0.16:
        weave = np.add.outer(np.arange(height), np.arange(width)) % 2 == 0
        black &= weave | (amount < rng.uniform(0.75, 0.97))

    pixels: Pixels = np.where(black, np.uint8(0), np.uint8(255))
    if rng.random() < 0.15:
        pixels = degrade.speckle(pixels, rng, textures, wear)
    if rng.random() < 0.3:
        soft = degrade.blur(pixels.astype(np.float32), rng.uniform(0.3, 0.6))
        pixels = np.rint(soft).astype(np.uint8)
    return pixels


def office(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """Laser or book print on paper, well scanned.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    sheet = rng.choice((255.0, rng.uniform(240, 255), rng.uniform(200, 250)))
    pen = rng.choice((0.0, rng.uniform(0, 50), rng.uniform(20, 110)))
    amount = degrade.press(
        ink, rng, textures, rng.choice((0.0, 0.0, 0.35, 0.6, 0.9)), rng.uniform(-0.15, 0.2) * wear,
        rng.choice((1.0, 1.0, 1.5, 3.0)), rng.uniform(0, 0.18) * wear if rng.random() < 0.5 else 0.0,
    )  # fmt: skip
    return _grey(ink, amount, rng, textures, pen, sheet, wear)


def pale(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """Faded print: thin light strokes, with columns or rows nearly gone.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    if len(ink) > 18 and rng.random() < 0.3:
        ink = degrade.jitter(ink, rng, textures)
    sheet = rng.uniform(225, 255)
    pen = rng.uniform(90, 200)
    amount = degrade.press(
        ink, rng, textures, rng.uniform(0.3, 0.9), rng.uniform(-0.14, 0.05), rng.uniform(1, 1.8),
        rng.uniform(0.0, 0.22) * wear,
    )  # fmt: skip
    amount = degrade.fade(amount, rng, textures, rng.uniform(0.4, 0.9))
    return _grey(ink, amount, rng, textures, pen, sheet, wear)


def hollow(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """Print where only the outlines of the strokes remain, in broken dots.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    soft = degrade.blur(ink, 0.5)
    rim = soft - degrade.blur(soft, 1.4)
    height, width = rim.shape
    amount: Floats = np.clip(np.abs(rim) * np.float32(5.1), 0, 1)
    if rng.random() < 0.6:
        amount = np.maximum(amount, soft * np.float32(rng.uniform(0.15, 0.6)))
    amount *= np.clip(0.85 + rng.uniform(0.1, 0.5) * textures.noise(rng, rng.choice((0, 1)), height, width), 0.25, 1)
    return _grey(ink, amount, rng, textures, rng.uniform(0, 110), rng.uniform(235, 255), 0.5 * wear)


def tinted(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """Coloured ribbon or stamp ink on nearly white paper or on tinted copy paper.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    sheet = rng.choice(_COPY_PAPERS)
    red, green, blue = rng.choice(_RIBBONS)
    light = rng.uniform(0, 0.4)
    pen = (int(red + (255 - red) * light), int(green + (255 - green) * light), int(blue + (255 - blue) * light))
    amount = degrade.press(
        ink, rng, textures, rng.uniform(0.3, 0.9), rng.uniform(-0.1, 0.15), rng.uniform(1, 2), 0.2 * wear
    )
    if rng.random() < 0.4:
        amount = degrade.fade(amount, rng, textures, 0.8 * wear)
    return _colour(amount, rng, textures, pen, sheet, wear)


def screen(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """A screenshot: crisp, in flat colours or greys, sometimes in dark mode.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    dice = rng.random()
    if dice < 0.5:
        sheet, pen = rng.choice(_GREYS)
        return degrade.paint(sheet, pen, ink)

    if dice < 0.8:
        pen_tone, back = rng.choice(_LINKS), rng.choice(_PAGES)
        if rng.random() < 0.4:
            pen_tone, back = back, pen_tone
        return degrade.paint_colours(back, pen_tone, ink)

    pen_tone, back = degrade.tones(rng, 75)
    return degrade.paint_colours(back, pen_tone, ink)


def sign(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """A photograph of a sign, a package or a poster: colour and light, sometimes a busy background or a drop shadow.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    if rng.random() < 0.4:
        ink = degrade.blur(ink, rng.uniform(0.3, 1.3))
    height, width = ink.shape
    dice = rng.random()

    if dice < 0.3:
        scene = textures.background(rng, height, width)
        dark = float(scene.mean()) < 128
        low, high, blue = (200, 255, 120) if dark else (0, 60, 0)
        pen: Tone = (rng.randint(low, high), rng.randint(low, high), rng.randint(blue, 255 if dark else 90))
        calm = rng.uniform(0.35, 0.9)
        target = 50.0 if dark else 200.0
        grounds = [scene[..., i] * np.float32(calm) + np.float32(target * (1 - calm)) for i in range(3)]
    elif dice < 0.55:
        tone = rng.uniform(30, 235)
        pen_grey = max(0, min(255, int(tone + rng.choice((-1, 1)) * rng.uniform(70, 180))))
        if abs(pen_grey - tone) < 60:
            pen_grey = 0 if tone > 128 else 255
        pen = (pen_grey, pen_grey, pen_grey)
        grounds = [degrade.paper((height, width), rng, textures, tone, 1.0)] * 3
    else:
        pen, back = degrade.tones(rng, 65)
        sheet = degrade.paper((height, width), rng, textures, 0.0, 1.0)
        grounds = [sheet + np.float32(level) for level in back]

    if rng.random() < 0.15:
        reach = rng.randint(1, 2)
        light = 1 - np.roll(ink, (reach, reach), (0, 1)) * np.float32(rng.uniform(0.3, 0.8))
        grounds = [ground * light for ground in grounds]

    return degrade.paint_colours(grounds, pen, ink)


def reversed_block(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """White letters on a printed bar.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        The degraded image, uint8.
    """
    amount = degrade.press(
        ink, rng, textures, rng.uniform(0.2, 0.9), rng.uniform(-0.1, 0.1), rng.uniform(1, 3), 0.15 * wear
    )
    return _grey(ink, amount, rng, textures, rng.uniform(190, 255), rng.uniform(0, 95), wear)


def _grey(
    ink: Floats, amount: Floats, rng: Random, textures: Textures, pen: float, sheet: float, wear: float
) -> Pixels:
    if wear > 0:
        amount = degrade.keep_legible(amount, ink)
        return degrade.paint(degrade.paper(ink.shape, rng, textures, sheet, wear), pen, amount)
    return degrade.paint(sheet, pen, amount)


def _colour(amount: Floats, rng: Random, textures: Textures, pen: Tone, sheet: Tone, wear: float) -> Pixels:
    if wear > 0:
        ground = degrade.paper(amount.shape, rng, textures, 0.0, wear)
        return degrade.paint_colours([ground + np.float32(level) for level in sheet], pen, amount)
    return degrade.paint_colours(sheet, pen, amount)
