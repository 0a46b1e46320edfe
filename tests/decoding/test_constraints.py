from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from ocrx.decoding.constraints import Automaton, from_allowed, from_lexicon, from_mask, from_pattern
from ocrx.errors import ConfigError
from ocrx.text.charset import Charset

ABC = Charset("abc")


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


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[", "is not a regular expression"),
        ("", "empty, so that only empty lines match"),
        ("xyz", "matches no text of the model's characters"),
        (r"\d", "matches no text of the model's characters"),
    ],
)
def test_patterns_that_cannot_be_used_name_their_field(pattern: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"^pattern: .*{reason}"):
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


def test_a_free_mask_accepts_everything_allowed() -> None:
    automaton: Automaton = from_mask(np.array([True, True, False, True]))
    assert automaton.accepts([])
    assert automaton.accepts([1, 3, 3])
    assert not automaton.accepts([2])


def test_dead_ends_are_dropped() -> None:
    assert from_pattern("a(bx|c)", ABC).used.tolist() == [1, 3]
