"""Projective maps take their four points to the given images."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ocrx.imaging.projection import projective_coefficients

SQUARE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def test_each_point_goes_to_its_image() -> None:
    target = [(2.0, 1.0), (9.0, 0.5), (8.0, 7.0), (1.0, 6.0)]
    a, b, c, d, e, f, g, h = projective_coefficients(SQUARE, target).tolist()
    found = [((a * x + b * y + c) / (g * x + h * y + 1), (d * x + e * y + f) / (g * x + h * y + 1)) for x, y in SQUARE]
    assert np.allclose(found, target)


def test_pillow_maps_the_new_image_to_the_old_one() -> None:
    image = Image.new("L", (40, 20), 255)
    image.paste(0, (20, 0, 40, 20))
    mirrored = [(40.0, 0.0), (0.0, 0.0), (0.0, 20.0), (40.0, 20.0)]
    coefficients = projective_coefficients([(0.0, 0.0), (40.0, 0.0), (40.0, 20.0), (0.0, 20.0)], mirrored)
    turned = image.transform((40, 20), Image.Transform.PERSPECTIVE, coefficients.tolist())
    assert (turned.getpixel((5, 10)), turned.getpixel((35, 10))) == (0, 255)


def test_points_on_one_line_have_no_map() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        projective_coefficients(SQUARE, [(0.0, 0.0)] * 4)
