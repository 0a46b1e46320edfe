"""From an image file to the array a model reads; the only place where pixels are prepared.

``read_image`` → ``resize`` (steps, resampling) → ``scale`` (float32, channels first) → ``pad``.
Training caches after ``resize`` and augments there; prediction runs through ``prepare``.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ocrx.errors import DataError
from ocrx.imaging.cleanup import STEP_FUNCTIONS, rotate_tall
from ocrx.model_spec import ImageSpec

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MAX_PIXELS = 89_000_000

_TOPS = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))  # scanners and cameras give all of these
ORIENTATION = 0x0112
"""The EXIF tag."""

DAMAGE = (
    OSError, ValueError, SyntaxError, EOFError, ArithmeticError, IndexError, KeyError, TypeError, struct.error,
)  # fmt: skip
"""What Pillow's decoders raise on damaged files."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FILTERS_LOCK = threading.Lock()

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


def read_image(source: Path | bytes, name: str | None = None, frame: int = 0) -> Image.Image:
    """Read one frame of an image file as mode L or RGB, upright, on white where it is transparent.

    ``source`` is a path or the encoded bytes; ``name`` is used in messages.
    Raises DataError if it is missing, not an image, truncated, empty or larger than 89 megapixels.
    """
    name = name or (str(source) if isinstance(source, Path) else "image")
    data = source if isinstance(source, bytes) else _contents(source, name)
    with _quiet_failures(name):
        try:
            return _decoded(data, name, frame)
        except Image.DecompressionBombWarning:
            raise _too_large(name) from None
        except Warning:
            # Where warnings are errors, one about metadata must not cost the image. Filters belong to the whole
            # process, so they are touched in this case only, and by one thread at a time.
            with _FILTERS_LOCK, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _decoded(data, name, frame)


def count_frames(source: Path | bytes, name: str | None = None) -> int:
    """Frames of an image file (more than one in some TIFF and GIF). Raises DataError as ``read_image`` does."""
    name = name or (str(source) if isinstance(source, Path) else "image")
    data = source if isinstance(source, bytes) else _contents(source, name)
    with _quiet_failures(name), _FILTERS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            return int(getattr(image, "n_frames", 1))


def _contents(path: Path, name: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name}: no such file") from None
    except (OSError, ValueError) as error:
        if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises for a name that is too long
            raise DataError(f"{name}: a folder, not an image") from None
        raise DataError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    return data


def _decoded(data: bytes, name: str, frame: int) -> Image.Image:
    if not data:
        raise DataError(f"{name}: empty file (0 bytes)")
    with Image.open(io.BytesIO(data)) as image:
        if frame:
            image.seek(frame)
        if image.width * image.height > MAX_PIXELS:
            raise DataError(f"{name}: {image.width}x{image.height} pixels, more than {MAX_PIXELS:,} are refused")
        image.load()
        return to_plain(upright(image), name)


def upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says. Not by ``ImageOps.exif_transpose``, which writes the EXIF data anew and
    fails where other entries are damaged."""
    turn = _UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


@contextmanager
def _quiet_failures(name: str) -> Iterator[None]:
    """Whatever Pillow raises on a file it cannot read, as DataError."""
    try:
        yield
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: not an image in a known format") from None
    except DAMAGE as error:
        raise DataError(f"{name}: damaged image ({error})") from None


def _too_large(name: str) -> DataError:
    return DataError(f"{name}: more than {MAX_PIXELS:,} pixels are refused")


def to_plain(image: Image.Image, name: str = "image") -> Image.Image:
    """Convert any Pillow mode to L or RGB; transparency is laid on white, wide pixels are scaled as by ``to_bytes``."""
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(to_bytes(np.asarray(image), name))
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        # Pillow turns La into LA alone.
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, rgba).convert("L" if image.mode in ("LA", "La") else "RGB")
    return image.convert("RGB")


def to_bytes(values: npt.NDArray[Any], name: str) -> Pixels:
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
    top = 1 if ones else next(limit for limit in _TOPS if most <= limit)
    return (numbers * (255 / top) + 0.5).astype(np.uint8)


def turned(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """The image as the step ``rotate_tall`` turns it, if the spec has it; no other step changes a size.

    For places and sizes alone: ``resize`` turns by itself, in the order of its steps.
    """
    return rotate_tall(image) if "rotate_tall" in spec.steps else image


def resize(image: Image.Image, spec: ImageSpec) -> Pixels:
    """Apply the spec's steps and resampling: uint8 [height, width] (L) or [height, width, 3] (RGB or BGR)."""
    image = image.convert("L" if spec.order == "L" else "RGB")
    for step in spec.steps:
        image = STEP_FUNCTIONS[step](image)
    size = (spec.resized_width(image.width, image.height), spec.height)
    if spec.filter == "bilinear_point" and image.size != size:
        pixels = _point_bilinear(image, size)
    else:
        pixels = np.array(image if image.size == size else image.resize(size, _FILTERS[spec.filter]), dtype=np.uint8)
    return np.ascontiguousarray(pixels[:, :, ::-1]) if spec.order == "BGR" else pixels


def scale(pixels: Pixels, spec: ImageSpec) -> Floats:
    """uint8 [H, W] or [H, W, 3] → float32 [C, H, W], ``(pixel * scale - mean) / std``."""
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    std = np.asarray(spec.std, dtype=np.float32).reshape(-1, 1, 1)
    mean = np.asarray(spec.mean, dtype=np.float32).reshape(-1, 1, 1)
    result: Floats = planes * (np.float32(spec.scale) / std) - mean / std
    return result.astype(np.float32, copy=False)


def pad(planes: Floats, width: int, spec: ImageSpec) -> Floats:
    """Pad float32 [C, H, W] on the right with ``spec.pad`` to ``width`` pixels."""
    missing = width - planes.shape[2]
    return np.pad(planes, ((0, 0), (0, 0), (0, missing)), constant_values=spec.pad) if missing > 0 else planes


def prepare(image: Image.Image, spec: ImageSpec) -> tuple[Floats, int]:
    """An image as the model reads it: float32 [C, height, bucket width], and its width before padding."""
    planes = scale(resize(image, spec), spec)
    width = planes.shape[2]
    return pad(planes, spec.bucket_width(width), spec), width


def _point_bilinear(image: Image.Image, size: tuple[int, int]) -> Pixels:
    """Bilinear interpolation without antialiasing, bit for bit as OpenCV's INTER_LINEAR gives it.

    Weights are multiples of 1 / 2048 and sums are cut where OpenCV cuts them; imported models were trained on that.
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


def _source_of(wanted: int, given: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """For every pixel of the result the source pixel before its centre, and the weight of the one after."""
    place = ((np.arange(wanted) + 0.5) * (given / wanted) - 0.5).astype(np.float32)
    before = np.floor(place).astype(np.int64)
    return before, (place - before).astype(np.float32)


def _fixed(weight: Floats) -> npt.NDArray[np.int32]:
    return np.rint(weight * 2048).astype(np.int32)
