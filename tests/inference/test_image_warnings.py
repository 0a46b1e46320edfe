from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.lines import draw_line, draw_page

from ocrx.imaging.preparation import ReducedImage, resize
from ocrx.inference.image_warnings import image_warning
from ocrx.model_spec import ImageSpec


def warning(image: Image.Image, *, several_lines: bool = True) -> str | None:
    spec = ImageSpec()
    return image_warning(ReducedImage.whole(image), resize(image, spec), spec, several_lines=several_lines)


@pytest.mark.parametrize(
    "image",
    [draw_line("a single line", height=80), draw_page(["alone"]), draw_line("I"), draw_line("1", height=100)],
    ids=["line", "line on a page", "letter", "digit"],
)
def test_a_single_line_is_no_cause_for_a_warning(image: Image.Image) -> None:
    assert warning(image) is None


def test_several_lines_are_counted_unless_they_are_cut_apart() -> None:
    page = draw_page(["one", "two", "three", "four"])
    assert "4 lines" in str(warning(page))
    assert warning(page, several_lines=False) is None


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_turned_line_is_not_taken_for_many_lines(degrees: int) -> None:
    line = draw_line("W A R N I N G")
    assert "turned by 90 degrees" in str(warning(line.rotate(degrees, expand=True, fillcolor=255)))


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_uniform_image_has_no_contrast(value: int) -> None:
    assert "contrast" in str(warning(Image.new("L", (200, 200), value)))


def test_faded_text_causes_a_warning_and_grey_text_does_not() -> None:
    line = np.asarray(draw_line("faded"), dtype=np.float32)
    assert "contrast" in str(warning(Image.fromarray((250 - (255 - line) * 0.06).astype(np.uint8))))
    assert warning(Image.fromarray((250 - (255 - line) * 0.3).astype(np.uint8))) is None


def test_a_few_pixels_are_too_few() -> None:
    assert "only 6 pixels high" in str(warning(draw_line("tiny").resize((40, 6))))
    assert warning(draw_line("small").resize((60, 12))) is None


def test_a_line_longer_than_the_network_reads_is_squeezed() -> None:
    assert "squeezed to 50%" in str(warning(draw_line("long").resize((ImageSpec().max_width * 2, 32))))
