from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.datasets import write_noise_dataset
from support.issues import codes_and_places

from ocrx.data.checks.geometry import Geometry
from ocrx.data.checks.run import run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.text.charset import Charset


def _found(root: Path, geometry: Geometry | None = None) -> list[tuple[str, str]]:
    return codes_and_places(run_checks(read_dataset(root), geometry, min_samples=0).issues)


def test_charset_given_replaces_dict_txt(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["abc", "abd"], ["abc"])
    (root / "dict.txt").write_text("a\nb\nc\n")
    assert _found(root) == [("label-charset", "train.txt:2")]
    dataset = read_dataset(root)
    for characters, expected in (("abcd", []), ("abcde", [("dict-unused", "dict.txt")])):
        found = run_checks(replace(dataset, charset=Charset(characters)), min_samples=0).issues
        assert codes_and_places(found) == expected


def test_classes_of_several_characters(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["acha", "aca"], ["a"])
    (root / "dict.txt").write_text("a\nch\n")
    assert ("label-charset", "train.txt:2") in _found(root)
    assert ("label-charset", "train.txt:1") not in _found(root)


def test_rare_characters_are_counted_in_labels(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["aab", "a", "ab", "ac"], ["ad"])
    issues = run_checks(read_dataset(root), min_samples=2).issues
    assert [(i.code, i.where) for i in issues] == [("few-samples", "train.txt:4"), ("val-unseen", "val.txt:1")]
    assert "c×1" in issues[0].message


def test_many_copies_are_one_finding(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["a"], ["a"])
    (root / "train.txt").write_text("train0.png\ta\n" * 30)
    ((code, where),) = _found(root)
    assert code == "duplicate"
    assert where.startswith("train.txt:1, train.txt:2, ")
    assert where.endswith(" and 20 more")


def test_characters_of_validation_labels_alone_are_no_error(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path / "x", ["ab", "ba"], ["abé"])
    (root / "dict.txt").write_text("a\nb\n", encoding="utf-8")
    assert _found(root) == [("val-unseen", "val.txt:1")]
    root = write_noise_dataset(tmp_path / "x", ["ab", "bé"], ["abé"])
    assert _found(root) == [("label-charset", "train.txt:2"), ("label-charset", "val.txt:1")]
