"""Which lines go together: batches as a pure function of (seed, epoch, widths).

Resuming, sharding over processes and equal losses all rest on that. A batch holds lines of one padded
width only, so that little is computed on padding and a line never meets another line's width.
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
    """Sample numbers that form one batch, and the width in pixels they are padded to.

    ``joined`` says for each of them which one is put behind it, -1 for none; empty if there are no joined lines.
    """

    width: int
    samples: tuple[int, ...]
    joined: tuple[int, ...] = ()


@dataclass(frozen=True)
class Share:
    """Which micro-batches of the one common order this process takes.

    An update consists of ``size * accumulate`` micro-batches in a row; process ``rank`` of ``size`` takes every
    ``size``-th of them. So the updates are the same for every division of their micro-batches over processes.
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
    """Padded training width of each resized width (pixels).

    A bucket of fewer than 8 lines is merged upwards into the next one, so that batch statistics stay sound;
    the widest bucket, which has none above it, is filled with the widest lines of the one below.

    Args:
        widths: Width of each line in pixels, after resizing.
        image: How the model takes its images.

    Returns:
        The padded width of each line.
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
    """Most lines of a padded width in a batch: ``batch_size``, fewer beyond ``max_pixels``, but 8 in any case.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        batch_size: Lines wanted in a batch.
        max_pixels: Most padded pixels of a batch.

    Returns:
        The number of lines.
    """
    return max(1, min(batch_size, max(MIN_BATCH, max_pixels // (width * height))))


def plan_batches(
    buckets: Sequence[int], height: int, batch_size: int, max_pixels: int, seed: int, epoch: int
) -> list[BatchPlan]:
    """Shuffle and cut one epoch: every sample once.

    The rest of a bucket is spread over its batches rather than left as a tiny one.

    Args:
        buckets: Padded width of each line in pixels.
        height: Height in pixels.
        batch_size: Lines wanted in a batch.
        max_pixels: Most padded pixels of a batch.
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
