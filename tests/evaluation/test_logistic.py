from __future__ import annotations

import numpy as np
import pytest

from ocrx.evaluation.logistic import fit_logistic


def test_the_weights_are_found() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(20_000), rng.normal(size=20_000)])
    outcomes = (rng.random(20_000) < 1 / (1 + np.exp(-(0.5 - 2 * x[:, 1])))).astype(np.float64)
    found = fit_logistic(x, outcomes, np.zeros(2), 1.0)
    assert found.weights == pytest.approx([0.5, -2.0], abs=0.1)


def test_the_prior_decides_where_there_is_nothing_to_learn() -> None:
    found = fit_logistic(np.zeros((3, 2)), np.array([0.0, 1.0, 1.0]), np.array([3.0, -1.0]), 2.0)
    assert found.weights == pytest.approx([3.0, -1.0])
    assert found.loss == pytest.approx(3 * np.log(2))


def test_outcomes_that_can_be_told_apart_leave_finite_weights() -> None:
    found = fit_logistic(np.array([[-1.0], [1.0]] * 50), np.array([0.0, 1.0] * 50), np.zeros(1), 1.0)
    assert 1 < found.weights[0] < 100
