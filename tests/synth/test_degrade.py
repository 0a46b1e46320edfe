from __future__ import annotations

from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocrx.arrays import Floats
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
def line() -> Image.Image:
    image = Image.new("L", (160, 40), 0)
    for x in range(8, 150, 12):
        ImageDraw.Draw(image).line((x, 6, x + 4, 34), 255, 3)
    return image


@pytest.fixture
def ink(line: Image.Image) -> Floats:
    return np.asarray(line) / np.float32(255)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_every_style_keeps_the_size_and_leaves_the_ink_visible(style, ink: Floats, textures: Textures) -> None:  # type: ignore[no-untyped-def]  # parametrised by the table
    inked, before = ink > 0.5, ink.copy()
    for seed in range(25):
        pixels = style(ink, Random(seed), textures, 0.7)
        assert pixels.dtype == np.uint8 and pixels.shape in (ink.shape, (*ink.shape, 3))
        assert np.array_equal(ink, before)
        colours = pixels.astype(np.float64).reshape(*inked.shape, -1)
        contrast = np.abs(colours[inked].mean(0) - colours[~inked].mean(0)).max()
        assert contrast > 8, f"seed {seed}"


@pytest.mark.parametrize("sigma", [0.3, 0.5, 0.9, 1.4, 2.5])
def test_blur_is_a_gaussian_and_loses_nothing(sigma: float) -> None:
    point = np.zeros((31, 41), dtype=np.float32)
    point[15, 20] = 1
    blurred = degrade.blur(point, sigma)
    rows, columns = np.indices(point.shape)
    assert blurred.dtype == np.float32 and blurred.sum() == pytest.approx(1, abs=1e-5)
    for places, middle in ((rows, 15), (columns, 20)):
        assert (blurred * (places - middle)).sum() == pytest.approx(0, abs=1e-5)
        # cut off at two deviations, where a twentieth of the ink lies outside
        assert np.sqrt((blurred * (places - middle) ** 2).sum()) == pytest.approx(sigma, rel=0.15)
    assert blurred[15, 20] == blurred.max() and np.allclose(blurred, blurred[::-1, ::-1], atol=1e-7)


def test_blur_leaves_an_even_plane_alone_up_to_its_edges() -> None:
    even = np.full((9, 5), 0.75, dtype=np.float32)
    assert np.allclose(degrade.blur(even, 2.0), even, atol=1e-6)


def test_paint_mixes_pen_and_ground() -> None:
    amount = np.asarray([[0, 0.5, 1, 2]], dtype=np.float32)
    assert degrade.paint(200, 20, amount).tolist() == [[200, 110, 20, 0]]
    ground = np.asarray([[300, 100, 100, 100]], dtype=np.float32)
    assert degrade.paint(ground, 50.0, amount).tolist() == [[255, 75, 50, 0]]
    colours = degrade.paint_colours([ground, 0, 255], (50, 100, 55), amount)
    assert colours.dtype == np.uint8 and colours.tolist() == [
        [[255, 0, 255], [75, 50, 155], [50, 100, 55], [0, 200, 0]]
    ]


def test_press_bleeds_and_thins(ink: Floats, textures: Textures) -> None:
    even = degrade.press(ink, Random(0), textures, 0.6, 0.0, 3.0, 0.0).sum()
    assert degrade.press(ink, Random(0), textures, 0.6, 0.2, 3.0, 0.0).sum() > even
    assert degrade.press(ink, Random(0), textures, 0.6, -0.2, 3.0, 0.0).sum() < even


def test_legible_puts_lost_ink_back(ink: Floats) -> None:
    assert degrade.keep_legible(np.zeros_like(ink), ink).max() > 0.5
    assert np.array_equal(degrade.keep_legible(ink, ink), ink)


def test_dots_make_round_marks(line: Image.Image) -> None:
    dotted = degrade.dots(line, 4, 0.45)
    assert dotted.size == (640, 160)
    assert 0 < np.asarray(dotted).mean() < np.asarray(line).mean()


def test_textures_have_unit_deviation_and_any_size(textures: Textures) -> None:
    for grain in range(len(GRAINS)):
        field = textures.noise(Random(0), grain, 128, 1536)
        assert field.std() == pytest.approx(1, abs=0.01) and abs(field.mean()) < 0.01
    assert textures.noise(Random(0), 1, 300, 4000).shape == (300, 4000)
    assert textures.background(Random(0), 64, 900).shape == (64, 900, 3)
    assert np.array_equal(Textures().noise(Random(5), 2, 20, 50), textures.noise(Random(5), 2, 20, 50))
