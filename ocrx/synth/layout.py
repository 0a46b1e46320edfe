"""Layout of a line of ink: size, spacing, rules and neighbouring lines, slant, rotation and crop."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from random import Random

from PIL import Image, ImageChops, ImageDraw

from ocrx.synth import degrade
from ocrx.synth.font_files import Face
from ocrx.synth.fonts import LOCAL_SHAPES, FontBook
from ocrx.synth.render import Box, Inked, Placement, Setting, needs_shaping, place, render_line
from ocrx.synth.text import TextSource
from ocrx.synth.textures import Textures

MIN_HEIGHT, MAX_HEIGHT = 10, 64
PRINTER_DOTS = (11, 12, 13, 14, 16, 16, 18, 18, 20, 20, 22, 24, 24, 26, 28, 32)
_TALLEST_INK = 54.0
_CELLS = ("mono", "slab", "pixel")  # kinds of monospaced faces
_POINTS = re.compile(r"(?<=\d)[.:](?=\d\d(?!\d))")
_SUPERSAMPLED = 0.4
_LOCALLY_SHAPED = 0.85  # share of texts set with the letter shapes of their language, if it has its own
_LEAST_CELL = 4.3  # minimum average pixels per character after condensing


@dataclass(frozen=True, eq=False)
class Typesetter:
    """The tools for typesetting lines.

    Attributes:
        fonts: The typefaces.
        source: Source of texts for the lines above and below.
        textures: Noise for printer dots.
        strength: Strength of all irregularities, 0 to 1; 0 gives plain lines.
    """

    fonts: FontBook
    source: TextSource
    textures: Textures
    strength: float


@dataclass(frozen=True)
class _Ink:
    """The ink of a line: its box, number of characters, scale of the crop, and em in pixels of the crop."""

    area: Box
    count: int
    scale: float
    em: float


def lay_out(
    setter: Typesetter, rng: Random, scene: str, face: Face, text: str, language: str = "", *, boxes: bool = True
) -> tuple[Image.Image, tuple[Box, ...]]:
    """Typeset a text and crop it.

    Args:
        setter: The tools for typesetting.
        rng: Source of randomness.
        scene: Name of the scene.
        face: A face that covers ``text``.
        text: The text.
        language: BCP 47 code of the text's language, if it has its own letter shapes.
        boxes: Whether to compute the boxes of the characters.

    Returns:
        The ink (mode L, 255 is full ink), and the box of each character if requested.
    """
    fonts, strength = setter.fonts, setter.strength
    em = 12.0 * 2 ** (rng.random() ** 0.85 * 2.1)
    till = scene == "receipt"
    one_bit = face.kind == "pixel" or (strength > 0 and rng.random() < (0.4 if till else 0.06))
    shaped = needs_shaping(text) or (not one_bit and face.kind not in ("mono", "slab") and rng.random() < 0.4)
    local = language in LOCAL_SHAPES and not one_bit and rng.random() < _LOCALLY_SHAPED
    unit = face.size or (rng.choice(PRINTER_DOTS) if one_bit else round(em))
    fine = not one_bit and strength > 0 and not till and rng.random() < _SUPERSAMPLED
    if fine:
        unit *= 2  # reduced by `place`: subpixel positions and no hinting, as in a rasterised PDF
    shaped = shaped or local
    font = fonts.open(face, unit, shaped)
    setting = _setting(rng, text, face, shaped, one_bit, till) if strength else Setting(shaped=shaped)
    setting = replace(setting, language=language) if local else setting
    pointless = strength > 0 and till and rng.random() < 0.04
    inked = render_line(text, font, setting, characters=boxes or pointless)

    if pointless:
        inked = _without_points(inked, text)
    if strength:
        if till and rng.random() < 0.06:
            inked = Inked(degrade.double_strike(inked.image, rng), inked.boxes, inked.baseline)
        if rng.random() < (0.16 if till else 0.1):
            inked = _with_neighbours(rng, inked, setter.source.sample(rng, scene), face, fonts, unit, setting)
        if rng.random() < 0.07:
            inked = _with_rules(rng, inked, unit)
        if one_bit and till:
            inked, unit = _printed(rng, inked, unit, em, setter.textures, strength)

    top, bottom = min(b[1] for b in inked.boxes), max(b[3] for b in inked.boxes)
    if rng.random() < 0.3:
        top, bottom = min(top, inked.baseline - 0.72 * unit), max(bottom, inked.baseline + 0.2 * unit)
    area = (min(b[0] for b in inked.boxes), top, max(b[2] for b in inked.boxes), bottom)
    scale = min(em / unit if one_bit or fine else 1.0, _TALLEST_INK / (bottom - top))
    ink = _Ink(area, len(text), scale, unit * scale)
    if not boxes:
        inked = replace(inked, boxes=())
    return place(inked, area, _placement(rng, ink, face, scene, strength))


def _setting(rng: Random, text: str, face: Face, shaped: bool, one_bit: bool, till: bool) -> Setting:  # noqa: C901  # a list of independent choices
    """Choose the spacing of words and characters: narrow, justified, doubled, or as wide as a column."""
    spaces = text.count(" ")
    factor = 1.0
    gaps: tuple[float, ...] = ()
    dice = rng.random()

    if spaces and face.kind in _CELLS:
        # Whole cells only, so that `Total:` and `Total :` remain distinguishable.
        if dice < 0.3:
            gaps = tuple(font_space(face) * rng.choice((0, 0, 0, 1, 1, 2, 4)) for _ in range(spaces))
    elif spaces and dice < 0.18:
        factor = rng.uniform(0.6, 0.95)
    elif spaces and dice < 0.34:
        factor = rng.uniform(1.1, 2.4)
    elif spaces and dice < 0.5:
        wide = (0.0, 0.0, 0.0, font_space(face), font_space(face) * 2, rng.uniform(0.2, 2.5))
        gaps = tuple(rng.choice(wide) for _ in range(spaces))

    tracking = 0.0

    if not shaped:
        dice = rng.random()
        if dice < 0.12:
            tracking = rng.uniform(-0.05, 0.0)
        elif dice < 0.25:
            tracking = rng.uniform(0.0, 0.12)
        elif dice < 0.28:
            tracking = rng.uniform(0.12, 0.36)
            factor = max(factor, 1.0) + 2.5 * tracking  # otherwise word gaps would look like letter gaps

    wobble: tuple[float, ...] = ()
    if not one_bit and not shaped and rng.random() < (0.05 if till else 0.08):
        wobble = tuple(rng.gauss(0, 0.025) for _ in range(7))
    return Setting(tracking, gaps, factor, shaped, one_bit, wobble)


def _without_points(inked: Inked, text: str) -> Inked:
    """Erase decimal points, which weak print loses first; people still read `12 50` in a column of prices as 12.50."""
    image = inked.image.copy()
    for point in _POINTS.finditer(text):
        left, top, right, bottom = inked.boxes[point.start()]
        image.paste(0, (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)))
    return Inked(image, inked.boxes, inked.baseline)


def font_space(face: Face) -> float:
    """Estimate the width of a space, in em.

    Args:
        face: The typeface.

    Returns:
        The width in em.
    """
    return 0.6 if face.kind in _CELLS else 0.28


def _with_neighbours(
    rng: Random, inked: Inked, text: str, face: Face, fonts: FontBook, unit: float, setting: Setting
) -> Inked:
    """Add the lines above and below, so close that the crop may include their edges."""
    if not fonts.covers(face, text):
        return inked
    shaped = needs_shaping(text)
    beside = Setting(setting.tracking, shaped=shaped, one_bit=setting.one_bit)
    other = render_line(text, fonts.open(face, unit, shaped), beside, characters=False)
    top, bottom = min(b[1] for b in inked.boxes), max(b[3] for b in inked.boxes)
    pitch = (bottom - top) + rng.uniform(0.06, 0.35) * unit
    sides = rng.choice(((-1,), (1,), (-1, 1)))
    grow = math.ceil(other.image.height + pitch)
    canvas = Image.new("L", (inked.image.width, inked.image.height + 2 * grow), 0)
    canvas.paste(inked.image, (0, grow))
    x = rng.randint(-round(0.8 * unit), max(0, inked.image.width - other.image.width))

    for side in sides:
        other_top = min(b[1] for b in other.boxes)
        other_bottom = max(b[3] for b in other.boxes)
        y = bottom + pitch - (bottom - top) - other_top if side > 0 else top - pitch + (bottom - top) - other_bottom
        layer = Image.new("L", canvas.size, 0)
        layer.paste(other.image, (x, round(y) + grow))
        canvas = ImageChops.lighter(canvas, layer)

    boxes = tuple((a, b + grow, c, d + grow) for a, b, c, d in inked.boxes)
    return Inked(canvas, boxes, inked.baseline + grow)


def _with_rules(rng: Random, inked: Inked, unit: float) -> Inked:
    """Add an underline, the rules of a table, a box, or a strike-through."""
    image = inked.image.copy()
    draw = ImageDraw.Draw(image)
    width, height = image.size
    thick = max(1, round(unit * rng.uniform(0.03, 0.1)))
    left, right = round(rng.uniform(0, 0.1) * width), round(width * rng.uniform(0.8, 1))
    bottom = round(inked.baseline + unit * rng.uniform(0.08, 0.2))
    dice = rng.random()

    if dice < 0.5:
        draw.line((left, min(bottom, height - 1), right, min(bottom, height - 1)), 255, thick)
    elif dice < 0.75:
        x = rng.choice((1, width - 2))
        draw.line((x, 0, x, height), 255, thick)
        if rng.random() < 0.5:
            draw.line((0, height - 2, width, height - 2), 255, thick)
    elif dice < 0.9:
        draw.rectangle((0, 0, width - 1, height - 1), None, 255, thick)
    else:
        y = inked.baseline - unit * rng.uniform(0.1, 0.5)
        draw.line((0, y + rng.uniform(-0.4, 0.4) * unit, width, y + rng.uniform(-0.4, 0.4) * unit), 255, thick)

    return Inked(image, inked.boxes, inked.baseline)


def _printed(
    rng: Random, inked: Inked, unit: float, em: float, textures: Textures, strength: float
) -> tuple[Inked, float]:
    """Simulate printer dots: some are missing, and those of an impact printer are round."""
    image = inked.image
    if rng.random() < 0.22:
        image = degrade.lose_dots(image, rng, textures, strength)
    if unit <= 18 and rng.random() < 0.22:
        step = max(2, min(4, round(em / unit) + 1))
        return inked.scaled(degrade.dots(image, step, rng.uniform(0.42, 0.66)), step), unit * step
    return Inked(image, inked.boxes, inked.baseline), unit


def _placement(rng: Random, ink: _Ink, face: Face, scene: str, strength: float) -> Placement:
    """Choose scale, slant, rotation and margins of the crop; lines on a screen are not rotated."""
    till, scale = scene == "receipt", ink.scale
    left, top, right, bottom = ink.area
    height = (bottom - top) * scale
    margins = _margins(rng, ink.em, height, strength)
    if not strength:
        return Placement(scale, scale, margins=margins)
    across = 1.0
    dice = rng.random()

    if till and face.kind in _CELLS:
        # The tall narrow letters of till printers, and their double-width mode.
        span = (1.2, 2.0) if dice < 0.08 else (0.56, 0.88) if dice < 0.68 else (0.85, 1.1)
        across = rng.uniform(*span)
    elif dice < 0.4:
        across = rng.uniform(0.7, 1.3) if till else rng.uniform(0.8, 1.2)

    cell = (right - left) * scale / ink.count
    across = min(max(across, _LEAST_CELL / max(cell, 0.1)), max(across, 1.0))
    slant = rng.uniform(-0.1, 0.25) if rng.random() < 0.06 * strength else 0.0
    turn = 0.0

    if scene != "screen" and rng.random() < 0.35:
        width = (right - left) * scale * across
        limit = min(3.0, math.degrees(0.35 * height / max(width, 1)))
        turn = max(-limit, min(limit, rng.gauss(0, 0.9))) * strength

    return Placement(scale * across, scale, -slant, turn, margins)


def _margins(rng: Random, em: float, height: float, strength: float) -> tuple[float, float, float, float]:
    """Choose margins in pixels (left, top, right, bottom): tight or loose, sometimes cutting into the ink."""
    dice = rng.random()
    if dice < 0.4:
        sides = [rng.uniform(0, 0.14) * em for _ in range(4)]
    else:
        loose = 0.3 if dice < 0.75 else 0.6
        sides = [rng.uniform(0, loose * (0.85 if i % 2 else 1)) * em for i in range(4)]

    if rng.random() < 0.1 * strength:
        sides[0] = rng.uniform(-0.03, 0.03) * em  # the first letter at the very edge
    if rng.random() < 0.12 * strength:
        sides[rng.choice((1, 3, 3))] = -rng.uniform(0.02, 0.07) * em
    lack = max(0.0, MIN_HEIGHT + 1 - (height + sides[1] + sides[3])) / 2
    return sides[0], sides[1] + lack, sides[2], sides[3] + lack
