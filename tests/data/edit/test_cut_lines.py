from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.pages import LINES, SIZE, corners, write_page

from ocrx.data.edit.convert import convert_dataset
from ocrx.data.edit.cut_lines import LEFT_OUT_FILE, READERS, REGIONS_FILE, count_reasons, cut_lines, cut_region
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.formats.regions import SkippedRegion
from ocrx.errors import DataError

Boxes = dict[str, tuple[int, int, int, int]]


def _page(root: Path, boxes: Boxes) -> None:
    lines = "".join(
        f'<TextLine id="l{i}"><Coords points="{" ".join(f"{x},{y}" for x, y in corners(box))}"/>'
        f'<Baseline points="{box[0]},{box[3]} {box[2]},{box[3]}"/>'
        f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>"
        for i, (text, box) in enumerate(boxes.items())
    )
    body = f'<Page imageFilename="scan.png"><TextRegion>{lines}</TextRegion></Page>'
    (root / "page").mkdir()
    (root / "page" / "scan.xml").write_text(f'<PcGts xmlns="http://page/2019">{body}</PcGts>', encoding="utf-8")


def _alto(root: Path, boxes: Boxes) -> None:
    """In tenths of a millimetre, two for each pixel."""
    lines = "".join(
        f'<TextLine HPOS="{2 * box[0]}" VPOS="{2 * box[1]}" WIDTH="{2 * (box[2] - box[0])}"'
        f' HEIGHT="{2 * (box[3] - box[1])}">'
        + "<SP/>".join(f'<String CONTENT="{word}"/>' for word in text.split())
        + "</TextLine>"
        for text, box in boxes.items()
    )
    head = "<Description><MeasurementUnit>mm10</MeasurementUnit></Description>"
    page = f'<Page WIDTH="{2 * SIZE[0]}" HEIGHT="{2 * SIZE[1]}"><PrintSpace>{lines}</PrintSpace></Page>'
    (root / "scan.xml").write_text(f'<alto xmlns="http://alto/v4">{head}<Layout>{page}</Layout></alto>')


def _label_studio(root: Path, boxes: Boxes) -> None:
    results = []
    for i, (text, (left, top, right, bottom)) in enumerate(boxes.items()):
        box = {"x": 100 * left / SIZE[0], "y": 100 * top / SIZE[1], "rotation": 0}
        box |= {"width": 100 * (right - left) / SIZE[0], "height": 100 * (bottom - top) / SIZE[1]}
        results.append({"id": str(i), "type": "rectangle", "value": box})
        results.append({"id": str(i), "type": "textarea", "value": {**box, "text": [text]}})
    task = {"id": 7, "data": {"ocr": "/data/upload/1/0123abcd-scan.png"}, "annotations": [{"result": results}]}
    (root / "export.json").write_text(json.dumps([task]))


def _ppocrlabel(root: Path, boxes: Boxes) -> None:
    written = [{"transcription": text, "points": corners(box), "difficult": False} for text, box in boxes.items()]
    (root / "Label.txt").write_text(f"{root.name}/scan.png\t{json.dumps(written)}\n", encoding="utf-8")


WRITERS = {"page": _page, "alto": _alto, "labelstudio": _label_studio, "ppocrlabel": _ppocrlabel}


@pytest.fixture
def pages(tmp_path: Path) -> tuple[Path, Boxes]:
    return tmp_path / "pages", write_page(tmp_path / "pages" / "scan.png")


@pytest.mark.parametrize("target", ["paddlex", "pairs", "csv"])
@pytest.mark.parametrize("source", READERS)
def test_lines_are_cut_from_every_source_to_any_format(
    pages: tuple[Path, Boxes], tmp_path: Path, source: str, target: str
) -> None:
    root, boxes = pages
    WRITERS[source](root, boxes)
    report = convert_dataset(root, target, source=source, output=tmp_path / "out")
    assert (report.train, report.val, report.left_out) == (3, 0, ())
    dataset = read_dataset(tmp_path / "out")
    assert [sample.text for sample in dataset.samples] == list(LINES)
    with Image.open(root / "scan.png") as page:
        for sample in dataset.samples:
            with Image.open(sample.image) as line:
                assert np.array_equal(np.asarray(line), np.asarray(page.crop(boxes[sample.text])))
    assert (tmp_path / "out" / LEFT_OUT_FILE).read_text() == ""
    regions = [json.loads(line) for line in (tmp_path / "out" / REGIONS_FILE).read_text().splitlines()]
    assert [region["text"] for region in regions] == list(LINES)
    assert all(bool(region["baseline"]) == (source == "page") for region in regions)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pages"]


def test_every_region_without_a_line_is_listed_with_its_reason(pages: tuple[Path, Boxes], tmp_path: Path) -> None:
    root, boxes = pages
    good = [{"transcription": "good", "points": corners(boxes["second"])}]
    bad = [
        ({"transcription": "###", "points": corners((0, 0, 50, 30))}, "marked as unreadable (###)"),
        ({"transcription": "x", "points": corners((0, 0, 50, 30)), "difficult": True}, "marked as difficult"),
        ({"transcription": " ", "points": corners((0, 0, 50, 30))}, "no text"),
        ({"transcription": "a\nb", "points": corners((0, 0, 50, 30))}, "text of several lines, or with a TAB"),
        ({"transcription": "x", "points": corners((900, 900, 990, 930))}, "outside the page image"),
        ({"transcription": "x", "points": corners((0, 0, 50, 2))}, "less than 4 pixels wide or high"),
        ({"transcription": "x", "points": [[0, 0], [9, 9]]}, "no outline"),
        ({"transcription": "x", "points": [[0, 0], [1e300, 9], [9, 9]]}, "coordinates are not valid points"),
        ({"transcription": "x", "points": [["a", 0], [9, 0], [9, 9]]}, "coordinates are not numbers"),
        ({"points": corners((0, 0, 50, 30))}, "no transcription"),
        (None, "no transcription"),
    ]
    rows = [f"scan.png\t{json.dumps([*good, *(box for box, _ in bad)])}\n", "gone.png\t[]\n", "scan.png\tno json\n"]
    (root / "Label.txt").write_text("".join(rows))
    report = cut_lines(root, "ppocrlabel", tmp_path / "out")
    assert report.lines == 1
    assert {one.source: one.reason for one in report.left_out} == {
        **{f"Label.txt:1: box {i}": reason for i, (_, reason) in enumerate(bad, start=2)},
        "Label.txt:2": "page image 'gone.png' not found",
        "Label.txt:3": "not a JSON list of boxes",
    }
    listed = (tmp_path / "out" / LEFT_OUT_FILE).read_text().splitlines()
    assert sorted(listed) == sorted(f"{one.source}\t{one.reason}" for one in report.left_out)


def test_a_page_that_cannot_be_read_is_named(pages: tuple[Path, Boxes], tmp_path: Path) -> None:
    root, boxes = pages
    _ppocrlabel(root, boxes)
    (root / "scan.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"no line of type ppocrlabel.*scan.png: not an image"):
        cut_lines(root, "ppocrlabel", tmp_path / "out")
    with pytest.raises(DataError, match="no line of type page"):
        convert_dataset(root, "paddlex", source="page", output=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_quadrilateral_is_straightened() -> None:
    page = Image.new("L", (300, 200), 255)
    tilted = ((60.0, 20.0), (220.0, 60.0), (210.0, 100.0), (50.0, 60.0))
    ImageDraw.Draw(page).polygon(tilted, fill=0)
    line = cut_region(page, tilted)
    assert line.size == (165, 41)
    assert np.asarray(line)[3:-3, 3:-3].max() < 30


def test_corners_in_counterclockwise_order_do_not_mirror_the_text() -> None:
    page = Image.effect_noise((300, 200), 90)
    corners = ((60.0, 20.0), (220.0, 60.0), (210.0, 100.0), (50.0, 60.0))
    other_way = (corners[0], *corners[:0:-1])
    assert np.array_equal(np.asarray(cut_region(page, other_way)), np.asarray(cut_region(page, corners)))


def test_the_area_outside_a_polygon_is_filled_with_paper() -> None:
    page = Image.new("RGB", (200, 100), (230, 220, 200))
    draw = ImageDraw.Draw(page)
    draw.rectangle((20, 40, 60, 50), fill=(10, 10, 10))
    draw.rectangle((100, 12, 140, 18), fill=(10, 10, 10))  # of the line above
    line = cut_region(page, ((10, 30), (80, 30), (90, 45), (150, 45), (150, 60), (10, 60)))
    pixels = np.asarray(line)
    assert line.size == (140, 30)
    assert (pixels[:12, 95:] == (230, 220, 200)).all()
    assert (pixels[12:18, 12:45] == (10, 10, 10)).all()


def test_reasons_are_counted() -> None:
    assert count_reasons(
        [SkippedRegion("a", "no text"), SkippedRegion("b", "small"), SkippedRegion("c", "no text")]
    ) == ("no text: 2, small: 1")


def test_a_smaller_copy_of_the_page_is_cut_at_its_own_scale(pages: tuple[Path, Boxes], tmp_path: Path) -> None:
    root, boxes = pages
    _page(root, boxes)
    file = root / "page" / "scan.xml"
    written = file.read_text()
    size = 'imageWidth="{}" imageHeight="{}" imageFilename='
    file.write_text(written.replace("imageFilename=", size.format(SIZE[0] // 2, SIZE[1] // 2)))
    cut_lines(root, "page", tmp_path / "out")
    for sample in read_dataset(tmp_path / "out").samples:
        left, top, right, bottom = boxes[sample.text]
        with Image.open(sample.image) as line:
            assert line.size == (min(SIZE[0], 2 * right) - 2 * left, min(SIZE[1], 2 * bottom) - 2 * top)
    file.write_text(written.replace("imageFilename=", size.format(SIZE[1], SIZE[0])))
    with pytest.raises(DataError, match="a page of 300x400 was annotated, the image has 400x300"):
        cut_lines(root, "page", tmp_path / "other")


def test_a_folder_that_is_not_empty_is_left_alone(pages: tuple[Path, Boxes]) -> None:
    root, boxes = pages
    _ppocrlabel(root, boxes)
    with pytest.raises(DataError, match="not empty"):
        convert_dataset(root, "paddlex", source="ppocrlabel", output=root)
