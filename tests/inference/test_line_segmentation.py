from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageOps
from support.lines import draw_page

from ocrx.inference.line_segmentation import line_boxes


@pytest.mark.parametrize("words", [["one"], ["gpqy", "ÄÖÜ"], ["first line", "second", "äöü i j", "last one ."]])
@pytest.mark.parametrize("height", [24, 60])
def test_every_line_has_a_box_around_its_ink(words: list[str], height: int) -> None:
    sheet = draw_page(words, height)
    boxes = line_boxes(sheet)
    assert len(boxes) == len(words)
    for row, (left, top, right, bottom) in enumerate(boxes):
        start = 30 + (height + 30) * row
        ink = ImageOps.invert(sheet).crop((0, start, 600, start + height)).getbbox()
        assert ink is not None
        assert left <= ink[0] + 1 and right >= ink[2] - 1
        assert top <= start + ink[1] + 1 and bottom >= start + ink[3] - 1
        assert start - 20 <= top and bottom <= start + height + 20


def test_white_on_black_and_large_scans_are_cut_as_well() -> None:
    sheet = draw_page(["one", "two", "three"])
    assert len(line_boxes(ImageOps.invert(sheet))) == 3
    assert len(line_boxes(sheet.resize((2400, sheet.height * 4)))) == 3


def test_specks_are_not_lines() -> None:
    sheet = draw_page(["one", "two"], gap=100)
    ImageDraw.Draw(sheet).rectangle((300, 120, 302, 121), fill=0)
    assert len(line_boxes(sheet)) == 2


def test_blank_and_uniform_images_have_no_lines() -> None:
    assert line_boxes(Image.new("L", (300, 300), 255)) == []
    assert line_boxes(Image.new("RGB", (300, 300), (90, 90, 90))) == []
    assert line_boxes(Image.new("L", (1, 1), 0)) == []
