"""Checks of each image: whether it is readable, its path, its shape, and whether its label fits."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from ocrx.data.checks.geometry import Geometry
from ocrx.data.checks.image_scan import ImageScan
from ocrx.data.sample import Sample, quote
from ocrx.results import Issue
from ocrx.text.normalize import normalize

MIN_SIDE = 4
# A tall crop with several characters is usually a line rotated by 90 degrees.
TALL = 1.5
TALL_ALONE = 8.0

_LABEL_SHOWN = 40
_HINTS = {
    "image-missing": "add the image, or remove the line",
    "image-empty": "copy the file again",
    "image-truncated": "copy the file again; its end is missing",
    "image-unreadable": "save it again as PNG or JPEG, or remove the line",
    "image-bomb": "cut the lines out of the page",
}
_FIT_HINT = "wrong label or crop? if not, use a model with a smaller width stride, or a larger Image.height"


def check_images(
    samples: Sequence[Sample],
    scan: ImageScan,
    root: Path,
    geometry: Geometry | None = None,
    extra_roots: Sequence[Path] = (),
) -> Iterator[Issue]:
    """Check the image of every sample.

    Args:
        samples: The lines.
        scan: Facts about their images; ``scan.row_of`` follows the order of ``samples``.
        root: Folder of the dataset.
        geometry: Image size and frames of the model; without it, the checks that need them are skipped.
        extra_roots: Further folders that may contain images.

    Yields:
        Findings in the order of the samples.
    """
    folders = _FolderListings(root)
    bases = tuple(_absolute(folder) + os.sep for folder in (root, *extra_roots))
    prefixes = tuple(map(os.fspath, (root, *extra_roots)))
    widths, heights = scan.facts["width"].tolist(), scan.facts["height"].tolist()
    odd = _odd_rows(scan)

    for sample, row in zip(samples, scan.row_of.tolist(), strict=True):
        path = os.fspath(sample.image)
        name = _shown(path, prefixes[0])
        if ".." in path or not path.startswith(prefixes):
            yield from _outside(sample, bases)
        problem = scan.problems.get(row)
        if problem is not None:
            found = folders.other_case(sample.image) if problem.code == "image-missing" else None
            if found:
                yield _letter_case(sample, found)
            else:
                hint = _hint(problem.code, path)
                yield Issue("error", problem.code, sample.source, f"{name}: {problem.message}", hint)
            continue

        if folders.ignore_case and (found := folders.other_case(sample.image)):
            yield _letter_case(sample, found)
        if row in odd:
            yield from _oddities(sample, scan, row, name)
        yield from _shape(sample, widths[row], heights[row], geometry, name)
        if geometry is not None:
            yield from _fit(sample, widths[row], heights[row], geometry)


def _odd_rows(scan: ImageScan) -> frozenset[int]:
    facts = scan.facts
    odd = (facts["orientation"] > 1) | (facts["frames"] > 1) | (facts["blank"] > 0)
    return frozenset(odd.nonzero()[0].tolist())


def _oddities(sample: Sample, scan: ImageScan, row: int, name: str) -> Iterator[Issue]:
    facts = scan.facts[row]
    if facts["orientation"] > 1:
        message = f"{name}: rotated by its EXIF tag ({facts['orientation']}); ocrx obeys the tag, other tools may not"
        yield Issue("warning", "image-rotated", sample.source, message, "save the image upright, without the tag")
    if facts["frames"] > 1:
        message = f"{name}: {facts['frames']} frames or pages; only the first is read"
        yield Issue("warning", "image-animated", sample.source, message, "save the right one as a separate file")
    if facts["blank"] and sample.text.strip():
        message = f"{name}: blank, but labelled {quote(sample.text, _LABEL_SHOWN)}"
        yield Issue("warning", "image-blank", sample.source, message, "check the image")


def _shape(sample: Sample, width: int, height: int, geometry: Geometry | None, name: str) -> Iterator[Issue]:
    if min(width, height) < MIN_SIDE:
        message = f"{name}: {width}x{height} pixels, too small for text"
        yield Issue("error", "image-tiny", sample.source, message, "crop the line again")
        return
    if geometry is None:
        return

    across, high = geometry.size(width, height)
    target = geometry.image.height
    if 2 * high < target:
        message = f"{name}: {width}x{height} pixels, enlarged {target / high:.1f} times for {geometry.name}"
        yield Issue("warning", "image-upscaled", sample.source, message, "crop it from a larger scan if you have one")
    if across * target > geometry.image.max_width * high:
        message = f"{name}: {width}x{height} pixels, squeezed to {geometry.image.max_width} pixels for {geometry.name}"
        yield Issue("warning", "image-aspect", sample.source, message, "split the line, or increase Image.max_width")
    elif high >= TALL_ALONE * across or (high >= TALL * across and len(sample.text.strip()) > 2):
        label = quote(sample.text, _LABEL_SHOWN)
        message = f"{name}: {width}x{height} pixels for {label}; is the line rotated by 90 degrees?"
        yield Issue("warning", "image-aspect", sample.source, message, "rotate it, or add rotate_tall to Image.steps")


def _fit(sample: Sample, width: int, height: int, geometry: Geometry) -> Iterator[Issue]:
    """Check the number of frames: CTC needs one per character and one between equal neighbours."""
    frames = geometry.frame_count(width, height)
    if frames >= 2 * len(sample.text):
        return
    text = normalize(sample.text)
    needed = len(text) + sum(a == b for a, b in pairwise(text))

    if frames < needed:
        message = (
            f"{len(text)} characters need {needed} frames; the image of {width}x{height} pixels yields {frames} "
            f"with {geometry.name}"
        )
        yield Issue("error", "label-too-long", sample.source, message, _FIT_HINT)
    elif frames < 2 * len(text):
        message = (
            f"{frames} frames for {len(text)} characters with {geometry.name}; fewer than 2 each are hard to learn"
        )
        yield Issue("warning", "label-crowded", sample.source, message, _FIT_HINT)


def _outside(sample: Sample, bases: tuple[str, ...]) -> Iterator[Issue]:
    if not _absolute(sample.image).startswith(bases):
        message = f"{sample.image}: outside the dataset folder, which can then not be moved or shared on its own"
        yield Issue("warning", "outside-folder", sample.source, message, "move the image into the folder")


def _absolute(path: Path) -> str:
    """Make a path absolute without following links: a link inside the folder may point elsewhere."""
    return os.path.abspath(path)  # noqa: PTH100  # Path.absolute keeps "..", and Path.resolve follows links


def _letter_case(sample: Sample, found: str) -> Issue:
    message = f"{sample.image.name}: the file is named {found}; the label works on some file systems only"
    return Issue("error", "letter-case", sample.source, message, "write the name exactly as the file has it")


class _FolderListings:
    """Lists the folders of a dataset, each once, to find paths that differ from a file in letter case only.

    Attributes:
        ignore_case: Whether the file system ignores case, so that every path has to be compared with the listing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, dict[str, str]] = {}
        full = root.absolute()
        swapped = full.parent / full.name.swapcase()
        self.ignore_case = swapped != full and swapped.exists() and swapped.samefile(full)

    def other_case(self, path: Path) -> str | None:
        """Return the path on disk, relative to the root, if it differs from ``path`` in case or Unicode form only."""
        if not path.is_relative_to(self._root):
            return None
        folder, parts = os.fspath(self._root), []
        wanted = path.relative_to(self._root).parts
        for part in wanted:
            names = self._names(folder)
            actual = part if names.get(part) == part else names.get(_folded(part))
            if actual is None:
                return None
            parts.append(actual)
            folder = f"{folder}{os.sep}{actual}"

        return "/".join(parts) if parts != list(wanted) else None

    def _names(self, folder: str) -> dict[str, str]:
        if folder not in self._listed:
            try:
                with os.scandir(folder) as entries:
                    names = [entry.name for entry in entries]
            except (OSError, ValueError):  # ValueError: a NUL in the path
                names = []
            self._listed[folder] = {_folded(name): name for name in names} | {name: name for name in names}
        return self._listed[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _hint(code: str, path: str) -> str:
    if code == "image-missing" and "\\" in path:
        return "write / instead of \\ in paths"
    if code == "image-missing" and path != path.rstrip():
        return "the path ends with a space"
    return _HINTS[code]


def _shown(path: str, root: str) -> str:
    # pathlib would take ten times as long, and this runs for every image.
    return path[len(root) + 1 :] if path.startswith(root + os.sep) else path
