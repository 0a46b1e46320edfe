"""Which frames belong to which character of a known text. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Float64s
from ocrx.ctc.reference import emissions, extend, log_likelihoods

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Alignment:
    """The most probable path of a text: first and last frame (inclusive) of each character.

    ``score`` is the natural logarithm of the path's probability; -inf, with no spans, where the text does
    not fit the frames.
    """

    spans: Spans
    score: float


def forced_alignment(logits: npt.NDArray[np.floating], classes: Sequence[int]) -> Alignment:
    """Viterbi path of ``classes`` (>= 1) through the logits [T, K] of one line."""
    return align_lines(logits[None], [classes])[0]


def log_likelihood(logits: npt.NDArray[np.floating], classes: Sequence[int]) -> float:
    """Natural logarithm of the probability of ``classes``, summed over all paths through [T, K].

    -inf where they do not fit the frames. The loss of the line is its negative.
    """
    return float(log_likelihoods(logits[None], [classes])[0])


def align_lines(
    logits: npt.NDArray[np.floating], targets: Sequence[Sequence[int]], normalizer: Float64s | None = None
) -> list[Alignment]:
    """``forced_alignment`` of N lines at once; ``logits`` [N, T, K].

    The recursion is that of ``reference.forward`` with the best path in place of the sum.
    """
    states = extend(targets)
    emit = emissions(logits, states, normalizer)
    lines, frames, width = emit.shape
    best = np.full((lines, width), -np.inf)
    best[:, :2] = emit[:, 0, :2]
    moves = np.zeros((frames, lines, width), dtype=np.int8)
    reach = np.full((3, lines, width), -np.inf)
    for t in range(1, frames):
        reach[0] = best
        reach[1, :, 1:] = best[:, :-1]
        reach[2, :, 2:] = np.where(states.may_jump[:, 2:], best[:, :-2], -np.inf)
        moves[t] = reach.argmax(axis=0)
        best = emit[:, t] + reach.max(axis=0)
    return [_trace(best[n], moves[:, n], int(states.sizes[n])) for n in range(lines)]


def _trace(best: Float64s, moves: npt.NDArray[np.int8], size: int) -> Alignment:
    state = size - 1
    if size > 1 and best[size - 2] >= best[size - 1]:
        state = size - 2
    score = float(best[state])
    if score == -np.inf:
        return Alignment((), score)
    first = [0] * (size // 2)
    last = [-1] * (size // 2)
    for t in reversed(range(len(moves))):
        if state % 2:
            first[state // 2] = t
            last[state // 2] = max(last[state // 2], t)
        state -= int(moves[t, state])
    return Alignment(tuple(zip(first, last, strict=True)), score)
