from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.formats.regions import PageImages, from_upper_left, to_points
from ocrx.errors import DataError


def test_points_from_numbers_and_text() -> None:
    assert to_points(["1", 2, "3.5", -4]) == ((1.0, 2.0), (3.5, -4.0))
    assert to_points([]) == ()


@pytest.mark.parametrize("numbers", [[1], [1, "nan"], [1, float("inf")], [1, 1e9], [1, None], ["a", 1], [[1], 2]])
def test_invalid_points(numbers: list[object]) -> None:
    with pytest.raises(DataError, match="coordinates are not"):
        to_points(numbers)


def test_images_are_found_beside_above_and_at_the_top(tmp_path: Path) -> None:
    (tmp_path / "scans" / "page").mkdir(parents=True)
    for name in ("top.png", "scans/above.png", "scans/page/beside.png"):
        (tmp_path / name).write_bytes(b"x")
        assert PageImages(tmp_path).find(tmp_path / "scans" / "page", Path(name).name) == tmp_path / name
    images = PageImages(tmp_path)
    assert images.find(tmp_path, "C:\\work\\top.png") == tmp_path / "top.png"
    assert images.find(tmp_path, "gone.png", "top.png") == tmp_path / "top.png"
    with pytest.raises(DataError, match=r"page image 'gone\.png' not found"):
        images.find(tmp_path, "gone.png", "away.png")


def test_images_are_found_in_a_folder_of_their_own_and_with_another_suffix(tmp_path: Path) -> None:
    for name in ("alto/1.xml", "images/1.jpg", "images/2.jpg", "images/2.png", "others/3.png", "images/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    images = PageImages(tmp_path)
    assert images.find(tmp_path / "alto", "1.jpg") == tmp_path / "images" / "1.jpg"
    assert images.find(tmp_path / "alto", "https://archive/1.tif") == tmp_path / "images" / "1.jpg"
    assert images.find(tmp_path / "alto", "2.png") == tmp_path / "images" / "2.png"
    assert images.find(tmp_path / "alto", "2.tif") == tmp_path / "images" / "2.jpg"
    assert images.find(tmp_path / "others", "3.png") == tmp_path / "others" / "3.png", "the nearest one"
    with pytest.raises(DataError, match=r"page image '3\.png' found in 2 folders; expected one"):
        images.find(tmp_path / "alto", "3.png")


UPRIGHT = ((10.0, 10.0), (90.0, 12.0), (90.0, 30.0), (10.0, 28.0))


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("way", [1, -1])
def test_corners_begin_at_the_upper_left_and_run_clockwise(first: int, way: int) -> None:
    assert from_upper_left((UPRIGHT[first:] + UPRIGHT[:first])[::way]) == UPRIGHT


def test_an_outline_of_more_corners_stays() -> None:
    outline = (*UPRIGHT, (5.0, 20.0))[::-1]
    assert from_upper_left(outline) == outline
    assert from_upper_left(()) == ()
    assert len(from_upper_left(((1.0, 1.0),) * 4)) == 4
