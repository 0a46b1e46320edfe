"""Reads an image file, or its bytes, as an upright Pillow image of mode L or RGB."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ocrx.errors import DataError
from ocrx.imaging.pixels import to_grey_or_rgb

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MAX_PIXELS = 89_000_000

EXIF_ORIENTATION = 0x0112
"""The EXIF tag."""

DECODE_ERRORS = (
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
        return to_grey_or_rgb(apply_exif_orientation(image), name)


def apply_exif_orientation(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says. Not by ``ImageOps.exif_transpose``, which writes the EXIF data anew and
    fails where other entries are damaged."""
    turn = _UPRIGHT.get(image.getexif().get(EXIF_ORIENTATION, 1))
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
    except DECODE_ERRORS as error:
        raise DataError(f"{name}: damaged image ({error})") from None


def _too_large(name: str) -> DataError:
    return DataError(f"{name}: more than {MAX_PIXELS:,} pixels are refused")
