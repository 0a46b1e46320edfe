"""Lines of an image, opened and prepared."""

from __future__ import annotations

from PIL import Image
from support.lines import draw_line

from ocrx.inference.inputs import ImageInput
from ocrx.inference.lines import Layout, load_lines
from ocrx.model_spec import ImageSpec


def page_of(lines: int) -> Image.Image:
    page = Image.new("L", (400, 60 * lines + 40), 255)
    for number in range(lines):
        page.paste(draw_line(f"line number {number}"), (20, 20 + 60 * number))
    return page


def test_a_page_is_opened_once_more_for_the_pictures_of_all_its_lines() -> None:
    opened = 0

    def load() -> Image.Image:
        nonlocal opened
        opened += 1
        return page_of(6)

    lines = load_lines([ImageInput(load, "page.png")], ImageSpec(), Layout("split"))
    assert len(lines) == 6 and opened == 1
    for times in (2, 3):
        assert all(line.source.load().size == (400, 400) for line in lines)
        assert opened == times, "and is not kept for ever"
