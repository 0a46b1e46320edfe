"""Finds the pixels that each character and each word covers. NumPy only.

CTC locates a character in frames, not its extent: the frames are a few pixels wide and often off the centre of the
glyph. Here the line is cut between neighbouring characters where it has the least ink, and each part is trimmed to its
ink. Joined scripts are cut where the joining stroke is thinnest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Bools, Float64s, Ints, Pixels
from ocrx.ctc.alignment import Spans
from ocrx.model_spec import FrameSpec

Span = tuple[float, float]
PixelSpans = Sequence[Span]
"""Left and right edge of each character or word, in pixels."""

# Fractions of the contrast between background and ink.
_FAINT = 0.15  # anything paler is background
_INKED = 0.35  # a column with a pixel this dark belongs to a character

_LEAST_CONTRAST = 12  # of 255; below it nothing is visible

# Weights in the cost of a cut: darkest pixel of the column, ink of the column, squared distance from the middle.
_DARKNESS, _INK, _OFF_CENTRE = 2.0, 0.05, 0.4


@dataclass(frozen=True, eq=False)
class ColumnProfile:
    """Statistics of the columns of a line: all that spans are computed from, in much less memory than the line.

    Attributes:
        darkest: uint8 [W], smallest value of each column.
        brightest: uint8 [W], largest value of each column.
        mean: float32 [W], mean of each column.
        height: Height of the line in pixels.
    """

    darkest: Pixels
    brightest: Pixels
    mean: npt.NDArray[np.float32]
    height: int

    @classmethod
    def from_pixels(cls, pixels: Pixels) -> ColumnProfile:
        """Reduce a line to its columns.

        Args:
            pixels: uint8 [H, W] or [H, W, 3], the line resized and before padding.

        Returns:
            The profile of its W columns.
        """
        grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2).astype(np.uint8)
        total = grey.sum(axis=0, dtype=np.uint32)
        mean = total / np.float32(len(grey))
        return cls(grey.min(axis=0), grey.max(axis=0), mean.astype(np.float32, copy=False), len(grey))

    @property
    def width(self) -> int:
        """Width of the line in pixels."""
        return self.mean.size


class DeferredSpans(Sequence[Span]):
    """A sequence of spans that is computed on first use; equal to the tuple of them."""

    def __init__(self, find: Callable[[], PixelSpans]) -> None:
        """Store the function, which is called once."""
        self._find: Callable[[], PixelSpans] | None = find
        self._found: PixelSpans = ()

    def _spans(self) -> tuple[Span, ...]:
        find = self._find
        if find is not None:
            self._found = tuple(find())
            self._find = None
        return tuple(self._found)

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Span, ...]: ...
    def __getitem__(self, index: int | slice) -> Span | tuple[Span, ...]:
        return self._spans()[index]

    def __len__(self) -> int:
        return len(self._spans())

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans())

    def __eq__(self, other: object) -> bool:
        return self._spans() == (other._spans() if isinstance(other, DeferredSpans) else other)

    def __hash__(self) -> int:
        return hash(self._spans())

    def __repr__(self) -> str:
        return repr(self._spans())

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._spans(),)


def frame_spans(frames: Spans, spec: FrameSpec, width: int) -> Float64s:
    """Convert spans of frames to pixels.

    Args:
        frames: First and last frame (inclusive) of each of N characters.
        spec: Geometry of the frames.
        width: Width of the prepared line before padding.

    Returns:
        float64 [N, 2], left and right edge in prepared pixels, clipped to the line.
    """
    edges = np.array(frames, dtype=np.float64).reshape(-1, 2) * spec.stride + spec.pixels(0)
    return edges.clip(0.0, float(width))


def character_spans(
    frames: Spans, spec: FrameSpec, profile: ColumnProfile, spaces: Sequence[bool], original_width: int
) -> PixelSpans:
    """Find the pixels that each character covers.

    Args:
        frames: First and last frame (inclusive) of each of N characters, from left to right.
        spec: Geometry of the frames.
        profile: Columns of the prepared line.
        spaces: For each character, whether it is a space; a space covers the gap between its neighbours.
        original_width: Width in pixels of the image that the spans refer to.

    Returns:
        Left and right edge of each character, in pixels of the original image. A line without visible ink
        keeps the spans of its frames.
    """
    if not frames:
        return ()
    edges = frame_spans(frames, spec, profile.width)
    columns = _ink_columns(profile)
    if columns is not None:
        blank = np.array(spaces, dtype=np.bool_)
        edges = _fill_gaps(*_segment(edges.mean(axis=1), columns, blank), blank)
    scaled = (edges * (original_width / profile.width)).tolist()
    return tuple((left, right) for left, right in scaled)


def word_spans(characters: PixelSpans, spaces: Sequence[bool]) -> PixelSpans:
    """Join the spans of characters to those of words.

    Args:
        characters: Spans of the characters in the order of the text.
        spaces: For each character, whether it is a space.

    Returns:
        Left and right edge of each word, in the order of the text.
    """
    words = []
    for is_space, members in groupby(zip(characters, spaces, strict=True), key=lambda pair: pair[1]):
        if not is_space:
            spans = [span for span, _ in members]
            words.append((min(left for left, _ in spans), max(right for _, right in spans)))
    return tuple(words)


@dataclass(frozen=True, eq=False)
class _InkColumns:
    """``cost`` float64 [W + 1] of a cut before each column, ``inked`` bool [W], and the height of the line."""

    cost: Float64s
    inked: Bools
    height: int


def _ink_columns(profile: ColumnProfile) -> _InkColumns | None:
    """Separate ink from background; None where the line has no visible contrast."""
    ground_if_light, ground_if_dark = np.percentile(profile.brightest, 20), np.percentile(profile.darkest, 80)
    depth_if_light = ground_if_light - np.percentile(profile.darkest, 5)
    depth_if_dark = np.percentile(profile.brightest, 95) - ground_if_dark
    contrast = max(depth_if_light, depth_if_dark)
    if contrast < _LEAST_CONTRAST:
        return None
    if depth_if_light >= depth_if_dark:
        darkness = (ground_if_light - profile.darkest) / contrast
        amount = (ground_if_light - profile.mean) * (profile.height / contrast)
    else:
        darkness = (profile.brightest - ground_if_dark) / contrast
        amount = (profile.mean - ground_if_dark) * (profile.height / contrast)

    if np.percentile(darkness, 5) > _INKED:  # an underline or a table rule runs through all columns
        amount = amount - np.percentile(amount, 5)
        darkness = np.minimum(amount / 2, 1.0)

    ink = _DARKNESS * np.clip(darkness - _FAINT, 0, 1)
    ink = ink + np.where(ink > 0, _INK * np.maximum(amount, 0), 0)
    padded = np.pad(ink, 1)
    return _InkColumns(np.minimum(padded[:-1], padded[1:]), darkness > _INKED, profile.height)


def _segment(centres: Float64s, columns: _InkColumns, blank: Bools) -> tuple[Float64s, Bools]:
    """Cut the line between characters and trim the parts: edges [N, 2], and which parts hold ink [N].

    A network reports the characters of a line at a nearly constant distance from the centres of their glyphs, which a
    first pass measures. Where glyphs are narrow, that pass may be off by one glyph, so two initial distances are tried
    and the better fit wins.
    """
    tries = [_segment_from(start * columns.height, centres, columns, blank) for start in (-1 / 16, 1 / 16)]
    _, edges, filled = min(tries, key=lambda attempt: attempt[0])
    return edges, filled


def _segment_from(shift: float, centres: Float64s, columns: _InkColumns, blank: Bools) -> tuple[float, Float64s, Bools]:
    """``_segment`` from an initial distance; its result is preceded by the misfit in pixels."""
    edges, filled = _cut(centres + shift, columns)
    visible = filled & ~blank
    if visible.any():
        shift = float(np.median((edges.mean(axis=1) - centres)[visible]))
        edges, filled = _cut(centres + shift, columns)

    visible = filled & ~blank
    astray = np.abs(edges.mean(axis=1) - centres - shift)[visible].sum()
    mistaken = int((filled == blank).sum())  # spaces with ink, characters without
    return float(astray) + mistaken * columns.height / 4, edges, filled


def _cut(centres: Float64s, columns: _InkColumns) -> tuple[Float64s, Bools]:
    """``_segment`` for centres [N] that are unbiased."""
    width = columns.inked.size
    first, last = centres[0] - columns.height, centres[-1] + columns.height  # no glyph is wider than two heights
    bounds = np.concatenate([[first], _cuts(centres, columns.cost), [last]]).clip(0, width).astype(np.int64)
    left, right = bounds[:-1], bounds[1:]

    positions = np.arange(width)
    following = np.append(np.minimum.accumulate(np.where(columns.inked, positions, width)[::-1])[::-1], width)
    preceding = np.append(-1, np.maximum.accumulate(np.where(columns.inked, positions, -1)))
    start, stop = following[left], preceding[right] + 1
    filled = stop > start
    edges = np.stack([np.where(filled, start, left), np.where(filled, stop, right)], axis=1)
    return edges.astype(np.float64), filled


def _cuts(centres: Float64s, cost: Float64s) -> Ints:
    """The column before which to cut between each pair of neighbours [N - 1]: little ink, near the middle."""
    width = cost.size - 1
    begin, end = np.floor(centres[:-1]).clip(0, width), np.ceil(centres[1:]).clip(0, width)
    if not begin.size:
        return np.zeros(0, dtype=np.int64)

    places = begin[:, None] + np.arange(int((end - begin).max()) + 1)
    off_centre = (places - ((begin + end) / 2)[:, None]) ** 2 / np.maximum(end - begin, 1.0)[:, None]
    total = cost[np.minimum(places, width).astype(np.int64)] + _OFF_CENTRE * off_centre
    best = np.where(places > end[:, None], np.inf, total).argmin(axis=1)
    result: Ints = (begin + best).astype(np.int64)
    return result


def _fill_gaps(edges: Float64s, filled: Bools, blank: Bools) -> Float64s:
    """Extend spaces, and characters without ink, from the ink before them to the ink after them."""
    hollow = blank | ~filled
    for i in np.flatnonzero(hollow).tolist():
        if i > 0:
            edges[i, 0] = edges[i - 1, 1]
        if i + 1 < len(edges) and not hollow[i + 1]:
            edges[i, 1] = edges[i + 1, 0]
        edges[i, 1] = edges[i].max()
    return edges
