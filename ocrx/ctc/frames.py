"""Counts the frames that a text needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def required_frames(classes: Sequence[int]) -> int:
    """Count the fewest frames that can hold a text: one per character, plus a blank between equal neighbours.

    Args:
        classes: The text as classes (>= 1).

    Returns:
        The number of frames.
    """
    return len(classes) + sum(a == b for a, b in pairwise(classes))
