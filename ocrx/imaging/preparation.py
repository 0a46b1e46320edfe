"""Converts an image to the input of a model; the only code that prepares pixels.

``resize`` (clean-up steps, resampling) → ``scale`` (float32, channels first) → ``pad``; ``prepare`` runs all three.
Training caches and augments the result of ``resize``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrx.arrays import Floats, Ints, Pixels
from ocrx.imaging.cleanup import STEP_FUNCTIONS, is_tall, rotate_tall
from ocrx.model_spec import ImageSpec

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True, eq=False)
class ReducedImage:
    """An image that may be smaller than its file says.

    Attributes:
        image: Mode L or RGB, upright.
        scale: How many pixels of the whole image each of its pixels stands for, in each direction.
        size: Width and height of the whole image in pixels, upright.
    """

    image: Image.Image
    scale: int
    size: tuple[int, int]

    @classmethod
    def whole(cls, image: Image.Image) -> ReducedImage:
        """Wrap an image that is not reduced.

        Args:
            image: The image.

        Returns:
            The image with its own size.
        """
        return cls(image, 1, image.size)

    def turned_if_tall(self, spec: ImageSpec) -> ReducedImage:
        """Apply the step ``rotate_tall`` alone, the only one that changes the size of an image.

        Args:
            spec: The image spec of the model.

        Returns:
            The rotated image, or the same one if it is not tall or the spec lacks the step.
        """
        if "rotate_tall" not in spec.steps or not is_tall(self.size):
            return self
        return ReducedImage(self.image.transpose(Image.Transpose.ROTATE_90), self.scale, self.size[::-1])


def rotate_if_tall(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """Apply the step ``rotate_tall`` alone, the only one that changes the size of an image.

    For positions and sizes in the image as it is read; ``resize`` applies the step itself.

    Args:
        image: The image.
        spec: The image spec of the model.

    Returns:
        The rotated image, or the same one if it is not tall or the spec lacks the step.
    """
    return rotate_tall(image) if "rotate_tall" in spec.steps else image


def resize(image: Image.Image | ReducedImage, spec: ImageSpec) -> Pixels:
    """Clean up and resample an image.

    Args:
        image: The image, of mode L or RGB; reduced only where the spec allows it, see ``imaging.reduction``.
        spec: The image spec of the model.

    Returns:
        uint8 [spec.height, width] for order L, else [spec.height, width, 3] in the spec's order of channels.
    """
    source = image if isinstance(image, ReducedImage) else ReducedImage.whole(image)
    upright = source.image.convert("L" if spec.order == "L" else "RGB")
    for step in spec.steps:
        upright = STEP_FUNCTIONS[step](upright)

    whole, box = upright.size, None
    if source.scale > 1:
        whole = source.turned_if_tall(spec).size
        # The last row and column of a reduced image may stand for fewer pixels of the whole one.
        box = (0, 0, whole[0] / source.scale, whole[1] / source.scale)
    size = (spec.resized_width(*whole), spec.height)

    if spec.filter == "bilinear_point" and upright.size != size:
        pixels = _point_bilinear(upright, size)
    elif upright.size == size:
        pixels = np.array(upright, dtype=np.uint8)
    else:
        pixels = np.array(upright.resize(size, _FILTERS[spec.filter], box), dtype=np.uint8)
    return np.ascontiguousarray(pixels[:, :, ::-1]) if spec.order == "BGR" else pixels


def scale(pixels: Pixels, spec: ImageSpec) -> Floats:
    """Scale pixels: ``(pixel * scale - mean) / std``.

    Args:
        pixels: uint8 [H, W] or [H, W, 3].
        spec: The image spec of the model.

    Returns:
        float32 [C, H, W].
    """
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    std = np.asarray(spec.std, dtype=np.float32).reshape(-1, 1, 1)
    mean = np.asarray(spec.mean, dtype=np.float32).reshape(-1, 1, 1)
    result: Floats = planes * (np.float32(spec.scale) / std) - mean / std
    return result.astype(np.float32, copy=False)


def pad(planes: Floats, width: int, spec: ImageSpec) -> Floats:
    """Pad on the right with ``spec.pad``.

    Args:
        planes: float32 [C, H, W].
        width: Width to pad to, in pixels.
        spec: The image spec of the model.

    Returns:
        float32 [C, H, max(W, width)].
    """
    missing = width - planes.shape[2]
    return np.pad(planes, ((0, 0), (0, 0), (0, missing)), constant_values=spec.pad) if missing > 0 else planes


def prepare(image: Image.Image, spec: ImageSpec) -> tuple[Floats, int]:
    """Prepare an image for a model: resize, scale and pad it to its bucket.

    Args:
        image: The image, of mode L or RGB.
        spec: The image spec of the model.

    Returns:
        float32 [C, spec.height, bucket width], and the width before padding in pixels.
    """
    planes = scale(resize(image, spec), spec)
    width = planes.shape[2]
    return pad(planes, spec.bucket_width(width), spec), width


def _point_bilinear(image: Image.Image, size: tuple[int, int]) -> Pixels:
    """Bilinear interpolation without antialiasing, bit-identical to OpenCV's INTER_LINEAR.

    As in OpenCV, weights are multiples of 1 / 2048 and sums are truncated; imported models were trained with it.
    """
    pixels = np.asarray(image).astype(np.int32)
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]

    left, weight = _source_of(size[0], image.width)
    weight[(left < 0) | (left >= image.width - 1)] = 0
    left = left.clip(0, image.width - 1)
    right = np.minimum(left + 1, image.width - 1)
    near, far = _fixed(1 - weight)[None, :, None], _fixed(weight)[None, :, None]
    rows = (pixels[:, left] * near + pixels[:, right] * far) >> 4

    top, weight = _source_of(size[1], image.height)
    near, far = _fixed(1 - weight)[:, None, None], _fixed(weight)[:, None, None]
    upper, lower = rows[top.clip(0, image.height - 1)], rows[(top + 1).clip(0, image.height - 1)]
    result: Pixels = ((((near * upper) >> 16) + ((far * lower) >> 16) + 2) >> 2).clip(0, 255).astype(np.uint8)
    return result.squeeze(2) if image.mode == "L" else result


def _source_of(wanted: int, given: int) -> tuple[Ints, Floats]:
    """For each pixel of the result, the source pixel before its centre and the weight of the one after it."""
    place = ((np.arange(wanted) + 0.5) * (given / wanted) - 0.5).astype(np.float32)
    before = np.floor(place).astype(np.int64)
    return before, (place - before).astype(np.float32)


def _fixed(weight: Floats) -> npt.NDArray[np.int32]:
    return np.rint(weight * 2048).astype(np.int32)
