from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.ctc.alignment import Alignment, align_lines, forced_alignment
from ocrx.ctc.frames import required_frames
from ocrx.ctc.reference import log_likelihoods, log_softmax
from ocrx.decoding.greedy import greedy


def brute_force(logits: np.ndarray, classes: tuple[int, ...]) -> tuple[tuple[tuple[int, int], ...], float]:
    """The best path of ``classes`` among all of them, and its log-probability."""
    log_probs = log_softmax(logits[None])[0]
    frames, count = log_probs.shape
    paths = (p for p in product(range(count), repeat=frames) if tuple(c for c, _ in groupby(p) if c) == classes)
    best = max(paths, key=lambda p: sum(log_probs[t, c] for t, c in enumerate(p)))
    spans, t = [], 0
    for c, run in groupby(best):
        length = len(list(run))
        if c:
            spans.append((t, t + length - 1))
        t += length
    return tuple(spans), sum(log_probs[t, c] for t, c in enumerate(best))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.lists(st.integers(1, 2), max_size=4))
def test_alignment_is_the_best_path_of_the_text(seed: int, frames: int, classes: list[int]) -> None:
    logits = np.random.default_rng(seed).normal(size=(frames, 3))
    alignment = forced_alignment(logits, classes)
    if required_frames(classes) > frames:
        assert alignment == Alignment((), -np.inf)
        assert log_likelihoods(logits[None], [classes])[0] == -np.inf
    else:
        spans, score = brute_force(logits, tuple(classes))
        assert alignment.score == pytest.approx(score)
        assert alignment.spans == spans
        assert log_likelihoods(logits[None], [classes])[0] >= alignment.score - 1e-9


@given(st.integers(0, 2**32 - 1))
def test_greedy_text_aligns_to_the_greedy_spans(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(3, 9, 5)).astype(np.float32) * 4
    for line, decoded in zip(logits, greedy(logits), strict=True):
        assert forced_alignment(line, decoded.classes).spans == decoded.spans


def test_a_batch_equals_its_lines() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20, 12, 6))
    targets = [rng.integers(1, 6, size=rng.integers(0, 8)).tolist() for _ in range(20)]
    together = align_lines(logits, targets)
    for line, target, alignment in zip(logits, targets, together, strict=True):
        assert alignment == forced_alignment(line, target)
