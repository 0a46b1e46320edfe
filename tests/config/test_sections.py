"""Every number has a range, every mistake a name."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest

from ocrx.config import Config, TrainConfig, load_config
from ocrx.config.yaml_text import read_overrides
from ocrx.errors import ConfigError
from ocrx.schema import Range, build


def unbounded(kind: type, before: str = "") -> Iterator[str]:
    """Paths of the numbers in a dataclass that have no range, or one without an upper end."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        stack = [hints[field.name]]
        while stack:
            hint = stack.pop()
            if isinstance(hint, type) and is_dataclass(hint):
                yield from unbounded(hint, f"{before}{field.name}.")
            elif get_origin(hint) is Annotated:
                ranges = [rule for rule in get_args(hint)[1:] if isinstance(rule, Range)]
                if get_args(hint)[0] in (int, float) and not all(rule.accepts(1e30) is False for rule in ranges):
                    yield f"{before}{field.name}"
            elif hint in (int, float):
                yield f"{before}{field.name}"
            elif get_origin(hint) in (Union, types.UnionType, tuple):
                stack += get_args(hint)


def test_every_number_has_a_range() -> None:
    # The two percentages have to add up to 100, which is checked where splitting is enabled.
    assert set(unbounded(Config)) == {"CheckDataset.split.train_percent", "CheckDataset.split.val_percent"}


def numbers(kind: type, before: str = "") -> Iterator[tuple[str, str]]:
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint = hints[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from numbers(hint, f"{before}{field.name}.")
        elif "int" in str(hint) or "float" in str(hint):
            yield f"{before}{field.name}", "[{}]" if "tuple" in str(hint) else "{}"


NONSENSE = (".nan", "-.inf", "1e999", "9" * 19, "-" + "9" * 19, "0x" + "f" * 16, "many", "true", "[[]]")


@pytest.mark.parametrize(("key", "form"), list(numbers(Config)))
def test_every_number_rejects_nonsense(key: str, form: str) -> None:
    for value in NONSENSE:
        values = read_overrides([f"{key}={form.format(value)}"], lambda key: False)
        if key.startswith("CheckDataset.split."):
            values["CheckDataset"]["split"]["enable"] = True
        with pytest.raises(ConfigError) as caught:
            build(Config, values, error=ConfigError)
        assert caught.value.message.startswith((key, key.rpartition(".")[0])), caught.value.message
        assert "; expected " in caught.value.message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("Train.learning_rate=.nan", "Train.learning_rate: nan; expected a finite number"),
        ("Train.learning_rate=0", "Train.learning_rate: 0.0; expected more than 0 and at most 100"),
        ("Global.seed=-1", "Global.seed: -1; expected 0 to 9,223,372,036,854,775,807"),
        ("Train.accumulate=1000000", "Train.accumulate: 1000000; expected 1 to 10,000"),
        ("Global.threads=3000", "Global.threads: 3000; expected 1 to 512"),
        ("Benchmark.threads=[1, 3000]", "Benchmark.threads: 3000; expected 1 to 512"),
        ("Train.workers=3000", "Train.workers: 3000; expected 0 to 512"),
        ("Train.ignore_checks=[leek]", "Train.ignore_checks: 'leek'; expected one of"),
        ("Train.guide.dims=33", "Train.guide.dims: 33; expected a multiple of 32"),
        ("Train.focal_gamma=0.5", "Train.focal_gamma: 0.5; expected 0 (off) or at least 1"),
        ("Synth.max_length=0", "Synth.max_length: 0; expected 1 to 10,000"),
        ("Synth.min_length=50", "Synth.max_length: 40; expected at least min_length (50)"),
        ("Synth={receipt: 0, document: 0, screen: 0, photo: 0}", "Synth.receipt, document, screen and photo: all 0"),
        (
            "CheckDataset.split={enable: true, train_percent: 80, val_percent: 30}",
            "CheckDataset.split.train_percent and val_percent: 80 and 30; expected two numbers above 0",
        ),
        ("Train.augment=off", "Train.augment: False; expected a number"),
        ("Image.std=[0]", "Image.std: 0; expected other numbers"),
        ("Image.mean=[1, 2]", "Image.mean: 2 values; expected 1 value"),
    ],
)
def test_a_value_out_of_range_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [override])
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", ["off", "'off'", "false", "OFF"])
def test_preflight_can_be_switched_off_as_yaml_spells_it(value: str, tmp_path: Any) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"Train: {{preflight: {value}}}\n", encoding="utf-8")
    assert load_config(str(path)).Train.preflight == "off"


def test_the_default_learning_rate_depends_on_the_initial_weights() -> None:
    assert TrainConfig().rate == 1e-3
    assert TrainConfig(pretrain_weight_path="printed_en").rate == 5e-4
    assert TrainConfig(pretrain_weight_path="printed_en", learning_rate=0.5).rate == 0.5
