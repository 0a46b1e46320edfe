from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from ocrx.data.edit.convert import convert_dataset
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.errors import DataError

TARGETS = ("paddlex", "csv", "tsv", "jsonl", "pairs", "lmdb")
TEXTS = ["plain", " spaces  kept ", 'quo"te, and; more', "é ſ 皖", "'"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two parts; an image name in two folders, one image outside, one with two labels."""
    root = tmp_path / "source"
    for folder in (root / "a", root / "b", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    names = ["a/x.png", "b/x.png", "../elsewhere/x.png", "y.png", "a/x.png"]
    for i, name in enumerate(names[:4]):
        Image.new("L", (20 + i, 10), 40 * i).save(root / name)
    rows = [f"{name}\t{text}\n" for name, text in zip(names, TEXTS, strict=True)]
    (root / "train.txt").write_text("".join(rows[:3]), encoding="utf-8")
    (root / "val.txt").write_text("".join(rows[3:]), encoding="utf-8")
    (root / "dict.txt").write_text("a\n")
    return root


def _content(dataset: Dataset) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """Texts and encoded images of both parts, in no order."""
    train, val = (sorted((s.text, s.image.read_bytes()) for s in part) for part in (dataset.train, dataset.val))
    return train, val


@pytest.mark.parametrize(("first", "second"), list(product(TARGETS, TARGETS)))
def test_every_format_to_every_other_keeps_texts_and_images(
    source: Path, tmp_path: Path, first: str, second: str
) -> None:
    expected = _content(read_dataset(source))
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    one = convert_dataset(source, first, output=tmp_path / "one")
    assert (one.train, one.val, one.source) == (3, 2, "paddlex")
    if first == second == "lmdb":
        with pytest.raises(DataError, match="already"):
            convert_dataset(tmp_path / "one", second, output=tmp_path / "two")
        return
    two = convert_dataset(tmp_path / "one", second, output=tmp_path / "two")
    assert (two.train, two.val) == (3, 2)
    if second == "lmdb":
        convert_dataset(tmp_path / "two", "paddlex")
    assert _content(read_dataset(tmp_path / "two")) == expected
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before


def test_one_list(source: Path, tmp_path: Path) -> None:
    convert_dataset(source, "label", output=tmp_path / "one")
    dataset = read_dataset(tmp_path / "one")
    assert (dataset.layout, len(dataset.train), len(dataset.val)) == ("label", 5, 0)
    assert dataset.charset is not None


def test_to_paddlex_in_place(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "train.csv").write_text("file_name,text\na.png,one\n")
    (tmp_path / "val.csv").write_text("file_name,text\na.png,two\n")
    report = convert_dataset(tmp_path, "paddlex", source="csv")
    assert report.folder == tmp_path
    dataset = read_dataset(tmp_path)
    assert (dataset.layout, dataset.train[0].text, dataset.val[0].text) == ("paddlex", "one", "two")


def test_the_default_folder_is_beside_the_dataset(source: Path) -> None:
    assert convert_dataset(source, "jsonl").folder == source.with_name("source_jsonl")


def test_refusals(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="already"):
        convert_dataset(source, "paddlex")
    with pytest.raises(DataError, match="not a dataset of type csv; found paddlex"):
        convert_dataset(source, "jsonl", source="csv")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(DataError, match="not empty"):
        convert_dataset(source, "csv", output=tmp_path / "full")
    (source / "a" / "x.png").unlink()
    with pytest.raises(DataError, match=r"train.txt:1.*no such image"):
        convert_dataset(source, "csv", output=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (source / "train.txt").write_text("no tab\n")
    with pytest.raises(DataError, match="would be lost"):
        convert_dataset(source, "csv", output=tmp_path / "new")


def test_an_image_that_is_no_file_is_named(source: Path, tmp_path: Path) -> None:
    (source / "a" / "x.png").unlink()
    os.mkfifo(source / "a" / "x.png")
    with pytest.raises(DataError, match=r"train.txt:1.*not a regular file"):
        convert_dataset(source, "csv", output=tmp_path / "new")
    assert not (tmp_path / "new").exists()
