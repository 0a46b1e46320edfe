from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.ctc.reference import log_likelihoods, log_softmax
from ocrx.decoding.beam import beam_search


def all_texts(logits: np.ndarray) -> dict[tuple[int, ...], float]:
    """Probability of every text that [T, K] can spell, from all its paths."""
    log_probs = log_softmax(logits)
    frames, classes = logits.shape
    sums: dict[tuple[int, ...], float] = {}
    for path in product(range(classes), repeat=frames):
        text = tuple(c for c, _ in groupby(path) if c)
        sums[text] = sums.get(text, 0.0) + float(np.exp(sum(log_probs[t, c] for t, c in enumerate(path))))
    return sums


def peaky(lines: int, frames: int, classes: int, seed: int = 0) -> np.ndarray:
    """Logits as a trained network gives them: mostly blank, a character every third frame."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(lines, frames, classes)).astype(np.float32)
    logits[:, :, 0] += 6
    nonblank = np.arange(0, frames, 3)
    for line in logits:
        line[nonblank, rng.integers(1, classes, size=nonblank.size)] += rng.uniform(5, 12, size=nonblank.size)
    return logits


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(2, 4))
def test_a_wide_beam_finds_every_text_with_its_exact_probability(seed: int, frames: int, classes: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(2, frames, classes)) * 2
    for line, found in zip(logits, beam_search(logits, beam=700, classes_per_frame=classes - 1), strict=True):
        expected = all_texts(line)
        assert len(found) == len(expected)
        assert {text.classes for text in found} == set(expected)
        for text in found:
            assert np.exp(text.log_prob) == pytest.approx(expected[text.classes], rel=1e-9)
        assert [text.score for text in found] == sorted((text.score for text in found), reverse=True)


def test_the_most_probable_text_need_not_hold_the_most_probable_path() -> None:
    logits = np.log(np.array([[[0.6, 0.4], [0.6, 0.4]]]))  # Graves 2012, figure 7.6
    assert beam_search(logits, beam=4)[0][0].classes == (1,)


@given(st.integers(0, 2**32 - 1))
def test_a_narrow_beam_never_claims_more_than_the_likelihood(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(3, 12, 6))
    for line, found in zip(logits, beam_search(logits, beam=5), strict=True):
        assert len({text.classes for text in found}) == len(found)
        for text in found:
            assert text.log_prob <= log_likelihoods(line[None], [text.classes])[0] + 1e-9


def test_a_line_does_not_depend_on_its_batch() -> None:
    logits = peaky(6, 30, 20)
    assert beam_search(logits) == [beam_search(logits[i : i + 1])[0] for i in range(6)]


@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3)])
def test_no_lines_and_no_frames(shape: tuple[int, int, int]) -> None:
    assert beam_search(np.zeros(shape, dtype=np.float32)) == [[]] * shape[0]
