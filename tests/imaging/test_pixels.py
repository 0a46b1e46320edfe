"""Any Pillow mode and any number type becomes 8-bit grey or RGB."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.images import gradient

from ocrx.errors import DataError
from ocrx.imaging.pixels import to_grey_or_rgb, to_uint8


@pytest.mark.parametrize("mode", ["La", "RGBa", "RGBX", "HSV", "I;16B"])
def test_modes_that_only_memory_holds_are_converted_too(mode: str) -> None:
    given = (
        gradient("LA" if mode == "La" else "RGBA").convert(mode) if mode.endswith("a") else Image.new(mode, (60, 20))
    )
    read = to_grey_or_rgb(given)
    assert read.mode in ("L", "RGB") and read.size == (60, 20)
    if mode.endswith("a"):
        difference = np.abs(np.asarray(read.convert("L"), dtype=int) - np.asarray(gradient(), dtype=int))
        assert difference.max() <= 1


@pytest.mark.parametrize(
    ("values", "pixels"),
    [
        (np.array([[True, False]]), [[255, 0]]),
        (np.array([[0.0, 0.5, 1.0]]), [[0, 128, 255]]),
        (np.array([[0.0, 128.0, 255.0]]), [[0, 128, 255]]),
        (np.array([[0, 1023]], dtype=np.uint16), [[0, 255]]),
        (np.array([[0, 4095]], dtype=np.int32), [[0, 255]]),
        (np.array([[0, 65535]], dtype=np.int64), [[0, 255]]),
        (np.zeros((0, 3)), []),
    ],
)
def test_the_largest_number_tells_the_bit_depth(values: np.ndarray, pixels: list[list[int]]) -> None:
    scaled = to_uint8(values, "array")
    assert scaled.dtype == np.uint8 and scaled.tolist() == pixels


def test_bytes_are_not_copied() -> None:
    values = np.zeros((2, 2), dtype=np.uint8)
    assert to_uint8(values, "array") is values


@pytest.mark.parametrize("values", [np.array([[-1]]), np.array([[65536]]), np.array([[np.nan]]), np.array([["a"]])])
def test_invalid_pixel_values_are_named(values: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"^scan .*; expected"):
        to_uint8(values, "scan")
