"""Parts: complete or not there, verified, and a digest that does not depend on how rows are divided."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocrx.bulk.parts import FORMATS, Parts, Summary, summarize
from ocrx.bulk.rows import Columns, Reading, Row, result_values
from ocrx.bulk.storage import open_storage

COLUMNS = Columns(("page", "size", "box"), ("string", "float", "json"))
READINGS = [
    Reading("SNÖ 7,50", 0.98765432, 0.9, None),
    Reading("", error="b.png: damaged"),
    Reading('say "hi",\nthen\r\ngo', 1.0, None, "several lines", matched=False),
]
ROWS = [
    Row("a", "a.png", None, ("p1", 2.5, [1, {"x": None}])),
    Row("b", None, None, (None, None, None)),
    Row("c,\n", "c.png", None, ("", 3, "text")),
]


def parts(folder: Path, form: str, fingerprint: str = "f" * 32) -> Parts:
    storage = open_storage(str(folder))
    storage.clean()
    return Parts(storage, form, COLUMNS, fingerprint, 3)


def values() -> list[tuple[Any, ...]]:
    return [result_values(row, reading) for row, reading in zip(ROWS, READINGS, strict=True)]


@pytest.mark.parametrize("form", FORMATS)
def test_a_part_gives_back_what_was_committed(form: str, tmp_path: Path) -> None:
    one = parts(tmp_path, form)
    summary = one.commit(1, values())
    assert (summary.rows, summary.errors) == (3, 1)
    assert one.verify(1, 3) == summary == one.peek(1)
    assert list(one.present()) == [1]
    found = one.readings(1)
    assert found is not None
    rounded = [Reading("SNÖ 7,50", 0.9877, 0.9), *READINGS[1:]]
    assert found[1] == rounded
    assert summarize([result_values(row, reading) for row, reading in zip(ROWS, found[1], strict=True)]) == summary
    assert not [name for name in tmp_path.iterdir() if name.name.startswith(".")]


def test_columns_in_every_format(tmp_path: Path) -> None:
    for form in FORMATS:
        parts(tmp_path, form).commit(0, values())
    names = ["id", "input_path", "rec_text", "rec_score", "confidence", "warning", "matched", "error"]
    names += COLUMNS.names

    table = pq.read_table(tmp_path / "part-00000.parquet")
    assert table.column_names == names
    assert table.to_pylist()[0]["box"] == '[1, {"x": null}]'
    assert table.schema.field("size").type == pa.float64()
    lines = (tmp_path / "part-00000.jsonl").read_text(encoding="utf-8").split("\n")
    assert json.loads(lines[0])["box"] == [1, {"x": None}]
    assert list(json.loads(lines[2])) == names
    with (tmp_path / "part-00000.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [rows[0]["matched"], rows[1]["error"], rows[2]["id"]] == ["true", "b.png: damaged", "c,\n"]
    assert rows[2]["rec_text"] == READINGS[2].text


def test_columns_of_parquet_keep_their_types(tmp_path: Path) -> None:
    from base64 import b64encode

    schema = pa.schema([("when", pa.timestamp("us")), ("small", pa.int8()), ("tags", pa.list_(pa.string()))])
    columns = Columns(tuple(schema.names), (), b64encode(schema.serialize().to_pybytes()).decode())
    storage = open_storage(str(tmp_path))
    moment = pa.scalar(1_000_000, pa.timestamp("us")).as_py()
    one = Parts(storage, "parquet", columns, "f", 1)
    one.commit(0, [result_values(Row("a", None, None, (moment, 7, ["x"])), Reading("t"))])
    table = pq.read_table(tmp_path / "part-00000.parquet")
    assert [table.schema.field(name).type for name in schema.names] == schema.types
    assert table.to_pylist()[0]["when"] == moment
    assert one.verify(0, 1)


@pytest.mark.parametrize("form", FORMATS)
def test_damage_anywhere_in_a_part_is_found(form: str, tmp_path: Path) -> None:
    one = parts(tmp_path, form)
    one.commit(0, values())
    path = tmp_path / one.name(0)
    whole = path.read_bytes()
    # The header of a page in Parquet has bytes without a meaning, and what wrote the file is named at its end.
    data = whole.find(b"created") if form == "parquet" else len(whole)
    places = range(0, len(whole), 7) if form != "parquet" else [4 + 40, data // 2, len(whole) - 5, len(whole) - 1]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        assert one.peek(0) is None, place
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert one.peek(0) is None
    assert one.verify(0, 3) is None
    assert not path.exists()


@pytest.mark.parametrize("form", FORMATS)
def test_parts_of_another_job_or_of_other_rows_are_not_taken(form: str, tmp_path: Path) -> None:
    parts(tmp_path, form, "another").commit(0, values())
    parts(tmp_path, form).commit(1, values())
    assert parts(tmp_path, form).verify(0, 3) is None
    assert parts(tmp_path, form).verify(1, 4) is None
    assert not parts(tmp_path, form).present()


@pytest.mark.parametrize("form", FORMATS)
def test_the_first_writer_wins_and_a_part_is_replaced_only_as_it_was_seen(form: str, tmp_path: Path) -> None:
    one = parts(tmp_path, form)
    other = [result_values(row, Reading("other")) for row in ROWS]
    first = one.commit(0, values())
    assert one.commit(0, other) == first

    found = one.readings(0)
    assert found is not None
    assert one.amend(0, found[0], other)
    assert one.verify(0, 3) == summarize(other)
    assert not one.amend(0, found[0], values())
    assert one.verify(0, 3) == summarize(other)


def test_the_digest_is_that_of_the_rows_in_any_order_and_division() -> None:
    rows = [result_values(Row(str(number), None, None), Reading(f"text {number}", 0.5)) for number in range(20)]
    whole = summarize(rows)
    random.Random(0).shuffle(rows)
    assert summarize(rows[:7]) + summarize(rows[7:]) == whole == Summary.from_dict(whole.to_dict())
    assert summarize(rows[1:]).digest != whole.digest
    assert summarize([*rows, rows[0]]).digest != whole.digest
    changed = [(*rows[0][:2], "other", *rows[0][3:]), *rows[1:]]
    assert summarize(changed).digest != whole.digest
    assert summarize([("a", float("nan"), b"\xff", *[None] * 6)]).rows == 1


def test_names_of_parts_sort_as_their_numbers(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    assert Parts(storage, "csv", COLUMNS, "", 20).name(17) == "part-00017.csv"
    assert Parts(storage, "csv", COLUMNS, "", 1_000_001).name(17) == "part-0000017.csv"


@pytest.mark.parametrize("form", FORMATS)
def test_carriage_returns_do_not_divide_a_row(form: str, tmp_path: Path) -> None:
    reading = Reading("a\rb", 0.5, warning="\r")
    one = parts(tmp_path, form)
    one.commit(0, [result_values(Row("\r", "\r.png", None, ("x\ry", 1, 2)), reading)])
    found = one.readings(0)
    assert found is not None
    assert found[1] == [reading]
