"""Dataclasses built from plain values: types, ranges, choices, nesting, and errors that say where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.errors import ConfigError, DataError, ModelError
from ocrx.schema import Choice, Range, accepts_text, build, check_ranges, closest, field_paths


@dataclass(frozen=True)
class Inner:
    size: Literal["small", 4] = "small"
    layers: tuple[tuple[int, float], ...] = ()
    even: int = 2

    def __post_init__(self) -> None:
        if self.even % 2:
            raise DataError(f"even: {self.even}; expected an even number", hint="add 1")


@dataclass(frozen=True)
class Outer:
    name: str
    count: Annotated[int, Range(1, 100)] = 1
    rate: Annotated[float, Range(above=0, below=1)] | None = None
    mode: Annotated[str, Choice("on", "off", "fast")] = "fast"
    enable: bool = False
    words: tuple[str, ...] = ()
    sizes: tuple[Annotated[int, Range(1)], ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


def test_values_become_the_types_of_the_fields() -> None:
    built = build(
        Outer,
        {
            "name": "a",
            "rate": 0.5,
            "words": ["x", "y"],
            "params": {"any": [1, None]},
            "inner": {"layers": [[1, 2]], "size": 4},
        },
        error=ConfigError,
    )
    assert built == Outer("a", rate=0.5, words=("x", "y"), params={"any": [1, None]}, inner=Inner(4, ((1, 2.0),)))
    assert isinstance(built.inner.layers[0][1], float)


def test_on_and_off_are_words_where_they_are_choices() -> None:
    assert build(Outer, {"name": "a", "mode": False}, error=ConfigError).mode == "off"
    assert build(Outer, {"name": "a", "mode": True}, error=ConfigError).mode == "on"


def test_an_empty_section_keeps_the_defaults() -> None:
    assert build(Outer, {"name": "a", "inner": None}, error=ConfigError) == Outer("a")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name: missing"),
        ({"name": 5}, "name: 5; expected text"),
        ({"name": True}, "name: True; expected text"),
        ({"name": None}, "name: None; expected text"),
        ({"count": "5"}, "count: '5'; expected an integer"),
        ({"count": 5.0}, "count: 5.0; expected an integer"),
        ({"count": True}, "count: True; expected an integer"),
        ({"count": 0}, "count: 0; expected 1 to 100"),
        ({"count": 101}, "count: 101; expected 1 to 100"),
        ({"rate": 0}, "rate: 0.0; expected more than 0 and less than 1"),
        ({"rate": 1.0}, "rate: 1.0; expected more than 0 and less than 1"),
        ({"rate": float("nan")}, "rate: nan; expected a finite number"),
        ({"rate": 10**400}, "expected a number"),
        ({"mode": "slow"}, "mode: 'slow'; expected one of on, off, fast"),
        ({"enable": "yes"}, "enable: 'yes'; expected true or false"),
        ({"enable": 1}, "enable: 1; expected true or false"),
        ({"words": "x"}, "words: 'x'; expected a list"),
        ({"words": ["x", 5]}, "words: 5; expected text"),
        ({"sizes": [1, 0]}, "sizes: 0; expected at least 1"),
        ({"params": [1]}, "params: [1]; expected a section with keys"),
        ({"params": {1: 2}}, "params: {1: 2}; expected a section with keys"),
        ({"inner": 5}, "inner: 5; expected a section with keys"),
        ({"inner": {"size": 4.0}}, "inner.size: 4.0; expected one of small, 4"),
        ({"inner": {"layers": [[1]]}}, "inner.layers: [1]; expected a list of 2 values"),
        ({"inner": {"layers": [1]}}, "inner.layers: 1; expected a list of 2 values"),
        ({"inner": {"even": 3}}, "inner.even: 3; expected an even number"),
        ({"inner": {"evven": 3}}, "inner.evven: no such key"),
        ({"name": {"x" * 500: 1}}, "…; expected text"),
    ],
)
def test_a_value_that_does_not_fit_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        build(Outer, {"name": "a", **values} if values else {}, error=ModelError, prefix="model.json: ")
    assert caught.value.message.startswith("model.json: ")
    assert message in caught.value.message
    assert len(caught.value.message) < 150


def test_hints_suggest_what_was_meant() -> None:
    def hint(values: dict[str, Any]) -> str | None:
        with pytest.raises(ConfigError) as caught:
            build(Outer, {"name": "a", **values}, error=ConfigError)
        return caught.value.hint

    assert hint({"inner": {"laiers": 1}}) == "did you mean inner.layers?"
    assert hint({"zzz": 1}) == "it has name, count, rate, mode, enable, words, sizes, params, inner"
    assert hint({"mode": "fats"}) == "did you mean fast?"
    assert hint({"name": 5}) == "write it in quotes"
    assert hint({"inner": {"even": 3}}) == "add 1"


BOUNDS = st.floats(allow_infinity=False)


@given(BOUNDS, BOUNDS, BOUNDS)
def test_a_range_accepts_what_it_says(least: float, most: float, value: float) -> None:
    assert Range(least, most).accepts(value) == (least <= value <= most)
    assert Range(above=least, below=most).accepts(value) == (least < value < most)


def test_ranges_hold_for_dataclasses_built_in_python() -> None:
    check_ranges(Outer("a", 5, 0.5), error=ConfigError)
    for wrong in (Outer("a", 0), Outer("a", rate=float("nan")), Outer("a", sizes=(1, 0)), Outer("a", mode="slow")):
        with pytest.raises(ConfigError, match="expected"):
            check_ranges(wrong, error=ConfigError)


def test_paths_and_text_fields() -> None:
    assert field_paths(Outer)[-4:] == ["inner", "inner.size", "inner.layers", "inner.even"]
    assert accepts_text(Outer, "name") and accepts_text(Outer, "mode")
    assert not any(accepts_text(Outer, path) for path in ("count", "words", "inner", "inner.even", "none", "name.x"))


def test_the_closest_name_ignores_case() -> None:
    assert closest("TRAIN.epoch_iters", ["Train.epochs_iters", "Train.seed"]) == "did you mean Train.epochs_iters?"
    assert closest("xyz", ["Train.seed"]) is None
