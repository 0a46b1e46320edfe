"""Cuts annotated pages into a dataset of line images.

An axis-aligned box is cropped. Any other quadrilateral is rectified by a perspective transform. For other polygons, the
bounding box is cropped and everything outside the polygon is filled with the colour of the paper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ocrx.arrays import Float64s
from ocrx.data.edit.journal import replace_files
from ocrx.data.edit.list_writer import list_line
from ocrx.data.formats.alto import read_alto
from ocrx.data.formats.label_studio import read_label_studio
from ocrx.data.formats.page_xml import read_page_xml
from ocrx.data.formats.ppocrlabel import read_ppocrlabel
from ocrx.data.formats.regions import PERCENT, Point, Region, RegionReader, SkippedRegion
from ocrx.data.sample import Sample, relative_name
from ocrx.errors import DataError
from ocrx.files import to_json, write_file
from ocrx.imaging.projection import projective_coefficients
from ocrx.imaging.reading import read_image

READERS: Mapping[str, RegionReader] = {
    "page": read_page_xml,
    "alto": read_alto,
    "labelstudio": read_label_studio,
    "ppocrlabel": read_ppocrlabel,
}
LEFT_OUT_FILE = Path("source") / "left_out.txt"
REGIONS_FILE = Path("source") / "regions.jsonl"
MIN_SIDE = 4

_STRETCH = 0.02
_REASONS = 5
_INSIDE = 0.5
"""Minimum share of a region's bounding box that must lie on the page."""


@dataclass(frozen=True)
class CutReport:
    """The result of cutting pages.

    Attributes:
        lines: Number of line images.
        left_out: Skipped regions, with the reason.
    """

    lines: int
    left_out: tuple[SkippedRegion, ...]


@dataclass
class _Collected:
    """Lines of train.txt and of regions.jsonl, and the skipped regions."""

    lines: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    left_out: list[SkippedRegion] = field(default_factory=list)


def cut_lines(root: Path, source: str, folder: Path) -> CutReport:
    """Cut the lines from annotated pages.

    Args:
        root: Folder with the annotations and the page images.
        source: Annotation format, a key of ``READERS``.
        folder: Folder for train.txt, ``images/`` and ``source/``: ``source/regions.jsonl`` records page, outline and
            baseline of every line, ``source/left_out.txt`` lists the skipped regions.

    Returns:
        The result.

    Raises:
        DataError: If no line could be cut.
    """
    collected = _Collected()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for page, found in groupby(READERS[source](root), key=_page_of):
        if page is None:
            collected.left_out += [one for one in found if isinstance(one, SkippedRegion)]
        else:
            _cut_page(page, [one for one in found if isinstance(one, Region)], root, folder, collected)

    if not collected.lines:
        reason = f" ({collected.left_out[0].source}: {collected.left_out[0].reason})" if collected.left_out else ""
        raise DataError(f"{root}: no line of type {source} can be cut{reason}", hint="check the type and the folder")
    write_file(folder / REGIONS_FILE, "".join(collected.regions))
    write_file(folder / LEFT_OUT_FILE, "".join(f"{one.source}\t{one.reason}\n" for one in collected.left_out))
    replace_files(folder, {"train.txt": "".join(collected.lines).encode()})
    return CutReport(len(collected.lines), tuple(collected.left_out))


def _page_of(found: Region | SkippedRegion) -> Path | None:
    return found.page if isinstance(found, Region) else None


def _cut_page(page: Path, regions: Iterable[Region], root: Path, folder: Path, collected: _Collected) -> None:
    """Cut the regions of one page."""
    try:
        image, unreadable = read_image(page), ""
    except DataError as error:
        image, unreadable = None, error.message

    stem = Path(relative_name(page, root)).with_suffix("").as_posix().replace("/", "_")[-100:]
    for region in regions:
        try:
            if image is None:
                raise DataError(unreadable)
            text = _one_line(region.text)
            polygon = _in_pixels(region.polygon, region, image)
            crop = cut_region(image, polygon)
        except DataError as error:
            collected.left_out.append(SkippedRegion(region.source, error.message))
            continue

        name = f"images/{len(collected.lines):06}_{stem}.png"
        crop.save(folder / name)
        collected.lines.append(list_line(name, Sample(folder / name, text, region.source)))
        baseline = _in_pixels(region.baseline, region, image)
        fields = {"image": name, "page": relative_name(page, root), "source": region.source}
        collected.regions.append(to_json({**fields, "polygon": polygon, "baseline": baseline, "text": text}) + "\n")


def _one_line(text: str) -> str:
    text = text.strip("\r\n")
    if not text.strip():
        raise DataError("no text")
    if "\n" in text or "\t" in text:
        raise DataError("text of several lines, or with a TAB")
    return text


def _in_pixels(points: tuple[Point, ...], region: Region, image: Image.Image) -> tuple[Point, ...]:
    if region.units is None:
        return points
    width, height = region.units
    stretch = (image.width * height) / (image.height * width)
    # The image may be a smaller copy of the page that was annotated, but not another page.
    if region.units != PERCENT and not 1 - _STRETCH < stretch < 1 + _STRETCH:
        raise DataError(f"a page of {width:g}x{height:g} was annotated, the image has {image.width}x{image.height}")
    return tuple((x * image.width / width, y * image.height / height) for x, y in points)


def cut_region(page: Image.Image, polygon: tuple[Point, ...]) -> Image.Image:
    """Cut a line out of a page.

    Args:
        page: Image of mode L or RGB.
        polygon: Outline in pixels.

    Returns:
        The line.

    Raises:
        DataError: If the outline is no area, too small, or mostly outside the page.
    """
    if len(polygon) < 3:
        raise DataError("no outline")
    points = np.array(polygon, dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.array(page.size)
    shown_low, shown_high = np.clip(low, 0, size), np.clip(high, 0, size)
    if min(high - low) < MIN_SIDE:
        raise DataError(f"less than {MIN_SIDE} pixels wide or high")
    if np.prod(shown_high - shown_low) < _INSIDE * np.prod(high - low):
        raise DataError("outside the page image")

    left, top = np.floor(shown_low).astype(int).tolist()
    right, bottom = np.ceil(shown_high).astype(int).tolist()
    if len(points) == 4 and not _is_box(points):
        return _straighten(page, points)
    crop = page.crop((left, top, right, bottom))
    return crop if len(points) == 4 else _mask(crop, [(x - left, y - top) for x, y in polygon])


def _is_box(points: Float64s) -> bool:
    """Whether four corners form an axis-aligned box."""
    return all(len(set(points[:, axis].tolist())) == 2 for axis in (0, 1)) and len({*map(tuple, points.tolist())}) == 4


def _mask(crop: Image.Image, polygon: list[Point]) -> Image.Image:
    """Fill the area outside the polygon with the median colour, which is that of the paper."""
    inside = Image.new("1", crop.size)
    ImageDraw.Draw(inside).polygon(polygon, fill=1)
    pixels = np.asarray(crop).reshape(crop.width * crop.height, -1)
    paper = tuple(int(tone) for tone in np.median(pixels, axis=0))
    ground = Image.new(crop.mode, crop.size, paper if len(paper) > 1 else paper[0])
    return Image.composite(crop, ground, inside)


def _straighten(page: Image.Image, corners: Float64s) -> Image.Image:
    """Rectify a quadrilateral, given from its upper left corner."""
    x, y = corners.T
    if x @ np.roll(y, -1) < y @ np.roll(x, -1):  # counterclockwise, which would mirror the text
        corners = corners[[0, 3, 2, 1]]

    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = (round(max(sides[i], sides[i + 2])) for i in (0, 1))
    if min(width, height) < MIN_SIDE:
        raise DataError(f"less than {MIN_SIDE} pixels wide or high")
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    try:
        coefficients = projective_coefficients(target.tolist(), corners.tolist()).tolist()
    except np.linalg.LinAlgError:
        raise DataError("corners on one line") from None
    fill = 255 if page.mode == "L" else (255, 255, 255)
    return page.transform(
        (width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC, fillcolor=fill
    )


def count_reasons(left_out: Iterable[SkippedRegion]) -> str:
    """Summarise why regions were skipped.

    Args:
        left_out: The skipped regions.

    Returns:
        The most frequent reasons, each with its count.
    """
    counts = Counter(one.reason for one in left_out).most_common()
    shown = ", ".join(f"{reason}: {count:,}" for reason, count in counts[:_REASONS])
    return shown + (f" and {len(counts) - _REASONS} more reasons" if len(counts) > _REASONS else "")
