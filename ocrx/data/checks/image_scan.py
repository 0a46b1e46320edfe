"""One pass over all images: every one is decoded, its size, oddities and fingerprints are kept.

Facts are compact (one 72-byte row an image) and cached by path, size and time of change, so that a training
after a check decodes nothing again. Images that could not be read are never cached.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ocrx.files import atomic_file
from ocrx.imaging.pixels import to_grey_or_rgb
from ocrx.imaging.reading import DECODE_ERRORS, EXIF_ORIENTATION, MAX_PIXELS
from ocrx.results import Progress

HASH_COLUMNS, HASH_ROWS = 32, 8
# Steps between neighbours smaller than this are noise of compression, not strokes.
HASH_STEP = 6
BLANK_RANGE = 16
POOL_FROM = 4000
_CHUNK = 128
# To be changed with the meaning of any fact, so that older caches no longer match.
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
    """Why an image cannot be used: an issue code and what was found."""

    code: str
    message: str


_MISSING = Problem("image-missing", "no such image")


ScanResult = Problem | tuple[object, ...]


@dataclass(frozen=True)
class ImageScan:
    """Facts about the images of a list of paths.

    ``row_of[i]`` is the row of ``facts`` for path i; paths that name the same file share a row. ``problems`` maps
    a row to why the image is unusable; the other fields of such a row are 0. Width and height are in pixels, after
    the turn that an EXIF tag asks for. ``decoded`` counts the images opened now, not taken from the cache.
    """

    facts: Facts
    row_of: npt.NDArray[np.int64]
    problems: dict[int, Problem]
    decoded: int


def scan_images(
    paths: Sequence[Path],
    *,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ImageScan:
    """Decode every image once.

    ``cache`` is a file to take known facts from and to keep them in. ``workers`` is the number of processes; by
    default as many as there are processors if thousands of images are new, else none. They are started afresh
    (spawn), so a script that calls this needs the usual ``if __name__ == "__main__"``.
    """
    keys = np.fromiter((_key(path) for path in paths), dtype=np.uint64, count=len(paths))
    unique, first, row_of = np.unique(keys, return_index=True, return_inverse=True)
    facts = np.zeros(len(unique), dtype=FACTS)
    facts["key"] = unique
    problems: dict[int, Problem] = {}
    for row, at in enumerate(first.tolist()):
        try:
            stat = paths[at].stat()
        except (OSError, ValueError):  # ValueError: a NUL in the path
            problems[row] = _MISSING
        else:
            facts["size"][row], facts["mtime"][row] = stat.st_size, stat.st_mtime_ns
    known = _load(cache)
    fresh = _take_known(facts, known)
    fresh[list(problems)] = False
    todo = np.flatnonzero(fresh).tolist()
    done = len(unique) - len(todo)
    if progress:
        progress(done, len(unique))
    batches = [todo[i : i + _CHUNK] for i in range(0, len(todo), _CHUNK)]
    jobs = ([os.fspath(paths[first[row]]) for row in batch] for batch in batches)
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


def _scan_all(jobs: Iterator[list[str]], workers: int | None, count: int) -> Iterator[list[ScanResult]]:
    """Results in order; with processes, only a few batches are under way at a time."""
    if workers is None:
        workers = (os.cpu_count() or 1) if count >= POOL_FROM else 0
    if workers < 2 or count <= _CHUNK:
        yield from map(scan_batch, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = deque(pool.submit(scan_batch, job) for job in islice(jobs, 4 * workers))
        while waiting:
            results = waiting.popleft().result()
            waiting.extend(pool.submit(scan_batch, job) for job in islice(jobs, 1))
            yield results


def scan_batch(paths: Sequence[str]) -> list[ScanResult]:
    """The facts of some images after ``key``, or what is wrong with each; runs in a worker process."""
    with warnings.catch_warnings():
        # Pillow warns of what is checked here, and of metadata that does not matter.
        warnings.simplefilter("ignore")
        return [_scan_image(path) for path in paths]


def _scan_image(path: str) -> ScanResult:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # a Path per image would cost a tenth of the pass
            stat = os.fstat(file.fileno())
            data = file.read()
    except IsADirectoryError:
        return Problem("image-unreadable", "a folder, not an image")
    except OSError as error:
        return Problem("image-unreadable", f"cannot be read ({error.strerror or error})")
    if not data:
        return Problem("image-empty", "empty file (0 bytes)")
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return Problem("image-bomb", f"{width}x{height} pixels, more than {MAX_PIXELS:,} are refused")
            orientation = int(image.getexif().get(EXIF_ORIENTATION, 1))
            frames = int(getattr(image, "n_frames", 1))
            # A JPEG is decoded at a fraction of its size where that is enough; truncation still shows.
            image.draft("L", (HASH_COLUMNS * 4, HASH_ROWS * 4))
            image.load()
            grey = (image if image.mode in ("1", "L", "RGB") else to_grey_or_rgb(image)).convert("L")
    except Image.DecompressionBombError:
        return Problem("image-bomb", f"more than {MAX_PIXELS:,} pixels are refused")
    except UnidentifiedImageError:
        return Problem("image-unreadable", "not an image in a known format")
    except DECODE_ERRORS as error:
        cut = "truncat" in str(error).lower()
        return Problem("image-truncated" if cut else "image-unreadable", f"damaged image ({error})")
    if 5 <= orientation <= 8:
        width, height = height, width
    low, high = cast("tuple[int, int]", grey.getextrema())  # two numbers, in mode L
    digest = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
    return (
        stat.st_size,
        stat.st_mtime_ns,
        width,
        height,
        orientation if 1 <= orientation <= 8 else 1,
        int(high - low < BLANK_RANGE),
        min(frames, 65535),
        digest,
        _stroke_hash(grey),
    )


def _stroke_hash(grey: Image.Image) -> tuple[int, ...]:
    """256 bits: where the tone rises to the right, on a grid of 33 x 8 means (a difference hash with a dead zone)."""
    small = grey.resize((HASH_COLUMNS + 1, HASH_ROWS), Image.Resampling.BOX)
    tones = np.asarray(small, dtype=np.int16)
    bits = np.packbits(tones[:, 1:] - tones[:, :-1] > HASH_STEP)
    return tuple(bits.view("<u8").tolist())


def _key(path: Path) -> int:
    name = os.path.abspath(path)  # noqa: PTH100  # Path.absolute keeps "..", and is slower
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8, person=_VERSION).digest(), "little")


def _load(cache: Path | None) -> Facts:
    """The kept facts, sorted by key; an unreadable or older cache is as good as none."""
    empty = np.zeros(0, dtype=FACTS)
    if cache is None or not cache.is_file():
        return empty
    try:
        table = np.load(cache, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return empty
    return table if table.dtype == FACTS else empty


def _take_known(facts: Facts, known: Facts) -> npt.NDArray[np.bool_]:
    """Fill in the facts of files that have not changed; True for those that have to be opened."""
    if not len(known):
        return np.ones(len(facts), dtype=bool)
    at = np.minimum(np.searchsorted(known["key"], facts["key"]), len(known) - 1)
    same = np.ones(len(facts), dtype=bool)
    for name in ("key", "size", "mtime"):
        same &= known[name][at] == facts[name]
    facts[same] = known[at[same]]
    fresh: npt.NDArray[np.bool_] = ~same
    return fresh


def _save(cache: Path, facts: Facts, problems: dict[int, Problem], known: Facts) -> None:
    """Keep the facts of now beside those of other folders; whole under another name, then in place."""
    good = np.ones(len(facts), dtype=bool)
    good[list(problems)] = False
    table = np.concatenate([facts[good], known[~np.isin(known["key"], facts["key"])]])
    table.sort(order="key")
    with atomic_file(cache) as file:
        np.save(file, table, allow_pickle=False)
