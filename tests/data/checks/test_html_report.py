from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from ocrx.data.checks import html_report
from ocrx.data.checks.grouping import group_findings
from ocrx.data.checks.html_report import ReportData, illustrated_sources, render_report
from ocrx.results import Issue

EMPTY = ReportData("x", True, [], None, [], [])


def _issues(count: int, message: str = "message {}") -> list[Issue]:
    return [Issue("warning", "label-nfc", f"train.txt:{i}", message.format(i), "fix it") for i in range(count)]


def test_the_page_opens_with_its_summary() -> None:
    issues = [Issue("error", "label-empty", "train.txt:3", "empty label", "write the text"), *_issues(2)]
    page = render_report(ReportData("x", False, [("layout", "pairs")], None, [], []), group_findings(issues), {})
    assert "Failed" in page
    assert page.index("1 errors, 2 warnings, 0 remarks") < page.index('<table class="summary">')
    assert page.index("</table>") < page.index('<div id="findings">')
    rows = re.findall(r'<a class="code" href="#group-([\w-]+)">.*?number">([\d,]+)<', page, re.DOTALL)
    assert rows == [("label-empty", "1"), ("label-nfc", "2")]
    assert page.count("write the text") == 2  # in the summary and at the group, not at each finding


def test_equal_findings_share_a_card() -> None:
    page = render_report(EMPTY, group_findings(_issues(50, "the same")), {})
    assert page.count("<article") == 1
    assert 'data-count="50"' in page
    assert "train.txt:19 and 30 more" in page


def test_a_page_has_room_for_some_findings_of_each_code() -> None:
    page = render_report(EMPTY, group_findings(_issues(html_report.FINDINGS_PER_CODE + 7)), {})
    assert page.count("<article") == html_report.FINDINGS_PER_CODE
    assert "7 more are in issues.jsonl" in page


def test_text_of_a_dataset_is_never_markup() -> None:
    issue = Issue("error", "columns", "<b>.txt:1", "<script>alert(1)</script>", "<i>")
    data = ReportData("<u>", False, [("folder", "<s>")], None, [("<", 1, 0)], [])
    page = render_report(data, group_findings([issue]), {})
    for markup in ("<script>alert", "<b>.txt", "<i>", "<u>", "<s>", "<b><</b>"):
        assert markup not in page


def test_thumbnails_are_small_and_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issues = _issues(6)
    images = {}
    for i, issue in enumerate(issues):
        images[issue.where] = tmp_path / f"{i}.png"
        Image.new("L", (2000, 100 + i)).save(images[issue.where])
    images[issues[0].where].write_bytes(b"damaged since")
    groups = group_findings(issues)
    assert illustrated_sources(groups) == images.keys()
    monkeypatch.setattr(html_report, "MAX_THUMBNAILS", 4)
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', render_report(EMPTY, groups, images))
    assert len(found) == 3
    with Image.open(io.BytesIO(base64.b64decode(found[0]))) as image:
        assert image.width == 480


def test_a_finding_shows_an_image_once(tmp_path: Path) -> None:
    Image.new("L", (40, 20)).save(tmp_path / "a.png")
    issue = Issue("error", "label-conflict", "train.txt:1, train.txt:2", "a.png is labelled 'a' and 'b'", "check")
    images = {"train.txt:1": tmp_path / "a.png", "train.txt:2": tmp_path / "a.png"}
    assert render_report(EMPTY, group_findings([issue]), images).count('<img src="data:image/jpeg') == 1
