from __future__ import annotations

from pathlib import Path

import editdistance
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.data.sample import Sample
from ocrx.evaluation.analysis import analyse, character_class, edit_pairs
from ocrx.evaluation.evaluate import LineResult
from ocrx.inference.results import Prediction

TEXT = st.text("ab c1", max_size=12)


def line(truth: str, prediction: str, score: float = 0.9, width: int = 100, error: str | None = None) -> LineResult:
    details = Prediction(prediction, score, image_size=None if error else (width, 32), error=error)
    return LineResult(Sample(Path("x.png"), truth, "val.txt:1"), prediction, score, error, details)


@given(TEXT, TEXT)
def test_edit_pairs_spell_both_texts_at_the_least_cost(truth: str, prediction: str) -> None:
    pairs = edit_pairs(truth, prediction)
    assert "".join(t for t, _ in pairs) == truth
    assert "".join(p for _, p in pairs) == prediction
    assert sum(t != p for t, p in pairs) == editdistance.eval(truth, prediction)


def test_confusions_classes_spaces_and_repeats() -> None:
    lines = [
        line("a b", "ab"),
        line("100", "10"),
        line("O0", "00"),
        line("ab", "a b"),
        line("ss", "ss"),
        line("xx", "xy"),
    ]
    found = analyse(lines)
    assert {(c.truth, c.prediction): c.count for c in found.confusions} == {
        (" ", ""): 1,
        ("0", ""): 1,
        ("O", "0"): 1,
        ("", " "): 1,
        ("x", "y"): 1,
    }
    assert (found.spaces, found.spaces_lost, found.spaces_added) == (1, 1, 1)
    assert (found.repeats, found.repeats_lost) == (3, 1)
    classes = {g.name: (g.count, g.wrong) for g in found.by_class}
    assert classes["digits"] == (4, 1)
    assert classes["upper case"] == (1, 1)
    assert classes["space"] == (1, 1)


@pytest.mark.parametrize(("truth", "prediction", "lost"), [("4000", "400", 1), ("1223", "123", 1), ("aab", "aac", 0)])
def test_a_shortened_run_counts_once(truth: str, prediction: str, lost: int) -> None:
    assert analyse([line(truth, prediction)]).repeats_lost == lost


def test_groups_by_length_and_width_cover_all_lines() -> None:
    lines = [line("", ""), line("a", "b"), line("x" * 30, "x" * 30, width=600), line("x" * 100, "", error="missing")]
    found = analyse(lines)
    assert [(g.name, g.count, g.wrong) for g in found.by_length] == [
        ("0 characters", 1, 0),
        ("1 to 2 characters", 1, 1),
        ("21 to 40 characters", 1, 0),
        ("81 characters or more", 1, 1),
    ]
    assert [(g.name, g.count) for g in found.by_width] == [
        ("unreadable", 1),
        ("65 to 128 pixels wide", 2),
        ("513 to 1024 pixels wide", 1),
    ]
    assert found.unreadable == 1


def test_texts_are_compared_in_nfc() -> None:
    assert analyse([line("é", "e\u0301")]).confusions == ()


def test_character_classes() -> None:
    expected = {"a": "lower case", "Ä": "upper case", "7": "digits", " ": "space", ".": "punctuation", "€": "symbols"}
    assert {c: character_class(c) for c in expected} == expected
    assert character_class("中") == "other letters"
