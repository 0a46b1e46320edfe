from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.issues import codes_and_places

from ocrx.data.formats.label_readers import read_jsonl, read_list, read_pairs
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"])), min_size=1))
def test_any_label_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("any") / "label.txt"
    path.write_text("".join(f"x.png\t{text}\n" for text in texts), encoding="utf-8", newline="\n")
    if b"\x00" * (path.stat().st_size // 5) in path.read_bytes():
        return  # text full of NUL is taken for UTF-16
    samples, _ = read_list(path, path.parent)
    assert [sample.text for sample in samples] == texts
    assert [sample.source for sample in samples] == [f"label.txt:{i}" for i in range(1, len(texts) + 1)]


def test_bad_lines_are_named_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(b"a.png hello\nb.png\tone\ttwo\n\n\tx\nc.png\t\xc3\xa9\nd.png\t\xe9\nlast.png\tz")
    samples, issues = read_list(path, tmp_path)
    assert [(s.text, s.source) for s in samples] == [
        ("one\ttwo", "train.txt:2"),
        ("é", "train.txt:5"),
        ("z", "train.txt:7"),
    ]
    assert sorted(codes_and_places(issues)) == [
        ("blank-line", "train.txt:3"),
        ("columns", "train.txt:1"),
        ("columns", "train.txt:2"),
        ("columns", "train.txt:4"),
        ("encoding", "train.txt:6"),
        ("no-final-newline", "train.txt:7"),
    ]


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('id,File_Name,text\n1,a.png,"one, ""two"""\n2,b.png, x \n3,c.png\n')
    (tmp_path / "test.csv").write_text("filename;label\na.png;x,y\n")
    dataset = read_dataset(tmp_path)
    assert [(s.text, s.source) for s in dataset.train] == [('one, "two"', "train.csv:2"), (" x ", "train.csv:3")]
    assert [(s.text, s.source) for s in dataset.val] == [("x,y", "test.csv:2")]
    assert codes_and_places(dataset.issues) == [("columns", "train.csv:4")]
    (tmp_path / "one.tsv").write_text('path\ttranscription\na.png\t"q" \n')
    assert [s.text for s in read_dataset(tmp_path / "one.tsv").train] == ['"q" ']
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column named file_name"):
        read_dataset(tmp_path / "bad.csv")


def test_a_quote_that_is_never_closed_is_a_finding(tmp_path: Path) -> None:
    rows = "".join(f"{i}.png,text {i}\n" for i in range(12_000))
    (tmp_path / "train.csv").write_text(f'file_name,text\na.png,one\nb.png,"two\n{rows}')
    dataset = read_dataset(tmp_path)
    assert [s.text for s in dataset.train] == ["one"]
    assert ("columns", "train.csv:3") in codes_and_places(dataset.issues)


def test_jsonl(tmp_path: Path) -> None:
    for part, text in (("train", "é \t x"), ("validation", "v")):
        (tmp_path / part).mkdir()
        row = json.dumps({"file_name": "a.png", "text": text})
        (tmp_path / part / "metadata.jsonl").write_text(row + '\nnot json\n{"file_name": 3}\n')
    dataset = read_dataset(tmp_path)
    assert [(s.image, s.text) for s in dataset.train] == [(tmp_path / "train" / "a.png", "é \t x")]
    assert [s.source for s in dataset.val] == ["validation/metadata.jsonl:1"]
    assert codes_and_places(dataset.issues)[:2] == [("columns", f"train/metadata.jsonl:{n}") for n in (2, 3)]


def test_jsonl_with_half_a_surrogate_pair(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "\\ud83d"}\n')
    dataset = read_dataset(tmp_path)
    assert (dataset.train, codes_and_places(dataset.issues)) == ((), [("columns", "metadata.jsonl:1")])


def test_numbers_beyond_the_limit_and_deep_nesting_are_findings(tmp_path: Path) -> None:
    path = tmp_path / "metadata.jsonl"
    number = '{"file_name": "a.png", "text": "x", "id": ' + "9" * 5000 + "}"
    deep = '{"file_name": "a.png", "text": "x", "id": ' + "[" * 200_000 + "]" * 200_000 + "}"
    path.write_text(f'{number}\n{deep}\n{{"file_name": "a.png", "text": "good"}}\n')
    samples, issues = read_jsonl(path, tmp_path)
    assert samples[-1].text == "good"
    # Some versions of Python read numbers of any length.
    assert {"metadata.jsonl:1", "metadata.jsonl:2"} - {sample.source for sample in samples} == {
        issue.where for issue in issues
    }
    assert ("columns", "metadata.jsonl:2") in codes_and_places(issues)


@pytest.mark.parametrize("line", ["3", "null", "[]", '"a"', '{"file_name": "a.png"}', '{"text": "a"}', "{", "NaN"])
def test_json_without_a_label_is_a_finding(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(line + "\n")
    samples, issues = read_jsonl(path, tmp_path)
    assert (samples, codes_and_places(issues)) == ([], [("columns", "x.jsonl:1")])


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_list(tmp_path / "x.txt", tmp_path)


def test_a_pair_names_the_image_it_expects(tmp_path: Path) -> None:
    (tmp_path / "a.gt.txt").write_text("one\n\n")
    ((sample,), issues) = read_pairs(tmp_path, tmp_path)
    assert (sample.image, sample.text, issues) == (tmp_path / "a.png", "one", [])
