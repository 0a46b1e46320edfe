"""Finds images of two parts that are nearly the same: saved again, resized, blurred, lighter or darker.

Candidates come from 256-bit stroke hashes (see ``imagescan``) by bands: hashes that differ in few bits agree in
at least one of 16 bands. Each candidate pair is then compared pixel by pixel, in windows narrower than a character,
so that two lines which differ in one character are not taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrx.data.checks.image_scan import Facts
from ocrx.errors import DataError
from ocrx.imaging.reading import read_image

MAX_BITS = 28
# Bands that many hashes share (empty margins) tell nothing.
MAX_SHARED = 64
MAX_COMPARED = 5000
MIN_ALIKE = 0.93
MIN_WINDOW = 0.8
_HEIGHT = 24
_WINDOW = 12
_FLAT = 6.0

Indices = npt.NDArray[np.int64]
Tones = npt.NDArray[np.float32]
_ONES = np.array([bin(i).count("1") for i in range(1 << 16)], dtype=np.uint8)


def find_near_duplicates(
    facts: Facts, first: Indices, second: Indices, paths: Sequence[Path]
) -> Iterator[tuple[int, int, float]]:
    """(index in ``first``, index in ``second``, correlation) of images that look the same but are other files.

    ``facts`` and ``paths`` run along the same samples; ``first`` and ``second`` pick the two parts.
    """
    bands = np.ascontiguousarray(facts["hash"]).view("<u2").reshape(len(facts), 16)
    pairs = _candidates(bands, first, second)
    ratio = facts["width"] / np.maximum(facts["height"], 1)
    cache: dict[int, Tones | None] = {}
    compared = 0
    for a, b in pairs:
        same_file = facts["digest"][a] == facts["digest"][b]
        if same_file or not 0.85 <= ratio[a] / max(ratio[b], 1e-9) <= 1 / 0.85:
            continue
        compared += 1
        if compared > MAX_COMPARED:
            return
        alike = _alike(_tones(paths[a], a, cache), _tones(paths[b], b, cache))
        if alike is not None:
            yield a, b, alike


def _candidates(bands: npt.NDArray[np.uint16], first: Indices, second: Indices) -> list[tuple[int, int]]:
    """Pairs whose hashes differ in at most MAX_BITS, the most alike first."""
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
        at = np.repeat(left - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
        a, b = first[order[at]], np.repeat(second, count)
        bits = _ONES[bands[a] ^ bands[b]].sum(axis=1)
        near = bits <= MAX_BITS
        found.update(zip(zip(a[near].tolist(), b[near].tolist(), strict=True), bits[near].tolist(), strict=True))
    return sorted(found, key=lambda pair: (found[pair], pair))


def _tones(path: Path, index: int, cache: dict[int, Tones | None]) -> Tones | None:
    """Tones of the image at 24 pixels height; None if it cannot be read any more."""
    if index not in cache:
        try:
            image = read_image(path).convert("L")
        except DataError:
            cache[index] = None
        else:
            width = max(_HEIGHT, min(2400, round(_HEIGHT * image.width / image.height)))
            cache[index] = np.asarray(image.resize((width, _HEIGHT), Image.Resampling.BOX), dtype=np.float32)
    return cache[index]


def _alike(a: Tones | None, b: Tones | None) -> float | None:
    """Correlation of two images if they show the same in every window, else None."""
    if a is None or b is None:
        return None
    if b.shape != a.shape:
        resized = Image.fromarray(b.astype(np.uint8)).resize((a.shape[1], a.shape[0]), Image.Resampling.BILINEAR)
        b = np.asarray(resized, dtype=np.float32)
    whole = _correlation(a, b)
    if whole is None or whole < MIN_ALIKE:
        return None
    step = _WINDOW // 2
    for start in range(0, max(1, a.shape[1] - step), step):
        part = _correlation(a[:, start : start + _WINDOW], b[:, start : start + _WINDOW])
        if part is not None and part < MIN_WINDOW:
            return None
    return whole


def _correlation(a: Tones, b: Tones) -> float | None:
    """Pearson correlation; None where both are flat, 0 where one is."""
    deviation = (float(a.std()), float(b.std()))
    if max(deviation) < _FLAT:
        return None
    if min(deviation) < _FLAT / 4:
        return 0.0
    return float(((a - a.mean()) * (b - b.mean())).mean() / (deviation[0] * deviation[1]))
