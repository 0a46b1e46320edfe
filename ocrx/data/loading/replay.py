"""Which lines an epoch replays: old ones among the new, so that a fine-tuned model does not forget what it knew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np


def epoch_lines(buckets: Sequence[int], own: int, ratio: float, seed: int, epoch: int) -> list[int]:
    """Numbers of the lines of an epoch: the first ``own`` all, and of the others so many that they are ``ratio`` of it.

    A pure function, like the order of batches. ``buckets`` are the padded widths of all lines. Each width is drawn
    from in proportion to its lines, the same number every epoch, so that epochs have equally many batches; no line of
    a width comes again before all of them had their turn.

    Args:
        buckets: Padded width of each line in pixels.
        own: Number of the dataset's own lines.
        ratio: Share of the epoch that is drawn from the others.
        seed: Seed of the order.
        epoch: Number of the epoch, from 0.

    Returns:
        The numbers.
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
    """``count`` divided in proportion to the members, exactly: the largest remainders are rounded up."""
    total = sum(map(len, members.values()))
    shares = {width: count * len(lines) // total for width, lines in members.items()}
    by_rest = sorted(members, key=lambda width: (-(count * len(members[width]) % total), width))
    for width in by_rest[: count - sum(shares.values())]:
        shares[width] += 1
    return shares
