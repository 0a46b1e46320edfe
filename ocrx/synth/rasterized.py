"""The print style of documents rasterised from a PDF or a browser, clean or mildly degraded."""

from __future__ import annotations

from random import Random

import numpy as np

from ocrx.arrays import Floats, Pixels
from ocrx.synth import degrade
from ocrx.synth.textures import Textures

_CLEAN = 0.5  # share of lines with flat paint and no grain


def rasterized(ink: Floats, rng: Random, textures: Textures, wear: float) -> Pixels:
    """Paint antialiased strokes on flat paper, sometimes tinted or inverted; half of them with grain, light and blur.

    Args:
        ink: The rendered line, float32 [H, W].
        rng: Source of randomness.
        textures: Noise fields.
        wear: How worn the print is, 0 to 1.

    Returns:
        A grey image of the same size, uint8 [H, W].
    """
    sheet = rng.choice((255.0, 255.0, rng.uniform(235, 255), rng.uniform(120, 250)))
    pen = rng.choice((0.0, rng.uniform(0, 60), rng.uniform(0, max(0.0, sheet - 90))))
    if rng.random() < 0.07:
        sheet, pen = pen, sheet
    if rng.random() < _CLEAN:
        return degrade.paint(sheet, pen, ink)

    if rng.random() < 0.6:
        ink = degrade.blur(ink, rng.uniform(0.3, 1.0) * min(1.0, len(ink) / 30))
    spread = rng.uniform(0, 0.18) * wear if rng.random() < 0.3 else 0.0
    amount = degrade.press(ink, rng, textures, 0.0, spread, 1.3 if spread else 1.0, rng.choice((0.0, 0.1)) * wear)
    if rng.random() < 0.15:
        amount = degrade.fade(amount, rng, textures, 0.5 * wear)
    ground = degrade.paper(ink.shape, rng, textures, sheet, 0.4 + 0.6 * wear)
    if rng.random() < 0.15:
        ground -= _bleed_through(ink, rng)
    return degrade.paint(ground, pen, degrade.keep_legible(amount, ink))


def _bleed_through(ink: Floats, rng: Random) -> Floats:
    """Simulate print that shows through from the back of the paper: the line mirrored, shifted and blurred."""
    back = degrade.blur(ink[:, ::-1], rng.uniform(1.0, 2.5))
    shifted = np.roll(back, rng.randint(-len(ink) // 2, len(ink) // 2), axis=0)
    faint: Floats = shifted * np.float32(255 * rng.uniform(0.04, 0.16))
    return faint
