"""YAML within limits: nothing in a file can run, exhaust memory, take a secret or be dropped silently."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ocrx.config import load_config
from ocrx.config.yaml_text import read_overrides, read_yaml, write_yaml
from ocrx.errors import ConfigError

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Global: [1, 2", ":1: not valid YAML"),
        ("- a\n- b\n", "expected sections such as Global and Train, found a list"),
        ("hello", "expected sections such as Global and Train, found a value"),
        ("Global: {seed: 1}\nGlobal: {seed: 2}\n", "found duplicate key Global"),
        ("Train:\n  batch_size: 1\n  batch_size: 2\n", "found duplicate key batch_size"),
        ("Predict:\n  input: https://x.example/${oc.env:HOME}\n", ":2: .*expected no interpolation"),
        ("Predict: {input: '${'}", "expected no interpolation"),
        ("a: " + "[" * 100_000, "nested deeper than 20 levels"),
        ("a: " + "{b: " * 30 + "1" + "}" * 30, "nested deeper than 20 levels"),
        ("Global: {seed: " + "9" * 5000 + "}", "an integer of more than 20 digits"),
        ("Global: {seed: 0x" + "f" * 5000 + "}", "an integer of more than 20 digits"),
        ("Global: {seed: " + "59:" * 3000 + "59}", "an integer of more than 20 digits"),
        (BOMB, "more than 20,000 values, those that aliases repeat included"),
        ("Global: &a {x: *a}", "names nothing before it, or itself"),
        ("Global: *a", "names nothing before it, or itself"),
        ("Global: !!python/object/apply:os.system [x]", "not valid YAML"),
        ("Global: {output: !!binary aGVsbG8=}", "Global.output: .*; expected text"),
        ("Global: !!set {a, b}", "not valid YAML"),
        ("Global: {? [a, b] : 1}", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
    ],
)
def test_a_hostile_or_broken_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    start = time.perf_counter()
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(str(path))
    assert len(caught.value.message) < 300 + len(str(path))
    assert time.perf_counter() - start < 60, "a limit stops the work, however deep or large the file is"


def test_a_file_too_large_or_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ConfigError, match="larger than 1,048,576 bytes"):
        read_yaml(path)
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ConfigError, match="not a text file"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="no such file"):
        read_yaml(tmp_path / "none.yaml")


def test_aliases_within_the_limits_are_values(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "\ufeffTrain: &t {batch_size: 8, freeze: &f [stem]}\nOther: {<<: *t, freeze: *f}\n", encoding="utf-8"
    )
    assert read_yaml(path) == {
        "Train": {"batch_size": 8, "freeze": ["stem"]},
        "Other": {"batch_size": 8, "freeze": ["stem"]},
    }
    path.write_text("")
    assert read_yaml(path) == {}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    tree = {
        "A": {
            "text": ["on", "1e5", "0123", "1:30", "null", "a: b", "ä\n", ""],
            "number": 1e-05,
            "none": None,
            "flag": True,
        }
    }
    path.write_text(write_yaml(tree), encoding="utf-8")
    assert read_yaml(path) == tree


def test_overrides_follow_yaml_and_text_is_taken_literally() -> None:
    entries = [
        "A.x=1e-3",
        "A.y=[1, 2]",
        "A.z={k: v}",
        "A.z.l=3",
        "B.t=0123",
        "B.t2=off",
        "B.t3=null",
        "B.t4=a=b",
        "A.x=2",
    ]
    assert read_overrides(entries, lambda key: key.startswith("B.")) == {
        "A": {"x": 2, "y": [1, 2], "z": {"k": "v", "l": 3}},
        "B": {"t": "0123", "t2": "off", "t3": None, "t4": "a=b"},
    }


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("A", "expected Section.key=value"),
        ("=3", "expected Section.key=value"),
        ("A..b=3", "expected Section.key=value"),
        ("A.b=[1", "not valid YAML"),
        ("A.b=${oc.env:HOME}", "expected no interpolation"),
        ("A.b=" + "9" * 5000, "an integer of more than 20 digits"),
        ("A.b=" + "[" * 5000, "nested deeper than 20 levels"),
        ("A.b=*a", "names nothing before it, or itself"),
    ],
)
def test_a_wrong_override_is_named(entry: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"^-o [A=]") as caught:
        read_overrides([entry], lambda key: False)
    assert message in caught.value.message


def test_a_value_is_no_section() -> None:
    with pytest.raises(ConfigError, match=r"A\.b\.c: b is set to a value"):
        read_overrides(["A.b=1", "A.b.c=2"], lambda key: False)
