"""Logistic regression by Newton's method, with a Gaussian prior on the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ocrx.arrays import Float64s

_STEPS = 100
_CONVERGED = 1e-7


@dataclass(frozen=True)
class LogisticFit:
    """Fitted weights.

    Attributes:
        weights: float64 [F].
        loss: Negative log likelihood of the outcomes, plus that of the weights under their prior.
    """

    weights: Float64s
    loss: float


def fit_logistic(x: Float64s, outcomes: Float64s, prior: Float64s, strength: float) -> LogisticFit:
    """Fit P(outcome) = 1 / (1 + exp(-x · weights)).

    Args:
        x: float64 [N, F].
        outcomes: float64 [N], 0 or 1.
        prior: float64 [F], mean of the weights before any line is seen.
        strength: Inverse variance of the prior.

    Returns:
        The most probable weights.
    """

    def loss(weights: Float64s) -> float:
        z = x @ weights
        return float((np.logaddexp(0, z) - outcomes * z).sum() + strength * ((weights - prior) ** 2).sum() / 2)

    weights, best = prior, loss(prior)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -500, 500)))
        gradient = x.T @ (p - outcomes) + strength * (weights - prior)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + strength * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, gradient)

        # A full Newton step may overshoot if few lines are uncertain; as the loss is convex, a short one does not.
        while loss(weights - step) > best and np.abs(step).max() > _CONVERGED:
            step /= 2
        weights = weights - step
        best = loss(weights)
        if np.abs(step).max() <= _CONVERGED:
            break
    return LogisticFit(weights, best)
