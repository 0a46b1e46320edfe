from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.formats.regions import find_page_image, to_points
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
        assert find_page_image(tmp_path, tmp_path / "scans" / "page", Path(name).name) == tmp_path / name
    assert find_page_image(tmp_path, tmp_path, "C:\\work\\top.png") == tmp_path / "top.png"
    with pytest.raises(DataError, match=r"page image 'gone\.png' not found"):
        find_page_image(tmp_path, tmp_path, "gone.png")
