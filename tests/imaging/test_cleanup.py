"""Each clean-up step changes what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.images import gradient

from ocrx.imaging.cleanup import STEP_FUNCTIONS
from ocrx.imaging.preparation import rotate_if_tall
from ocrx.model_spec import STEPS, ImageSpec


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_step_keeps_the_mode(step: str, mode: str) -> None:
    assert STEP_FUNCTIONS[step](gradient(mode)).mode == mode


def test_steps_do_what_they_say() -> None:
    tall = Image.new("L", (10, 40), 200)
    assert STEP_FUNCTIONS["rotate_tall"](tall).size == (40, 10)
    assert rotate_if_tall(tall, ImageSpec(steps=("otsu", "rotate_tall"))).size == (40, 10)
    assert rotate_if_tall(tall, ImageSpec(steps=("otsu",))) is tall
    dark = Image.new("L", (40, 10), 20)
    assert np.asarray(STEP_FUNCTIONS["polarity"](dark)).min() == 235
    for step in ("otsu", "sauvola"):
        assert set(np.unique(np.asarray(STEP_FUNCTIONS[step](gradient())))) <= {0, 255}
    low = Image.fromarray(np.asarray(gradient()) // 4 + 90)
    assert np.ptp(np.asarray(STEP_FUNCTIONS["contrast"](low)).astype(int)) > 240
    speck = Image.new("L", (9, 9), 255)
    speck.putpixel((4, 4), 0)
    assert np.asarray(STEP_FUNCTIONS["denoise"](speck)).min() == 255
    line = Image.new("L", (300, 60), 255)
    line.paste(0, (10, 28, 290, 32))
    straight = np.asarray(STEP_FUNCTIONS["deskew"](line.rotate(3, fillcolor=255)), dtype=float).mean(1)
    assert straight.min() < 80, "the turned bar stands in one row again"
