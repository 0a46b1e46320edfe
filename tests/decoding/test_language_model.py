from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.decoding.beam import beam_search
from ocrx.decoding.language_model import END, CharacterModel, NgramModel
from ocrx.errors import ConfigError, DataError
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


def test_saved_and_loaded_models_are_equal(tmp_path: Path) -> None:
    model = NgramModel.from_texts(CORPUS, 3).tuned(0.4, 0.1, 0.9)
    for name in ("lm.json", "lm.json.gz"):
        model.save(tmp_path / name)
        loaded = NgramModel.load(tmp_path / name)
        assert loaded.counts == model.counts and loaded.characters == set("abc") | {END}
        assert (loaded.order, loaded.weight, loaded.bonus, loaded.confidence_threshold) == (3, 0.4, 0.1, 0.9)
    assert (tmp_path / "lm.json").read_bytes().startswith(b"{")
    packed = (tmp_path / "lm.json.gz").read_bytes()
    model.save(tmp_path / "lm.json.gz")
    assert packed.startswith(b"\x1f\x8b") and packed == (tmp_path / "lm.json.gz").read_bytes()


def test_rare_ngrams_are_left_out() -> None:
    whole, pruned = NgramModel.from_texts(CORPUS, 3), NgramModel.from_texts(CORPUS, 3, prune=1)
    # Two characters must have been met once, three twice; single ones stay in any case.
    assert pruned.following("") == whole.following("") == {"a": 6, "b": 5, "c": 1, END: 4}
    assert pruned.following("c") == whole.following("c") == {"a": 1}
    assert (whole.following("ca"), pruned.following("ca")) == ({END: 1}, {})
    assert (whole.following("ba"), pruned.following("ba")) == ({"b": 2, END: 1}, {"b": 2})
    assert NgramModel.from_texts(CORPUS, 3, prune=2).following("c") == {}
    assert pruned.ngrams < whole.ngrams


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        json.dumps({"format": "ocrx-ngram", "version": 9}).encode(),
        json.dumps({"format": "ocrx-ngram", "version": 1, "order": 2, "counts": {"x": {"a": 1}}}).encode(),
        json.dumps({"format": "ocrx-ngram", "version": 2, "order": 3, "counts": {"": {"a": 1}}}).encode(),
        json.dumps({"format": "ocrx-ngram", "version": 2, "order": 3, "counts": {"": "1 a", "abc": "1 a"}}).encode(),
        json.dumps({"format": "ocrx-ngram", "version": 2, "order": 3, "counts": {"a": "1 a"}}).encode(),
        json.dumps({"format": "ocrx-ngram", "version": 2, "order": 3}).encode(),
        b"\x1f\x8b" + b"no gzip",
        gzip.compress(b"{}"),
        gzip.compress(b"{}" * 500)[:-9],
    ],
)
def test_files_that_are_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lm.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"lm\.json"):
        NgramModel.load(path)


def test_a_damaged_row_is_named() -> None:
    with pytest.raises(DataError, match="damaged"):
        CharacterModel(NgramModel(2, {"": "1,2 a"}), Charset("a"), 1.0, 0.0)


def test_missing_file_and_empty_corpus(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such"):
        NgramModel.load(tmp_path / "none.json")
    with pytest.raises(DataError, match="no text"):
        NgramModel.from_texts(["", ""])
    with pytest.raises(ConfigError, match="order"):
        NgramModel.from_texts(["a"], order=0)


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
