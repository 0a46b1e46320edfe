"""Opens image inputs and prepares the lines in them for the network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from ocrx.arrays import Pixels
from ocrx.errors import DataError
from ocrx.imaging.preparation import ReducedImage, resize, rotate_if_tall
from ocrx.inference.image_warnings import image_warning
from ocrx.inference.inputs import ImageInput
from ocrx.inference.line_segmentation import Box, line_boxes
from ocrx.model_spec import ImageSpec
from ocrx.pages.boxes import LineBox, Polygon
from ocrx.pages.finder import LineFinder


@dataclass(frozen=True, eq=False)
class PreparedLine:
    """One line of an image, ready for the network, or the reason why it could not be opened.

    Attributes:
        source: The image.
        pixels: The resized line, uint8 [H, W] or [H, W, 3]; None on failure, and for a page without text.
        size: Width and height in pixels before resizing, after a rotation (``turned``).
        turned: Whether the line was rotated by 90 degrees.
        error: Why the image could not be opened.
        warning: Why the image may be outside what the model reads.
        line_index: Number of the line, from 0, where a page was cut.
        page_size: Width and height of the page in pixels, where it was cut.
        box: The line on the page, where it was cut or was upside down.
    """

    source: ImageInput
    pixels: Pixels | None = None
    size: tuple[int, int] = (0, 0)
    turned: bool = False
    error: str | None = None
    warning: str | None = None
    line_index: int | None = None
    box: Box | Polygon | None = None
    page_size: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Layout:
    """What an image holds, and how its lines are found.

    Attributes:
        lines: ``one``: a line; ``split``: lines of a clean, upright page, found by projection; ``detect``: those of any
            page, found by a detector.
        turn: Detect lines that are upside down and turn them.
        right_to_left: Columns, and the parts of a row, run from right to left.
        finder: Finds and turns lines; needed for ``detect`` and ``turn``.
    """

    lines: str = "one"
    turn: bool = False
    right_to_left: bool = False
    finder: LineFinder | None = None


ONE_LINE = Layout()
"""An image is a line as it stands."""


def load_lines(sources: Sequence[ImageInput], spec: ImageSpec, layout: Layout = ONE_LINE) -> list[PreparedLine]:
    """Open images and prepare their lines.

    Args:
        sources: The images.
        spec: The image spec of the model.
        layout: How lines are found.

    Returns:
        At least one line for each source, in order.

    Raises:
        BackendError: The extra ``page`` is needed and missing.
    """
    return [line for source in sources for line in _load(source, spec, layout)]


class _SharedPage:
    """Opens a page again for pictures of its lines, once for all of them.

    The page is kept from the first call to the last one. Safe to call from several threads.
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


def _load(source: ImageInput, spec: ImageSpec, layout: Layout) -> list[PreparedLine]:
    plain = layout.lines == "one" and not layout.turn
    try:
        if plain and source.load_reduced is not None:
            return [_prepare(source, source.load_reduced(spec), spec, several_lines=True)]
        image = source.load()
    except DataError as error:
        return [PreparedLine(source, error=error.message)]

    if layout.lines == "detect" and layout.finder is not None:
        return _detected(source, image, spec, layout, layout.finder)
    boxes = line_boxes(image) if layout.lines == "split" else []
    if len(boxes) < 2:
        return [_single(source, image, spec, layout)]

    source = replace(source, load=_SharedPage(source.load, len(boxes)))
    lines = [_single(source, image.crop(box), spec, layout, box) for box in boxes]
    return [replace(line, line_index=index, page_size=image.size) for index, line in enumerate(lines)]


def _detected(
    source: ImageInput, image: Image.Image, spec: ImageSpec, layout: Layout, finder: LineFinder
) -> list[PreparedLine]:
    """The lines that a detector finds; one without text where it finds none."""
    found = finder.find(image, turn_lines=layout.turn, right_to_left=layout.right_to_left)
    if not found:
        return [PreparedLine(source, size=image.size, warning="no text found", page_size=image.size)]

    source = replace(source, load=_SharedPage(source.load, len(found)))
    # The lines are upright already: a tall one is a single character.
    upright = replace(spec, steps=tuple(step for step in spec.steps if step != "rotate_tall"))
    lines = [_prepare(source, ReducedImage.whole(line.image), upright, several_lines=False) for line in found]
    return [
        replace(
            prepared,
            line_index=index,
            box=line.box.polygon,
            page_size=image.size,
            warning="; ".join(filter(None, (line.warning, prepared.warning))) or None,
        )
        for index, (prepared, line) in enumerate(zip(lines, found, strict=True))
    ]


def _single(
    source: ImageInput, image: Image.Image, spec: ImageSpec, layout: Layout, box: Box | None = None
) -> PreparedLine:
    """A line of the image or of the ``box`` of a page, turned upright if it was upside down."""
    several_lines = layout.lines == "one"
    # A tall line is judged as it is read: on its side, the classifier would only guess.
    if layout.turn and layout.finder is not None and layout.finder.is_upside_down(rotate_if_tall(image, spec)):
        left, top, right, bottom = box or (0, 0, *image.size)
        polygon = LineBox(((left, top), (right, top), (right, bottom), (left, bottom))).turned(2).polygon
        turned = ReducedImage.whole(image.transpose(Image.Transpose.ROTATE_180))
        return replace(_prepare(source, turned, spec, several_lines=several_lines), box=polygon)
    return replace(_prepare(source, ReducedImage.whole(image), spec, several_lines=several_lines), box=box)


def _prepare(source: ImageInput, image: ReducedImage, spec: ImageSpec, *, several_lines: bool) -> PreparedLine:
    upright = image.turned_if_tall(spec)
    pixels = resize(image, spec)
    return PreparedLine(
        source,
        pixels,
        upright.size,
        turned=upright is not image,
        warning=image_warning(upright, pixels, spec, several_lines=several_lines),
    )
