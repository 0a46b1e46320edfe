"""Images of a request: bytes or a URL, checked against the limits and opened by a worker.

An upload that cannot be read keeps the reason with its HTTP status; the other images of the request are still read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from ocrx.errors import DataError
from ocrx.imaging.preparation import ReducedImage
from ocrx.imaging.reading import IMAGE_FORMATS
from ocrx.inference.inputs import ImageInput, iter_inputs
from ocrx.inference.multipage import pdf_pages, tiff_pages
from ocrx.serving.listening import HttpError

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PDF = b"%PDF"
_Opened = TypeVar("_Opened", Image.Image, ReducedImage)

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Upload:
    """An image as sent by the client.

    Attributes:
        name: File name given by the client.
        data: Its content.
        fetch: Downloads the content if a URL was given instead.
    """

    name: str
    data: bytes = b""
    fetch: Callable[[], bytes] | None = None


class UploadedImage:
    """One image, or one page, of an upload.

    Attributes:
        input: The image, as input for the recognizer.
        upload: Number of the upload that contains it, from 0.
        size: Width and height, known after it was opened.
        failure: Why it could not be opened, known after a worker has tried.
    """

    def __init__(
        self,
        image: ImageInput,
        max_pixels: int,
        find_size: Callable[[], Size] | None = None,
        damaged: str = "unreadable_image",
    ) -> None:
        """Wrap an image.

        Args:
            image: The image.
            max_pixels: Maximum number of pixels.
            find_size: Determines its size before it is decoded or rendered.
            damaged: Error code if it cannot be decoded.
        """
        self.upload = 0
        self.size = (0, 0)
        self.failure: HttpError | None = None
        self._damaged = damaged
        self._image = image
        self._max_pixels = max_pixels
        self._find_size = find_size
        reduced = image.load_reduced
        self.input = replace(
            image,
            load=lambda: self._checked(image.load),
            load_reduced=None if reduced is None else lambda spec: self._checked(lambda: reduced(spec)),
        )

    def _checked(self, load: Callable[[], _Opened]) -> _Opened:
        """Open the image within the limits, and keep its size or its failure."""
        name = self._image.name or "image"

        try:
            if self._find_size is not None:
                self._check(*self._find_size(), name)
            image = load()
            self.size = image.size
            self._check(*self.size, name)
        except HttpError as error:
            self.failure = error
            raise DataError(error.message) from None
        except DataError as error:
            self.failure = HttpError(422, self._damaged, error.message)
            raise
        return image

    def _check(self, width: int, height: int, name: str) -> None:
        if width * height > self._max_pixels:
            raise HttpError(
                413, "too_many_pixels", f"{name}: {width}x{height} pixels; expected at most {self._max_pixels:,}"
            )


def open_uploads(
    uploads: Sequence[Upload], max_images: int, max_pixels: int, fetched: Callable[[int], None]
) -> list[UploadedImage]:
    """Find the images and pages in uploads. May take a while: URLs are fetched and PDF files are opened.

    Args:
        uploads: The uploads.
        max_images: Maximum number of images, pages included.
        max_pixels: Maximum number of pixels per image.
        fetched: Called with 0 before a URL is fetched and with the size of its content afterwards; raises HttpError if
            the request must be refused.

    Returns:
        At least one image for each upload, in order; one that failed already raises its error when it is opened.

    Raises:
        HttpError: There are too many images, or ``fetched`` raised it.
    """
    found: list[UploadedImage] = []
    for number, upload in enumerate(uploads):
        images = _open(upload, max_images, max_pixels, fetched)
        for image in images:
            image.upload = number
        found += images
        if len(found) > max_images:
            raise too_many_images(max_images)
    return found


def too_many_images(limit: int) -> HttpError:
    """Create the error for a request with too many images.

    Args:
        limit: Maximum number of images.

    Returns:
        The error.
    """
    return HttpError(413, "too_many_images", f"more than {limit:,} images or pages; send them in several requests")


def holds_pages(upload: Upload) -> bool:
    """Check whether an upload may have several pages, so that finding them takes time.

    Args:
        upload: The upload.

    Returns:
        True for files of several pages.
    """
    return upload.data.startswith((_PDF, *_TIFF))


def _open(upload: Upload, max_images: int, max_pixels: int, fetched: Callable[[int], None]) -> list[UploadedImage]:
    name, data = upload.name, upload.data
    if upload.fetch is not None:
        fetched(0)
        try:
            data = upload.fetch()
        except DataError as error:
            return [_failed(name, HttpError(422, "url_unreachable", error.message))]
        fetched(len(data))

    try:
        if data.startswith(_PDF):
            return _pdf(data, name, max_images, max_pixels)
        if data.startswith(_TIFF):
            return _tiff(data, name, max_images, max_pixels)
    except HttpError as error:
        return [_failed(name, error)]
    (image,) = iter_inputs(_NamedFile(data, name))
    return [UploadedImage(image, max_pixels, partial(_size, data, name))]


def _pdf(data: bytes, name: str, max_images: int, max_pixels: int) -> list[UploadedImage]:
    if find_spec("pypdfium2") is None:
        raise HttpError(501, "pdf_not_installed", f"{name}: PDF needs the extra pdf of the server")
    damaged = "unreadable_pdf"
    try:
        pages = pdf_pages(data, name, most=max_images + 1)
    except DataError as error:
        raise HttpError(422, damaged, error.message) from None
    return [
        UploadedImage(ImageInput(page.load, name, number), max_pixels, page.size, damaged)
        for number, page in enumerate(pages)
    ]


def _tiff(data: bytes, name: str, max_images: int, max_pixels: int) -> list[UploadedImage]:
    _size(data, name)  # says what is wrong with a file that cannot be opened
    try:
        pages = tiff_pages(data, name, most=max_images + 1)
    except DataError as error:
        raise HttpError(422, "unreadable_image", error.message) from None
    several = len(pages) > 1
    return [
        UploadedImage(ImageInput(page.load, name, number if several else None), max_pixels, page.size)
        for number, page in enumerate(pages)
    ]


class _NamedFile(io.BytesIO):
    """Bytes with the name given by the client, for errors."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def _failed(name: str, error: HttpError) -> UploadedImage:
    def load() -> Image.Image:
        raise error

    return UploadedImage(ImageInput(load, name), 0)


def _size(data: bytes, name: str) -> Size:
    """Read width and height from the header of an image file."""
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            return image.width, image.height
    except UnidentifiedImageError:
        raise HttpError(415, "not_an_image", f"{name}: not an image in a known format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise HttpError(413, "too_many_pixels", f"{name}: far too many pixels") from None
    except Exception as error:  # a decoder may raise anything on damaged data
        reason = str(error) or type(error).__name__
        raise HttpError(422, "unreadable_image", f"{name}: damaged image ({reason})") from None
