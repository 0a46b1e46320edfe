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
    """Convert any Pillow mode to L or RGB; transparency is laid on white, wide pixels are scaled as by ``to_uint8``."""
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(to_uint8(np.asarray(image), name))
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        # Pillow turns La into LA alone.
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, rgba).convert("L" if image.mode in ("LA", "La") else "RGB")
    return image.convert("RGB")


def to_uint8(values: npt.NDArray[Any], name: str) -> Pixels:
    """Numbers of any type as pixels of 8 bits.

    Floats are 0 to 1, or integers if any is above 1; integers have 8, 10, 12, 14 or 16 bits, as the largest needs.
    Raises DataError for negative or larger values, NaN, and what is no number.
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
