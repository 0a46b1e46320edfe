"""Chooses the lines that an epoch replays: old lines among the new ones prevent catastrophic forgetting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np


def epoch_lines(buckets: Sequence[int], own: int, ratio: float, seed: int, epoch: int) -> list[int]:
    """Choose the lines of an epoch: all of the dataset's own, and a share of replayed ones.

    A pure function, like the order of batches. Every epoch draws the same number of lines from each bucket, in
    proportion to its size, so that epochs have equally many batches. No line of a bucket is drawn again before all of
    them were drawn.

    Args:
        buckets: Padded width of each line in pixels.
        own: Number of the dataset's own lines; these come first.
        ratio: Share of the epoch that is replayed.
        seed: Seed of the order.
        epoch: Number of the epoch, from 0.

    Returns:
        Numbers of the lines.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for number in range(own, len(buckets)):
        members[buckets[number]].append(number)
    drawn = list(range(own))

    for width, count in _shares(members, round(own * ratio / (1 - ratio))).items():
        lines = members[width]
        for place in range(epoch * count, (epoch + 1) * count):
            turn, index = divmod(place, len(lines))
            if index == 0 or place == epoch * count:
                order = np.random.default_rng([seed, turn, width]).permutation(len(lines))
            drawn.append(lines[order[index]])

    return drawn


def _shares(members: dict[int, list[int]], count: int) -> dict[int, int]:
    """Divide ``count`` in proportion to the members; the largest remainders are rounded up."""
    total = sum(map(len, members.values()))
    shares = {width: count * len(lines) // total for width, lines in members.items()}
    by_rest = sorted(members, key=lambda width: (-(count * len(members[width]) % total), width))
    for width in by_rest[: count - sum(shares.values())]:
        shares[width] += 1
    return shares
