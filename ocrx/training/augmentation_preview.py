"""Draws ``augment.png``: the first training lines with their augmentations, to check before a long training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ocrx.arrays import Pixels
from ocrx.data.loading.loader import LineSource
from ocrx.inference.caption_font import caption_font

LINES = 8
VERSIONS = 5
WIDEST = 400  # pixels of a line that are shown


def write_augmentation_preview(source: LineSource, path: Path) -> None:
    """Draw one row for each of the first 8 lines: as stored, as in the first 5 epochs, and the label below.

    The pictures are exactly what training reads, except that lines are not joined (``Train.concat``).

    Args:
        source: The training lines.
        path: The picture to write.
    """
    lines = [
        [
            source.lines.pixels(number),
            *(source.varied(number, epoch, -1, source.lines.buckets[number]) for epoch in range(VERSIONS)),
        ]
        for number in range(min(LINES, len(source.lines)))
    ]
    size = source.lines.image_spec.height
    widest = min(WIDEST, max(pixels.shape[1] for row in lines for pixels in row))
    high, wide = size + 26, widest + 8
    sheet = Image.new("RGB", (wide * (1 + VERSIONS) + 8, high * len(lines) + 30), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(["as stored", *(f"epoch {epoch + 1}" for epoch in range(VERSIONS))]):
        draw.text((8 + column * wide, 6), title, fill="#06c", font=caption_font(title, 14).font)
    for number, row in enumerate(lines):
        top = 28 + number * high
        for column, pixels in enumerate(row):
            sheet.paste(_shown(pixels, source.lines.image_spec.order), (8 + column * wide, top))
        text = source.lines.samples[number].text
        draw.text((8, top + size + 2), text, fill="black", font=caption_font(text, 14).font)

    sheet.save(path)


def _shown(pixels: Pixels, order: str) -> Image.Image:
    pixels = pixels[:, :WIDEST]
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]) if order == "BGR" else pixels)
