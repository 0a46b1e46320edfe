"""How many frames a text needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def required_frames(classes: Sequence[int]) -> int:
    """The fewest frames that can hold ``classes``: one each, and a blank between equal neighbours."""
    return len(classes) + sum(a == b for a, b in pairwise(classes))
