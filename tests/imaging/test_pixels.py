"""Any Pillow mode and any number type becomes 8-bit grey or RGB."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.images import gradient

from ocrx.imaging.pixels import to_grey_or_rgb


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
