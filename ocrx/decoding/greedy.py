"""From logits to classes by the best path: the decoder used unless something else is asked for. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocrx.arrays import Floats
from ocrx.text.charset import BLANK


@dataclass(frozen=True)
class Decoded:
    """One decoded line: classes (>= 1), the score of each, and the frames each came from.

    ``scores`` are the highest probability within each character's run, ``spans`` its first and last frame
    (both inclusive). ``matched`` is False where a constraint was set and no string that satisfies it fits
    the frames; the line is then empty.
    """

    classes: tuple[int, ...]
    scores: tuple[float, ...]
    spans: tuple[tuple[int, int], ...]
    matched: bool = True

    @property
    def score(self) -> float:
        """Mean over the characters; 0.0 for an empty line."""
        return sum(self.scores) / len(self.scores) if self.scores else 0.0

    @property
    def min_score(self) -> float:
        """The least certain character; 0.0 for an empty line."""
        return min(self.scores, default=0.0)


def greedy(logits: Floats) -> list[Decoded]:
    """Best path decoding: the most probable class of each frame, repeats joined, blanks removed.

    ``logits`` is float32 [N, T, K] (log-probabilities will do as well), class 0 the blank.
    Source: Graves et al. 2006, section 3.2.
    """
    lines, frames, _ = logits.shape
    if lines == 0 or frames == 0:
        return [Decoded((), (), ())] * lines
    best = logits.argmax(axis=2)
    before = np.full_like(best, BLANK)
    before[:, 1:] = best[:, :-1]
    inked = best != BLANK
    where = np.flatnonzero(inked)
    starts = np.flatnonzero((inked & (best != before)).ravel()[where])
    if starts.size == 0:
        return [Decoded((), (), ())] * lines
    scores = np.maximum.reduceat(_top_probability(logits.reshape(lines * frames, -1)[where]), starts)
    firsts = where[starts]
    lasts = where[np.append(starts[1:], where.size) - 1]
    classes = best.ravel()[firsts].tolist()
    spans = list(zip((firsts % frames).tolist(), (lasts % frames).tolist(), strict=True))
    values = scores.tolist()
    bounds = np.searchsorted(firsts, np.arange(lines + 1) * frames).tolist()
    return [Decoded(tuple(classes[a:b]), tuple(values[a:b]), tuple(spans[a:b])) for a, b in pairwise(bounds)]


def _top_probability(rows: Floats) -> Floats:
    """Softmax probability of the largest entry of each row of [R, K]; overwrites nothing of the caller's."""
    shifted = rows - rows.max(axis=1, keepdims=True)
    result: Floats = 1 / np.exp(shifted, out=shifted).sum(axis=1)
    return result
