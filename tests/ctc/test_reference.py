from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ocrx.ctc.frames import required_frames
from ocrx.ctc.reference import backward, emissions, extend, forward, log_likelihoods, log_softmax, loss_and_gradient

WORDS = {
    "orange": [15, 18, 1, 14, 7, 5],
    "apple": [1, 16, 16, 12, 5],
    "watermelon": [23, 1, 20, 5, 18, 13, 5, 12, 15, 14],
}


def torch_ctc(logits: np.ndarray, targets: list[list[int]], frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    losses = F.ctc_loss(
        x.log_softmax(2).transpose(0, 1),
        torch.tensor([c for target in targets for c in target], dtype=torch.int64),
        torch.tensor(frames),
        torch.tensor([len(target) for target in targets]),
        reduction="none",
        zero_infinity=True,
    )
    losses.sum().backward()
    assert x.grad is not None
    return losses.detach().numpy(), x.grad.numpy()


def compare(logits: np.ndarray, targets: list[list[int]], frames: np.ndarray) -> int:
    """Assert that both agree; returns how many lines were impossible."""
    losses, gradient = loss_and_gradient(logits, targets, frames)
    expected, expected_gradient = torch_ctc(logits, targets, frames)
    impossible = np.array([required_frames(target) > count for target, count in zip(targets, frames, strict=True)])
    assert (losses[impossible] == np.inf).all()
    assert not np.isnan(losses).any()
    np.testing.assert_allclose(losses[~impossible], expected[~impossible], atol=1e-5, rtol=0)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5, rtol=0)
    return int(impossible.sum())


def test_the_three_words_of_the_tutorial() -> None:
    rng = np.random.default_rng(3)
    assert compare(rng.normal(size=(3, 15, 27)), list(WORDS.values()), np.full(3, 15)) == 0
    states = extend([WORDS["apple"]])
    assert states.labels.tolist() == [[0, 1, 0, 16, 0, 16, 0, 12, 0, 5, 0]]
    assert np.flatnonzero(states.may_jump).tolist() == [3, 7, 9]  # not 5: the second p needs its blank


def test_thousands_of_random_cases_equal_torch() -> None:
    rng = np.random.default_rng(0)
    impossible = 0
    for _ in range(100):
        frames = int(rng.integers(1, 24))
        classes = int(rng.integers(2, 8))
        targets = [rng.integers(1, classes, size=rng.integers(0, 10)).tolist() for _ in range(40)]
        logits = rng.normal(size=(40, frames, classes)) * rng.uniform(0.1, 8)
        impossible += compare(logits, targets, np.full(40, frames))
    assert 100 < impossible < 3000  # both kinds were seen


def test_lines_of_different_lengths() -> None:
    rng = np.random.default_rng(1)
    targets = [rng.integers(1, 5, size=rng.integers(0, 6)).tolist() for _ in range(64)]
    compare(rng.normal(size=(64, 12, 5)), targets, rng.integers(1, 13, size=64))


def test_exactly_as_many_frames_as_needed() -> None:
    rng = np.random.default_rng(2)
    for target in ([1], [1, 2, 3], [1, 1], [2, 2, 2, 1, 1]):
        frames = required_frames(target)
        assert compare(rng.normal(size=(1, frames, 4)), [target], np.array([frames])) == 0
        if frames > 1:
            assert compare(rng.normal(size=(1, frames - 1, 4)), [target], np.array([frames - 1])) == 1


def test_likelihood_is_the_sum_over_all_paths() -> None:
    log_probs = log_softmax(np.random.default_rng(4).normal(size=(1, 5, 3)))
    sums: dict[tuple[int, ...], float] = {}
    for path in product(range(3), repeat=5):
        text = tuple(c for c, _ in groupby(path) if c)
        sums[text] = sums.get(text, 0) + np.exp(sum(log_probs[0, t, c] for t, c in enumerate(path)))
    for text, probability in sums.items():
        assert log_likelihoods(log_probs, [text])[0] == pytest.approx(np.log(probability), abs=1e-9)
    assert log_likelihoods(log_probs, [(1, 1, 1, 1)])[0] == -np.inf


def test_alpha_and_beta_meet_at_every_frame() -> None:
    logits = np.random.default_rng(5).normal(size=(1, 15, 27))
    states = extend([WORDS["watermelon"]])
    emit = emissions(logits, states)
    both = forward(emit, states) + backward(emit, states, np.array([15]))
    totals = np.logaddexp.reduce(both[0], axis=1)
    np.testing.assert_allclose(totals, totals[0], atol=1e-9)
    assert totals[0] == pytest.approx(log_likelihoods(logits, [WORDS["watermelon"]])[0])


def test_certain_frames_stay_finite() -> None:
    logits = np.full((1, 4, 3), -1e4)
    logits[0, [0, 1, 2, 3], [1, 0, 2, 2]] = 1e4
    losses, gradient = loss_and_gradient(logits, [[1, 2]])
    assert losses[0] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(gradient).all()
