from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.text.metrics import compute_metrics

PAIRS = st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), min_size=1, max_size=20)


def test_hand_counted_numbers() -> None:
    result = compute_metrics([("hello world", "hello world"), ("abcd", "abxd"), ("A b", "a b"), ("", "")])
    assert (result.count, result.exact, result.accuracy) == (4, 2, 0.5)
    assert result.char_edits == 2 and result.char_count == 18
    assert result.cer == pytest.approx(2 / 18)
    assert result.word_edits == 2 and result.word_count == 5
    assert result.norm_edit_dis == pytest.approx(1 - (0 + 1 / 4 + 1 / 3 + 0) / 4)
    assert result.accuracy_ci == 0.75
    assert result.cer_ci == pytest.approx(1 / 18)


def test_spaces_count_except_in_the_lenient_numbers() -> None:
    result = compute_metrics([("a b", "ab")])
    assert result.accuracy == 0.0 and result.cer == pytest.approx(1 / 3)
    assert result.lenient.acc == 1.0 and result.lenient.norm_edit_dis == 1.0


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert compute_metrics([("caf\u00e9", "cafe\u0301")]).accuracy == 1.0


def test_an_empty_set_gives_zeros() -> None:
    result = compute_metrics([])
    assert (result.count, result.accuracy, result.norm_edit_dis, result.cer) == (0, 0.0, 0.0, 0.0)


@given(PAIRS)
def test_bounds(pairs: list[tuple[str, str]]) -> None:
    result = compute_metrics(pairs)
    for ratio in (result.accuracy, result.norm_edit_dis, result.accuracy_ci, result.lenient.acc):
        assert 0 <= ratio <= 1
    assert result.accuracy <= result.accuracy_ci
    assert result.cer >= 0 and result.wer >= 0


@given(PAIRS)
def test_perfect_predictions_are_perfect(pairs: list[tuple[str, str]]) -> None:
    result = compute_metrics((truth, truth) for truth, _ in pairs)
    assert (result.accuracy, result.norm_edit_dis, result.cer, result.wer) == (1, 1, 0, 0)


@given(PAIRS, PAIRS)
def test_counts_add_up_whatever_the_parts(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
    whole, a, b = compute_metrics(first + second), compute_metrics(first), compute_metrics(second)
    assert whole.exact == a.exact + b.exact
    assert whole.char_edits == a.char_edits + b.char_edits
