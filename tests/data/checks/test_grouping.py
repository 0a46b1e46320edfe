from __future__ import annotations

from ocrx.data.checks.grouping import MergedFinding, group_findings, split_place
from ocrx.results import Issue

ISSUES = [
    Issue("error", "label-empty", "train.txt:3", "empty label", "write it"),
    Issue("error", "image-missing", "train.txt:4", "a.png: no such image", "put it there"),
    Issue("error", "label-empty", "train.txt:9", "empty label", "write it"),
    Issue("error", "label-empty", "val.txt:1", "the label contains only spaces", "write it"),
    Issue("info", "blank-line", "train.txt:5", "blank line, skipped", "delete it"),
]


def test_equal_findings_become_one_with_all_places() -> None:
    groups = group_findings(ISSUES)
    assert [(group.severity, group.code, group.count) for group in groups] == [
        ("error", "label-empty", 3),
        ("error", "image-missing", 1),
        ("info", "blank-line", 1),
    ]
    assert groups[0].findings == (
        MergedFinding("empty label", "write it", ("train.txt:3", "train.txt:9")),
        MergedFinding("the label contains only spaces", "write it", ("val.txt:1",)),
    )
    assert groups[1].hint == "put it there"


def test_no_finding_is_lost() -> None:
    groups = group_findings(ISSUES)
    places = [place for group in groups for equal in group.findings for place in equal.places]
    assert sorted(places) == sorted(issue.where for issue in ISSUES)


def test_places_are_cut_at_a_limit() -> None:
    equal = MergedFinding("m", "h", tuple(f"a:{i}" for i in range(1, 1300)))
    assert equal.first_places(2) == "a:1, a:2 and 1,297 more"
    assert equal.first_places(2000).endswith(", a:1299")


def test_a_place_of_several_lines_is_split() -> None:
    assert split_place("train.txt:17") == ["train.txt:17"]
    assert split_place("train.txt:1, train.txt:2, val.txt:3 and 20 more") == ["train.txt:1", "train.txt:2", "val.txt:3"]
