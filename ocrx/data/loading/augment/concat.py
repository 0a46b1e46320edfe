"""Joins two lines into one, so that a network trained on single words learns to read several, and their spaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrx.arrays import Ints, Pixels
from ocrx.ctc.frames import required_frames
from ocrx.data.loading.augment.geometric import paper
from ocrx.model_spec import ModelSpec

TRIES = 4  # random partners to try until one fits


def choose_partners(
    widths: Sequence[int], targets: Sequence[Ints], spec: ModelSpec, share: float, key: Sequence[int]
) -> dict[int, int]:
    """Choose which lines are joined; a pure function of the arguments.

    A partner is refused if the joined line would be wider than the model allows, or have too few frames for its text.

    Args:
        widths: Width of each line in pixels, after resizing.
        targets: Classes of each line.
        spec: The model's spec.
        share: Share of the lines to which another one is appended, if a partner fits.
        key: Seed and epoch.

    Returns:
        Number of a line → number of the line appended to it.
    """
    generator = np.random.default_rng([*key, len(widths)])
    partners = {}
    for first in np.flatnonzero(generator.random(len(widths)) < share).tolist():
        for second in generator.integers(len(widths), size=TRIES).tolist():
            wide = joined_width(widths[first], widths[second], spec.image.height)
            # The space, and a blank on each side of it in case a label ends or begins with a space.
            longest = required_frames(targets[first]) + 3 + required_frames(targets[second])
            if wide <= spec.image.max_width and longest <= spec.frame_count(wide):
                partners[first] = second
                break
    return partners


def joined_width(first: int, second: int, height: int) -> int:
    """Bound the width of two joined lines; the gap is at most half the height.

    Args:
        first: Width of the first line in pixels.
        second: Width of the second line in pixels.
        height: Height in pixels.

    Returns:
        The largest width in pixels.
    """
    return first + height // 2 + second


def join_pixels(first: Pixels, second: Pixels, generator: np.random.Generator) -> Pixels:
    """Join two lines with a gap whose tone fades from one background to the other.

    Args:
        first: The left line, uint8 [H, W] or [H, W, 3].
        second: The right line, of the same height and channels.
        generator: Source of randomness.

    Returns:
        uint8 [H, W] or [H, W, 3].
    """
    height = len(first)
    ends = np.array([paper(first), paper(second)], dtype=np.float64)
    steps = np.linspace(0, 1, int(generator.integers(height // 4, height // 2, endpoint=True)))
    tones = np.round(ends[0] + np.multiply.outer(steps, ends[1] - ends[0])).astype(np.uint8)
    return np.concatenate([first, np.repeat(tones[None], height, axis=0), second], axis=1)
