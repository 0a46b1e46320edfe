from __future__ import annotations

from pathlib import Path

import pytest
from support.datasets import write_noise_dataset
from support.issues import codes_and_places

from ocrx.data.checks.geometry import Geometry
from ocrx.data.checks.run import require_no_errors, run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError
from ocrx.results import Issue


def _found(root: Path, geometry: Geometry | None = None) -> list[tuple[str, str]]:
    return codes_and_places(run_checks(read_dataset(root), geometry, min_samples=0).issues)


def test_empty_lists_are_errors(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["a"], [])
    assert _found(root) == [("list-empty", "val.txt")]
    (root / "train.txt").write_text("no tab\n")
    assert sorted(_found(root)) == [("columns", "train.txt:1"), ("list-empty", "train.txt"), ("list-empty", "val.txt")]


def test_a_set_without_a_validation_part_is_reported(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["a"], ["a"])
    (root / "val.txt").unlink()
    (root / "train.txt").rename(root / "label.txt")
    assert _found(root) == [("not-divided", "label.txt")]


def test_refusal_names_codes_and_can_be_allowed(tmp_path: Path) -> None:
    root = write_noise_dataset(tmp_path, ["a", ""], ["a"])
    (root / "train0.png").unlink()
    findings = run_checks(read_dataset(root), min_samples=0)
    assert {issue.code for issue in findings.errors} == {"image-missing", "label-empty"}
    with pytest.raises(DataError, match="2 errors") as info:
        require_no_errors(findings, ())
    assert "train.txt:1" in info.value.message
    with pytest.raises(DataError, match="1 errors: label-empty"):
        require_no_errors(findings, ("image-missing",))
    require_no_errors(findings, ("image-missing", "label-empty"))


def test_issue_is_small_and_plain() -> None:
    issue = Issue("error", "x", "train.txt:1", "message")
    assert issue.to_dict() == {
        "severity": "error",
        "code": "x",
        "where": "train.txt:1",
        "message": "message",
        "hint": "",
    }
