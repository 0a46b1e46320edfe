"""Lines told from those on their head."""

from __future__ import annotations

import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.pages.orientation import OrientationClassifier

TEXTS = [
    "Total 42.50",
    "In the beginning of a long line stands what tells how it is turned, whatever comes later",
    "Page",
]


@pytest.mark.parametrize("text", TEXTS)
def test_lines_of_any_length_are_told_apart(text: str) -> None:
    pytest.importorskip("rapidocr")
    line = draw_line(text, height=40)
    upright, turned = OrientationClassifier(1).upside_down([line, line.transpose(Image.Transpose.ROTATE_180)])
    assert upright < 0.3 and turned > 0.7


def test_a_line_is_judged_alike_in_any_company() -> None:
    pytest.importorskip("rapidocr")
    classifier = OrientationClassifier(1)
    lines = [draw_line(f"line number {number}", height=30 + number) for number in range(20)]
    together = classifier.upside_down(lines)
    alone = [classifier.upside_down([line])[0] for line in lines]
    assert together == pytest.approx(alone, abs=1e-4)


def test_tiny_images_are_judged_too() -> None:
    pytest.importorskip("rapidocr")
    assert len(OrientationClassifier(1).upside_down([Image.new("L", (1, 1)), Image.new("RGB", (1, 500))])) == 2
