from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.decoding.regex import DEAD, Machine, compile_pattern
from ocrx.errors import ConfigError

PATTERNS = ["a*b", "(ab|ba)+", "aa", "[ab]c?a{2}", "a(b|c)*", "()", "aab|abb", "[^a]{2,}", "(a|b){2}", ".*"]


def accepts(machine: Machine, text: str) -> bool:
    """Whether a text leads from the start to an accepting state."""
    state = 0
    for character in text:
        state = machine.steps[state][machine.groups[character]]
        if state == DEAD:
            return False
    return machine.accepting[state]


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, "^a+$", r"\Aab?\Z", r"\u0061b", "a|", "(?:ab){1,2}c", r"\w\W*", "^a|b$", "(a*)*", "(?:$|^b)"]
)
def test_a_pattern_accepts_what_python_matches(pattern: str) -> None:
    characters = "abc1 $^"
    machine = compile_pattern(pattern, characters)
    for length in range(4):
        for text in map("".join, product(characters, repeat=length)):
            assert accepts(machine, text) == bool(re.fullmatch(pattern, text, re.ASCII)), text


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
    characters = "abA1 ]-^$"
    texts = ["".join(text) for length in range(4) for text in product(characters, repeat=length)]
    matching = {text for text in texts if expected.fullmatch(text)}
    machine = compile_pattern(pattern, characters)
    assert {text for text in texts if accepts(machine, text)} == matching


def test_case_is_ignored_beyond_ascii() -> None:
    machine = compile_pattern("(?i:É[à-ç])", "éÉÀç")
    assert accepts(machine, "éÀ") and accepts(machine, "Éç") and not accepts(machine, "ÀÀ")


@pytest.mark.parametrize("pattern", ["[", r"(a)\1", r"(?<=a)b"])
def test_patterns_that_cannot_be_used(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"^pattern: "):
        compile_pattern(pattern, "abc")


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
        (".*a.{15}", "more than 20,000 states"),
        ("(((a{900}){900}){900}){900}", "too many repeats"),
        ("(?:){4000000000}", "too many repeats"),
    ],
)
def test_what_a_pattern_cannot_hold_is_named(pattern: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        compile_pattern(pattern, "abc")


def test_characters_that_a_pattern_treats_alike_share_a_group() -> None:
    machine = compile_pattern("[ab]c", "abcd")
    assert machine.groups["a"] == machine.groups["b"]
    assert len({machine.groups[c] for c in "acd"}) == 3
