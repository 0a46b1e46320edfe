from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.sample import Sample
from ocrx.evaluation.evaluate import LineResult
from ocrx.evaluation.intervals import intervals, wilson
from ocrx.inference.results import Prediction


def line(truth: str, read: str) -> LineResult:
    return LineResult(Sample(Path("x.png"), truth, "val.txt:1"), read, 0.5, None, Prediction(text=read))


def test_intervals_hold_the_value_and_shrink_with_more_lines() -> None:
    few = intervals([line("a", "a" if i % 2 else "b") for i in range(20)])["accuracy"]
    many = intervals([line("a", "a" if i % 2 else "b") for i in range(2000)])["accuracy"]
    assert few[0] < 0.5 < few[1] and many[0] < 0.5 < many[1]
    assert 0.35 < few[1] - few[0] < 0.55  # 2 * 1.96 * sqrt(0.25 / 20) = 0.44
    assert 0.035 < many[1] - many[0] < 0.05
    assert intervals([]) == {}


def test_a_difference_is_paired() -> None:
    first = [line("a", "a" if i % 2 else "b") for i in range(200)]
    assert intervals(first, first)["accuracy"] == (0.0, 0.0)
    low, _ = intervals(first, [line("a", "a")] * 200)["accuracy"]
    assert low > 0.4


def test_all_right_or_all_wrong_leaves_an_interval_of_every_metric() -> None:
    wrong = intervals([line("a", "b")] * 6)
    right = intervals([line("a", "a")] * 6)
    none, all_six = (0.0, 0.3903), (0.6097, 1.0)  # Wilson's, from a table
    assert wrong["accuracy"] == wrong["norm_edit_dis"] == pytest.approx(none, abs=1e-4)
    assert wrong["cer"] == wrong["wer"] == pytest.approx(all_six, abs=1e-4)
    assert right["accuracy"] == right["norm_edit_dis"] == pytest.approx(all_six, abs=1e-4)
    assert right["cer"] == right["wer"] == pytest.approx(none, abs=1e-4)


def test_a_single_line_says_little() -> None:
    low, high = intervals([line("abcd", "abcx")])["cer"]
    assert low < 0.1 and high > 0.7


def test_wilson_takes_fractions() -> None:
    low, high = wilson(2.5, 10)
    assert wilson(2, 10)[0] < low < 0.25 < high < wilson(3, 10)[1]
