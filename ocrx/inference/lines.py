"""Opens image inputs and prepares the lines in them for the network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from ocrx.arrays import Pixels
from ocrx.errors import DataError
from ocrx.imaging.preparation import resize, rotate_if_tall
from ocrx.inference.image_warnings import image_warning
from ocrx.inference.inputs import ImageInput
from ocrx.inference.line_segmentation import Box, line_boxes
from ocrx.model_spec import ImageSpec


@dataclass(frozen=True, eq=False)
class PreparedLine:
    """One line of an image, ready for the network, or the reason why it could not be opened.

    ``pixels`` are the resized image; None on failure. ``size`` is the width and height before resizing, of the image
    as ``turned`` says: rotated by 90 degrees or not. ``line_index`` and ``box`` are set where a page was cut.
    """

    source: ImageInput
    pixels: Pixels | None = None
    size: tuple[int, int] = (0, 0)
    turned: bool = False
    error: str | None = None
    warning: str | None = None
    line_index: int | None = None
    box: Box | None = None


def load_lines(sources: Sequence[ImageInput], spec: ImageSpec, *, split: bool) -> list[PreparedLine]:
    """Open images and prepare their lines.

    Args:
        sources: The images.
        spec: How the model takes its images.
        split: Cut an image that holds several lines into one line each.

    Returns:
        At least one line for each source, in order.
    """
    return [line for source in sources for line in _load(source, spec, split)]


class _SharedPage:
    """Opens a page again for pictures of its lines: once for all of them, not once for each.

    The page is kept from the first line to the last; safe to call from several threads.
    """

    def __init__(self, load: Callable[[], Image.Image], lines: int) -> None:
        self._load = load
        self._lines = self._left = lines
        self._lock = threading.Lock()
        self._page: Image.Image | None = None

    def __call__(self) -> Image.Image:
        with self._lock:
            page = self._load() if self._page is None else self._page
            self._left -= 1
            self._page = page if self._left else None
            self._left = self._left or self._lines
        return page


def _load(source: ImageInput, spec: ImageSpec, split: bool) -> list[PreparedLine]:
    try:
        image = source.load()
    except DataError as error:
        return [PreparedLine(source, error=error.message)]

    if split:
        boxes = line_boxes(image)
        if len(boxes) > 1:
            source = replace(source, load=_SharedPage(source.load, len(boxes)))
            lines = [_prepare(source, image.crop(box), spec, split=True) for box in boxes]
            return [
                replace(line, line_index=index, box=box)
                for index, (line, box) in enumerate(zip(lines, boxes, strict=True))
            ]
    return [_prepare(source, image, spec, split)]


def _prepare(source: ImageInput, image: Image.Image, spec: ImageSpec, split: bool) -> PreparedLine:
    upright = rotate_if_tall(image, spec)
    pixels = resize(image, spec)
    return PreparedLine(
        source,
        pixels,
        upright.size,
        turned=upright is not image,
        warning=image_warning(upright, pixels, spec, several_lines=not split),
    )
