from __future__ import annotations

import re
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.ctc.alignment import forced_alignment
from ocrx.ctc.reference import log_softmax
from ocrx.decoding import viterbi
from ocrx.decoding.beam import beam_search
from ocrx.decoding.constraints import from_lexicon, from_pattern
from ocrx.decoding.viterbi import best_path
from ocrx.text.charset import Charset

ABC = Charset("abc")
PATTERNS = ["a*b", "(ab|ba)+", "aa", "[ab]c?a{2}", "a(b|c)*", "()", "aab|abb", "[^a]{2,}", "(a|b){2}", ".*"]


@given(st.sampled_from(PATTERNS), st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
def test_search_under_a_constraint_is_exact(pattern: str, seed: int, frames: int, ties: bool) -> None:
    logits = np.random.default_rng(seed).normal(size=(1, frames, 4)) * 2
    logits = np.round(logits) if ties else logits
    automaton = from_pattern(pattern, ABC)
    log_probs = log_softmax(logits)[0]
    best, sums = -np.inf, {}
    for path in product(range(4), repeat=frames):
        text = tuple(c for c, _ in groupby(path) if c)
        if re.fullmatch(pattern, ABC.decode(text)):
            value = float(sum(log_probs[t, c] for t, c in enumerate(path)))
            best = max(best, value)
            sums[text] = sums.get(text, 0.0) + float(np.exp(value))
    (found,) = best_path(logits, automaton)
    (beams,) = beam_search(logits, beam=900, automaton=automaton)
    if not sums:
        assert found is None
        assert beams == []
    else:
        assert found in sums
        assert forced_alignment(logits[0], found).score == pytest.approx(best)
        assert {beam.classes: np.exp(beam.log_prob) for beam in beams} == pytest.approx(sums)


def test_equal_arcs_into_one_state_do_not_hide_each_other() -> None:
    (found,) = best_path(np.zeros((1, 2, 3)), from_pattern("[ab]{2}", Charset("ab")))
    assert found in ((1, 2), (2, 1))


def test_a_line_does_not_depend_on_how_many_are_searched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.random.default_rng(0).normal(size=(5, 12, 4))
    automaton = from_lexicon(["abc", "cab", "aa", "bcb"], ABC).automaton
    together = best_path(logits, automaton)
    monkeypatch.setattr(viterbi, "_MEMORY_BYTES", 1)
    assert best_path(logits, automaton) == together == [best_path(line[None], automaton)[0] for line in logits]
