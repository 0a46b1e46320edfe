from __future__ import annotations

from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocrx.synth import capture


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_edge_bar_darkens_one_side_alone(mode: str) -> None:
    white = Image.new(mode, (200, 30), "white")
    sides = set()
    for seed in range(20):
        dark = (np.asarray(capture.edge_bar(white, Random(seed))).reshape(30, 200, -1) < 255).any((0, 2))
        assert dark[0] != dark[-1] and 3 <= dark.sum() <= 24
        assert np.count_nonzero(np.diff(dark)) == 1
        sides.add(bool(dark[0]))
    assert sides == {True, False}


def test_perspective_moves_boxes_with_the_image() -> None:
    image = Image.new("L", (200, 40), 255)
    ImageDraw.Draw(image).rectangle((90, 15, 99, 24), 0)
    for seed in range(20):
        bent, (box,) = capture.perspective(image, ((90.0, 15.0, 100.0, 25.0),), Random(seed), 1.0)
        rows, columns = np.nonzero(np.asarray(bent) < 100)
        assert bent.size == image.size
        assert box[0] - 1.5 <= columns.min() and columns.max() <= box[2] + 1.5
        assert box[1] - 1.5 <= rows.min() and rows.max() <= box[3] + 1.5


def test_low_resolution_images_are_not_smaller_than_asked() -> None:
    for seed in range(40):
        assert capture.low_resolution(Image.new("L", (90, 20)), Random(seed), 13).height >= 13
    assert capture.low_resolution(Image.new("L", (90, 12)), Random(0), 13).size == (90, 12)
