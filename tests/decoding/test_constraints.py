from __future__ import annotations

import re
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.ctc.alignment import forced_alignment
from ocrx.ctc.reference import log_softmax
from ocrx.decoding.beam import beam_search
from ocrx.decoding.constraints import Automaton, from_allowed, from_lexicon, from_mask, from_pattern
from ocrx.decoding.viterbi import best_path
from ocrx.errors import ConfigError
from ocrx.text.charset import Charset

ABC = Charset("abc")
PATTERNS = ["a*b", "(ab|ba)+", "aa", "[ab]c?a{2}", "a(b|c)*", "()", "aab|abb", "[^a]{2,}", "(a|b){2}", ".*"]


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, "^a+$", r"\Aab?\Z", r"\u0061b", "a|", "(?:ab){1,2}c", r"\w\W*", "^a|b$", "(a*)*", "(?:$|^b)"]
)
def test_a_pattern_accepts_what_python_matches(pattern: str) -> None:
    charset = Charset("abc1 $^")
    automaton = from_pattern(pattern, charset)
    for length in range(4):
        for text in map("".join, product(charset, repeat=length)):
            assert automaton.accepts(charset.encode(text)) == bool(re.fullmatch(pattern, text, re.ASCII)), text


_CLASSES = ["[ab]", "[^]]", "[]a]", "[^a]", "[a-c1]", r"[\d^]", r"[^\s-]", "[$^]", "[b-]"]
_ATOMS = st.sampled_from(["a", "b", ".", r"\d", r"\W", r"\]", "]", "^", "$", "(?#name)", *_CLASSES])
_REPEATS = st.sampled_from(["", "", "*", "+?", "?", "{2}", "{,2}", "{1,}"])
_RANDOM = st.recursive(
    st.tuples(_ATOMS, _REPEATS).map(lambda parts: f"(?:{parts[0]}){parts[1]}" if parts[1] else parts[0]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(st.sampled_from(["(", "(?:", "(?i:", "(?P<n>"]), inner).map(lambda parts: f"{parts[0]}{parts[1]})"),
    ),
    max_leaves=5,
)


@given(_RANDOM)
def test_random_patterns_mean_what_they_mean_in_python(pattern: str) -> None:
    try:
        expected = re.compile(pattern, re.ASCII)
    except re.error:
        return  # two groups of one name
    charset = Charset("abA1 ]-^$")
    texts = ["".join(text) for length in range(4) for text in product(charset, repeat=length)]
    matching = {text for text in texts if expected.fullmatch(text)}
    try:
        automaton = from_pattern(pattern, charset)
    except ConfigError:
        assert not matching
        return
    assert {text for text in texts if automaton.accepts(charset.encode(text))} == matching


def test_case_is_ignored_beyond_ascii() -> None:
    automaton = from_pattern("(?i:É[à-ç])", Charset("éÉÀç"))
    assert automaton.accepts([1, 3]) and automaton.accepts([2, 4]) and not automaton.accepts([3, 3])


def test_entries_of_several_code_points_walk_all_of_them() -> None:
    charset = Charset(["a", "b", "ab"])
    automaton = from_pattern("abb?", charset)
    assert automaton.accepts([3])
    assert automaton.accepts([3, 2])
    assert automaton.accepts([1, 2])
    assert not automaton.accepts([3, 3])


def test_distance_counts_the_characters_still_needed() -> None:
    automaton = from_pattern("ab{2}", ABC)
    assert automaton.distance[0] == 3
    assert sorted(automaton.distance.tolist()) == [0, 1, 2, 3]


def test_large_automata_step_without_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = from_pattern("a(b|c)*", ABC)
    monkeypatch.setattr("ocrx.decoding.constraints._DENSE_ENTRIES", 0)
    sparse = from_pattern("a(b|c)*", ABC)
    states, labels = np.meshgrid(np.arange(-1, dense.accepting.size), np.arange(1, 4))
    assert np.array_equal(dense.step(states, labels), sparse.step(states, labels))


@pytest.mark.parametrize("pattern", ["[", r"(a)\1", r"(?<=a)b", "xyz", r"\d"])
def test_patterns_that_cannot_be_used(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"^pattern: "):
        from_pattern(pattern, ABC)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"\d+(?!\d)", "look-ahead and look-behind are not supported"),
        ("a(?=b)b", "look-ahead and look-behind are not supported"),
        ("(?<!a)b", "look-ahead and look-behind are not supported"),
        ("(?!)", "look-ahead and look-behind are not supported"),
        (r"\ba", r"\\b and \\B are not supported"),
        ("(?L)a", "not a regular expression"),
        ("(" * 3000 + ")" * 3000, "not a regular expression"),
        ("", "empty, so that only empty lines match"),
        (".*a.{15}", "more than 20,000 states"),
        ("(((a{900}){900}){900}){900}", "too many repeats"),
        ("(?:){4000000000}", "too many repeats"),
    ],
)
def test_what_a_pattern_cannot_hold_is_named(pattern: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        from_pattern(pattern, ABC)


def test_a_pattern_of_too_many_edges_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.decoding.constraints.MAX_EDGES", 10)
    assert from_pattern("a{9}", ABC).accepting.size == 10
    with pytest.raises(ConfigError, match="is too large for 3 characters"):
        from_pattern(".{9}", ABC)


def test_lexicon_holds_its_entries_and_no_others() -> None:
    lexicon = from_lexicon(["ab", "abc", "c", "bx", "", "ab"], ABC)
    accepted = {
        t for n in range(4) for t in map("".join, product("abc", repeat=n)) if lexicon.automaton.accepts(ABC.encode(t))
    }
    assert accepted == {"ab", "abc", "c"}
    assert lexicon.count == 3
    assert lexicon.unreadable == ("bx",)


def test_a_lexicon_keeps_to_the_other_constraint() -> None:
    lexicon = from_lexicon(["ab", "bc", "c"], ABC, from_pattern("..", ABC))
    assert lexicon.count == 2
    with pytest.raises(ConfigError, match=r"^lexicon: "):
        from_lexicon(["ab"], ABC, from_pattern("c", ABC))


def test_allowed_and_denied_characters() -> None:
    charset = Charset(["a", "b", "c", "ab"])
    assert from_allowed(charset, allow="ab").tolist() == [True, True, True, False, True]
    assert from_allowed(charset, deny="b").tolist() == [True, True, False, True, False]
    assert from_allowed(charset, allow="ab", deny="b").tolist() == [True, True, False, False, False]
    with pytest.raises(ConfigError, match="does not know 'x'"):
        from_allowed(charset, allow="ax")
    with pytest.raises(ConfigError, match="no character"):
        from_allowed(charset, allow="a", deny="a")
    with pytest.raises(ConfigError, match=r"^allow: no characters"):
        from_allowed(charset, allow="")


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


def test_a_free_mask_accepts_everything_allowed() -> None:
    automaton: Automaton = from_mask(np.array([True, True, False, True]))
    assert automaton.accepts([])
    assert automaton.accepts([1, 3, 3])
    assert not automaton.accepts([2])


def test_equal_arcs_into_one_state_do_not_hide_each_other() -> None:
    (found,) = best_path(np.zeros((1, 2, 3)), from_pattern("[ab]{2}", Charset("ab")))
    assert found in ((1, 2), (2, 1))


def test_ways_that_lead_nowhere_are_dropped() -> None:
    assert from_pattern("a(bx|c)", ABC).used.tolist() == [1, 3]
