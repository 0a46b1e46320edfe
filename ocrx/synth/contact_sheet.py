"""A contact sheet: the first lines of a dataset with their labels."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ocrx.synth.fonts import FontBook
from ocrx.synth.render import needs_shaping

WIDTH, HEIGHT = 1280, 1600
_GAP, _LABEL = 10, 13
_GROUND, _INK = (232, 232, 226), (140, 30, 30)


def contact_sheet(lines: Iterable[tuple[npt.NDArray[np.uint8], str]], fonts: FontBook) -> Image.Image:
    """Arrange images row by row at their own size, each with its label in red below; as many as fit.

    Args:
        lines: Grey images, uint8 [H, W], with their labels.
        fonts: The typefaces for the labels.

    Returns:
        The sheet, mode RGB.
    """
    sheet = Image.new("RGB", (WIDTH, HEIGHT), _GROUND)
    draw = ImageDraw.Draw(sheet)
    x = y = _GAP
    row = 0

    for pixels, text in lines:
        image = Image.fromarray(pixels).convert("RGB")
        face = fonts.pick(Random(0), (0, 0, 0, 0, 0, 1), text, 0.0)
        font = fonts.open(face, _LABEL - 2, needs_shaping(text)) if face and not face.size else None
        width = max(image.width, round(draw.textlength(text, font)) if font else 0)
        if x + width > WIDTH - _GAP and x > _GAP:
            x, y, row = _GAP, y + row + _GAP, 0
        if y + image.height + _LABEL > HEIGHT - _GAP:
            break
        sheet.paste(image, (x, y))
        if font:
            draw.text((x, y + image.height), text, _INK, font)
        x += width + 2 * _GAP
        row = max(row, image.height + _LABEL)

    return sheet.crop((0, 0, WIDTH, min(HEIGHT, y + row + _GAP)))
