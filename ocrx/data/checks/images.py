"""What can be wrong with an image, its path, and the fit of a label into it."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from ocrx.data.checks.geometry import Geometry
from ocrx.data.checks.image_scan import ImageScan
from ocrx.data.sample import Sample
from ocrx.results import Issue
from ocrx.text.normalize import normalize

MIN_SIDE = 4
# A tall crop of several characters is usually a line that lies on its side.
TALL = 1.5
TALL_ALONE = 8.0

_HINTS = {
    "image-missing": "put the image there, or take the line out",
    "image-empty": "copy the file again",
    "image-truncated": "copy the file again; its end is missing",
    "image-unreadable": "save it again as PNG or JPEG, or take the line out",
    "image-bomb": "cut the lines out of the page",
}


def check_images(
    samples: Sequence[Sample], scan: ImageScan, root: Path, geometry: Geometry | None, others: Sequence[Path] = ()
) -> Iterator[Issue]:
    """Findings about the image of every sample; ``scan.row_of`` runs along ``samples``. Images may also lie in
    ``others``."""
    names = _Folders(root)
    bases = tuple(_absolute(folder) + os.sep for folder in (root, *others))
    roots = tuple(map(os.fspath, (root, *others)))
    widths, heights = scan.facts["width"].tolist(), scan.facts["height"].tolist()
    odd = _odd_rows(scan)
    for sample, row in zip(samples, scan.row_of.tolist(), strict=True):
        path = os.fspath(sample.image)
        if ".." in path or not path.startswith(roots):
            yield from _outside(sample, bases)
        problem = scan.problems.get(row)
        if problem is not None:
            found = names.other_case(sample.image) if problem.code == "image-missing" else None
            if found:
                yield _letter_case(sample, found)
            else:
                message = f"{_shown(sample.image, root)}: {problem.message}"
                yield Issue("error", problem.code, sample.source, message, _hint(problem.code, path))
            continue
        if names.careless and (found := names.other_case(sample.image)):
            yield _letter_case(sample, found)
        name = _shown(sample.image, root)
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
        message = (
            f"{name}: turned by its EXIF tag (orientation {facts['orientation']}); ocrx follows the tag, others may not"
        )
        yield Issue("warning", "image-rotated", sample.source, message, "save the image upright, without the tag")
    if facts["frames"] > 1:
        message = f"{name}: {facts['frames']} frames or pages; only the first is read"
        yield Issue("warning", "image-animated", sample.source, message, "save the one that is meant as its own file")
    if facts["blank"] and sample.text.strip():
        message = f"{name}: one even tone, nothing to read, but labelled {_short(sample.text)}"
        yield Issue("warning", "image-blank", sample.source, message, "look at the image")


def _shape(sample: Sample, width: int, height: int, geometry: Geometry | None, name: str) -> Iterator[Issue]:
    if min(width, height) < MIN_SIDE:
        message = f"{name}: {width}x{height} pixels, too small to hold text"
        yield Issue("error", "image-tiny", sample.source, message, "cut the line out again")
        return
    if geometry is None:
        return
    across, high = geometry.size(width, height)
    target = geometry.image.height
    if 2 * high < target:
        message = f"{name}: {width}x{height} pixels, enlarged {target / high:.1f} times for {geometry.name}"
        yield Issue("warning", "image-upscaled", sample.source, message, "cut it from a larger scan if there is one")
    if across * target > geometry.image.max_width * high:
        message = f"{name}: {width}x{height} pixels, squeezed to {geometry.image.max_width} pixels for {geometry.name}"
        yield Issue("warning", "image-aspect", sample.source, message, "cut the line in two, or raise Image.max_width")
    elif high >= TALL_ALONE * across or (high >= TALL * across and len(sample.text.strip()) > 2):
        message = f"{name}: {width}x{height} pixels for {_short(sample.text)}; is the line on its side?"
        yield Issue("warning", "image-aspect", sample.source, message, "turn it, or add rotate_tall to Image.steps")


def _fit(sample: Sample, width: int, height: int, geometry: Geometry) -> Iterator[Issue]:
    """CTC needs a frame for each character and one between equal neighbours."""
    frames = geometry.frame_count(width, height)
    if frames >= 2 * len(sample.text):
        return
    text = normalize(sample.text)
    needed = len(text) + sum(a == b for a, b in pairwise(text))
    if frames < needed:
        message = (
            f"{len(text)} characters need {needed} frames; the image of {width}x{height} pixels gives {frames} "
            f"with {geometry.name}"
        )
        hint = "wrong label or crop? else a model with a smaller width stride or a larger Image.height"
        yield Issue("error", "label-too-long", sample.source, message, hint)
    elif frames < 2 * len(text):
        message = (
            f"{frames} frames for {len(text)} characters with {geometry.name}; fewer than 2 each are hard to learn"
        )
        hint = "wrong label or crop? else a model with a smaller width stride or a larger Image.height"
        yield Issue("warning", "label-crowded", sample.source, message, hint)


def _outside(sample: Sample, bases: tuple[str, ...]) -> Iterator[Issue]:
    if not _absolute(sample.image).startswith(bases):
        message = f"{sample.image}: outside the dataset folder; the folder cannot be moved or given away"
        yield Issue("warning", "outside-folder", sample.source, message, "put the image under the folder")


def _absolute(path: Path) -> str:
    """By its letters alone: a link inside the folder may lead elsewhere."""
    return os.path.abspath(path)  # noqa: PTH100  # Path.absolute keeps "..", and Path.resolve follows links


def _letter_case(sample: Sample, found: str) -> Issue:
    message = f"{sample.image.name}: the file is called {found}; the label works on some file systems only"
    return Issue("error", "letter-case", sample.source, message, "write the name exactly as the file has it")


class _Folders:
    """The names in the folders of a dataset, listed once each, to find a path that differs in letter case alone."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, dict[str, str]] = {}
        full = root.absolute()
        swapped = full.parent / full.name.swapcase()
        # On a file system that ignores case, every path has to be compared with the listing.
        self.careless = swapped != full and swapped.exists() and swapped.samefile(full)

    def other_case(self, path: Path) -> str | None:
        """The path under the root as it is on disk, if only its case or Unicode form differs from ``path``."""
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


def _shown(path: Path, root: Path) -> str:
    text, base = os.fspath(path), os.fspath(root)
    return text[len(base) + 1 :] if text.startswith(base + os.sep) else text


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
