"""A picture of what was read on a page: frames around its lines, and their texts beside it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from ocrx.inference.caption_font import caption_font
from ocrx.pages.boxes import LineBox, Polygon, bounds
from ocrx.pages.crops import crop_size

_BLUE, _RED = (30, 90, 200), (200, 40, 30)
_TEXT_SHARE = 0.75  # of the height of a line


def draw_page(page: Image.Image, lines: Sequence[tuple[Polygon, str, float]]) -> Image.Image:
    """Draw what was read.

    Args:
        page: The page as it was read.
        lines: Corners, text and score of each line.

    Returns:
        The page with a frame around each line (red where its score is below 0.5), and right of it a white page of the
        same size with the texts in the places of the lines.
    """
    canvas = Image.new("RGB", (2 * page.width, page.height), "white")
    canvas.paste(page.convert("RGB"))
    draw = ImageDraw.Draw(canvas)
    texts = Image.new("L", page.size, 255)
    for polygon, text, score in lines:
        draw.polygon(polygon, outline=_RED if score < 0.5 else _BLUE, width=max(1, page.height // 800))
        _write(texts, polygon, text)
    canvas.paste(texts.convert("RGB"), (page.width, 0))
    return canvas


def _write(sheet: Image.Image, polygon: Polygon, text: str) -> None:
    """Write a text into the place of its line, turned as the line is."""
    width, height = crop_size(polygon)
    size = max(4, round(_TEXT_SHARE * height))
    length = caption_font(text, size).font.getlength(text)
    if length > width:
        size = max(4, int(size * width / length))
    line = Image.new("L", (width, height), 255)
    ImageDraw.Draw(line).text((0, height / 2), text, fill=0, font=caption_font(text, size).font, anchor="lm")

    turned = line.rotate(-LineBox(polygon).angle, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
    left, top, *_ = (round(edge) for edge in bounds(polygon))
    place = (left, top, left + turned.width, top + turned.height)
    sheet.paste(ImageChops.darker(sheet.crop(place), turned), (left, top))
