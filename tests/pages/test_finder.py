"""Lines found on rendered pages."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.errors import BackendError
from ocrx.pages.boxes import LineBox, bounds, page_angle
from ocrx.pages.detection import boxes_from_map
from ocrx.pages.finder import LineFinder
from ocrx.pages.networks import DETECTOR, ORIENTATION, locate

TEXTS = ["The first line of the page", "and a second, which is longer", "42.50", "the last one ends here"]


def write_text_page() -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    """A page of four lines, and their boxes."""
    page, boxes = Image.new("L", (700, 400), 250), []
    for row, text in enumerate(TEXTS):
        line = draw_line(text, height=36)
        left, top = 60, 50 + 70 * row
        page.paste(line, (left, top))
        boxes.append((left, top, left + line.width, top + line.height))
    return page, boxes


@pytest.fixture(scope="module")
def finder() -> LineFinder:
    pytest.importorskip("rapidocr")
    return LineFinder()


def overlap(found: tuple[float, ...], expected: tuple[float, ...]) -> float:
    """Intersection over union."""
    sides = [min(found[2 + i], expected[2 + i]) - max(found[i], expected[i]) for i in (0, 1)]
    both = max(0.0, sides[0]) * max(0.0, sides[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (found, expected)]
    return both / (sum(areas) - both)


def test_every_line_is_found_in_order(finder: LineFinder) -> None:
    page, boxes = write_text_page()
    found = finder.find(page)
    assert len(found) == len(boxes)
    for line, expected in zip(found, boxes, strict=True):
        assert overlap(bounds(line.box.polygon), expected) > 0.6
        assert line.box.angle == 0 and line.box.score > 0.5
        assert line.image.mode == "L" and line.image.width > line.image.height


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_read_as_the_upright_one(finder: LineFinder, degrees: int) -> None:
    page, _ = write_text_page()
    upright = finder.find(page)
    turned = finder.find(page.rotate(degrees, expand=True))
    angles = [(line.box.angle + degrees + 180) % 360 - 180 for line in turned]
    assert len(turned) == len(upright) and max(map(abs, angles)) < 2
    for line, expected in zip(turned, upright, strict=True):
        size = np.array(line.image.size) / expected.image.size
        assert (abs(size - 1) < 0.2).all()


def test_without_turning_all_lines_are_taken_for_upright(finder: LineFinder) -> None:
    page, _ = write_text_page()
    found = finder.find(page.rotate(180), turn_lines=False)
    assert [line.box.angle for line in found] == [0] * 4
    assert found[0].box.polygon[0][1] < found[-1].box.polygon[0][1]


def test_a_page_without_text_has_no_lines(finder: LineFinder) -> None:
    assert finder.find(Image.new("RGB", (300, 200), "white")) == []


@pytest.mark.parametrize("size", [(1, 1), (3000, 20), (20, 3000)])
def test_images_of_any_shape_are_searched(finder: LineFinder, size: tuple[int, int]) -> None:
    assert finder.find(Image.new("L", size, 128)) == []


def test_single_lines_are_told_from_those_on_their_head(finder: LineFinder) -> None:
    line = draw_line("Please turn this line over", height=40)
    assert not finder.is_upside_down(line)
    assert finder.is_upside_down(line.transpose(Image.Transpose.ROTATE_180))


def test_threads_find_what_one_finds(finder: LineFinder) -> None:
    page, _ = write_text_page()
    pages = [page, page.rotate(180), page.resize((350, 200)), page.convert("RGB")]
    alone = [[line.box for line in finder.find(sheet)] for sheet in pages]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda sheet: [line.box for line in finder.find(sheet)], pages))
    assert together == alone


def test_boxes_of_a_map_are_grown_to_the_edges_of_the_text() -> None:
    pytest.importorskip("cv2")
    core = np.zeros((64, 128), dtype=np.float32)
    core[20:31, 10:111] = 0.9
    (box,) = boxes_from_map(core, 2.0, (256, 128)).boxes
    left, top, right, bottom = bounds(box.polygon)
    margin = 100 * 10 * 1.6 / 110 / 2  # area * 1.6 / perimeter on each side
    assert (left, top, right, bottom) == pytest.approx(
        (2 * (10 - margin), 2 * (20 - margin), 2 * (111 + margin), 2 * (31 + margin)), abs=3
    )
    assert box.score == pytest.approx(0.9, abs=0.1) and box.angle == 0


def test_a_line_that_is_hardly_tilted_keeps_its_score() -> None:
    pytest.importorskip("cv2")
    probabilities = np.zeros((128, 512), dtype=np.float32)
    for top in (10, 40):
        probabilities[top : top + 12, 10:500] = 0.9
    for left in range(10, 240):
        top = 80 + (left - 10) * 3 // 230
        probabilities[top : top + 12, left] = 0.6
    found = boxes_from_map(probabilities, 1.0, (512, 128)).boxes
    assert len(found) == 3 and all(box.angle == 0 for box in found)


def test_faint_and_tiny_marks_are_no_lines() -> None:
    pytest.importorskip("cv2")
    core = np.zeros((64, 128), dtype=np.float32)
    core[10:20, 10:60] = 0.4
    core[40:41, 100:102] = 0.9
    assert boxes_from_map(core, 1.0, (128, 64)).boxes == []


def test_a_texture_gives_the_largest_regions_and_a_warning(finder: LineFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = np.zeros((64, 512), dtype=np.float32)
    for number in range(20):
        probabilities[20:30, 24 * number : 24 * number + 5 + number // 2] = 0.9
    monkeypatch.setattr("ocrx.pages.detection.MAX_LINES", 8)
    found = boxes_from_map(probabilities, 1.0, (512, 64))
    assert len(found.boxes) == 8 and found.left_out == 12
    assert min(bounds(box.polygon)[0] for box in found.boxes) > 24 * 11

    for module in ("detection", "finder"):
        monkeypatch.setattr(f"ocrx.pages.{module}.MAX_LINES", 3)
    first, *others = finder.find(write_text_page()[0])
    assert first.warning == "more than 3 lines; 1 of the smallest are left out"
    assert len(others) == 2 and all(line.warning is None for line in others)


def test_the_page_has_the_angle_of_most_of_its_text() -> None:
    def line(length: float, quarters: int = 0) -> LineBox:
        return LineBox(((0, 0), (length, length * 0.02), (length, length * 0.02 + 20), (0, 20))).turned(quarters)

    assert page_angle([line(300), line(300), line(20, 1), line(20, 2)]) == pytest.approx(1.146, abs=0.01)
    assert page_angle([]) == 0


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.pages.networks.find_spec", lambda name: None)
    with pytest.raises(BackendError, match="lines='detect': needs rapidocr and cv2") as caught:
        LineFinder.check_installed("lines='detect'")
    assert caught.value.hint == "pip install 'ocrx[page]'"


def test_a_wheel_without_the_networks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidocr")
    monkeypatch.setattr("ocrx.zoo.sources.wheel_file", lambda name: None)
    with pytest.raises(BackendError, match=f"does not contain {DETECTOR}"):
        locate(DETECTOR, "test")


@pytest.mark.parametrize("name", [DETECTOR, ORIENTATION])
def test_the_networks_lie_in_the_wheel_which_is_not_imported(name: str) -> None:
    pytest.importorskip("cv2")
    if "rapidocr" not in sys.modules:
        assert isinstance(locate(name, "test"), Path)
        assert "rapidocr" not in sys.modules


def test_one_line_upside_down_on_an_upright_page_is_turned(finder: LineFinder) -> None:
    page = Image.new("L", (900, 500), 255)
    for row in range(5):
        line = draw_line("This is one of the lines of a page that are read", height=40)
        page.paste(line.rotate(180) if row == 2 else line, (40, 30 + 90 * row))
    assert [round(abs(line.box.angle)) for line in finder.find(page)] == [0, 0, 180, 0, 0]
