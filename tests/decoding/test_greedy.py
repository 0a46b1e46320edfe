from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.decoding.greedy import Decoded, greedy


def one_hot(path: list[int], classes: int = 5, height: float = 9) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[None, path] * np.float32(height)


@pytest.mark.parametrize(
    ("path", "classes", "spans"),
    [
        ([0, 0, 0], (), ()),
        ([1, 1, 1], (1,), ((0, 2),)),
        ([1, 0, 1], (1, 1), ((0, 0), (2, 2))),
        ([0, 1, 1, 2, 2, 0, 2, 3], (1, 2, 2, 3), ((1, 2), (3, 4), (6, 6), (7, 7))),
    ],
)
def test_runs_are_joined_and_blanks_removed(
    path: list[int], classes: tuple[int, ...], spans: tuple[tuple[int, int], ...]
) -> None:
    (line,) = greedy(one_hot(path))
    assert line.classes == classes
    assert line.spans == spans
    assert line.matched


def test_runs_of_characters_do_not_cross_lines() -> None:
    lines = greedy(np.concatenate([one_hot([0, 0, 1]), one_hot([1, 1, 0]), one_hot([0, 0, 0])]))
    assert [line.spans for line in lines] == [((2, 2),), ((0, 1),), ()]


def test_a_character_scores_the_highest_probability_of_its_run() -> None:
    probs = np.array([[[0.1, 0.6, 0.3], [0.1, 0.9, 0.0001], [0.3, 0.2, 0.5]]], dtype=np.float32)
    (line,) = greedy(np.log(probs))
    assert line.classes == (1, 2)
    assert line.scores == pytest.approx((0.9, 0.5), abs=1e-3)
    assert line.score == pytest.approx(0.7, abs=1e-3)
    assert line.min_score == pytest.approx(0.5, abs=1e-3)


def test_an_empty_line_scores_zero() -> None:
    assert Decoded((), (), ()).score == 0.0
    assert Decoded((), (), ()).min_score == 0.0


@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3)])
def test_no_lines_and_no_frames(shape: tuple[int, int, int]) -> None:
    assert greedy(np.zeros(shape, dtype=np.float32)) == [Decoded((), (), ())] * shape[0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 4))
def test_greedy_is_the_most_probable_of_all_paths(seed: int, frames: int, classes: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(1, frames, classes)).astype(np.float32)
    paths = product(range(classes), repeat=frames)
    path = max(paths, key=lambda p: sum(logits[0, t, c] for t, c in enumerate(p)))
    expected = tuple(c for t, c in enumerate(path) if c != 0 and (t == 0 or path[t - 1] != c))
    assert greedy(logits)[0].classes == expected


@given(st.integers(0, 2**32 - 1))
def test_a_line_does_not_depend_on_its_batch(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(4, 7, 5)).astype(np.float32)
    assert greedy(logits) == [greedy(logits[i : i + 1])[0] for i in range(4)]
