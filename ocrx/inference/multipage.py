"""Reads files of several pages: PDF (extra ``pdf``) and multi-frame TIFF."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from ocrx.errors import DataError
from ocrx.files import read_bytes
from ocrx.imaging.reading import MAX_IMAGE_BYTES, MAX_PIXELS, FrameReader

Page = Callable[[], Image.Image]

PDF_DPI = 200

# PDFium is not thread-safe. Reentrant, since the garbage collector may close a document wherever Python runs.
_PDFIUM = threading.RLock()


def tiff_pages(source: Path | bytes, name: str) -> list[Page]:
    """Find the frames of a TIFF file.

    Args:
        source: The file or its content.
        name: Names the file in errors.

    Returns:
        A function for each frame that reads it.

    Raises:
        DataError: The file is missing, damaged, or not an image.
    """
    frames = FrameReader(source, name)
    return [partial(frames.read, frame) for frame in range(frames.count)]


def pdf_pages(source: Path | bytes, name: str) -> list[Page]:
    """Find the pages of a PDF file.

    Args:
        source: The file or its content.
        name: Names the file in errors.

    Returns:
        A function for each page that renders it at 200 dpi, or at most ``MAX_PIXELS``.

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
            count = len(document)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        raise DataError(f"{name}: {'needs a password' if locked else f'damaged PDF ({error})'}") from None
    if count == 0:
        raise DataError(f"{name}: a PDF without pages")
    pdf = _Pdf(document, name)
    return [partial(pdf.render, index) for index in range(count)]


class _Pdf:
    """An open PDF file. It is closed when no page needs it any more, and not while another thread is in PDFium."""

    def __init__(self, document: Any, name: str) -> None:
        self._document = document
        self._name = name
        weakref.finalize(self, _close, document)

    def render(self, index: int) -> Image.Image:
        from pypdfium2 import PdfiumError

        try:
            with _PDFIUM, closing(self._document[index]) as page:
                width, height = page.get_size()
                scale = min(PDF_DPI / 72, (MAX_PIXELS / max(1.0, width * height)) ** 0.5)
                image: Image.Image = page.render(scale=scale, grayscale=False).to_pil().convert("RGB")
        except PdfiumError as error:
            raise DataError(f"{self._name}: page {index + 1} is damaged ({error})") from None
        return image


def _close(document: Any) -> None:
    with _PDFIUM:
        document.close()
