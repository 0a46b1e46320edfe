from __future__ import annotations

from random import Random

import hypothesis.strategies as st
from hypothesis import given

from ocrx.evaluation.planted_errors import plant_error


@given(st.text("abc é", max_size=8), st.integers(0, 1000))
def test_a_planted_error_changes_the_label(text: str, seed: int) -> None:
    assert plant_error(text, ["another line"], "abcdefgh", Random(seed)) != text


def test_the_kinds_of_errors() -> None:
    rng = Random(1)
    found = [plant_error("abcd", ["another"], "xyz", rng) for _ in range(300)]
    others = found.count("another") / len(found)
    assert 0.1 < others < 0.3
    assert {"aabcd", "abcdd", "bcd", "abc", "bacd", "abdc"} < set(found), "doubled, left out, swapped"
    assert any(set(text) & set("xyz") and len(text) == 4 for text in found), "replaced"


def test_the_same_source_of_randomness_gives_the_same_error() -> None:
    first, second = (plant_error("abcd", [], "xyz", Random("train.txt:1")) for _ in range(2))
    assert first == second
