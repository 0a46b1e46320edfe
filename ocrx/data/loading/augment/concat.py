"""Two lines behind each other, so that a network which saw single words reads several, with the space between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrx.arrays import Ints, Pixels
from ocrx.ctc.frames import required_frames
from ocrx.data.loading.augment.geometric import paper
from ocrx.model_spec import ModelSpec

TRIES = 4  # lines looked at until one fits


def choose_partners(
    widths: Sequence[int], targets: Sequence[Ints], spec: ModelSpec, share: float, key: Sequence[int]
) -> dict[int, int]:
    """Which line gets which one behind it: a pure function, ``key`` (seed, epoch) included.

    About ``share`` of the lines get one; fewer where what is drawn would be wider than the widest image, or have
    more characters than its width gives frames.

    Args:
        widths: Width of each line in pixels, after resizing.
        targets: Classes of each line.
        spec: Describes the model.
        share: Share of the lines that get another one.
        key: Seed and epoch.

    Returns:
        Number of the line → number of the one behind it.
    """
    generator = np.random.default_rng([*key, len(widths)])
    partners = {}
    for first in np.flatnonzero(generator.random(len(widths)) < share).tolist():
        for second in generator.integers(len(widths), size=TRIES).tolist():
            wide = joined_width(widths[first], widths[second], spec.image.height)
            # The space, and a blank on each side of it where a label has one there too.
            longest = required_frames(targets[first]) + 3 + required_frames(targets[second])
            if wide <= spec.image.max_width and longest <= spec.frame_count(wide):
                partners[first] = second
                break
    return partners


def joined_width(first: int, second: int, height: int) -> int:
    """Pixels that two lines of these widths may need: the gap is half the height at most.

    Args:
        first: Width of the first line in pixels.
        second: Width of the second line in pixels.
        height: Height in pixels.

    Returns:
        The width in pixels.
    """
    return first + height // 2 + second


def join_pixels(first: Pixels, second: Pixels, generator: np.random.Generator) -> Pixels:
    """Both lines, uint8 [H, W] or [H, W, 3], the second to the right, and between them a space of their paper.

    Args:
        first: The left line.
        second: The right line.
        generator: Source of randomness.

    Returns:
        The joined line.
    """
    height = len(first)
    ends = np.array([paper(first), paper(second)], dtype=np.float64)
    steps = np.linspace(0, 1, int(generator.integers(height // 4, height // 2, endpoint=True)))
    tones = np.round(ends[0] + np.multiply.outer(steps, ends[1] - ends[0])).astype(np.uint8)
    return np.concatenate([first, np.repeat(tones[None], height, axis=0), second], axis=1)
