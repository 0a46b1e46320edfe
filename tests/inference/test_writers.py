from __future__ import annotations

import ast
import csv
import io
import json

from ocrx.inference.results import Prediction
from ocrx.inference.writers import comma_separated, json_document, json_lines, paddlex, place, tsv

READ = Prediction(
    text="a\tb",
    score=0.9,
    min_score=0.8,
    confidence=0.75,
    char_scores=(0.9, 1.0, 0.8),
    char_spans=((0.0, 5.04), (5.0, 9.0), (9.0, 12.0)),
    input_path="x.png",
    warning="unlike the lines that the model knows",
)
CUT = Prediction(text="c", score=1.0, input_path="p.pdf", page_index=1, line_index=2, box=(1, 2, 3, 4))
FAILED = Prediction(input_path="y.png", error="y.png: no such file")
RESULTS = (READ, CUT, FAILED)


def test_tsv_has_three_columns_and_no_failures() -> None:
    assert "".join(tsv(RESULTS)) == "x.png\ta\\tb\t0.9000\np.pdf#page=2&line=3\tc\t1.0000\n"


def test_tsv_with_details_has_eight_columns() -> None:
    first, second = [line.split("\t") for line in "".join(tsv(RESULTS, details=True)).splitlines()]
    assert first[3:6] == ["0.8000", "0.7500", "unlike the lines that the model knows"]
    assert json.loads(first[6]) == [0.9, 1.0, 0.8] and json.loads(first[7])[0] == [0.0, 5.0]
    assert len(first) == len(second) == 8 and second[4] == ""


def test_csv_holds_confidence_warning_and_failures() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(comma_separated(RESULTS)))))
    assert rows[0]["confidence"] == "0.75" and rows[0]["warning"] == READ.warning
    assert rows[1]["confidence"] == "" and rows[2]["error"] == FAILED.error
    assert "char_scores" not in rows[0]


def test_csv_with_details_holds_boxes_and_characters() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(comma_separated(RESULTS, details=True)))))
    assert json.loads(rows[0]["char_scores"]) == [0.9, 1.0, 0.8] and json.loads(rows[1]["box"]) == [1, 2, 3, 4]


def test_both_json_forms_hold_the_same_objects() -> None:
    for details in (False, True):
        objects = [json.loads(line) for line in json_lines(RESULTS, details)]
        assert objects == json.loads("".join(json_document(RESULTS, details)))
        assert objects[0]["confidence"] == 0.75 and objects[1]["confidence"] is None
        assert ("char_spans" in objects[0]) is details
    assert json.loads("".join(json_document([]))) == []


def test_the_place_names_page_and_line_from_one() -> None:
    assert [place(result) for result in RESULTS] == ["x.png", "p.pdf#page=2&line=3", "y.png"]


def test_paddlex_prints_one_mapping_a_line() -> None:
    printed = [ast.literal_eval(line) for line in "".join(paddlex(RESULTS)).splitlines()]
    assert [entry["res"]["rec_text"] for entry in printed] == ["a\tb", "c", ""]
    assert printed[2]["res"]["error"] == FAILED.error
