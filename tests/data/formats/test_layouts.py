from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.issues import codes_and_places

from ocrx.data.formats.label_readers import read_list
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError


def test_paddlex_layout(line_folder: Path) -> None:
    dataset = read_dataset(line_folder)
    assert (dataset.layout, len(dataset.train), len(dataset.val), dataset.issues) == ("paddlex", 8, 4, ())
    assert dataset.train[1].text == "two 22"
    assert dataset.train[1].image == line_folder / "images" / "01.png"
    assert dataset.train[1].source == "train.txt:2"
    assert dataset.charset is None


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_bom_and_line_ends_do_not_change_the_text(tmp_path: Path, bom: bytes, end: bytes) -> None:
    (tmp_path / "label.txt").write_bytes(bom + "a.png\t é x \u2028y".encode() + end + b"b.png\t " + end)
    dataset = read_dataset(tmp_path)
    assert [s.text for s in dataset.train] == [" é x \u2028y", " "]
    assert dataset.train[0].image == tmp_path / "a.png"
    expected = [("bom", "label.txt:1")] * bool(bom) + [("crlf", "label.txt:1")] * (end == b"\r\n")
    assert codes_and_places(dataset.issues) == expected


def test_missing_things_are_errors_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder") as info:
        read_dataset(tmp_path / "nowhere")
    assert info.value.hint
    with pytest.raises(DataError, match="no label file"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_list(tmp_path / "x.txt", tmp_path)
    (tmp_path / "train.txt").write_text("a.png\tx\n")
    dataset = read_dataset(tmp_path)
    assert codes_and_places(dataset.issues) == [("list-missing", "val.txt")]
    (tmp_path / "train.txt").unlink()
    (tmp_path / "data.mdb").write_bytes(b"")
    with pytest.raises(DataError, match="LMDB") as info:
        read_dataset(tmp_path)
    assert "--convert-to" in (info.value.hint or "")


def test_one_list_can_be_named(line_folder: Path) -> None:
    dataset = read_dataset(line_folder / "val.txt")
    assert (dataset.layout, len(dataset.train), dataset.root) == ("list", 4, line_folder)
    assert dataset.train[0].source == "val.txt:1"


def test_pairs_with_and_without_parts(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", "c.bin.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.gt.txt").write_text("one")
    (tmp_path / "b.gt.txt").write_text("two\n")
    (tmp_path / "c.gt.txt").write_text("")
    (tmp_path / "d.gt.txt").write_text("four\nfive\n")
    dataset = read_dataset(tmp_path)
    assert [(s.image.name, s.text, s.source) for s in dataset.train] == [
        ("a.png", "one", "a.gt.txt:1"),
        ("b.JPG", "two", "b.gt.txt:1"),
        ("c.bin.png", "", "c.gt.txt:1"),
    ]
    assert codes_and_places(dataset.issues) == [("columns", "d.gt.txt")]
    for part in ("train", "test"):
        (tmp_path / "parts" / part).mkdir(parents=True)
        (tmp_path / "parts" / part / "x.gt.txt").write_text(part)
    dataset = read_dataset(tmp_path / "parts")
    assert [s.text for s in dataset.train] == ["train"]
    assert [(s.text, s.source) for s in dataset.val] == [("test", "test/x.gt.txt:1")]


@pytest.mark.shared
def test_real_sets_read_without_issues(shared_data: Path) -> None:
    folders = sorted(path for path in shared_data.iterdir() if path.is_dir())
    assert len(folders) >= 15
    for folder in folders:
        dataset = read_dataset(folder)
        assert dataset.samples
        # One set is for measuring only: it has no training lines.
        assert {issue.code for issue in dataset.issues} <= ({"list-missing"} if folder.name == "print_multi" else set())


def test_what_is_no_regular_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(DataError, match="neither a folder nor a regular file"):
        read_dataset(tmp_path / "fifo")
    os.mkfifo(tmp_path / "train.csv")
    os.mkfifo(tmp_path / "one.jsonl")
    with pytest.raises(DataError, match="not a regular file"):
        read_dataset(tmp_path)


def test_layouts_are_tried_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.gt.txt").write_text("pair\n")
    assert read_dataset(tmp_path).layout == "pairs"
    (tmp_path / "labels.csv").write_text("file_name,text\na.png,table\n")
    assert read_dataset(tmp_path).layout == "table"
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "json"}\n')
    assert read_dataset(tmp_path).layout == "jsonl"
    (tmp_path / "label.txt").write_text("a.png\tlabel\n")
    assert read_dataset(tmp_path).layout == "label"
    (tmp_path / "val.txt").write_text("a.png\tval\n")
    dataset = read_dataset(tmp_path)
    assert (dataset.layout, dataset.train, dataset.val[0].text) == ("paddlex", (), "val")


def test_several_tables_are_ambiguous(tmp_path: Path) -> None:
    for name in ("a.csv", "b.tsv"):
        (tmp_path / name).write_text("file_name,text\n")
    with pytest.raises(DataError, match=r"several tables \(a.csv, b.tsv\)"):
        read_dataset(tmp_path)
