"""Warns about images that a line recogniser is not made for.

Found without reading the text: several lines, a line turned by 90 degrees, hardly any contrast, too few pixels, too
long. What only the result shows (upside down, another script, handwriting) is left to ``confidence``.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ocrx.arrays import Pixels
from ocrx.imaging.preparation import ReducedImage
from ocrx.inference.line_segmentation import Box, line_boxes
from ocrx.model_spec import ImageSpec

_MIN_HEIGHT = 8  # pixels; smaller letters are not legible
_MIN_CONTRAST = 24  # grey levels between the darkest and the brightest pixel
_MIN_PAGE_HEIGHT = 64  # pixels; lower images hardly hold two legible lines
_MAX_PAGE_RATIO = 6.0  # width / height above which an image is a line
_TALL = 1.5  # height / width above which an image is hardly an upright line
_LINE_RATIO = 1.5  # width / height; the bands of a turned line are single characters and narrower


def image_warning(image: ReducedImage, pixels: Pixels, spec: ImageSpec, *, several_lines: bool) -> str | None:
    """Warn about an image that does not look like one upright line.

    Args:
        image: The image as it is read, upright.
        pixels: The same image resized, uint8 [H, W] or [H, W, 3].
        spec: The image spec of the model.
        several_lines: Also warn about several lines.

    Returns:
        The warnings, joined with ``;``, or None.
    """
    found = (
        _size_warning(image.size[1]),
        _contrast_warning(pixels),
        _layout_warning(image.image) if several_lines else None,
        _squeeze_warning(image.size, spec),
    )
    return "; ".join(filter(None, found)) or None


def _size_warning(height: int) -> str | None:
    if height >= _MIN_HEIGHT:
        return None
    return f"only {height} pixels high; text needs at least {_MIN_HEIGHT}"


def _contrast_warning(pixels: Pixels) -> str | None:
    contrast = int(pixels.max()) - int(pixels.min())
    return f"hardly any contrast: {contrast} of 255 grey levels" if contrast < _MIN_CONTRAST else None


def _layout_warning(image: Image.Image) -> str | None:
    """Whether there are several lines, or one that is turned; None for a single line and in unclear cases."""
    if image.height < _MIN_PAGE_HEIGHT or image.width > _MAX_PAGE_RATIO * image.height:
        return None
    boxes = line_boxes(image)
    if len(boxes) < 2:
        return None
    if image.height > _TALL * image.width and float(np.median([_ratio(box) for box in boxes])) < _LINE_RATIO:
        return "looks like a line turned by 90 degrees"
    return f"looks like {len(boxes)} lines of text, read as one; --lines detect finds the lines of a page"


def _squeeze_warning(size: tuple[int, int], spec: ImageSpec) -> str | None:
    width, height = size
    wanted = math.ceil(spec.height * width / height)
    if wanted <= spec.max_width:
        return None
    return f"{width}x{height} pixels, squeezed to {spec.max_width / wanted:.0%} of its width"


def _ratio(box: Box) -> float:
    return (box[2] - box[0]) / max(1, box[3] - box[1])
