"""The print style of documents that were rasterised from a PDF or a browser, clean or mildly degraded."""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageFilter

from ocrx.arrays import Floats
from ocrx.synth import degrade
from ocrx.synth.textures import Textures

_CLEAN = 0.5  # share of lines with flat paint and no grain


def rasterized(ink: Image.Image, rng: Random, textures: Textures, wear: float) -> Image.Image:
    """Antialiased strokes on flat paper, tinted or in reverse at times; half of them with grain, light and blur.

    Args:
        ink: mode L, 255 is full ink.
        rng: decides everything.
        textures: noise fields.
        wear: 0 to 1, how much of the degradation is applied.

    Returns:
        A grey image (mode L) of the same size.
    """
    sheet = rng.choice((255.0, 255.0, rng.uniform(235, 255), rng.uniform(120, 250)))
    pen = rng.choice((0.0, rng.uniform(0, 60), rng.uniform(0, max(0.0, sheet - 90))))
    if rng.random() < 0.07:
        sheet, pen = pen, sheet
    if rng.random() < _CLEAN:
        amount = np.asarray(ink, dtype=np.float32) * np.float32(1 / 255)
        return Image.fromarray((np.float32(sheet) + np.float32(pen - sheet) * amount).astype(np.uint8))

    if rng.random() < 0.6:
        ink = ink.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0) * min(1.0, ink.height / 30)))
    spread = rng.uniform(0, 0.18) * wear if rng.random() < 0.3 else 0.0
    amount = degrade.press(ink, rng, textures, 0.0, spread, 1.3 if spread else 1.0, rng.choice((0.0, 0.1)) * wear)
    if rng.random() < 0.15:
        amount = degrade.fade(amount, rng, textures, 0.5 * wear)
    ground = degrade.paper((ink.height, ink.width), rng, textures, sheet, 0.4 + 0.6 * wear)
    if rng.random() < 0.15:
        ground -= _bleed_through(ink, rng)
    pixels = ground + (np.float32(pen) - ground) * degrade.keep_legible(amount, ink)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _bleed_through(ink: Image.Image, rng: Random) -> Floats:
    """What shines through from the other side of the paper: the line mirrored, moved and blurred."""
    back = ink.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(rng.uniform(1.0, 2.5)))
    shifted = np.roll(np.asarray(back, dtype=np.float32), rng.randint(-ink.height // 2, ink.height // 2), axis=0)
    faint: Floats = shifted * np.float32(rng.uniform(0.04, 0.16))
    return faint
