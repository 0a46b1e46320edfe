"""JSON is written and read back; what is read stays within the limits."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrx.errors import DataError, ModelError
from ocrx.files import json_values, parse_json, read_json, to_json, write_json

NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19), 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(value=st.dictionaries(st.text(), NESTED, max_size=4))
def test_json_written_is_read_back(value: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("json")
    for name in ("a.json", "a.json.gz"):
        write_json(folder / name, value)
        assert read_json(folder / name) == value


def test_json_with_bytes_of_file_names_is_escaped() -> None:
    assert json.loads(to_json({"name": "\udcff", "text": "ä"})) == {"name": "\udcff", "text": "ä"}
    assert to_json({"text": "ä"}) == '{"text": "ä"}'
    to_json({"name": "\udcff"}).encode("utf-8")


def test_a_number_that_json_lacks_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 64 levels"),
        ("[" * 80 + "]" * 80, "nested deeper than 64 levels"),
        ('{"a":' * 80 + "1" + "}" * 80, "nested deeper than 64 levels"),
        ("9" * 5000, "an integer is too large"),
        ("9" * 4000, "an integer of more than 20 digits"),
        ('{"a": [1, {"b": -' + "9" * 30 + "}]}", "an integer of more than 20 digits"),
        (b"\xff", "not valid JSON"),
    ],
)
def test_json_beyond_the_limits_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        parse_json(text, "model.json", error=ModelError)
    assert caught.value.message.startswith("model.json: ")
    assert len(caught.value.message) < 200


def test_a_compressed_file_that_grows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "MAX_JSON_BYTES", 1000)
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"[" + b" " * 100_000 + b"]"))
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        read_json(path)


def test_a_compressed_file_is_unpacked_no_further_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_values, "MAX_JSON_BYTES", 100_000)
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="more than 100,000 bytes"):
            read_json(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("damage", [lambda data: data[:-12], lambda data: data[:5], lambda data: data[:12] + bytes(9)])
def test_a_damaged_compressed_file_is_named(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "a.json.gz"
    assert callable(damage)
    path.write_bytes(damage(gzip.compress(b'{"a": "some longer text, so that there is something to cut"}')))
    with pytest.raises(DataError, match=r"a\.json\.gz: damaged"):
        read_json(path)
