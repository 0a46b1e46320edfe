"""Turns every kind of input into a lazy stream of ``ImageInput``, one per image.

Finding the inputs opens no image, except PDF and TIFF files to count their pages. An input that cannot be read is part
of the stream too: its ``load`` raises a DataError that names it.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrx.errors import ConfigError, DataError
from ocrx.imaging.pixels import to_grey_or_rgb, to_uint8
from ocrx.imaging.preparation import ReducedImage
from ocrx.imaging.reading import IMAGE_SUFFIXES, apply_exif_orientation, read_image
from ocrx.imaging.reduction import read_reduced
from ocrx.inference.multipage import Page, pdf_pages, tiff_pages
from ocrx.model_spec import ImageSpec

Array: TypeAlias = npt.NDArray[Any]
Input: TypeAlias = str | Path | bytes | bytearray | Image.Image | Array | Mapping[str, Any] | Iterable[Any]

EXPECTED = "a path, URL, folder, pattern, '-', '@list.txt', array, Pillow image, bytes, file, {'img': …} or several"
CHANNEL_ORDERS = ("RGB", "BGR")

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, eq=False)
class ImageInput:
    """One image to read, not opened yet.

    Attributes:
        load: Opens the image in mode L or RGB, upright, or raises DataError.
        name: The input as given, or folder and name; None for an image in memory.
        page_index: Page of a PDF or frame of a TIFF, from 0; None for a single image.
        load_reduced: Opens an image that holds one line, a large JPEG at reduced size, as ``imaging.reduction`` says;
            None where there is no other way than ``load``.
    """

    load: Callable[[], Image.Image]
    name: str | None = None
    page_index: int | None = None
    load_reduced: Callable[[ImageSpec], ReducedImage] | None = None

    @classmethod
    def of_file(
        cls, source: Path | bytes | Callable[[], bytes], name: str | None, shown: str | None = None
    ) -> ImageInput:
        """An image file with a single image.

        Args:
            source: Path of the file, its content, or what gets the content when the image is opened.
            name: The input as given.
            shown: Names the image in errors; by default ``name``.

        Returns:
            The input.
        """
        shown = shown or name

        def content() -> Path | bytes:
            return source() if callable(source) else source

        return cls(
            lambda: read_image(content(), shown),
            name,
            load_reduced=lambda spec: read_reduced(content(), spec, shown),
        )


def iter_inputs(source: Any, channel_order: str = "RGB") -> Iterator[ImageInput]:
    """Find all images of a source.

    Args:
        source: An ``Input``.
        channel_order: Order of the channels of NumPy arrays, ``RGB`` or ``BGR``.

    Returns:
        A lazy iterator over the images, in order.

    Raises:
        ConfigError: The channel order is neither.
    """
    if channel_order not in CHANNEL_ORDERS:
        raise ConfigError(f"channel_order: {channel_order!r}; expected one of {', '.join(CHANNEL_ORDERS)}")
    return _find(source, channel_order)


def from_array(array: Any, channel_order: str = "RGB") -> Image.Image:
    """Convert an array to an image; values are scaled as in ``imaging.pixels.to_uint8``.

    Args:
        array: [H, W], [H, W, C] or [C, H, W] with 1, 3 or 4 channels.
        channel_order: ``RGB`` or ``BGR``; a fourth channel is alpha.

    Returns:
        The image, mode L or RGB.

    Raises:
        DataError: The array has another shape, negative values or NaN.
    """
    values = np.asarray(array)
    if values.ndim == 3 and values.shape[2] not in (1, 3, 4) and values.shape[0] in (1, 3, 4):
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.size == 0 or not (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))):
        raise DataError(f"array of shape {np.shape(array)}; expected [H, W], [H, W, 3] or [H, W, 4], none of them 0")

    if values.ndim == 3 and channel_order == "BGR":
        values = values[:, :, [2, 1, 0, 3][: values.shape[2]]]
    return to_grey_or_rgb(Image.fromarray(np.ascontiguousarray(to_uint8(values, "array"))))


def _find(source: Any, channel_order: str) -> Iterator[ImageInput]:
    if isinstance(source, (str, Path)):
        yield from _from_text(source) if isinstance(source, str) else _from_path(source)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield from _from_bytes(bytes(source), None)
    elif isinstance(source, Image.Image):
        yield ImageInput(partial(_from_pillow, source))
    elif isinstance(source, np.ndarray) or hasattr(source, "__array__"):
        yield ImageInput(partial(from_array, source, channel_order))

    elif isinstance(source, Mapping):
        inside = _find(source["img"], channel_order) if "img" in source else None
        yield from inside or _failed(f"a mapping without 'img': {source!r}")
    elif hasattr(source, "read"):
        yield from _from_file(source)
    elif isinstance(source, Iterable):
        for member in source:
            yield from _find(member, channel_order)
    else:
        yield from _failed(f"cannot read {type(source).__name__} {source!r}; expected {EXPECTED}")


def _from_text(text: str, lists: Sequence[str] = ()) -> Iterator[ImageInput]:
    """The inputs that a text names; ``lists`` holds the list files that led to it, the outermost first."""
    if not text:
        yield from _failed(f"an empty path; expected {EXPECTED}")
    elif text == "-":
        if sys.stdin is None:
            raise DataError("-: stdin is closed; expected an image")
        yield from _from_bytes(sys.stdin.buffer.read(), "-")
    elif text.startswith(("http://", "https://")):
        yield from _from_web(text)
    elif "\0" in text:
        yield from _from_path(Path(text), text)

    elif text.startswith("@") and not _exists(text):
        yield from _from_list(text[1:], lists)
    elif glob.has_magic(text) and not _exists(text):
        found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
        for name in found:
            yield from _from_path(Path(name))
        if not found:
            yield from _failed(f"{text}: the pattern matches nothing", text)
    else:
        yield from _from_path(Path(text), text)


def _from_web(url: str) -> Iterator[ImageInput]:
    from ocrx.inference.download import Download  # slow to import

    try:
        download = Download(url)
        several = Path(download.path).suffix.lower() in (".pdf", ".tif", ".tiff")
        data = download.data() if several else None
    except DataError as error:
        yield _error(error, url)
        return
    if data is None:
        yield ImageInput.of_file(download.data, url)
    else:
        yield from _from_bytes(data, url)


def _from_path(path: Path, name: str | None = None) -> Iterator[ImageInput]:
    name = name or str(path)
    suffix = path.suffix.lower()

    if "\0" in name:
        yield from _failed(f"{name!r}: cannot be read (no path holds a null byte)", name)
    elif os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises for a name that is too long
        yield from _from_folder(path)
    elif suffix == ".pdf":
        yield from _pages(pdf_pages, path, name)
    elif suffix in (".tif", ".tiff"):
        yield from _pages(tiff_pages, path, name)
    else:
        yield ImageInput.of_file(path, name)


def _from_folder(folder: Path) -> Iterator[ImageInput]:
    """The images of a folder and its subfolders, sorted by name, without hidden files."""
    found = False
    for place, subfolders, names in os.walk(folder):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                found = True
                yield from _from_path(Path(place, name))
    if not found:
        yield from _failed(
            f"{folder}: no images ({', '.join(s[1:] for s in IMAGE_SUFFIXES)}) in this folder", str(folder)
        )


def _from_list(name: str, lists: Sequence[str]) -> Iterator[ImageInput]:
    """Each line of a file or of stdin, up to a TAB, is an input; paths may also be relative to the list."""
    place = os.path.realpath(name)
    if place in lists:
        yield from _failed(f"{name}: the list names itself", name)
        return
    if name != "-" and _exists(name) and not os.path.isfile(name):  # noqa: PTH113  # as in _exists
        yield from _failed(f"{name}: not a regular file; expected a list of inputs", name)
        return

    try:
        with nullcontext(sys.stdin) if name == "-" else Path(name).open(encoding="utf-8-sig") as lines:
            for line in lines:
                entry = line.rstrip("\r\n").partition("\t")[0]
                beside = str(Path(name).parent / entry)
                if entry:
                    found = beside if _exists(beside) and not _exists(entry) else entry
                    yield from _from_text(found, (*lists, place))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        yield from _failed(f"{name}: the list cannot be read ({reason})", name)


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises for a name that is too long


def _from_bytes(data: bytes, name: str | None) -> Iterator[ImageInput]:
    shown = name or "bytes"
    if data.startswith(b"%PDF"):
        yield from _pages(pdf_pages, data, shown, name)
    elif data.startswith(_TIFF_MAGIC):
        yield from _pages(tiff_pages, data, shown, name)
    else:
        yield ImageInput.of_file(data, name, shown)


def _from_file(file: Any) -> Iterator[ImageInput]:
    """The content of an open file, from its current position."""
    name = getattr(file, "name", None)
    shown = name if isinstance(name, str) else type(file).__name__
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: closed, or text in another encoding
        yield from _failed(f"{shown}: cannot be read ({error})", shown)
        return
    if isinstance(data, bytes):
        yield from _from_bytes(data, name if isinstance(name, str) else None)
    else:
        yield from _failed(f"{shown}: opened as text; open it with mode 'rb'", shown)


def _pages(
    find: Callable[[Path | bytes, str], list[Page]],
    source: Path | bytes,
    shown: str,
    name: str | None = "",
) -> Iterator[ImageInput]:
    name = shown if name == "" else name
    try:
        pages = find(source, shown)
    except DataError as error:
        yield _error(error, name)
        return
    several = len(pages) > 1 or find is pdf_pages
    for index, page in enumerate(pages):
        yield ImageInput(page.load, name, index if several else None)


def _from_pillow(image: Image.Image) -> Image.Image:
    if 0 in image.size:
        raise DataError(f"Pillow image of {image.width}x{image.height} pixels")
    return to_grey_or_rgb(apply_exif_orientation(image), "Pillow image")


def _failed(message: str, name: str | None = None) -> Iterator[ImageInput]:
    yield _error(DataError(message), name)


def _error(error: DataError, name: str | None) -> ImageInput:
    def load() -> Image.Image:
        raise DataError(error.message, hint=error.hint)

    return ImageInput(load, name)
