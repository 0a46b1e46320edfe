from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.decoding.beam import beam_search
from ocrx.decoding.language_model import CharacterModel
from ocrx.decoding.ngram_model import NgramModel
from ocrx.text.charset import Charset

CORPUS = ["aba", "abab", "bab", "ca"]


def bound(order: int, weight: float = 1.0, bonus: float = 0.0, charset: str = "abcd") -> CharacterModel:
    return CharacterModel(NgramModel.from_texts(CORPUS, order), Charset(charset), weight, bonus)


@given(st.integers(1, 5), st.text("abcd", max_size=6))
def test_probabilities_after_any_context_sum_to_one(order: int, context: str) -> None:
    model = bound(order)
    number = np.zeros(1, dtype=np.int64)
    for character in context:
        number = model.advance(number, np.array([Charset("abcd").encode(character)[0]]))
    row = np.exp(model.rows(number)[0])
    assert row.sum() == pytest.approx(1, abs=1e-5)
    assert (row > 0).all()


def test_witten_bell_by_hand() -> None:
    model = bound(2)
    # After "c" came "a" once: 1 kind of 1. Unigrams: a 6, b 5, c 1, end 4 of 16, 4 kinds; 5 characters in all.
    unigram = (6 + 4 * (1 / 5)) / (16 + 4)
    expected = (1 + 1 * unigram) / (1 + 1)
    context = model.advance(np.array([0]), np.array([3]))
    assert math.exp(model.rows(context)[0, 1]) == pytest.approx(expected, rel=1e-5)


def test_rows_agree_with_the_score_of_a_text() -> None:
    model = bound(3, weight=0.7, bonus=0.2)
    classes = Charset("abcd").encode("abd")
    context, total = np.array([0]), 0.0
    for c in classes:
        total += float(model.rows(context)[0, c])
        context = model.advance(context, np.array([c]))
    total += float(model.rows(context)[0, 0])
    assert model.score(classes) == pytest.approx(total, rel=1e-6)
    assert total == pytest.approx(-0.7 * 4 * math.log(bound(3).perplexity(["abd"])) + 3 * 0.2, rel=1e-5)


def test_an_entry_of_two_code_points_is_as_likely_as_both_in_turn() -> None:
    model = CharacterModel(NgramModel.from_texts(CORPUS, 3), Charset(["a", "b", "ab"]), 1.0, 0.0)
    assert model.score([3]) == pytest.approx(model.score([1, 2]), rel=1e-5)


def test_seen_text_is_more_likely_than_unseen() -> None:
    assert bound(4).perplexity(["abab"]) < bound(4).perplexity(["bbaa"])


@given(st.integers(0, 2**32 - 1))
def test_the_search_ranks_by_both_models(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(1, 4, 4))
    model = CharacterModel(NgramModel.from_texts(CORPUS, 3), Charset("abc"), 0.8, 0.3)
    plain = {text.classes: text.log_prob for text in beam_search(logits, beam=400)[0]}
    found = beam_search(logits, beam=400, lm=model)[0]
    assert {text.classes for text in found} == set(plain)
    for text in found:
        assert text.log_prob == pytest.approx(plain[text.classes])
        assert text.score == pytest.approx(plain[text.classes] + model.score(text.classes), abs=1e-5)


def test_the_cache_of_contexts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    model = bound(3)
    before = model.score([1, 2, 3, 4])
    monkeypatch.setattr("ocrx.decoding.language_model._MAX_CACHE_BYTES", 0)
    with model.search():
        assert len(model.rows(np.array([0]))) == 1
    assert model.score([1, 2, 3, 4]) == pytest.approx(before)
