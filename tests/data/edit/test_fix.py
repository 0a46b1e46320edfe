from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.edit.fix import build_dict, fix_labels
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError


def test_only_what_is_certain_is_repaired_and_originals_stay(tmp_path: Path) -> None:
    train = (
        b"\xef\xbb\xbfa.png\tcafe\xcc\x81\r\nb.png\t  two  words \r\nno tab  here\r\n\r\nc.png\t  \r\nd  d.png\tfine"
    )
    val = b"e.png\tclean\n"
    (tmp_path / "train.txt").write_bytes(train)
    (tmp_path / "val.txt").write_bytes(val)
    (tmp_path / "dict.txt").write_bytes(b"a\r\n \r\n")
    report = fix_labels(tmp_path)
    assert (tmp_path / "train.txt").read_text(encoding="utf-8") == (
        "a.png\tcafé\nb.png\ttwo words\nno tab  here\n\nc.png\t  \nd  d.png\tfine\n"
    )
    assert (tmp_path / "train.txt.bak").read_bytes() == train
    assert (tmp_path / "dict.txt").read_text() == "a\n \n"
    assert (tmp_path / "val.txt").read_bytes() == val
    assert not (tmp_path / "val.txt.bak").exists()
    assert report.repairs == {"bom": 1, "crlf": 2, "no-final-newline": 1, "label-nfc": 1, "label-spaces": 1}
    assert report.backups == {"train.txt": "train.txt.bak", "dict.txt": "dict.txt.bak"}
    assert fix_labels(tmp_path).backups == {}


def test_other_encodings_are_left_alone(tmp_path: Path) -> None:
    data = "a.png\tcafé  déjà\r\n".encode("latin-1")
    (tmp_path / "label.txt").write_bytes(data)
    assert fix_labels(tmp_path).backups == {}
    assert (tmp_path / "label.txt").read_bytes() == data


def test_pairs(tmp_path: Path) -> None:
    (tmp_path / "a.gt.txt").write_bytes("\ufeffa  b ".encode())
    assert fix_labels(tmp_path).repairs == {"bom": 1, "label-spaces": 1}
    assert (tmp_path / "a.gt.txt").read_bytes() == b"a b"
    assert read_dataset(tmp_path).train[0].text == "a b"


def test_dictionary_is_that_of_the_training_labels(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png\tb a\nb.png\te\u0301\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("c.png\tz\n")
    (tmp_path / "dict.txt").write_text("old\n")
    charset, kept = build_dict(tmp_path)
    assert charset.characters == (" ", "a", "b", "é")
    assert (tmp_path / "dict.txt").read_text(encoding="utf-8") == " \na\nb\né\n"
    assert kept is not None
    assert kept.read_text() == "old\n"
    (tmp_path / "train.txt").write_text("")
    with pytest.raises(DataError, match="no training labels"):
        build_dict(tmp_path)
