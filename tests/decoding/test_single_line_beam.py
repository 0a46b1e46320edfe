from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.ctc.reference import log_softmax
from ocrx.decoding.beam import beam_search
from ocrx.decoding.language_model import CharacterModel
from ocrx.decoding.ngram_model import NgramModel
from ocrx.decoding.single_line_beam import single_line_beam_search
from ocrx.text.charset import Charset


def model(texts: list[str], weight: float = 0.8, charset: str = "abc") -> CharacterModel:
    return CharacterModel(NgramModel.from_texts(texts, 3), Charset(charset), weight, 0.3)


def probabilities(text: str, charset: str = "abc", frames: int = 2) -> np.ndarray:
    """[T, K] of a network that reads ``text`` with confidence, ``frames`` frames a character and a blank behind it."""
    path = [c for character in Charset(charset).encode(text) for c in (*[character] * frames, 0)]
    probs = np.full((len(path), len(charset) + 1), 1e-6)
    probs[np.arange(len(path)), path] = 1
    return probs / probs.sum(axis=1, keepdims=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.sampled_from([0.5, 2.0]))
def test_it_finds_what_the_search_over_a_batch_finds(seed: int, frames: int, height: float) -> None:
    logits = np.random.default_rng(seed).normal(size=(1, frames, 4)) * height
    lm = model(["aba", "abab", "bab", "ca", "aa"])
    best = beam_search(logits, beam=400, lm=lm, classes_per_frame=3)[0][0]
    assert single_line_beam_search(np.exp(log_softmax(logits[0])), lm, beam=400, floor=0.0) == best.classes


def test_the_language_model_decides_low_confidence_frames_alone() -> None:
    probs = probabilities("aab")
    assert single_line_beam_search(probs, model(["ccc"] * 9)) == (1, 1, 2)
    probs[3:5] = (0.0, 0.5, 0.0, 0.5)
    assert single_line_beam_search(probs, model(["acb"] * 9)) == (1, 3, 2)
    assert single_line_beam_search(probs, model(["aab"] * 9)) == (1, 1, 2)


def test_the_same_character_twice_needs_a_blank_between() -> None:
    lm = model(["aa"] * 9)
    assert single_line_beam_search(probabilities("aa"), lm) == (1, 1)
    assert single_line_beam_search(probabilities("a", frames=6), lm) == (1,)


@pytest.mark.parametrize("height", [0.01, 40.0])
def test_long_lines_and_impossible_blanks_stay_within_floats(height: float) -> None:
    logits = np.random.default_rng(2).normal(size=(3000, 4)) * height
    logits[:50, 0] = -800.0
    assert len(single_line_beam_search(np.exp(log_softmax(logits)), model(["abc"]))) > 10


def test_no_frame_is_no_text() -> None:
    assert single_line_beam_search(np.empty((0, 4)), model(["a"])) == ()
