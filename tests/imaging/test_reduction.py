"""Large JPEG files are decoded at reduced size where the line comes out the same."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.errors import DataError
from ocrx.imaging.preparation import resize
from ocrx.imaging.reading import EXIF_ORIENTATION, read_image
from ocrx.imaging.reduction import read_reduced, reduction
from ocrx.model_spec import ImageSpec

GREY, TURNING = ImageSpec(order="L"), ImageSpec(order="L", steps=("rotate_tall",))
COLOUR = ImageSpec(order="BGR", mean=(0.5,) * 3, std=(0.5,) * 3)


def photo(width: int, height: int, mode: str = "RGB", form: str = "JPEG", orientation: int = 1) -> bytes:
    """A line as a camera gives it: large, with the grain of paper."""
    line = np.asarray(draw_line("a line of text", height=48).resize((width, height), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).normal(0, 4, line.shape)
    image = Image.fromarray((line + grain).clip(0, 255).astype(np.uint8)).convert(mode)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    file = io.BytesIO()
    image.save(file, form, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        ((20_000, 2100), 8),
        ((9000, 1333), 4),
        ((8000, 1500), 2),  # a page may lie in it
        ((8000, 800), 2),
        ((4000, 512), 2),
        ((4000, 511), 1),
        ((600, 32), 1),
        ((4000, 3000), 4),
        ((1500, 1000), 1),
    ],
)
def test_eight_times_the_height_of_a_line_is_left(size: tuple[int, int], scale: int) -> None:
    assert reduction(size, GREY) == scale
    assert reduction(size[::-1], TURNING) == scale
    assert reduction(size, replace(GREY, filter="bilinear_point")) == 1
    assert reduction(size, replace(GREY, steps=("denoise",))) == 1


@pytest.mark.parametrize("spec", [GREY, TURNING, COLOUR], ids=["grey", "turning", "colour"])
@pytest.mark.parametrize("size", [(4003, 611), (6000, 800), (3501, 541)])
def test_the_line_is_that_of_the_whole_image(spec: ImageSpec, size: tuple[int, int]) -> None:
    data = photo(*size)
    found = read_reduced(data, spec)
    assert found.scale > 1 and found.size == size and found.image.width == -(-size[0] // found.scale)
    whole, reduced = (resize(image, spec).astype(int) for image in (read_image(data), found))
    assert whole.shape == reduced.shape
    assert np.abs(whole - reduced).mean() < 1 and np.abs(whole - reduced).max() <= 12  # of 255 grey levels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_images_are_reduced_where_their_edges_stay_exact(orientation: int) -> None:
    for size, turned_scale in (((6000, 800), 2), ((6001, 805), 1)):
        data = photo(*size, orientation=orientation)
        found, whole = read_reduced(data, TURNING), read_image(data)
        assert found.scale == (2 if orientation == 1 else turned_scale)
        assert found.size == whole.size
        assert found.turned_if_tall(TURNING).size == size
        difference = resize(whole, TURNING).astype(int) - resize(found, TURNING)
        assert np.abs(difference).mean() < 1


def test_other_formats_and_small_files_are_read_as_ever() -> None:
    for data in (photo(4000, 800, form="PNG"), photo(400, 80), photo(4000, 800, form="WEBP")):
        found = read_reduced(data, GREY)
        assert found.scale == 1 and np.array_equal(np.asarray(found.image), np.asarray(read_image(data)))


def test_damaged_files_are_named_as_ever() -> None:
    with pytest.raises(DataError, match=r"photo\.jpg: damaged image"):
        read_reduced(photo(4000, 800)[:3000], GREY, "photo.jpg")
