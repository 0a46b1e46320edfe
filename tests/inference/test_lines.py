"""Lines of an image, opened and prepared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from support.lines import draw_line

from ocrx.inference.inputs import ImageInput, iter_inputs
from ocrx.inference.lines import Layout, load_lines
from ocrx.model_spec import ImageSpec
from ocrx.pages.boxes import LineBox
from ocrx.pages.finder import LineFinder, PageLine

TURNING = ImageSpec(steps=("rotate_tall",))


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


def test_a_tall_character_of_a_page_stays_upright() -> None:
    character = draw_line("1", height=40).resize((16, 40))

    class Finder(LineFinder):
        def find(self, image: Image.Image, *, turn_lines: bool = True, right_to_left: bool = False) -> list[PageLine]:
            return [PageLine(LineBox(((0, 0), (16, 0), (16, 40), (0, 40))), character)]

    (line,) = load_lines([ImageInput(lambda: character, "page.png")], TURNING, Layout("detect", finder=Finder()))
    assert (line.turned, line.size) == (False, (16, 40))


def test_a_vertical_line_is_judged_as_it_is_read() -> None:
    lying = draw_line("a line on its side", height=40)
    judged: list[bytes] = []

    class Finder(LineFinder):
        def is_upside_down(self, line: Image.Image) -> bool:
            judged.append(line.tobytes())
            return False

    standing = lying.transpose(Image.Transpose.ROTATE_270)
    load_lines([ImageInput(lambda: standing, "line.png")], TURNING, Layout(turn=True, finder=Finder()))
    assert judged == [lying.tobytes()]


def test_an_upside_down_page_read_as_one_line_causes_a_warning() -> None:
    class Finder(LineFinder):
        def is_upside_down(self, line: Image.Image) -> bool:
            return True

    page = page_of(3).transpose(Image.Transpose.ROTATE_180)
    (line,) = load_lines([ImageInput(lambda: page, "page.png")], ImageSpec(), Layout(turn=True, finder=Finder()))
    assert "looks like 3 lines" in str(line.warning)


def test_a_large_photo_of_a_line_is_reduced_and_keeps_its_size(tmp_path: Path) -> None:
    photo = draw_line("a line of text", height=48).resize((4800, 600), Image.Resampling.BICUBIC)
    photo.save(tmp_path / "photo.jpg")
    (source,) = iter_inputs(str(tmp_path / "photo.jpg"))
    (line,) = load_lines([source], ImageSpec())
    (whole,) = load_lines([ImageInput(source.load, source.name)], ImageSpec())
    assert line.size == whole.size == (4800, 600)
    assert line.pixels is not None and whole.pixels is not None and line.pixels.shape == whole.pixels.shape
    assert not np.array_equal(line.pixels, whole.pixels), "it was not decoded at full size"
    assert np.abs(line.pixels.astype(int) - whole.pixels).mean() < 1
    assert source.load().size == (4800, 600)
    (split,) = load_lines([source], ImageSpec(), Layout("split"))
    assert split.pixels is not None and np.array_equal(split.pixels, whole.pixels)
