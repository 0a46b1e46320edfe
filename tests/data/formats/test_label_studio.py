from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocrx.data.formats.label_studio import read_label_studio
from ocrx.data.formats.regions import Region, SkippedRegion

BOX = {"x": 10, "y": 20, "width": 30, "height": 5}


def _read(root: Path, task: Any) -> list[Region | SkippedRegion]:
    (root / "scan.png").write_bytes(b"x")
    (root / "a.json").write_text(json.dumps([task]))
    return list(read_label_studio(root))


def _task(*results: object, image: str = "scan.png", **annotation: object) -> dict[str, Any]:
    return {"data": {"image": image}, "annotations": [{"result": results, **annotation}]}


@pytest.mark.parametrize(
    "address",
    [
        "scan.png",
        "/data/upload/3/0a1b2c3d-scan.png",
        "/data/local-files/?d=scans/scan.png",
        "http://localhost:8080/data/upload/3/0a1b2c3d-scan.png",
    ],
)
def test_the_image_of_every_form_of_address(tmp_path: Path, address: str) -> None:
    (region,) = _read(tmp_path, _task({"id": "r", "value": {**BOX, "text": "x"}}, image=address))
    assert isinstance(region, Region)
    assert region.page == tmp_path / "scan.png"
    assert region.units == (100.0, 100.0)


def test_outline_and_text_are_joined_by_their_id(tmp_path: Path) -> None:
    polygon = {"points": [[1, 2], [9, 2], [9, 8]]}
    results = [{"id": "r", "value": polygon}, {"id": "s", "value": BOX}, {"id": "r", "value": {"text": ["one"]}}]
    first, second = _read(tmp_path, _task(*results))
    assert first == Region(
        tmp_path / "scan.png", ((1.0, 2.0), (9.0, 2.0), (9.0, 8.0)), "one", "a.json: task 1: region r", (), (100, 100)
    )
    assert second == SkippedRegion("a.json: task 1: region s", "no text")


def test_a_box_is_rotated_in_pixels_not_in_percent(tmp_path: Path) -> None:
    result = {"id": "r", "original_width": 200, "original_height": 100, "value": {**BOX, "rotation": 90, "text": "x"}}
    (region,) = _read(tmp_path, _task(result))
    assert isinstance(region, Region)
    # 60 x 5 pixels at (20, 20), turned clockwise: 60 pixels downwards, 5 to the left.
    pixels = [(round(2 * x, 6), round(y, 6)) for x, y in region.polygon]
    assert pixels == [(20, 20), (20, 80), (15, 80), (15, 20)]
    (found,) = _read(tmp_path, _task({"id": "r", "value": {**BOX, "rotation": 90, "text": "x"}}))
    assert isinstance(found, SkippedRegion)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    good = {"id": "r", "value": {**BOX, "text": "x"}}
    tasks: list[tuple[Any, str]] = [
        ({"ocr": "scan.png", "bbox": []}, "no annotations; export the project as JSON, not JSON-MIN"),
        (3, "no annotations; export the project as JSON, not JSON-MIN"),
        (_task(good, was_cancelled=True), "not annotated"),
        (_task(good, image="gone.png"), "page image 'gone.png' not found"),
        ({**_task(good), "data": None}, "no image"),
        (_task({"id": "r", "value": {"text": "x"}}), "no outline"),
        (_task({"id": "r", "value": {"text": "x", "points": [3]}}), "coordinates are not valid points"),
        (_task({"id": "r", "value": {**BOX, "x": "a", "text": "x"}}), "coordinates are not numbers"),
        (_task({"id": "r", "value": {**BOX, "text": [3]}}), "no text"),
    ]
    for task, reason in tasks:
        (found,) = _read(tmp_path, task)
        assert isinstance(found, SkippedRegion)
        assert found.reason == reason
    (tmp_path / "a.json").write_text("{}")
    (found,) = read_label_studio(tmp_path)
    assert found == SkippedRegion("a.json", "not a list of tasks; export the project as JSON")


def test_one_annotation_of_a_page_is_used(tmp_path: Path) -> None:
    good = {"id": "r", "value": {**BOX, "text": "x"}}
    task = {"data": {"image": "scan.png"}, "annotations": [{"result": [good]}, {"result": [good]}]}
    left_out, region = _read(tmp_path, task)
    assert isinstance(region, Region)
    assert isinstance(left_out, SkippedRegion)
    assert left_out.reason == "1 more annotations of the same page; only the first is used"
