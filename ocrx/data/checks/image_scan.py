"""Opens every image once and records its size, peculiarities and hashes.

The facts about an image are one row of 72 bytes, cached by path, size and modification time, so that a training after a
check does not open the images again. Unreadable images are never cached.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ocrx.arrays import Bools, Ints
from ocrx.files import atomic_file
from ocrx.imaging.pixels import to_grey_or_rgb
from ocrx.imaging.reading import EXIF_ORIENTATION, IMAGE_FORMATS, MAX_IMAGE_BYTES, MAX_PIXELS
from ocrx.results import Progress

HASH_COLUMNS, HASH_ROWS = 32, 8
# Smaller steps between neighbours are compression noise, not strokes.
HASH_STEP = 6
# An image with a smaller range of grey values is blank.
BLANK_RANGE = 16
# For fewer images, starting processes takes longer than they save.
POOL_FROM = 4000

_BATCH = 128
# Must change with the meaning of any fact, so that older caches no longer match.
_VERSION = b"facts 1"

FACTS = np.dtype(
    [
        ("key", "<u8"),
        ("size", "<i8"),
        ("mtime", "<i8"),
        ("width", "<u4"),
        ("height", "<u4"),
        ("orientation", "u1"),
        ("blank", "u1"),
        ("frames", "<u2"),
        ("digest", "<u8"),
        ("hash", "<u8", (4,)),
    ]
)

Facts = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an image cannot be used.

    Attributes:
        code: Finding code.
        message: What was found.
    """

    code: str
    message: str


ScanResult = Problem | tuple[object, ...]
"""The problem with an image, or its facts, without ``key``."""

_MISSING = Problem("image-missing", "no such image")


@dataclass(frozen=True)
class ImageScan:
    """Facts about the images of a list of paths.

    Attributes:
        facts: One row of dtype ``FACTS`` per image file. Width and height are in pixels, after the rotation by an EXIF
            tag; for an unusable image, they and the hashes are 0.
        row_of: Row in ``facts`` of each path; paths of the same file share a row.
        problems: Why the image of a row is unusable.
        decoded: Number of images that were opened because they were not in the cache.
    """

    facts: Facts
    row_of: Ints
    problems: dict[int, Problem]
    decoded: int


def scan_images(
    paths: Sequence[Path],
    *,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ImageScan:
    """Open every image once.

    Args:
        paths: The images; an image may occur more than once.
        cache: File that known facts are read from and new ones are saved to.
        workers: Number of processes; by default one per CPU for thousands of new images, else none. They are spawned,
            so a script that calls this needs the usual ``if __name__ == "__main__"``.
        progress: Called with the number of images done and the total.

    Returns:
        The facts and problems.
    """
    keys = np.fromiter((_key(path) for path in paths), dtype=np.uint64, count=len(paths))
    unique, first, row_of = np.unique(keys, return_index=True, return_inverse=True)
    facts = np.zeros(len(unique), dtype=FACTS)
    facts["key"] = unique
    names = [os.fspath(paths[at]) for at in first.tolist()]
    problems = _stat_all(names, facts)

    known = _load(cache)
    fresh = _take_known(facts, known)
    fresh[list(problems)] = False
    todo = np.flatnonzero(fresh).tolist()
    done = len(unique) - len(todo)
    if progress:
        progress(done, len(unique))

    batches = [todo[i : i + _BATCH] for i in range(0, len(todo), _BATCH)]
    jobs = ([names[row] for row in batch] for batch in batches)
    for batch, results in zip(batches, _scan_all(jobs, workers, len(todo)), strict=True):
        for row, result in zip(batch, results, strict=True):
            if isinstance(result, Problem):
                problems[row] = result
            else:
                facts[row] = (unique[row], *result)
        done += len(batch)
        if progress:
            progress(done, len(unique))

    if cache is not None and todo:
        _save(cache, facts, problems, known)
    return ImageScan(facts, row_of.reshape(-1).astype(np.int64), problems, len(todo))


def _stat_all(names: Sequence[str], facts: Facts) -> dict[int, Problem]:
    """Fill in sizes and modification times; returns the problems of rows that cannot be opened."""
    problems: dict[int, Problem] = {}
    sizes, times = [0] * len(names), [0] * len(names)
    for row, name in enumerate(names):
        try:
            status = os.stat(name)  # noqa: PTH116  # a Path per image would cost a tenth of the pass
        except (OSError, ValueError):  # ValueError: a NUL in the path
            problems[row] = _MISSING
            continue

        sizes[row], times[row] = status.st_size, status.st_mtime_ns
        if stat.S_ISDIR(status.st_mode):
            problems[row] = Problem("image-unreadable", "a folder, not an image")
        elif not stat.S_ISREG(status.st_mode):
            # Reading a FIFO would block, and a device may have no end.
            problems[row] = Problem("image-unreadable", "not a regular file")
        elif status.st_size > MAX_IMAGE_BYTES:
            problems[row] = Problem(
                "image-bomb", f"{status.st_size:,} bytes, more than {MAX_IMAGE_BYTES:,} are refused"
            )

    facts["size"], facts["mtime"] = sizes, times
    return problems


def _scan_all(jobs: Iterator[list[str]], workers: int | None, count: int) -> Iterator[list[ScanResult]]:
    """Yield the results in order; with processes, only a few batches are queued at a time."""
    if workers is None:
        workers = (os.cpu_count() or 1) if count >= POOL_FROM else 0
    if workers < 2 or count <= _BATCH:
        yield from map(scan_batch, jobs)
        return

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = deque(pool.submit(scan_batch, job) for job in islice(jobs, 4 * workers))
        while waiting:
            results = waiting.popleft().result()
            waiting.extend(pool.submit(scan_batch, job) for job in islice(jobs, 1))
            yield results


def scan_batch(paths: Sequence[str]) -> list[ScanResult]:
    """Open a batch of images; runs in a worker process.

    Args:
        paths: Regular files.

    Returns:
        The facts about each image, without ``key``, or its problem.
    """
    with warnings.catch_warnings():
        # Pillow warns about what is checked here, and about irrelevant metadata.
        warnings.simplefilter("ignore")
        return [_scan_image(path) for path in paths]


def _scan_image(path: str) -> ScanResult:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # a Path per image would cost a tenth of the pass
            status = os.fstat(file.fileno())
            data = file.read()
    except OSError as error:
        return Problem("image-unreadable", f"cannot be read ({error.strerror or error})")
    if not data:
        return Problem("image-empty", "empty file (0 bytes)")

    opened = _open(data)
    if isinstance(opened, Problem):
        return opened
    grey, width, height, orientation, frames = opened
    if 5 <= orientation <= 8:
        width, height = height, width
    low, high = cast("tuple[int, int]", grey.getextrema())  # two numbers, in mode L
    digest = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
    return (
        status.st_size,
        status.st_mtime_ns,
        width,
        height,
        orientation if 1 <= orientation <= 8 else 1,
        int(high - low < BLANK_RANGE),
        min(frames, 65535),
        digest,
        _stroke_hash(grey),
    )


def _open(data: bytes) -> Problem | tuple[Image.Image, int, int, int, int]:
    """Decode an image in mode L, possibly at reduced size; returns it, its width, height, orientation and frames."""
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return Problem("image-bomb", f"{width}x{height} pixels, more than {MAX_PIXELS:,} are refused")
            orientation = int(image.getexif().get(EXIF_ORIENTATION, 1))
            frames = int(getattr(image, "n_frames", 1))

            # Decode a large JPEG at reduced size, which is enough here and still detects truncation.
            image.draft("L", (HASH_COLUMNS * 4, HASH_ROWS * 4))
            image.load()
            grey = (image if image.mode in ("1", "L", "RGB") else to_grey_or_rgb(image)).convert("L")
    except Image.DecompressionBombError:
        return Problem("image-bomb", f"more than {MAX_PIXELS:,} pixels are refused")
    except UnidentifiedImageError:
        return Problem("image-unreadable", "not an image in a known format")
    except Exception as error:  # a decoder may raise anything on damaged data
        reason = str(error) or type(error).__name__
        truncated = "truncat" in reason.lower()
        return Problem("image-truncated" if truncated else "image-unreadable", f"damaged image ({reason})")
    return grey, width, height, orientation, frames


def _stroke_hash(grey: Image.Image) -> tuple[int, ...]:
    """Compute 256 bits: where brightness rises to the right on a 33 x 8 grid (difference hash with a dead zone)."""
    small = grey.resize((HASH_COLUMNS + 1, HASH_ROWS), Image.Resampling.BOX)
    tones = np.asarray(small, dtype=np.int16)
    bits = np.packbits(tones[:, 1:] - tones[:, :-1] > HASH_STEP)
    return tuple(bits.view("<u8").tolist())


def _key(path: Path) -> int:
    name = os.path.abspath(path)  # noqa: PTH100  # Path.absolute keeps "..", and is slower
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8, person=_VERSION).digest(), "little")


def _load(cache: Path | None) -> Facts:
    """Load the cached facts, sorted by key; none if the cache is unreadable or of another version."""
    empty = np.zeros(0, dtype=FACTS)
    if cache is None or not cache.is_file():
        return empty
    try:
        with cache.open("rb") as file:
            table: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError):
        return empty
    return table if table.dtype == FACTS and table.ndim == 1 else empty


def _take_known(facts: Facts, known: Facts) -> Bools:
    """Fill in the facts of unchanged files; returns a mask of the rows that have to be opened."""
    if not len(known):
        return np.ones(len(facts), dtype=bool)
    at = np.minimum(np.searchsorted(known["key"], facts["key"]), len(known) - 1)
    same = np.ones(len(facts), dtype=bool)
    for name in ("key", "size", "mtime"):
        same &= known[name][at] == facts[name]
    facts[same] = known[at[same]]
    fresh: Bools = ~same
    return fresh


def _save(cache: Path, facts: Facts, problems: dict[int, Problem], known: Facts) -> None:
    """Save the new facts, together with the cached ones of other images."""
    good = np.ones(len(facts), dtype=bool)
    good[list(problems)] = False

    table = np.concatenate([facts[good], known[~np.isin(known["key"], facts["key"])]])
    table.sort(order="key")
    with atomic_file(cache) as file:
        np.save(file, table, allow_pickle=False)
