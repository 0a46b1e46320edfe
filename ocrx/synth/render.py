"""Text to ink: render a line with a face, locate its characters, and place it in a crop.

A line is rendered character by character (tracking, 1-bit printer dots, exact cells) or word by word, shaped by
libraqm (kerning, ligatures, joined scripts). This module sets the gaps between words and the order of a right-to-left
line: libraqm sees one word alone, but position and direction depend on the whole line.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ocrx.text.charsets import JOINERS
from ocrx.text.direction import runs_right_to_left, visual_order

_WORDS = re.compile(" |[^ ]+")

Box = tuple[float, float, float, float]
Cell = tuple[float, float, int, int]  # left, right, top, bottom of a character; 0, 0 is the line's height


@dataclass(frozen=True)
class Setting:
    """Spacing of a line; lengths in em."""

    tracking: float = 0.0
    gaps: tuple[float, ...] = ()  # extra width of each space, in order; missing ones add nothing
    gap_factor: float = 1.0  # of the face's own space
    shaped: bool = False
    one_bit: bool = False
    wobble: tuple[float, ...] = ()  # vertical shift of each character, cycled
    language: str | None = None  # BCP 47 code, for the letter shapes of Bulgarian and Serbian; of shaped lines only


@dataclass(frozen=True)
class Inked:
    """A rendered line.

    Attributes:
        image: Its ink, mode L; 255 is full ink.
        boxes: One box for each character, or for each piece that was rendered at once: pen advance across, ink extent
            down.
        baseline: Row of the baseline in pixels.
    """

    image: Image.Image
    boxes: tuple[Box, ...]
    baseline: float

    def scaled(self, image: Image.Image, factor: int) -> Inked:
        """Create the same line with an ``image`` that is ``factor`` times as large.

        Args:
            image: The enlarged line.
            factor: The factor.

        Returns:
            The line with boxes that fit.
        """
        boxes = tuple((a * factor, b * factor, c * factor, d * factor) for a, b, c, d in self.boxes)
        return Inked(image, boxes, self.baseline * factor)


def needs_shaping(text: str) -> bool:
    """Check whether glyphs depend on their neighbours: joined, stacked or right-to-left scripts, combining marks.

    Args:
        text: The text.

    Returns:
        Whether the text must be shaped.
    """
    for c in text:
        if c >= "\u0300" and (
            unicodedata.combining(c)
            or c in JOINERS
            or unicodedata.bidirectional(c) in ("R", "AL", "AN")
            or "\u0900" <= c <= "\u109f"
            or "\u1780" <= c <= "\u17ff"
            or unicodedata.category(c) in ("Mc", "Mn")
        ):
            return True
    return False


def render_line(
    text: str, font: ImageFont.FreeTypeFont, setting: Setting, pad: int = 4, *, characters: bool = True
) -> Inked:
    """Render ``text`` as one line, with at least ``pad`` empty pixels on each side of the ink.

    Args:
        text: The text.
        font: The opened typeface.
        setting: How the line is set.
        pad: Empty pixels on each side, at least.
        characters: Measure each character. Shaped words are otherwise measured as a whole, which takes less
            time.

    Returns:
        The line with the boxes of its characters, or of its words. The image and the rectangle around all boxes are
        the same in both cases.
    """
    em = font.size
    language = setting.language if font.layout_engine == ImageFont.Layout.RAQM else None
    space = max(font.getlength(" "), 0.12 * em)
    mode = "1" if setting.one_bit else "L"
    pen, gap_number = 0.0, 0
    rendered: dict[tuple[str, str | None], tuple[Any, tuple[int, int], float]] = {}
    placed: list[tuple[float, float, float, Any]] = []
    cells: dict[int, Cell] = {}

    for start, piece, direction in _pieces(text, setting.shaped):
        if piece == " ":
            extra = setting.gaps[gap_number] if gap_number < len(setting.gaps) else 0.0
            width = space * setting.gap_factor + (extra + setting.tracking) * em
            gap_number += 1
            cells[start] = (pen, pen + width, 0, 0)
            pen += width
            continue
        key = piece, direction
        if key not in rendered:
            mask, offset = font.getmask2(piece, mode, direction=direction, language=language, anchor="ls")
            rendered[key] = (mask, offset, font.getlength(piece, direction=direction, language=language))
        mask, offset, advance = rendered[key]
        lift = setting.wobble[start % len(setting.wobble)] * em if setting.wobble else 0.0
        x, y = round(pen) + offset[0], offset[1] + round(lift)
        placed.append((x, y, x + mask.size[0], mask))
        top, bottom = y, y + mask.size[1]
        if setting.shaped and characters:
            cells.update(enumerate(_shaped_cells(piece, direction, language, font, pen, (top, bottom)), start))
        else:
            cells[start] = (pen, pen + advance, top, bottom)
            advance += setting.tracking * em
        pen += advance

    return _assemble(placed, [cells[i] for i in sorted(cells)], pad, font)


def _pieces(text: str, shaped: bool) -> list[tuple[int, str, str | None]]:
    """Split a text into pieces that are rendered at once, from left to right: start, characters and direction."""
    if not shaped:
        return [(i, character, None) for i, character in enumerate(text)]
    if not runs_right_to_left(text):
        return [(word.start(), word[0], None) for word in _WORDS.finditer(text)]
    runs: list[list[int]] = []
    leftwards: list[bool] = []

    for i, is_leftwards in visual_order(text):
        if runs and leftwards[-1] == is_leftwards and " " not in (text[i], text[runs[-1][-1]]):
            runs[-1].append(i)
        else:
            runs.append([i])
            leftwards.append(is_leftwards)

    return [
        (min(run), text[min(run) : max(run) + 1], "rtl" if is_leftwards else "ltr")
        for run, is_leftwards in zip(runs, leftwards, strict=True)
    ]


def _shaped_cells(
    word: str,
    direction: str | None,
    language: str | None,
    font: ImageFont.FreeTypeFont,
    pen: float,
    extent: tuple[int, int],
) -> list[Cell]:
    """Compute the cells of a shaped word's characters from prefix advances; ``extent`` is top and bottom."""
    top, bottom = extent
    ends = [font.getlength(word[: i + 1], direction=direction, language=language) for i in range(len(word))]
    total = ends[-1]
    start, cells = 0.0, list[Cell]()

    for advance in ends:
        # Kerned or joined letters may be narrower than the first of them alone.
        end = min(max(start, advance), total)
        if direction == "rtl":
            cells.append((pen + total - end, pen + total - start, top, bottom))
        else:
            cells.append((pen + start, pen + end, top, bottom))
        start = end

    return cells


def _assemble(
    placed: Sequence[tuple[float, float, float, Any]],
    cells: Sequence[Cell],
    pad: int,
    font: ImageFont.FreeTypeFont,
) -> Inked:
    left = min([math.floor(p[0]) for p in placed] + [0]) - pad
    top = min((int(p[1]) for p in placed), default=-int(font.size)) - pad
    right = max([int(p[2]) for p in placed] + [math.ceil(cell[1]) for cell in cells] + [1]) + pad
    bottom = max((int(p[1]) + p[3].size[1] for p in placed), default=0) + pad
    image = Image.new("L", (right - left, bottom - top), 0)
    draw = ImageDraw.Draw(image).draw
    for x, y, _, mask in placed:
        draw.draw_bitmap((x - left, y - top), mask, 255)
    boxes = tuple((a - left, (t or top + pad) - top, z - left, (b or bottom - pad) - top) for a, z, t, b in cells)
    return Inked(image, boxes, float(-top))


@dataclass(frozen=True)
class Placement:
    """From ink to crop: scale, slant and rotation, then margins. Lengths in pixels of the crop."""

    scale_x: float = 1.0
    scale_y: float = 1.0
    slant: float = 0.0
    turn: float = 0.0  # degrees
    margins: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # left, top, right, bottom; negative cuts
    resample: Image.Resampling = Image.Resampling.BILINEAR


def place(inked: Inked, area: Box, placement: Placement) -> tuple[Image.Image, tuple[Box, ...]]:
    """Map an area of the ink to a crop with margins.

    Args:
        inked: The rendered line.
        area: Left, top, right and bottom of the part to show, in pixels.
        placement: Size and margins of the crop.

    Returns:
        The crop, mode L, and the moved boxes.
    """
    angle = math.radians(placement.turn)
    cos, sin = math.cos(angle), math.sin(angle)
    a, b = placement.scale_x * cos, placement.scale_y * (cos * placement.slant - sin)
    d, e = placement.scale_x * sin, placement.scale_y * (sin * placement.slant + cos)
    corners = [(a * x + b * y, d * x + e * y) for x in (area[0], area[2]) for y in (area[1], area[3])]
    left, top = min(c[0] for c in corners), min(c[1] for c in corners)
    right, bottom = max(c[0] for c in corners), max(c[1] for c in corners)
    before_x, before_y, after_x, after_y = placement.margins
    width = max(4, round(right - left + before_x + after_x))
    height = max(8, round(bottom - top + before_y + after_y))
    shift_x, shift_y = before_x - left, before_y - top
    boxes = tuple(_moved(box, a, b, d, e, shift_x, shift_y) for box in inked.boxes)

    if (a, b, d, e) == (1.0, 0.0, 0.0, 1.0):
        x, y = round(shift_x), round(shift_y)
        image = inked.image.crop((-x, -y, width - x, height - y))
        by_x, by_y = x - shift_x, y - shift_y
        boxes = tuple((box[0] + by_x, box[1] + by_y, box[2] + by_x, box[3] + by_y) for box in boxes)
        return image, boxes

    det = a * e - b * d
    inverse = (
        e / det, -b / det, (b * shift_y - e * shift_x) / det,
        -d / det, a / det, (d * shift_x - a * shift_y) / det,
    )  # fmt: skip
    return inked.image.transform((width, height), Image.Transform.AFFINE, inverse, placement.resample), boxes


def _moved(box: Box, a: float, b: float, d: float, e: float, x0: float, y0: float) -> Box:
    xs = [a * x + b * y for x in (box[0], box[2]) for y in (box[1], box[3])]
    ys = [d * x + e * y for x in (box[0], box[2]) for y in (box[1], box[3])]
    return min(xs) + x0, min(ys) + y0, max(xs) + x0, max(ys) + y0
