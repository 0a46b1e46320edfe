"""Reads files of several pages: PDF (extra ``pdf``) and multi-frame TIFF."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from ocrx.errors import DataError
from ocrx.files import read_bytes
from ocrx.imaging.reading import MAX_IMAGE_BYTES, MAX_PIXELS, FrameReader

PDF_DPI = 200

# PDFium is not thread-safe. Reentrant, since the garbage collector may close a document wherever Python runs.
_PDFIUM = threading.RLock()


@dataclass(frozen=True, eq=False)
class Page:
    """A page of a file.

    Attributes:
        load: Reads the page, or raises DataError.
        size: Finds its width and height in pixels without reading it, or raises DataError.
    """

    load: Callable[[], Image.Image]
    size: Callable[[], tuple[int, int]]


def tiff_pages(source: Path | bytes, name: str, most: int | None = None) -> list[Page]:
    """Find the frames of a TIFF file.

    Args:
        source: The file or its content.
        name: Names the file in errors.
        most: Frames to look for; None for all. A small file can hold millions.

    Returns:
        The frames.

    Raises:
        DataError: The file is missing, damaged, or not an image.
    """
    frames = FrameReader(source, name, most)
    return [Page(partial(frames.read, frame), partial(frames.size, frame)) for frame in range(frames.count)]


def pdf_pages(source: Path | bytes, name: str, most: int | None = None) -> list[Page]:
    """Find the pages of a PDF file.

    Args:
        source: The file or its content.
        name: Names the file in errors.
        most: Pages to look for; None for all. A small file can claim a million.

    Returns:
        The pages; each is rendered at 200 dpi, larger ones with ``MAX_PIXELS``.

    Raises:
        DataError: pypdfium2 is not installed, or the file is missing, damaged, empty or needs a password.
    """
    if find_spec("pypdfium2") is None:
        raise DataError(f"{name}: reading PDF needs pypdfium2; install it with: pip install 'ocrx[pdf]'")
    import pypdfium2

    try:
        data = source if isinstance(source, bytes) else read_bytes(source, max_bytes=MAX_IMAGE_BYTES, name=name)
        with _PDFIUM:
            document = pypdfium2.PdfDocument(data)
            count = min(len(document), most or len(document))
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        raise DataError(f"{name}: {'needs a password' if locked else f'damaged PDF ({error})'}") from None
    if count == 0:
        raise DataError(f"{name}: a PDF without pages")
    pdf = _Pdf(document, name)
    return [Page(partial(pdf.render, index), partial(pdf.size, index)) for index in range(count)]


class _Pdf:
    """An open PDF file. It is closed when no page needs it any more, and not while another thread is in PDFium."""

    def __init__(self, document: Any, name: str) -> None:
        self._document = document
        self._name = name
        weakref.finalize(self, _close, document)

    def render(self, index: int) -> Image.Image:
        with self._page(index) as page:
            image: Image.Image = page.render(scale=_scale(page), grayscale=False).to_pil().convert("RGB")
        return image

    def size(self, index: int) -> tuple[int, int]:
        with self._page(index) as page:
            width, height = page.get_size()
            scale = _scale(page)
        return math.ceil(width * scale), math.ceil(height * scale)

    @contextmanager
    def _page(self, index: int) -> Iterator[Any]:
        from pypdfium2 import PdfiumError

        try:
            with _PDFIUM, closing(self._document[index]) as page:
                yield page
        except PdfiumError as error:
            raise DataError(f"{self._name}: page {index + 1} is damaged ({error})") from None


def _scale(page: Any) -> float:
    """Pixels per point of a rendered page."""
    width, height = page.get_size()
    return float(min(PDF_DPI / 72, (MAX_PIXELS / max(1.0, width * height)) ** 0.5))


def _close(document: Any) -> None:
    with _PDFIUM:
        document.close()
