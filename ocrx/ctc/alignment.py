"""Aligns a known text with frames by its Viterbi path. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Float64s
from ocrx.ctc.reference import emissions, extend

Spans = tuple[tuple[int, int], ...]
"""First and last frame of each character, both inclusive."""


@dataclass(frozen=True)
class Alignment:
    """The most probable path of a text.

    Attributes:
        spans: First and last frame (inclusive) of each character; () where the text does not fit the frames.
        score: Natural logarithm of the path's probability; -inf where the text does not fit.
    """

    spans: Spans
    score: float


def forced_alignment(logits: npt.NDArray[np.floating], classes: Sequence[int]) -> Alignment:
    """Align one line with a text.

    Args:
        logits: [T, K].
        classes: The text as classes (>= 1).

    Returns:
        The most probable path of the text.
    """
    return align_lines(logits[None], [classes])[0]


def align_lines(
    logits: npt.NDArray[np.floating], targets: Sequence[Sequence[int]], normalizer: Float64s | None = None
) -> list[Alignment]:
    """Align several lines with their texts.

    The recursion is that of ``reference.forward`` with a maximum in place of the sum.

    Args:
        logits: [N, T, K].
        targets: The text of each line as classes (>= 1).
        normalizer: float64 [N, T], the ``log_normalizer`` of the logits if it was computed before.

    Returns:
        The most probable path of each text.
    """
    states = extend(targets)
    emit = emissions(logits, states, normalizer)
    lines, frames, width = emit.shape
    best = np.full((lines, width), -np.inf)
    best[:, :2] = emit[:, 0, :2]
    moves = np.zeros((frames, lines, width), dtype=np.int8)

    reach = np.full((3, lines, width), -np.inf)  # by staying, by one step, by a jump over a blank
    for t in range(1, frames):
        reach[0] = best
        reach[1, :, 1:] = best[:, :-1]
        reach[2, :, 2:] = np.where(states.may_jump[:, 2:], best[:, :-2], -np.inf)
        moves[t] = reach.argmax(axis=0)
        best = emit[:, t] + reach.max(axis=0)

    return [_trace(best[n], moves[:, n], int(states.sizes[n])) for n in range(lines)]


def _trace(best: Float64s, moves: npt.NDArray[np.int8], size: int) -> Alignment:
    """Trace the moves [T, S] of one line back from the better of its last two states."""
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
