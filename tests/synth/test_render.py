from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont, features

from ocrx.synth.font_files import matplotlib_folder
from ocrx.synth.render import Inked, Placement, Setting, needs_shaping, place, render_line
from ocrx.text.direction import visual_order


def font(name: str, size: int = 24, shaped: bool = False) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return ImageFont.truetype(str(Path(matplotlib_folder()) / name), size, layout_engine=engine)


def ink_in(image: Image.Image, box: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = (round(v) for v in box)
    return float(np.asarray(image, dtype=np.float64)[max(0, top) : bottom, max(0, left) : right].sum())


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("setting", [{}, {"tracking": 0.2}, {"gap_factor": 2.0}, {"gaps": (1.0, 0.5)}])
def test_boxes_hold_the_ink_of_their_characters(shaped: bool, setting: dict[str, object]) -> None:
    text = "To 8g, Hx"
    inked = render_line(text, font("DejaVuSansMono.ttf", shaped=shaped), Setting(shaped=shaped, **setting))  # type: ignore[arg-type]  # a table of fields
    assert len(inked.boxes) == len(text)
    total = float(np.asarray(inked.image, dtype=np.float64).sum())
    held = [ink_in(inked.image, box) for box in inked.boxes]
    assert sum(held) == pytest.approx(total, rel=0.02)
    assert all((amount > 0) == (c != " ") for c, amount in zip(text, held, strict=True))


@pytest.mark.parametrize("text", ["To 8g, Hx", "AVAWA fi", "سلام (PDF) 12", "नमस्ते क"])
@pytest.mark.parametrize("shaped", [False, True])
def test_a_line_is_the_same_whether_characters_are_measured_or_not(text: str, shaped: bool) -> None:
    face, setting = font("DejaVuSans.ttf", shaped=shaped), Setting(shaped=shaped, gaps=(0.5,))
    measured, whole = (render_line(text, face, setting, characters=each) for each in (True, False))
    assert (whole.image, whole.baseline) == (measured.image, measured.baseline)
    assert len(measured.boxes) == len(text) and len(whole.boxes) <= len(text)
    rectangles = [
        (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
        for boxes in (measured.boxes, whole.boxes)
    ]
    assert rectangles[0] == pytest.approx(rectangles[1], abs=1e-9)


@pytest.mark.skipif(not features.check("raqm"), reason="needs libraqm")
def test_shaped_lines_have_the_letter_shapes_of_their_language() -> None:
    face = font("DejaVuSans.ttf", shaped=True)
    plain, serbian, russian = (
        render_line("дебео", face, Setting(shaped=True, language=language)) for language in (None, "sr", "ru")
    )
    assert russian == plain != serbian
    assert len(serbian.boxes) == 5


def test_a_language_changes_nothing_where_lines_are_not_shaped() -> None:
    face = font("DejaVuSans.ttf")
    assert render_line("дебео", face, Setting(language="sr")) == render_line("дебео", face, Setting())


def test_gaps_are_as_wide_as_asked() -> None:
    face = font("DejaVuSansMono.ttf")
    plain = render_line("a b c", face, Setting())
    wide = render_line("a b c", face, Setting(gap_factor=2.0, gaps=(0.0, 1.0)))
    space = face.getlength(" ")
    first, second = (wide.boxes[i][2] - wide.boxes[i][0] for i in (1, 3))
    assert first == pytest.approx(2 * space)
    assert second == pytest.approx(2 * space + face.size)
    assert plain.boxes[1][2] - plain.boxes[1][0] == pytest.approx(space)


def test_right_to_left_words_run_backwards() -> None:
    inked = render_line("سلام", font("DejaVuSans.ttf", shaped=True), Setting(shaped=True))
    lefts = [box[0] for box in inked.boxes]
    assert lefts == sorted(lefts, reverse=True)


@pytest.mark.parametrize(
    "text",
    [
        "نص abc def، 12",
        "السعر 12-34",
        "خصم 50% الآن",
        "שלום (PDF file)",
        "ב-Windows XP",
        '"שלום"',
        "(كتاب) [a(b)c] «نعم»",
        "٣٤ - ٥٦",
        "אב 12:30-14:00, $5 (x>y)",
        "٤باb",
    ],
)
def test_a_right_to_left_line_stands_as_the_bidirectional_algorithm_puts_it(text: str) -> None:
    setting = Setting(shaped=needs_shaping(text), gaps=(0.3, 0.0, 1.0))
    inked = render_line(text, font("DejaVuSans.ttf", shaped=True), setting)
    assert len(inked.boxes) == len(text)
    centres = [inked.boxes[i][0] + inked.boxes[i][2] for i, _ in visual_order(text)]
    assert centres == sorted(centres)


@pytest.mark.parametrize(("text", "bracket"), [("(א", ")"), ("a (א", ")"), ("א a(b", "(")])
def test_brackets_are_mirrored_in_right_to_left_text_alone(text: str, bracket: str) -> None:
    face = font("DejaVuSans.ttf", shaped=True)
    line = render_line(text, face, Setting(shaped=True))
    left, top, right, bottom = line.boxes[text.index("(")]
    ink = line.image.crop((round(left), round(top), round(right), round(bottom)))
    alone = render_line(bracket, face, Setting(shaped=True)).image
    assert ink.crop(ink.getbbox()).tobytes() == alone.crop(alone.getbbox()).tobytes()


@pytest.mark.parametrize(
    ("text", "shaped"),
    [("Total 5,00 €", False), ("Жук γάτα", False), ("سلام", True), ("नमस्ते", True), ("٣-٤", True), ("a\u200cb", True)],
)
def test_which_scripts_need_shaping(text: str, shaped: bool) -> None:
    assert needs_shaping(text) is shaped


@pytest.mark.parametrize(
    "placement",
    [
        Placement(margins=(3, 2, 5, 4)),
        Placement(0.7, 1.4, margins=(3, 3, 3, 3)),
        Placement(1.0, 1.0, -0.2, 2.5, (2, 2, 2, 2)),
    ],
)
def test_placed_boxes_follow_the_ink(placement: Placement) -> None:
    inked = render_line("H gap 8", font("DejaVuSansMono.ttf"), Setting())
    area = (inked.boxes[0][0], min(b[1] for b in inked.boxes), inked.boxes[-1][2], max(b[3] for b in inked.boxes))
    image, boxes = place(inked, area, placement)
    total = float(np.asarray(image, dtype=np.float64).sum())
    reach = [(a - 1, b - 1, c + 1, d + 1) for a, b, c, d in boxes]
    outside = np.asarray(image, dtype=np.float64).copy()
    for left, top, right, bottom in reach:
        outside[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1] = 0
    assert total > 0 and outside.sum() < 0.005 * total
    scale = placement.scale_x * placement.scale_y
    assert total == pytest.approx(float(np.asarray(inked.image, dtype=np.float64).sum()) * scale, rel=0.05)


def test_margins_are_kept_and_may_cut() -> None:
    inked = Inked(Image.new("L", (60, 40), 255), ((10.0, 10.0, 50.0, 30.0),), 30.0)
    image, boxes = place(inked, inked.boxes[0], Placement(margins=(4, 2, 6, -3)))
    assert image.size == (50, 19)
    assert boxes[0] == (4, 2, 44, 22)
