"""Converts images and arrays of any kind to 8-bit grey or RGB pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrx.arrays import Pixels
from ocrx.errors import DataError

_MAX_VALUES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))  # bit depths of scanners and cameras


def to_grey_or_rgb(image: Image.Image, name: str = "image") -> Image.Image:
    """Convert an image of any Pillow mode.

    Args:
        image: Any image; pixels of more than 8 bits are scaled as by ``to_uint8``.
        name: Names the image in errors.

    Returns:
        An image of mode L or RGB, on white where it is transparent.

    Raises:
        DataError: Pixels are negative, NaN or above 65,535.
    """
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(to_uint8(np.asarray(image), name))

    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        # Pillow converts La to nothing but LA.
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, rgba).convert("L" if image.mode in ("LA", "La") else "RGB")
    return image.convert("RGB")


def to_uint8(values: npt.NDArray[Any], name: str) -> Pixels:
    """Scale numbers of any type to 8-bit pixels.

    Args:
        values: Booleans; floats from 0 to 1; or integers, also as floats, of the smallest of 8, 10, 12, 14 and 16 bits
            that holds the largest of them.
        name: Names the image in errors.

    Returns:
        uint8 of the same shape.

    Raises:
        DataError: Values are negative, NaN, above 65,535, or not numbers.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "buif":
        raise DataError(f"{name} of {values.dtype}; expected uint8, another integer, bool or float")
    numbers = values.astype(np.float64)
    least, most = float(numbers.min(initial=0)), float(numbers.max(initial=0))
    if not (least >= 0 and most <= 65535):
        raise DataError(f"{name} with values from {least:g} to {most:g}; expected 0 to 1 or 0 to 255")
    ones = values.dtype.kind == "b" or (values.dtype.kind == "f" and most <= 1)
    top = 1 if ones else next(limit for limit in _MAX_VALUES if most <= limit)
    return (numbers * (255 / top) + 0.5).astype(np.uint8)
