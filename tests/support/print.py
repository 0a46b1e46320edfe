"""A typeset line with letters of many scripts."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from ocrx.synth.font_files import matplotlib_folder


def typeset(text: str) -> Image.Image:
    """A clean line in DejaVu Sans."""
    font = ImageFont.truetype(str(matplotlib_folder() / "DejaVuSans.ttf"), 28)
    image = Image.new("L", (round(font.getlength(text)) + 16, 46), 255)
    ImageDraw.Draw(image).text((8, 6), text, 0, font)
    return image
