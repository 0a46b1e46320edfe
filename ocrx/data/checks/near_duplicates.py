"""Finds near duplicates: images in both parts that were re-encoded, resized, blurred, lightened or darkened.

Candidates are found by banding of 256-bit stroke hashes (see ``image_scan``): hashes that differ in few bits agree in
at least one of 16 bands. Each candidate pair is then compared pixel by pixel, in windows narrower than a character, so
that two lines which differ in one character are not near duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrx.arrays import Floats, Ints
from ocrx.data.checks.image_scan import Facts
from ocrx.errors import DataError
from ocrx.imaging.reading import read_image

MAX_BITS = 28
"""Maximum number of differing bits in a candidate pair."""
MAX_SHARED = 64
"""Bands shared by more hashes, such as that of an empty margin, are ignored."""
MAX_COMPARED = 5000
"""Maximum number of pairs that are compared pixel by pixel."""
MIN_CORRELATION = 0.93
"""Minimum correlation of the whole images."""
MIN_WINDOW_CORRELATION = 0.8
"""Minimum correlation of every window."""

_HEIGHT = 24
_WINDOW = 12
_MAX_WIDTH = 2400
_MAX_STRETCH = 0.85
# Grey values with a smaller standard deviation are considered flat.
_FLAT = 6.0

# Number of set bits of every 16-bit value.
_ONES = np.array([bin(i).count("1") for i in range(1 << 16)], dtype=np.uint8)


def find_near_duplicates(
    facts: Facts, first: Ints, second: Ints, paths: Sequence[Path]
) -> Iterator[tuple[int, int, float]]:
    """Find different files that show nearly the same image.

    Args:
        facts: Facts about all images, see ``image_scan``.
        first: Indices of the images in one part.
        second: Indices of the images in the other part.
        paths: Paths in the order of ``facts``.

    Yields:
        Index in the first part, index in the second, and the correlation of the two images, from ``MIN_CORRELATION``
        to 1. The most likely pairs come first; at most ``MAX_COMPARED`` pairs are compared.
    """
    bands = np.ascontiguousarray(facts["hash"]).view("<u2").reshape(len(facts), 16)
    pairs = _candidates(bands, first, second)
    ratio = facts["width"] / np.maximum(facts["height"], 1)
    cache: dict[int, Floats | None] = {}
    compared = 0

    for a, b in pairs:
        same_file = facts["digest"][a] == facts["digest"][b]
        if same_file or not _MAX_STRETCH <= ratio[a] / max(ratio[b], 1e-9) <= 1 / _MAX_STRETCH:
            continue
        compared += 1
        if compared > MAX_COMPARED:
            return
        similarity = _similarity(_grey_values(paths[a], a, cache), _grey_values(paths[b], b, cache))
        if similarity is not None:
            yield a, b, similarity


def _candidates(bands: npt.NDArray[np.uint16], first: Ints, second: Ints) -> list[tuple[int, int]]:
    """List the pairs whose hashes differ in at most MAX_BITS bits, the most similar first."""
    found: dict[tuple[int, int], int] = {}
    for band in range(bands.shape[1]):
        keys = bands[first, band]
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        left = np.searchsorted(keys, bands[second, band], side="left")
        count = np.searchsorted(keys, bands[second, band], side="right") - left
        count[count > MAX_SHARED] = 0
        if not count.any():
            continue

        # For each index of the second part, the run of equal keys in the first.
        at = np.repeat(left - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
        a, b = first[order[at]], np.repeat(second, count)
        bits = _ONES[bands[a] ^ bands[b]].sum(axis=1)
        near = bits <= MAX_BITS
        found.update(zip(zip(a[near].tolist(), b[near].tolist(), strict=True), bits[near].tolist(), strict=True))
    return sorted(found, key=lambda pair: (found[pair], pair))


def _grey_values(path: Path, index: int, cache: dict[int, Floats | None]) -> Floats | None:
    """Read an image as grey values at a height of 24 pixels; None if it can no longer be read."""
    if index not in cache:
        try:
            image = read_image(path).convert("L")
        except DataError:
            cache[index] = None
        else:
            width = max(_HEIGHT, min(_MAX_WIDTH, round(_HEIGHT * image.width / image.height)))
            cache[index] = np.asarray(image.resize((width, _HEIGHT), Image.Resampling.BOX), dtype=np.float32)
    return cache[index]


def _similarity(a: Floats | None, b: Floats | None) -> float | None:
    """Compute the correlation of two images; None if they differ in any window."""
    if a is None or b is None:
        return None

    if b.shape != a.shape:
        resized = Image.fromarray(b.astype(np.uint8)).resize((a.shape[1], a.shape[0]), Image.Resampling.BILINEAR)
        b = np.asarray(resized, dtype=np.float32)
    whole = _correlation(a, b)
    if whole is None or whole < MIN_CORRELATION:
        return None

    step = _WINDOW // 2
    for start in range(0, max(1, a.shape[1] - step), step):
        part = _correlation(a[:, start : start + _WINDOW], b[:, start : start + _WINDOW])
        if part is not None and part < MIN_WINDOW_CORRELATION:
            return None
    return whole


def _correlation(a: Floats, b: Floats) -> float | None:
    """Compute Pearson's correlation; None if both are flat, 0 if only one is."""
    deviation = (float(a.std()), float(b.std()))
    if max(deviation) < _FLAT:
        return None
    if min(deviation) < _FLAT / 4:
        return 0.0
    return float(((a - a.mean()) * (b - b.mean())).mean() / (deviation[0] * deviation[1]))
