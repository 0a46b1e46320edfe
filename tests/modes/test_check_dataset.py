"""The mode on a folder with every problem that the checks know, and on its clean twin."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.planted import Planted

from ocrx.cli.app import main
from ocrx.config import load_config
from ocrx.data.checks.geometry import recipe_geometry
from ocrx.data.checks.grouping import group_findings
from ocrx.data.checks.html_report import ReportData, render_report
from ocrx.data.checks.run import run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import ConfigError
from ocrx.evaluation.label_errors import LabelError
from ocrx.modes.check_dataset import CheckReport, run


def _check(root: Path, output: Path, *overrides: str) -> CheckReport:
    return run(load_config(None, [f"Global.dataset_dir={root}", f"Global.output={output}", *overrides]))


def test_every_planted_problem_is_found_in_one_run(planted: Planted, tmp_path: Path) -> None:
    assert len(planted.expected) >= 45
    report = _check(planted.root, tmp_path)
    found = {(issue.code, issue.where) for issue in report.issues}
    assert sorted(planted.expected - found) == []
    assert "few-samples" in {issue.code for issue in report.issues}
    assert not report.passed
    severities = [issue.severity for issue in report.issues]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    # Every error stands at a line where something was planted.
    places = {place for _, where in planted.expected for place in where.split(", ")}
    errors = [issue for issue in report.issues if issue.severity == "error"]
    assert [issue for issue in errors if not places & set(issue.where.split(", "))] == []
    assert all(issue.hint and issue.message for issue in report.issues)


def test_the_clean_twin_gives_nothing(clean: Path, tmp_path: Path) -> None:
    report = _check(clean, tmp_path)
    assert report.issues == ()
    assert report.passed


def test_result_file_has_the_fields_of_paddlex_and_files_that_exist(clean: Path, tmp_path: Path) -> None:
    _check(clean, tmp_path)
    result = json.loads((tmp_path / "check_dataset_result.json").read_text(encoding="utf-8"))
    attributes = result["attributes"]
    assert (result["done_flag"], result["check_pass"], result["show_type"]) == (True, True, "image")
    assert result["dataset_type"] == "MSTextRecDataset"
    assert (attributes["train_samples"], attributes["val_samples"]) == (90, 20)
    paths = [*attributes["train_sample_paths"], *attributes["val_sample_paths"], result["analysis"]["histogram"]]
    paths += [result["report"], result["issues_file"], result["characters_file"]]
    assert len(attributes["train_sample_paths"]) == len(attributes["val_sample_paths"]) == 10
    assert all((tmp_path / path).is_file() for path in paths)
    with Image.open(tmp_path / "check_dataset" / "histogram.png") as image:
        assert image.size == (1200, 600)
    characters = (tmp_path / "check_dataset" / "characters.tsv").read_text(encoding="utf-8").splitlines()
    assert "(space)\tU+0020\tSPACE\t90\t20\ttrue" in characters


def test_a_second_run_opens_no_image(clean: Path, tmp_path: Path) -> None:
    assert [_check(clean, tmp_path).decoded, _check(clean, tmp_path).decoded] == [110, 0]


def test_a_charset_by_name_is_the_one_that_training_takes(clean: Path, tmp_path: Path) -> None:
    assert main(["check-dataset", str(clean), "--output", str(tmp_path), "-o", "Global.charset=latin"]) == 0


def test_names_of_any_length_are_copied(tmp_path: Path) -> None:
    name = "x" * 248 + ".png"
    for part in ("train", "val"):
        Image.new("L", (60, 20), 255).save(tmp_path / name)
        (tmp_path / f"{part}.txt").write_text(f"{name}\tab\n")
    report = _check(tmp_path, tmp_path / "out")
    assert report.images == 1 and len(list((tmp_path / "out" / "check_dataset" / "demo_img").iterdir())) == 2


def test_page_needs_nothing_from_outside(planted: Planted, tmp_path: Path) -> None:
    report = _check(planted.root, tmp_path)
    page = (tmp_path / "check_dataset" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""src=["'](?!data:)|href=["'](?!#)""", page)
    assert not re.search(r"url\(|@import|https?://", page)
    assert '<meta name="viewport"' in page
    groups = re.findall(r'<section class="group (\w+)" data-code="([\w-]+)"', page)
    assert groups == list(dict.fromkeys((issue.severity, issue.code) for issue in report.issues))
    assert sum(map(int, re.findall(r'data-count="(\d+)"', page))) == len(report.issues)


@pytest.mark.browser
def test_page_filters_in_a_browser(planted: Planted, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here")
    report = _check(planted.root, tmp_path)
    page = (tmp_path / "check_dataset" / "report.html").as_uri()

    def shown(address: str) -> list[str]:
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", address]
        dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
        groups = re.findall(r'<section class="group \w+" data-code="([\w-]+)" id="[\w-]+"( hidden="")?', dom)
        assert len(groups) == len(report.groups)
        return [code for code, hidden in groups if not hidden]

    assert shown(page) == [group.code for group in report.groups]
    assert shown(page + "#label-spaces") == ["label-spaces"]
    assert shown(page + "#unheard-of") == shown(page)


@pytest.mark.shared
def test_real_sets_give_no_false_errors(shared_data: Path) -> None:
    found = {}
    config = load_config()
    known = recipe_geometry("lcnetv4_tiny", config.Model.architecture, config.Model.params, config.Image)
    for folder in sorted(path for path in shared_data.iterdir() if path.is_dir()):
        findings = run_checks(read_dataset(folder), known)
        found[folder.name] = Counter(issue.code for issue in findings.issues)
        # Fifteen tall crops of long handwritten lines really give too few frames; one set has no training lines.
        expected = {"handwriting_fr": {"label-too-long"}, "print_multi": {"list-missing"}}.get(folder.name, set())
        assert {issue.code for issue in findings.errors} == expected
    assert len(found) >= 15
    assert found["handwriting_fr"]["label-markup"] == 30
    assert found["early_print_latin"]["label-private-use"] > 100
    assert found["greek_print"]["label-mixed-scripts"] > 50
    assert found["captcha_v2"] == Counter()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=30), max_size=6), st.booleans())
def test_no_label_file_brings_it_down(tmp_path: Path, lines: list[bytes], tabs: bool) -> None:
    root = tmp_path / "fuzz"
    root.mkdir(exist_ok=True)
    (root / "a.png").write_bytes(b"x")
    body = b"\n".join(line.replace(b" ", b"\t") if tabs else b"a.png\t" + line for line in lines)
    (root / "train.txt").write_bytes(body)
    (root / "val.txt").write_bytes(b"a.png\tx\n")
    (root / "dict.txt").write_bytes(body)
    findings = run_checks(read_dataset(root))
    assert findings.errors
    page = ReportData("x", False, [], None, [], [])
    images = {sample.source: sample.image for sample in read_dataset(root).samples}
    assert "</html>" in render_report(page, group_findings(findings.issues), images)


def test_paths_are_found_from_the_folder_itself(clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clean)
    report = _check(Path(), tmp_path)
    assert report.issues == ()
    assert "<title>clean: dataset check</title>" in (tmp_path / "check_dataset" / "report.html").read_text("utf-8")


def test_one_list_is_checked_but_not_changed(clean: Path, tmp_path: Path) -> None:
    report = _check(clean / "val.txt", tmp_path)
    assert (report.train, report.val, report.layout) == (20, 0, "list")
    with pytest.raises(ConfigError, match="name its folder"):
        _check(clean / "val.txt", tmp_path, "CheckDataset.fix=true")


def test_label_errors_are_shown_with_their_images(clean: Path, tmp_path: Path) -> None:
    report = _check(clean, tmp_path)
    samples = [Sample(clean / "a.png", "aaa", f"train.txt:{n}") for n in (1, 2)]
    errors = tuple(LabelError(s, "aba", 9.0 / n, 0.9 / n) for n, s in enumerate(samples, start=1))
    report = replace(report, label_errors=errors)
    images = {sample.source: sample.image for sample in read_dataset(clean).samples}
    fields = report.to_dict()["suspects"]
    assert fields[1] == {
        "where": "train.txt:2",
        "image": "a.png",
        "text": "aaa",
        "prediction": "aba",
        "doubt": 4.5,
        "log_odds": 4.5,
        "error": 0.45,
    }
    page = render_report(ReportData("x", True, [], None, [], fields), [], images)
    assert page.count('<img src="data:image/jpeg') == 2
    assert "model: aba" in page
    assert "score 45, log odds 4.50" in page
