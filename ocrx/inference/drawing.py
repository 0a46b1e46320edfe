"""A picture of what was read: the line, a mark around each character, and the text below."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

from ocrx.inference.spans import PixelSpans

_HEIGHT = 64
_DEJAVU = "mpl-data/fonts/ttf/DejaVuSans.ttf"
_BLUE, _RED, _BLACK = (30, 90, 200), (200, 40, 30), (0, 0, 0)


class Drawable(Protocol):
    """The part of a prediction that is drawn."""

    @property
    def text(self) -> str:
        """What was read."""
        ...

    @property
    def score(self) -> float:
        """Score of the line."""
        ...

    @property
    def char_scores(self) -> tuple[float, ...]:
        """Probability of each character."""
        ...

    @property
    def char_spans(self) -> PixelSpans:
        """Left and right edge of each character in pixels of the image."""
        ...


def draw_prediction(image: Image.Image, prediction: Drawable) -> Image.Image:
    """Draw what was read.

    Args:
        image: The line as it was read.
        prediction: What was read.

    Returns:
        The image 64 pixels high, a frame around each character (red below 0.5), the text and its score below.
    """
    factor = _HEIGHT / image.height
    picture = image.convert("RGB").resize((max(1, round(image.width * factor)), _HEIGHT), Image.Resampling.BILINEAR)
    caption = f"{prediction.text}   {prediction.score:.3f}"
    font = caption_font(caption, 24)

    canvas = Image.new("RGB", (max(picture.width, round(font.getlength(caption)) + 8), _HEIGHT + 36), "white")
    canvas.paste(picture)
    draw = ImageDraw.Draw(canvas)
    for (left, right), score in zip(prediction.char_spans, prediction.char_scores, strict=True):
        draw.rectangle(
            (left * factor, 1, max(left, right) * factor, _HEIGHT - 2), outline=_RED if score < 0.5 else _BLUE
        )
    draw.text((4, _HEIGHT + 4), caption, fill=_BLACK, font=font)
    return canvas


def caption_font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Choose a font: Pillow's own for ASCII, else DejaVu Sans, which comes with matplotlib and has more scripts.

    Args:
        text: What is to be drawn.
        size: In pixels.

    Returns:
        The font.
    """
    matplotlib = find_spec("matplotlib")
    if not text.isascii() and matplotlib is not None and matplotlib.origin is not None:
        try:
            return ImageFont.truetype(str(Path(matplotlib.origin).parent / _DEJAVU), size)
        except OSError:
            pass  # a matplotlib without its fonts
    return ImageFont.load_default(size=size)
