"""Plans batches as a pure function of (seed, epoch, widths).

Resuming, sharding over processes and equal losses depend on this. All lines of a batch have the same padded width, so
little is computed on padding, and the padding of a line does not depend on the other lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocrx.model_spec import ImageSpec

MIN_BATCH = 8


@dataclass(frozen=True)
class BatchPlan:
    """The lines of one batch.

    Attributes:
        width: Width in pixels that they are padded to.
        samples: Numbers of the lines.
        joined: For each line, the number of the one that is appended to it, or -1; empty if none is.
    """

    width: int
    samples: tuple[int, ...]
    joined: tuple[int, ...] = ()


@dataclass(frozen=True)
class Share:
    """The micro-batches that one process takes.

    All processes plan the same sequence of micro-batches. An update consists of ``size * accumulate`` consecutive ones,
    of which process ``rank`` takes every ``size``-th. Updates are therefore the same however they are distributed.
    """

    rank: int = 0
    size: int = 1
    accumulate: int = 1

    @property
    def parts(self) -> int:
        """Micro-batches of one update, over all processes."""
        return self.size * self.accumulate


WHOLE = Share()
"""One process that takes every micro-batch."""


def bucket_widths(widths: Sequence[int], image: ImageSpec) -> list[int]:
    """Choose the padded width of each line.

    A bucket of fewer than 8 lines is merged into the next wider one, so that batch statistics stay meaningful; the
    widest bucket is filled up with the widest lines of the one below.

    Args:
        widths: Width of each line in pixels, after resizing.
        image: How the model takes its images.

    Returns:
        The padded width of each line in pixels.
    """
    by_width = sorted(range(len(widths)), key=lambda sample: (widths[sample], sample))
    members: dict[int, list[int]] = defaultdict(list)
    for sample in by_width:
        members[image.bucket_width(widths[sample])].append(sample)
    order = sorted(members)
    for narrow, wide in pairwise(order):
        if len(members[narrow]) < MIN_BATCH:
            members[wide] = members.pop(narrow) + members[wide]

    if len(members) > 1:
        below, widest = sorted(members)[-2:]
        lack = MIN_BATCH - len(members[widest])
        if lack > 0:
            taken = lack if len(members[below]) - lack >= MIN_BATCH else len(members[below])
            members[widest] = members[below][-taken:] + members[widest]
            members[below] = members[below][:-taken]

    result = [0] * len(widths)
    for bucket, samples in members.items():
        for sample in samples:
            result[sample] = bucket

    return result


def lines_per_batch(width: int, height: int, batch_size: int, max_pixels: int) -> int:
    """Limit the lines in a batch of one padded width.

    Args:
        width: Padded width in pixels.
        height: Height in pixels.
        batch_size: Most lines in a batch.
        max_pixels: Most padded pixels in a batch of more than 8 lines.

    Returns:
        ``batch_size``, or fewer where that exceeds ``max_pixels``, but at least 8 (or ``batch_size`` if it is less).
    """
    return max(1, min(batch_size, max(MIN_BATCH, max_pixels // (width * height))))


def plan_batches(
    buckets: Sequence[int], height: int, batch_size: int, max_pixels: int, seed: int, epoch: int
) -> list[BatchPlan]:
    """Shuffle the lines of an epoch and divide them into batches; every line occurs once.

    The lines of a bucket are spread evenly over its batches, so that no batch is tiny.

    Args:
        buckets: Padded width of each line in pixels.
        height: Height in pixels.
        batch_size: Most lines in a batch.
        max_pixels: Most padded pixels in a batch of more than 8 lines.
        seed: Seed of the order.
        epoch: Number of the epoch, from 0.

    Returns:
        The batches, in order.
    """
    generator = np.random.default_rng([seed, epoch])
    members: dict[int, list[int]] = defaultdict(list)
    for sample in generator.permutation(len(buckets)).tolist():
        members[buckets[sample]].append(sample)
    plans: list[BatchPlan] = []
    for width in sorted(members):
        samples = members[width]
        most = lines_per_batch(width, height, batch_size, max_pixels)
        count = -(-len(samples) // most)
        plans += [BatchPlan(width, tuple(part.tolist())) for part in np.array_split(np.asarray(samples), count)]
    return [plans[i] for i in generator.permutation(len(plans)).tolist()]
