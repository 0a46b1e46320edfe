"""A readable reference of the CTC loss: Graves et al. 2006, section 4, in log space and over a whole batch.

A target of L characters is extended by blanks, ``-d-o-g-``: S = 2 L + 1 states. A path walks through the
states from left to right, one frame a step: it stays, moves to the next state, or jumps over a blank between two
different characters. ``alpha[t, s]`` sums the paths that reach state s at frame t, ``beta[t, s]`` those that
continue from there to the end. Every path of the target passes exactly one state at frame t, so that
``alpha + beta``, summed over s, is the same likelihood at every t.

Training uses ``loss.ctc_loss``, which agrees with this module in value and gradient; ``ocrx explain`` draws the
quantities that this module computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrx.arrays import Bools, Float64s, Ints
from ocrx.text.charset import BLANK

IMPOSSIBLE = -np.inf
_CHUNK_VALUES = 1 << 18  # fits into a processor's cache


@dataclass(frozen=True)
class Extended:
    """Targets with a blank before, between and after their characters, padded with blanks on the right.

    Attributes:
        labels: int64 [N, S], the class of each state.
        sizes: int64 [N], the number of states without padding, 2 L + 1.
    """

    labels: Ints
    sizes: Ints

    @property
    def may_jump(self) -> Bools:
        """[N, S]: state s can be entered from s - 2, because it is a character unlike the one before it."""
        jumps = np.zeros(self.labels.shape, dtype=np.bool_)
        jumps[:, 2:] = (self.labels[:, 2:] != BLANK) & (self.labels[:, 2:] != self.labels[:, :-2])
        return jumps


def extend(targets: Sequence[Sequence[int]]) -> Extended:
    """Insert the blanks: ``[[4, 15, 7]]`` becomes ``[[0, 4, 0, 15, 0, 7, 0]]``.

    Args:
        targets: N texts as classes (>= 1).

    Returns:
        Their states.
    """
    longest = max(map(len, targets), default=0)
    labels = np.full((len(targets), 2 * longest + 1), BLANK, dtype=np.int64)
    for row, target in zip(labels, targets, strict=True):
        row[1 : 2 * len(target) : 2] = target
    return Extended(labels, 2 * np.array([len(target) for target in targets], dtype=np.int64) + 1)


def log_normalizer(logits: npt.NDArray[np.floating]) -> Float64s:
    """Compute the logarithm of the sum of exp over the last axis, which softmax subtracts.

    With twenty thousand classes this is most of the work of a search, so callers compute it once and pass it on.

    Args:
        logits: [..., K].

    Returns:
        float64 [...].
    """
    rows = logits.reshape(-1, logits.shape[-1])
    result = np.empty(len(rows))
    step = max(1, _CHUNK_VALUES // logits.shape[-1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        top = part.max(axis=1, keepdims=True)
        result[start : start + step] = np.log(np.exp(part - top).sum(axis=1, dtype=np.float64)) + top[:, 0]
    return result.reshape(logits.shape[:-1])


def log_softmax(logits: npt.NDArray[np.floating]) -> Float64s:
    """Turn logits into log-probabilities.

    Args:
        logits: [..., K].

    Returns:
        float64 [..., K].
    """
    result: Float64s = logits.astype(np.float64) - log_normalizer(logits)[..., None]
    return result


def emissions(logits: npt.NDArray[np.floating], states: Extended, normalizer: Float64s | None = None) -> Float64s:
    """Look up the log-probability of each state's class at each frame.

    The softmax is computed only for the classes that are needed; a charset may have twenty thousand.

    Args:
        logits: [N, T, K].
        states: S states of each line.
        normalizer: float64 [N, T], the ``log_normalizer`` of the logits if it was computed before.

    Returns:
        float64 [N, T, S].
    """
    taken = np.take_along_axis(logits, states.labels[:, None, :], axis=2)
    normalizer = log_normalizer(logits) if normalizer is None else normalizer
    result: Float64s = taken.astype(np.float64) - normalizer[:, :, None]
    return result


def forward(emit: Float64s, states: Extended) -> Float64s:
    """Compute alpha: the log-probability of all paths that are in state s at frame t, frame t included.

    A path begins in the first blank or in the first character. Graves et al. 2006, equations 6 and 7.

    Args:
        emit: float64 [N, T, S], see ``emissions``.
        states: The states of each line.

    Returns:
        float64 [N, T, S].
    """
    alpha = np.full(emit.shape, IMPOSSIBLE)
    alpha[:, 0, :2] = emit[:, 0, :2]
    for t in range(1, emit.shape[1]):
        stay = alpha[:, t - 1]
        step = _shifted_right(stay, 1)
        jump = np.where(states.may_jump, _shifted_right(stay, 2), IMPOSSIBLE)
        alpha[:, t] = emit[:, t] + np.logaddexp(np.logaddexp(stay, step), jump)
    return alpha


def backward(emit: Float64s, states: Extended, frames: Ints) -> Float64s:
    """Compute beta: the log-probability of all ways to continue from state s after frame t, frame t not included.

    Graves et al. 2006, equations 10 and 11, but without the factor of frame t, so that alpha + beta needs no
    division.

    Args:
        emit: float64 [N, T, S], see ``emissions``.
        states: The states of each line.
        frames: int64 [N], number of frames of each line to use.

    Returns:
        float64 [N, T, S].
    """
    lines, count, width = emit.shape
    jumps_out = np.zeros((lines, width), dtype=np.bool_)
    jumps_out[:, :-2] = states.may_jump[:, 2:]
    position = np.arange(width)
    last_two = (position >= states.sizes[:, None] - 2) & (position < states.sizes[:, None])
    end = np.where(last_two, 0.0, IMPOSSIBLE)

    beta = np.full((lines, count, width), IMPOSSIBLE)
    for t in reversed(range(count)):
        if t + 1 < count:
            stay = beta[:, t + 1] + emit[:, t + 1]
            step = _shifted_left(stay, 1)
            jump = np.where(jumps_out, _shifted_left(stay, 2), IMPOSSIBLE)
            beta[:, t] = np.logaddexp(np.logaddexp(stay, step), jump)
        beta[:, t] = np.where((frames == t + 1)[:, None], end, beta[:, t])
    return beta


def log_likelihoods(
    logits: npt.NDArray[np.floating],
    targets: Sequence[Sequence[int]],
    frames: Ints | None = None,
    normalizer: Float64s | None = None,
) -> Float64s:
    """Compute the log-probability of each target, summed over all its paths.

    Args:
        logits: [N, T, K].
        targets: N texts as classes (>= 1).
        frames: int64 [N], number of frames of each line to use; None uses all.
        normalizer: float64 [N, T], the ``log_normalizer`` of the logits if it was computed before.

    Returns:
        float64 [N]; -inf where a target does not fit the frames.
    """
    states = extend(targets)
    return _total(forward(emissions(logits, states, normalizer), states), states, _frames(logits, frames))


def loss_and_gradient(
    logits: npt.NDArray[np.floating], targets: Sequence[Sequence[int]], frames: Ints | None = None
) -> tuple[Float64s, Float64s]:
    """Compute the CTC loss of each line and its derivative by the logits.

    The derivative (Graves et al. 2006, equation 16) is the softmax minus how much of the target's likelihood
    runs through each class.

    Args:
        logits: [N, T, K].
        targets: N texts as classes (>= 1).
        frames: int64 [N], number of frames of each line to use; None uses all.

    Returns:
        The losses, float64 [N], and the derivatives, float64 [N, T, K]. An impossible target has the loss inf and
        the derivative 0.
    """
    count = _frames(logits, frames)
    states = extend(targets)
    emit = emissions(logits, states)
    alpha = forward(emit, states)
    total = _total(alpha, states, count)

    possible = np.isfinite(total)
    through = alpha + backward(emit, states, count) - np.where(possible, total, 0.0)[:, None, None]
    share = np.einsum("nts,nsk->ntk", np.exp(through), np.eye(logits.shape[2])[states.labels])
    counts = possible[:, None] & (np.arange(logits.shape[1]) < count[:, None])
    return -total, np.where(counts[:, :, None], np.exp(log_softmax(logits)) - share, 0.0)


def _total(alpha: Float64s, states: Extended, frames: Ints) -> Float64s:
    """Sum the paths [N]: each ends in the last character or the blank after it (equation 8)."""
    line = np.arange(len(alpha))
    last = alpha[line, frames - 1]
    before = np.where(states.sizes > 1, last[line, np.maximum(states.sizes - 2, 0)], IMPOSSIBLE)
    result: Float64s = np.logaddexp(last[line, states.sizes - 1], before)
    return result


def _frames(logits: npt.NDArray[np.floating], frames: Ints | None) -> Ints:
    return np.full(logits.shape[0], logits.shape[1], dtype=np.int64) if frames is None else frames


def _shifted_right(values: Float64s, by: int) -> Float64s:
    moved = np.full_like(values, IMPOSSIBLE)
    moved[:, by:] = values[:, :-by]
    return moved


def _shifted_left(values: Float64s, by: int) -> Float64s:
    moved = np.full_like(values, IMPOSSIBLE)
    moved[:, :-by] = values[:, by:]
    return moved
