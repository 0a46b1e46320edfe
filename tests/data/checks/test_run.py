from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.issues import codes_and_places

from ocrx.data.checks.geometry import recipe_geometry
from ocrx.data.checks.histogram import count_label_lengths, draw_histogram
from ocrx.data.checks.run import require_no_errors, run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError
from ocrx.model_spec import ImageSpec
from ocrx.results import Issue
from ocrx.text.charset import Charset

WIDE = recipe_geometry("w4", "lcnetv4", {"width_stride": 4}, ImageSpec())
NARROW = recipe_geometry("w8", "lcnetv4", {"width_stride": 8}, ImageSpec())


def _set(root: Path, train: list[str], val: list[str], size: tuple[int, int] = (64, 32)) -> Path:
    """Distinct noise images labelled with the given texts."""
    root.mkdir(exist_ok=True)
    for part, texts in (("train", train), ("val", val)):
        rows = []
        for i, text in enumerate(texts):
            Image.effect_noise(size, 60).save(root / f"{part}{i}.png")
            rows.append(f"{part}{i}.png\t{text}\n")
        (root / f"{part}.txt").write_text("".join(rows), encoding="utf-8", newline="\n")
    return root


def _found(root: Path, **options: object) -> list[tuple[str, str]]:
    findings = run_checks(read_dataset(root), min_samples=0, **options)  # type: ignore[arg-type]  # options of check
    return codes_and_places(findings.issues)


def test_what_fits_depends_on_the_model(tmp_path: Path) -> None:
    root = _set(
        tmp_path, ["a" * 8, "a" * 9, "abcdefgh", "abcdefghi", "abcd", "abcdefghijklmnop", "abcdefghijklmnopq"], ["a"]
    )
    # 64 pixels give 16 frames with stride 4 and 8 with stride 8; eight equal letters need 15.
    assert _found(root, geometry=None) == []
    assert _found(root, geometry=WIDE) == [
        ("label-too-long", "train.txt:2"),
        ("label-too-long", "train.txt:7"),
        ("label-crowded", "train.txt:4"),
        ("label-crowded", "train.txt:6"),
    ]
    assert _found(root, geometry=NARROW) == [
        *[("label-too-long", f"train.txt:{n}") for n in (1, 2, 4, 6, 7)],
        ("label-crowded", "train.txt:3"),
    ]


def test_a_tall_line_counts_as_the_model_turns_it(tmp_path: Path) -> None:
    root = _set(tmp_path, ["abcdefgh"], ["a"], size=(32, 128))
    turning = recipe_geometry("turning", "lcnetv4", {}, ImageSpec(steps=("rotate_tall",)))
    assert _found(root, geometry=turning) == []
    assert _found(root, geometry=WIDE) == [("image-aspect", "train.txt:1"), ("label-crowded", "train.txt:1")]


def test_charset_given_replaces_dict_txt(tmp_path: Path) -> None:
    root = _set(tmp_path, ["abc", "abd"], ["abc"])
    (root / "dict.txt").write_text("a\nb\nc\n")
    assert _found(root) == [("label-charset", "train.txt:2")]
    dataset = read_dataset(root)
    for characters, expected in (("abcd", []), ("abcde", [("dict-unused", "dict.txt")])):
        found = run_checks(replace(dataset, charset=Charset(characters)), min_samples=0).issues
        assert codes_and_places(found) == expected


def test_classes_of_several_characters(tmp_path: Path) -> None:
    root = _set(tmp_path, ["acha", "aca"], ["a"])
    (root / "dict.txt").write_text("a\nch\n")
    assert ("label-charset", "train.txt:2") in _found(root)
    assert ("label-charset", "train.txt:1") not in _found(root)


def test_rare_characters_are_counted_in_labels(tmp_path: Path) -> None:
    root = _set(tmp_path, ["aab", "a", "ab", "ac"], ["ad"])
    issues = run_checks(read_dataset(root), min_samples=2).issues
    assert [(i.code, i.where) for i in issues] == [("few-samples", "train.txt:4"), ("val-unseen", "val.txt:1")]
    assert "c×1" in issues[0].message


def test_empty_lists_are_errors(tmp_path: Path) -> None:
    root = _set(tmp_path, ["a"], [])
    assert _found(root) == [("list-empty", "val.txt")]
    (root / "train.txt").write_text("no tab\n")
    assert sorted(_found(root)) == [("columns", "train.txt:1"), ("list-empty", "train.txt"), ("list-empty", "val.txt")]


def test_a_set_without_a_validation_part_is_remarked(tmp_path: Path) -> None:
    root = _set(tmp_path, ["a"], ["a"])
    (root / "val.txt").unlink()
    (root / "train.txt").rename(root / "label.txt")
    assert _found(root) == [("not-divided", "label.txt")]


def test_many_copies_are_one_finding(tmp_path: Path) -> None:
    root = _set(tmp_path, ["a"], ["a"])
    (root / "train.txt").write_text("train0.png\ta\n" * 30)
    ((code, where),) = _found(root)
    assert code == "duplicate"
    assert where.startswith("train.txt:1, train.txt:2, ")
    assert where.endswith(" and 20 more")


def test_refusal_names_codes_and_can_be_allowed(tmp_path: Path) -> None:
    root = _set(tmp_path, ["a", ""], ["a"])
    (root / "train0.png").unlink()
    findings = run_checks(read_dataset(root), min_samples=0)
    assert {issue.code for issue in findings.errors} == {"image-missing", "label-empty"}
    with pytest.raises(DataError, match="2 errors") as info:
        require_no_errors(findings, ())
    assert "train.txt:1" in info.value.message
    with pytest.raises(DataError, match="1 errors: label-empty"):
        require_no_errors(findings, ("image-missing",))
    require_no_errors(findings, ("image-missing", "label-empty"))


def test_letter_case_in_folders_and_unicode_form_of_names(tmp_path: Path) -> None:
    root = _set(tmp_path, ["a"], ["a"])
    (root / "Sub").mkdir()
    Image.effect_noise((40, 32), 50).save(root / "Sub" / "caf\u00e9.png")
    (root / "val.txt").write_text("sub/cafe\u0301.PNG\ta\n", encoding="utf-8")
    (issue,) = run_checks(read_dataset(root), min_samples=0).issues
    assert (issue.code, issue.where) == ("letter-case", "val.txt:1")
    assert "Sub/café.png" in issue.message


@given(st.lists(st.text(max_size=130)), st.lists(st.text(max_size=130)))
def test_histogram_counts_every_label_once(train: list[str], val: list[str]) -> None:
    histogram = count_label_lengths(train, val)
    assert (sum(histogram.train), sum(histogram.val)) == (len(train), len(val))
    assert len(histogram.bins) == len(histogram.train) == len(histogram.val)


def test_histogram_has_the_last_partial_bin_and_keeps_parts_apart(tmp_path: Path) -> None:
    histogram = count_label_lengths(["a" * n for n in (1, 5, 6, 23)], ["", " " * 5, "a" * 101])
    named = dict(zip(histogram.bins, zip(histogram.train, histogram.val, strict=True), strict=True))
    assert named["0"] == (0, 1)
    assert named["1-5"] == (2, 1)
    assert named["6-10"] == (1, 0)
    assert named["21-25"] == (1, 0)
    assert named[">100"] == (0, 1)
    draw_histogram(histogram, tmp_path / "h.png")
    draw_histogram(count_label_lengths([], []), tmp_path / "empty.png")


def test_issue_is_small_and_plain() -> None:
    issue = Issue("error", "x", "train.txt:1", "message")
    assert issue.to_dict() == {
        "severity": "error",
        "code": "x",
        "where": "train.txt:1",
        "message": "message",
        "hint": "",
    }


def test_characters_of_validation_labels_alone_are_no_error(tmp_path: Path) -> None:
    root = _set(tmp_path / "x", ["ab", "ba"], ["abé"])
    (root / "dict.txt").write_text("a\nb\n", encoding="utf-8")
    assert _found(root) == [("val-unseen", "val.txt:1")]
    root = _set(tmp_path / "x", ["ab", "bé"], ["abé"])
    assert _found(root) == [("label-charset", "train.txt:2"), ("label-charset", "val.txt:1")]
