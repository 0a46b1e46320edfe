from __future__ import annotations

from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocrx.synth import degrade
from ocrx.synth.scenes import SCENES
from ocrx.synth.textures import GRAINS, Textures

STYLES = sorted(
    {style for scene in SCENES.values() for style, _ in scene.print_styles}, key=lambda style: style.__name__
)


@pytest.fixture(scope="module")
def textures() -> Textures:
    return Textures()


@pytest.fixture
def ink() -> Image.Image:
    image = Image.new("L", (160, 40), 0)
    for x in range(8, 150, 12):
        ImageDraw.Draw(image).line((x, 6, x + 4, 34), 255, 3)
    return image


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_every_style_keeps_the_size_and_leaves_the_ink_visible(style, ink: Image.Image, textures: Textures) -> None:  # type: ignore[no-untyped-def]  # parametrised by the table
    inked = np.asarray(ink) > 128
    for seed in range(25):
        image = style(ink, Random(seed), textures, 0.7)
        assert image.size == ink.size and image.mode in ("L", "RGB")
        pixels = np.asarray(image, dtype=np.float64)
        colours = pixels.reshape(*inked.shape, -1)
        contrast = np.abs(colours[inked].mean(0) - colours[~inked].mean(0)).max()
        assert contrast > 8, f"seed {seed}"


def test_press_bleeds_and_thins(ink: Image.Image, textures: Textures) -> None:
    even = degrade.press(ink, Random(0), textures, 0.6, 0.0, 3.0, 0.0).sum()
    assert degrade.press(ink, Random(0), textures, 0.6, 0.2, 3.0, 0.0).sum() > even
    assert degrade.press(ink, Random(0), textures, 0.6, -0.2, 3.0, 0.0).sum() < even


def test_legible_puts_lost_ink_back(ink: Image.Image) -> None:
    nothing = np.zeros((ink.height, ink.width), dtype=np.float32)
    assert degrade.keep_legible(nothing, ink).max() > 0.5
    whole = np.asarray(ink, dtype=np.float32) / 255
    assert np.array_equal(degrade.keep_legible(whole, ink), whole)


def test_dots_make_round_marks(ink: Image.Image) -> None:
    dotted = degrade.dots(ink, 4, 0.45)
    assert dotted.size == (640, 160)
    assert 0 < np.asarray(dotted).mean() < np.asarray(ink).mean()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_edge_bar_darkens_one_side_alone(mode: str) -> None:
    white = Image.new(mode, (200, 30), "white")
    sides = set()
    for seed in range(20):
        dark = (np.asarray(degrade.edge_bar(white, Random(seed))).reshape(30, 200, -1) < 255).any((0, 2))
        assert dark[0] != dark[-1] and 3 <= dark.sum() <= 24
        assert np.count_nonzero(np.diff(dark)) == 1
        sides.add(bool(dark[0]))
    assert sides == {True, False}


def test_perspective_moves_boxes_with_the_image() -> None:
    image = Image.new("L", (200, 40), 255)
    ImageDraw.Draw(image).rectangle((90, 15, 99, 24), 0)
    for seed in range(20):
        bent, (box,) = degrade.perspective(image, ((90.0, 15.0, 100.0, 25.0),), Random(seed), 1.0)
        rows, columns = np.nonzero(np.asarray(bent) < 100)
        assert bent.size == image.size
        assert box[0] - 1.5 <= columns.min() and columns.max() <= box[2] + 1.5
        assert box[1] - 1.5 <= rows.min() and rows.max() <= box[3] + 1.5


def test_low_resolution_images_are_not_smaller_than_asked() -> None:
    for seed in range(40):
        assert degrade.low_resolution(Image.new("L", (90, 20)), Random(seed), 13).height >= 13
    assert degrade.low_resolution(Image.new("L", (90, 12)), Random(0), 13).size == (90, 12)


def test_textures_have_unit_deviation_and_any_size(textures: Textures) -> None:
    for grain in range(len(GRAINS)):
        field = textures.noise(Random(0), grain, 128, 1536)
        assert field.std() == pytest.approx(1, abs=0.01) and abs(field.mean()) < 0.01
    assert textures.noise(Random(0), 1, 300, 4000).shape == (300, 4000)
    assert textures.background(Random(0), 64, 900).shape == (64, 900, 3)
    assert np.array_equal(Textures().noise(Random(5), 2, 20, 50), textures.noise(Random(5), 2, 20, 50))
