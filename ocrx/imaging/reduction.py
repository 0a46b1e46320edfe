"""Reads a large JPEG at a half, a quarter or an eighth of its size where a line is made much smaller anyway.

The decoder then skips most of the inverse transform. What is left is at least ``GAP`` times as high as the line. From
three times on, Pillow calls resampling in two steps (``reducing_gap``) nearly the same as in one; but at three times,
half of 41 lines of a handwriting that the embedded models cannot read came out as other nonsense.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PIL import Image

from ocrx.imaging.cleanup import is_tall
from ocrx.imaging.preparation import ReducedImage
from ocrx.imaging.reading import EXIF_ORIENTATION, read_image
from ocrx.model_spec import ImageSpec

GAP = 8.0
PAGE_HEIGHT = 640  # pixels in which the lines of a page can still be told apart, for the warning about several lines
PAGE_RATIO = 6.0  # width / height up to which an image may be a page

_SCALES = (8, 4, 2)  # what libjpeg offers
_TRANSPOSED = (5, 6, 7, 8)  # values of the EXIF orientation that swap width and height
_AVERAGING = frozenset({"bilinear", "bicubic", "lanczos", "box"})  # filters that weigh all pixels, see ImageSpec.filter


def read_reduced(source: Path | bytes, spec: ImageSpec, name: str | None = None) -> ReducedImage:
    """Read an image that holds one line, a large JPEG at reduced size.

    Args:
        source: Path of the file, or its content.
        spec: The image spec of the model that reads it.
        name: Names the image in errors; by default the path.

    Returns:
        The image.

    Raises:
        DataError: As for ``read_image``.
    """
    found: list[tuple[int, tuple[int, int]]] = []
    image = read_image(source, name, before_decoding=partial(_reduce, spec, found))
    return ReducedImage(image, *found[0]) if found else ReducedImage.whole(image)


def reduction(size: tuple[int, int], spec: ImageSpec) -> int:
    """Choose how much smaller an image may be decoded without a visible change of the resized line.

    Args:
        size: Width and height of the upright image in pixels.
        spec: The image spec of the model.

    Returns:
        8, 4, 2, or 1 for the whole image.
    """
    if spec.filter not in _AVERAGING or not set(spec.steps) <= {"rotate_tall"}:
        return 1
    width, height = size[::-1] if "rotate_tall" in spec.steps and is_tall(size) else size
    enough = GAP * spec.height
    if width <= PAGE_RATIO * height:
        enough = max(enough, PAGE_HEIGHT)
    return next((scale for scale in _SCALES if height >= scale * enough), 1)


def _reduce(spec: ImageSpec, found: list[tuple[int, tuple[int, int]]], image: Image.Image) -> None:
    """Have a JPEG decoded at reduced size; appends the scale and the upright size of the whole image to ``found``."""
    if image.format != "JPEG":
        return
    transposed = image.getexif().get(EXIF_ORIENTATION) in _TRANSPOSED
    width, height = image.size[::-1] if transposed else image.size
    scale = reduction((width, height), spec)
    # The last row and column of a reduced image may stand for fewer pixels; once it is turned they are no longer last.
    turned = image.getexif().get(EXIF_ORIENTATION, 1) != 1 or ("rotate_tall" in spec.steps and is_tall((width, height)))
    if scale == 1 or (turned and (width % scale or height % scale)):
        return
    image.draft("L" if spec.order == "L" else image.mode, (image.width // scale, image.height // scale))
    found.append((scale, (width, height)))
