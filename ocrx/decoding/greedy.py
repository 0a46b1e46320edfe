"""The greedy decoder, which returns the best path. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocrx.arrays import Floats
from ocrx.text.charset import BLANK


@dataclass(frozen=True)
class Decoded:
    """One decoded line.

    Attributes:
        classes: Class (>= 1) of each character.
        scores: Highest probability within each character's run of frames.
        spans: First and last frame of each character, both inclusive.
        matched: False if the text does not satisfy the constraint that was set. The line is then empty, unless a soft
            lexicon allowed the text.
    """

    classes: tuple[int, ...]
    scores: tuple[float, ...]
    spans: tuple[tuple[int, int], ...]
    matched: bool = True

    @property
    def score(self) -> float:
        """Mean score of the characters; 0.0 for an empty line."""
        return sum(self.scores) / len(self.scores) if self.scores else 0.0

    @property
    def min_score(self) -> float:
        """Lowest score of a character; 0.0 for an empty line."""
        return min(self.scores, default=0.0)


def greedy(logits: Floats) -> list[Decoded]:
    """Decode the best path: the most probable class of each frame, repeats joined, blanks removed.

    Source: Graves et al. 2006, section 3.2.

    Args:
        logits: float32 [N, T, K], with the blank as class 0; log-probabilities work too.

    Returns:
        The N lines.
    """
    lines, frames, _ = logits.shape
    if lines == 0 or frames == 0:
        return [Decoded((), (), ())] * lines

    best = logits.argmax(axis=2)
    before = np.full_like(best, BLANK)
    before[:, 1:] = best[:, :-1]
    nonblank = best != BLANK
    where = np.flatnonzero(nonblank)
    starts = np.flatnonzero((nonblank & (best != before)).ravel()[where])
    if starts.size == 0:
        return [Decoded((), (), ())] * lines

    # From here on all lines form one row, in which each run of frames with one class is a character.
    scores = np.maximum.reduceat(_top_probability(logits.reshape(lines * frames, -1)[where]), starts)
    firsts = where[starts]
    lasts = where[np.append(starts[1:], where.size) - 1]

    classes = best.ravel()[firsts].tolist()
    spans = list(zip((firsts % frames).tolist(), (lasts % frames).tolist(), strict=True))
    values = scores.tolist()
    bounds = np.searchsorted(firsts, np.arange(lines + 1) * frames).tolist()
    return [Decoded(tuple(classes[a:b]), tuple(values[a:b]), tuple(spans[a:b])) for a, b in pairwise(bounds)]


def _top_probability(rows: Floats) -> Floats:
    """Softmax probability of the largest entry of each row of [R, K]."""
    shifted = rows - rows.max(axis=1, keepdims=True)
    result: Floats = 1 / np.exp(shifted, out=shifted).sum(axis=1)
    return result
