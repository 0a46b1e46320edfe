"""Draws a result: the line, a frame around each character, and the text below."""

from __future__ import annotations

from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

from ocrx.inference.caption_font import caption_font
from ocrx.inference.spans import PixelSpans

_HEIGHT = 64
_SIZE, _NOTE_SIZE = 24, 12
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
    """Draw a result.

    Args:
        image: The line as it was read.
        prediction: Its text, scores and spans.

    Returns:
        The line, 64 pixels high, with a frame around each character (red for a score below 0.5); below it the text and
        its score, and a note about characters that no font on this machine has.
    """
    factor = _HEIGHT / image.height
    picture = image.convert("RGB").resize((max(1, round(image.width * factor)), _HEIGHT), Image.Resampling.BILINEAR)

    chosen, plain = caption_font(prediction.text, _SIZE), ImageFont.load_default(size=_SIZE)
    score = f"   {prediction.score:.3f}"
    note_font = ImageFont.load_default(size=_NOTE_SIZE)
    ascent, descent = chosen.font.getmetrics() if isinstance(chosen.font, ImageFont.FreeTypeFont) else (_SIZE, 0)
    text_width = round(chosen.font.getlength(prediction.text))
    written = max(text_width + plain.getlength(score), note_font.getlength(chosen.note))
    width = max(picture.width, round(written) + 8)

    note_height = 2 * _NOTE_SIZE if chosen.note else 0
    canvas = Image.new("RGB", (width, _HEIGHT + max(36, ascent + descent + 8) + note_height), "white")
    canvas.paste(picture)

    draw = ImageDraw.Draw(canvas)
    for (left, right), character_score in zip(prediction.char_spans, prediction.char_scores, strict=True):
        colour = _RED if character_score < 0.5 else _BLUE
        draw.rectangle((left * factor, 1, max(left, right) * factor, _HEIGHT - 2), outline=colour)
    draw.text((4, _HEIGHT + 4), prediction.text, fill=_BLACK, font=chosen.font)
    draw.text((4 + text_width, _HEIGHT + 4), score, fill=_BLACK, font=plain)
    draw.text((4, canvas.height - note_height), chosen.note, fill=_RED, font=note_font)
    return canvas
