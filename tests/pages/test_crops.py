"""Lines cut out of a page."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.pages.boxes import LineBox
from ocrx.pages.crops import crop_line, projective_map

LINE = draw_line("a line of text", height=40)
BOX = LineBox(((50, 80), (50 + LINE.width, 80), (50 + LINE.width, 120), (50, 120)))


def page() -> Image.Image:
    sheet = Image.new("L", (500, 300), 255)
    sheet.paste(LINE, (50, 80))
    return sheet


def difference(found: Image.Image, expected: Image.Image) -> float:
    assert found.size == expected.size
    return float(np.abs(np.asarray(found, dtype=float) - np.asarray(expected, dtype=float)).mean())


def test_an_upright_line_keeps_its_pixels() -> None:
    assert crop_line(page(), BOX.polygon).tobytes() == LINE.tobytes()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_line_turned_by_quarters_is_set_upright_without_loss(quarters: int) -> None:
    turn = {1: Image.Transpose.ROTATE_270, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_90}[quarters]
    standing = LINE.transpose(turn)
    sheet = Image.new("L", (500, 500), 255)
    sheet.paste(standing, (30, 40))
    right, bottom = 30 + standing.width, 40 + standing.height
    box = LineBox(((30, 40), (right, 40), (right, bottom), (30, bottom))).turned(quarters)
    assert crop_line(sheet, box.polygon).tobytes() == LINE.tobytes()


def test_a_skewed_line_is_set_upright() -> None:
    turned = page().rotate(-5, Image.Resampling.BICUBIC, fillcolor=255)
    angle = np.radians(5)
    corners = [
        (
            250 + (x - 250) * np.cos(angle) - (y - 150) * np.sin(angle),
            150 + (x - 250) * np.sin(angle) + (y - 150) * np.cos(angle),
        )
        for x, y in BOX.polygon
    ]
    found = crop_line(turned, (corners[0], corners[1], corners[2], corners[3]))
    assert difference(found, LINE) < 8


def test_a_line_seen_from_the_side_is_flattened() -> None:
    corners = ((40.0, 60.0), (400.0, 90.0), (400.0, 130.0), (40.0, 140.0))
    upright = ((0.0, 0.0), (float(LINE.width), 0.0), (float(LINE.width), 40.0), (0.0, 40.0))
    coefficients = projective_map(corners, upright).ravel()[:8]
    sheet = LINE.transform((450, 200), Image.Transform.PERSPECTIVE, tuple(coefficients), Image.Resampling.BICUBIC)
    found = crop_line(sheet, corners).resize(LINE.size)
    assert difference(found, LINE) < 12


def test_what_lies_outside_the_page_is_white() -> None:
    found = crop_line(Image.new("RGB", (50, 50), "black"), ((40, 10), (80, 12), (79, 30), (39, 28)))
    assert found.getpixel((30, 10)) == (255, 255, 255) and found.getpixel((3, 10)) == (0, 0, 0)


def test_a_box_without_area_gives_a_pixel() -> None:
    assert crop_line(page(), ((5, 5), (5, 5), (5, 5), (5, 5))).size == (1, 1)


def test_a_projective_map_takes_the_corners_to_their_places() -> None:
    source = ((0.0, 0.0), (10.0, 0.0), (10.0, 4.0), (0.0, 4.0))
    target = ((3.0, 1.0), (15.0, 2.0), (14.0, 9.0), (2.0, 8.0))
    mapping = projective_map(source, target)
    for (x, y), expected in zip(source, target, strict=True):
        u, v, w = mapping @ (x, y, 1.0)
        assert (u / w, v / w) == pytest.approx(expected)
