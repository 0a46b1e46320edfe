"""Reads an image file, or its bytes, as an upright Pillow image of mode L or RGB."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from ocrx.errors import DataError
from ocrx.files import read_bytes
from ocrx.imaging.pixels import to_grey_or_rgb

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "DIB")
"""Formats that ``Image.open`` may try, whatever the file name. Of Pillow's other formats some start programs (EPS) and
others are rarely used and tested."""

MAX_PIXELS = 89_000_000
"""Largest image, width times height."""

MAX_IMAGE_BYTES = 2**30
"""Largest image file, with all its pages."""

EXIF_ORIENTATION = 0x0112
"""Number of the EXIF tag."""

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

Decoded = TypeVar("Decoded")


def read_image(
    source: Path | bytes,
    name: str | None = None,
    frame: int = 0,
    before_decoding: Callable[[Image.Image], None] | None = None,
) -> Image.Image:
    """Read one frame of an image file as mode L or RGB, upright, on white where it is transparent.

    Args:
        source: Path of the file, or its content.
        name: Names the image in errors; by default the path.
        frame: Which frame of a file with several (TIFF, GIF), from 0.
        before_decoding: Called with the opened image, before its pixels are decoded.

    Returns:
        The image.

    Raises:
        DataError: The file is missing, not a regular file, empty, damaged, not an image in one of ``IMAGE_FORMATS``,
            or larger than ``MAX_PIXELS`` or ``MAX_IMAGE_BYTES``.
    """
    name = name or (str(source) if isinstance(source, Path) else "image")
    data = source if isinstance(source, bytes) else read_bytes(source, max_bytes=MAX_IMAGE_BYTES, name=name)

    with _as_data_error(name):
        return _unwarned(lambda: _decoded(data, name, frame, before_decoding), name)


class FrameReader:
    """Reads the frames of an image file with several (TIFF, GIF), which is opened once for all of them.

    The file is open from the first call until as many frames were read as it has; a later call opens it again. Safe to
    call from several threads.

    Attributes:
        count: Frames of the file.
    """

    def __init__(self, source: Path | bytes, name: str | None = None, most: int | None = None) -> None:
        """Open the file to count its frames.

        Args:
            source: Path of the file, or its content.
            name: Names the image in errors; by default the path.
            most: Where to stop counting; None counts all, which takes minutes for a file made of empty frames.

        Raises:
            DataError: As for ``read_image``.
        """
        self._source = source
        self._name = name or (str(source) if isinstance(source, Path) else "image")
        self._lock = threading.Lock()
        self._image: Image.Image | None = None
        self._left = 0
        with _as_data_error(self._name), self._open() as image:
            self.count: int = _unwarned(lambda: _count_frames(image, most), self._name)

    def read(self, frame: int) -> Image.Image:
        """Read one frame.

        Args:
            frame: Its number, from 0.

        Returns:
            The image in mode L or RGB, upright.

        Raises:
            DataError: The frame is damaged, or the file can no longer be opened.
        """
        with self._lock, _as_data_error(self._name):
            if self._image is None:
                self._image, self._left = self._open(), self.count
            image, self._left = self._image, self._left - 1

            try:
                found = _unwarned(lambda: _frame(image, self._name, frame), self._name)
                return found.copy() if found is image else found
            except BaseException:
                self._left = 0  # a decoder that failed is not used again
                raise
            finally:
                if self._left == 0:
                    self._image = None
                    image.close()

    def size(self, frame: int) -> tuple[int, int]:
        """Find the size of a frame without decoding it.

        Args:
            frame: Its number, from 0.

        Returns:
            Width and height in pixels, as stored.

        Raises:
            DataError: The file is damaged there, or can no longer be opened.
        """
        with self._lock, _as_data_error(self._name):
            if self._image is None:
                self._image, self._left = self._open(), self.count
            image = self._image
            try:
                _unwarned(lambda: image.seek(frame), self._name)
            except BaseException:
                self._image = None  # as in `read`
                image.close()
                raise
            return image.size

    def _open(self) -> Image.Image:
        source, name = self._source, self._name
        data = source if isinstance(source, bytes) else read_bytes(source, max_bytes=MAX_IMAGE_BYTES, name=name)
        if not data:
            raise DataError(f"{name}: empty file (0 bytes)")
        return _unwarned(lambda: Image.open(io.BytesIO(data), formats=IMAGE_FORMATS), name)


def _unwarned(decode: Callable[[], Decoded], name: str) -> Decoded:
    """Call ``decode``, even if warnings are errors: a warning about metadata must not prevent reading."""
    try:
        return decode()
    except Image.DecompressionBombWarning:
        raise _too_large(name) from None
    except Warning:
        # Warning filters are global to the process: they are changed in this case only, by one thread at a time.
        with _FILTERS_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode()


def _count_frames(image: Image.Image, most: int | None) -> int:
    if most is None:
        return int(getattr(image, "n_frames", 1))
    count = 1
    while count < most:
        try:
            image.seek(count)
        except EOFError:
            break
        count += 1
    return count


def _decoded(data: bytes, name: str, frame: int, before_decoding: Callable[[Image.Image], None] | None) -> Image.Image:
    if not data:
        raise DataError(f"{name}: empty file (0 bytes)")
    with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
        return _frame(image, name, frame, before_decoding)


def _frame(
    image: Image.Image, name: str, frame: int, before_decoding: Callable[[Image.Image], None] | None = None
) -> Image.Image:
    if frame or image.tell():
        image.seek(frame)
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{name}: {image.width}x{image.height} pixels, more than {MAX_PIXELS:,} are refused")
    if before_decoding is not None:
        before_decoding(image)
    image.load()
    return to_grey_or_rgb(apply_exif_orientation(image), name)


def apply_exif_orientation(image: Image.Image) -> Image.Image:
    """Rotate or mirror an image as its EXIF orientation says.

    Unlike ``ImageOps.exif_transpose`` this does not rewrite the EXIF data, which fails if other entries are damaged.

    Args:
        image: The image as stored.

    Returns:
        The image upright.
    """
    turn = _UPRIGHT.get(image.getexif().get(EXIF_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


@contextmanager
def _as_data_error(name: str) -> Iterator[None]:
    """Convert whatever Pillow raises for a file to a DataError."""
    try:
        yield
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: not an image in a known format") from None
    except Exception as error:  # a decoder may raise anything on damaged data
        raise DataError(f"{name}: damaged image ({str(error) or type(error).__name__})") from None


def _too_large(name: str) -> DataError:
    return DataError(f"{name}: more than {MAX_PIXELS:,} pixels are refused")
