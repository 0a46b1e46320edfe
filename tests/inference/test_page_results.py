"""Pages put together from their lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from ocrx.inference.page_results import HOCR_HEAD, HOCR_TAIL, PageResult, group_pages
from ocrx.inference.results import Prediction
from ocrx.inference.writers import FORMATS

SIZE = (400, 300)


def line(
    text: str, index: int, box: tuple[int, int, int, int], page: int | None = None, **fields: object
) -> Prediction:
    left, top, right, bottom = box
    values = {
        "score": 0.9,
        "min_score": 0.8,
        "input_path": "scan.png",
        "page_index": page,
        "line_index": index,
        "box": ((left, top), (right, top), (right, bottom), (left, bottom)),
        "page_size": SIZE,
        "image_size": (right - left, bottom - top),
        "source": lambda: Image.new("L", SIZE, 255),
        **fields,
    }
    return Prediction(text=text, **values)


LINES = [
    line("A title & more", 0, (20, 20, 220, 50), word_spans=((0, 10), (50, 150), (160, 170), (180, 200))),
    line("Item", 1, (20, 80, 80, 100), confidence=0.7),
    line("3.20", 2, (200, 81, 250, 101), warning="unlike"),
    line("the end", 3, (20, 120, 120, 140), score=0.3),
]
FAILED = Prediction(input_path="gone.png", error="gone.png: not found")
EMPTY = Prediction(input_path="blank.png", warning="no text found", page_size=SIZE, image_size=SIZE)


def pages(results: list[Prediction]) -> list[PageResult]:
    return list(group_pages(iter(results)))


def test_lines_are_grouped_by_page() -> None:
    other = [line("next page", 0, (20, 20, 90, 40), page=1), line("second", 2, (20, 60, 90, 80), page=1)]
    found = pages([*LINES, *other, FAILED, EMPTY, *LINES, *LINES])
    assert [len(page.lines) for page in found] == [4, 2, 0, 0, 4, 4]
    assert [page.source.input_path for page in found[2:4]] == ["gone.png", "blank.png"]


def test_a_page_stays_if_all_its_lines_are_left_out() -> None:
    faint = [line("faint", 0, (20, 20, 90, 40), page=1, score=0.2), line("too", 1, (20, 60, 90, 80), page=1, score=0.1)]
    first, empty, last = group_pages([*LINES, *faint, line("next", 0, (20, 20, 90, 40), page=2)], min_score=0.5)
    assert [len(page.lines) for page in (first, empty, last)] == [3, 0, 1]
    assert (empty.text, empty.source.page_index) == ("", 1)
    assert empty.to_dict()["rec_texts"] == []


def test_pages_come_as_soon_as_they_are_whole() -> None:
    taken = 0

    def results() -> Iterator[Prediction]:
        nonlocal taken
        for result in [*LINES, *LINES]:
            taken += 1
            yield result

    next(group_pages(results()))
    assert taken == 5


def test_the_text_has_a_line_for_each_row() -> None:
    assert pages(LINES)[0].text == "A title & more\nItem\t3.20\nthe end\n"
    assert pages([EMPTY])[0].text == ""
    whole = Prediction(text="an image of one line", input_path="a.png", image_size=(10, 10))
    assert pages([whole])[0].text == "an image of one line\n"


def test_rows_of_a_page_on_its_side_are_found(tmp_path: Path) -> None:
    def turned(result: Prediction) -> Prediction:
        corners = tuple((SIZE[1] - y, x) for x, y in result.box)
        return Prediction(text=result.text, line_index=result.line_index, box=corners, input_path="scan.png")

    assert pages([turned(result) for result in LINES])[0].text == pages(LINES)[0].text


def test_the_fields_are_those_of_paddlex() -> None:
    fields = pages(LINES)[0].json["res"]
    assert fields["rec_texts"] == ["A title & more", "Item", "3.20", "the end"]
    assert fields["rec_scores"] == [0.9, 0.9, 0.9, 0.3]
    assert fields["dt_polys"][1] == fields["rec_polys"][1] == [[20, 80], [80, 80], [80, 100], [20, 100]]
    assert fields["rec_boxes"][1] == [20, 80, 80, 100]
    assert (fields["confidences"][1], fields["warnings"][2]) == (0.7, "unlike")
    assert pages([FAILED])[0].to_dict()["error"] == "gone.png: not found"


def test_hocr_is_xml_with_the_places_of_words() -> None:
    root = ElementTree.fromstring(HOCR_HEAD.partition("\n")[2] + pages(LINES)[0].hocr() + HOCR_TAIL)
    spans = {element.get("id"): element for element in root.iter() if element.get("id")}
    assert spans["page_1"].get("title") == 'image "scan.png"; bbox 0 0 400 300; ppageno 0'
    assert spans["word_1_1_2"].text == "title"
    assert spans["word_1_1_2"].get("title") == "bbox 70 20 170 50; x_wconf 80"
    assert spans["line_1_2"].get("title") == "bbox 20 80 80 100"
    assert [e.text for e in root.iter() if e.get("class") == "ocrx_word"][2:5] == ["&", "more", "Item"]


def test_turned_lines_say_so_in_hocr() -> None:
    upside_down = line("text", 0, (0, 0, 100, 20))
    corners = upside_down.box[2:] + upside_down.box[:2]
    page = pages([Prediction(**{**vars(upside_down), "box": corners})])[0]
    assert "bbox 0 0 100 20; textangle 180" in page.hocr()


@pytest.mark.parametrize("form", ["text", "page-json", "hocr"])
def test_output_forms_hold_every_page(form: str) -> None:
    written = "".join(FORMATS[form]([*LINES, FAILED, *LINES], False))
    assert written.count("Item") == 2
    if form == "page-json":
        assert [len(page["rec_texts"]) for page in json.loads(written)] == [4, 0, 4]
    if form == "text":
        assert len(written.split("\f")) == 2
    assert "".join(FORMATS["page-json"]([], False)) == "[]\n"


def test_pages_are_saved_under_names_of_their_own(tmp_path: Path) -> None:
    for page in pages([*LINES, *[line("x", 0, (5, 5, 50, 20), page=1)], FAILED]):
        page.save_all(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "gone_res.json",
        "scan_p1_res.json",
        "scan_p1_res.png",
        "scan_res.json",
        "scan_res.png",
    ]
    assert json.loads((tmp_path / "scan_res.json").read_text(encoding="utf-8"))["rec_texts"][0] == "A title & more"
    pages(LINES)[0].save_to_json(tmp_path)
    assert len(list(tmp_path.iterdir())) == 5, "the same input overwrites its files"


def test_the_picture_shows_boxes_and_texts() -> None:
    picture = pages(LINES)[0].img["ocr_res_img"]
    assert picture.size == (800, 300)
    assert picture.getpixel((20, 60)) == picture.getpixel((60, 60)) == (255, 255, 255)
    assert picture.getpixel((20, 35)) == (30, 90, 200) and picture.getpixel((20, 130)) == (200, 40, 30)
    assert min(picture.crop((420, 120, 520, 140)).convert("L").tobytes()) < 100, "the text stands where its line is"
    assert min(picture.crop((400, 200, 800, 300)).convert("L").tobytes()) == 255
