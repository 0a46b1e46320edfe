"""Resizing, scaling and padding as the model's spec says."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ocrx.imaging.preparation import prepare, resize
from ocrx.model_spec import ImageSpec


def test_preparing_keeps_the_ratio_and_pads_on_the_right() -> None:
    planes, width = prepare(Image.new("L", (100, 50), 255), ImageSpec(height=32, bucket=32, pad=0.0))
    assert planes.shape == (1, 32, 64) and planes.dtype == np.float32 and width == 64
    planes, width = prepare(Image.new("L", (90, 50), 255), ImageSpec(height=32, bucket=32, pad=-0.25))
    assert planes.shape == (1, 32, 64) and width == 58
    assert np.allclose(planes[:, :, :58], 1.0) and np.allclose(planes[:, :, 58:], -0.25)


def test_a_line_too_wide_is_squeezed_to_the_limit() -> None:
    planes, width = prepare(Image.new("L", (30_000, 20), 0), ImageSpec(max_width=640))
    assert planes.shape == (1, 32, 640) and width == 640


def test_one_pixel_can_be_prepared() -> None:
    planes, width = prepare(Image.new("L", (1, 1), 0), ImageSpec())
    assert planes.shape == (1, 32, 32) and width == 32


def test_channel_order() -> None:
    red = Image.new("RGB", (32, 32), (255, 0, 0))
    assert resize(red, ImageSpec(order="RGB"))[0, 0].tolist() == [255, 0, 0]
    assert resize(red, ImageSpec(order="BGR"))[0, 0].tolist() == [0, 0, 255]
    assert resize(red, ImageSpec(order="L")).shape == (32, 32)


def test_mean_and_deviation_per_channel() -> None:
    spec = ImageSpec(order="RGB", mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 2.0))
    planes, _ = prepare(Image.new("RGB", (32, 32), (255, 255, 255)), spec)
    assert np.allclose(planes[:, 0, 0], [1.0, 1.0, 0.0])


def test_bilinear_without_antialiasing_equals_opencv() -> None:
    """OpenCV's INTER_LINEAR samples at (x + 0.5) * scale - 0.5 between two neighbours, edges repeated."""
    row = np.array([[0, 100, 200, 50, 255, 30, 60, 90]], dtype=np.uint8).repeat(8, 0)
    image = Image.fromarray(row).resize((8, 24), Image.Resampling.NEAREST)
    found = resize(image, ImageSpec(height=8, bucket=1, min_width=1, filter="bilinear_point"))[4].astype(float)
    at = np.clip((np.arange(3) + 0.5) * 8 / 3 - 0.5, 0, 7)
    left = np.floor(at).astype(int)
    expected = row[0, left] * (1 - (at - left)) + row[0, np.minimum(left + 1, 7)] * (at - left)
    assert np.abs(found - expected).max() < 1.5
