from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.inference.confidence import line_confidence, line_log_odds, typical_score
from ocrx.model_spec import CalibrationSpec

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def test_the_default_is_the_product_of_the_probabilities() -> None:
    assert line_confidence((0.9, 0.8, 0.5), CalibrationSpec()) == pytest.approx(0.36)


def test_a_temperature_softens_each_character() -> None:
    softened = 1 / (1 + math.exp(-math.log(9) / 2))  # 0.9 at temperature 2
    assert line_confidence((0.9, 0.9), CalibrationSpec(temperature=2)) == pytest.approx(softened**2)


def test_bias_slope_and_length_act_on_the_log_odds() -> None:
    calibration = CalibrationSpec(bias=0.5, slope=2.0, length=-1.0)
    z = 0.5 + 2.0 * math.log(0.36 / 0.64) - math.log(3)
    assert line_confidence((0.9, 0.8, 0.5), calibration) == pytest.approx(1 / (1 + math.exp(-z)))


def test_no_characters_no_confidence() -> None:
    assert line_confidence((), CalibrationSpec(bias=9)) == 0
    assert typical_score(()) == 0


def test_the_typical_score_is_the_geometric_mean() -> None:
    assert typical_score((0.9, 0.4)) == pytest.approx(0.6)


@given(PROBABILITIES, st.floats(0.1, 10), st.floats(-50, 50), st.floats(0, 20), st.floats(-20, 20))
def test_any_probabilities_give_a_probability(
    scores: list[float], temperature: float, bias: float, slope: float, length: float
) -> None:
    assert 0 <= line_confidence(scores, CalibrationSpec(temperature, bias, slope, length)) <= 1
    assert math.isfinite(line_log_odds(scores, temperature))
    assert 0 <= typical_score(scores) <= 1


@given(PROBABILITIES, st.floats(0, 1))
def test_another_uncertain_character_never_raises_the_odds(scores: list[float], more: float) -> None:
    assert line_log_odds([*scores, more], 1.0) <= line_log_odds(scores, 1.0) + 1e-6
