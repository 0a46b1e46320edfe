"""One folder with every problem the checker knows, each at a known line; and its clean twin."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from ocrx.cli.app import main
from ocrx.cli.check_dataset import show as show_check
from ocrx.config import load_config
from ocrx.data.checks.geometry import recipe_geometry
from ocrx.data.checks.html_report import ReportData, render_report
from ocrx.data.checks.run import run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import ConfigError
from ocrx.evaluation.label_errors import LabelError
from ocrx.modes.check_dataset import CheckReport, run

LETTERS = "abcdefghij "


def _draw(text: str, height: int = 32) -> Image.Image:
    font = ImageFont.load_default(size=int(height * 0.7))
    image = Image.new("L", (int(font.getlength(text)) + 12, height), 245)
    ImageDraw.Draw(image).text((6, 3), text, fill=20, font=font)
    return image


def _words(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [f"{rng.choice('abcdefghij')}{''.join(rng.choices('abcdefghij', k=4))} {seed}{i:02}" for i in range(count)]


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("check") / "clean"
    (root / "images").mkdir(parents=True)
    for part, count, seed in (("train", 90, 1), ("val", 20, 2)):
        rows = []
        for i, text in enumerate(_words(count, seed)):
            name = f"images/{part}_{i:03}.png"
            _draw(text).save(root / name)
            rows.append(f"{name}\t{text}\n")
        (root / f"{part}.txt").write_text("".join(rows), encoding="utf-8", newline="\n")
    (root / "dict.txt").write_text("".join(f"{c}\n" for c in "0123456789abcdefghij"), encoding="utf-8", newline="\n")
    return root


@dataclass
class Planted:
    """A folder, and the (code, place) pairs that have to be found in it."""

    root: Path
    lines: dict[str, list[bytes]]
    expected: set[tuple[str, str]] = field(default_factory=set)

    def add(self, part: str, image: str, text: str, *codes: str) -> str:
        """A new line at the end of a list; its place."""
        self.lines[part].append(f"{image}\t{text}".encode())
        place = f"{part}.txt:{len(self.lines[part])}"
        self.expected |= {(code, place) for code in codes}
        return place

    def image(self, name: str, text: str = "abcde", height: int = 32) -> str:
        _draw(text, height).save(self.root / "images" / name)
        return f"images/{name}"


@pytest.fixture(scope="session")
def planted(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    root = tmp_path_factory.mktemp("planted") / "bad"
    shutil.copytree(clean, root)
    lists = {part: (root / f"{part}.txt").read_bytes().splitlines() for part in ("train", "val")}
    bad = Planted(root, lists)
    _plant_images(bad)
    _plant_labels(bad)
    _plant_sets(bad)
    _plant_files(bad)
    return bad


def _plant_images(bad: Planted) -> None:
    images = bad.root / "images"
    bad.add("train", "images/nowhere.png", "abc", "image-missing")
    (images / "empty.png").write_bytes(b"")
    bad.add("train", "images/empty.png", "abc", "image-empty")
    whole = io.BytesIO()
    _draw("abcdefgh").save(whole, "JPEG")
    (images / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    bad.add("train", "images/cut.jpg", "abcdefgh", "image-truncated")
    (images / "text.png").write_text("not an image")
    bad.add("train", "images/text.png", "abc", "image-unreadable")
    bad.add("val", "images", "abc", "image-unreadable")
    Image.new("L", (1, 1)).save(images / "dot.png")
    bad.add("train", "images/dot.png", "a", "image-tiny")
    frames = [_draw("abc"), _draw("abd")]
    frames[0].save(images / "moving.gif", save_all=True, append_images=frames[1:])
    bad.add("train", "images/moving.gif", "abc", "image-animated")
    exif = Image.Exif()
    exif[0x0112] = 3
    _draw("abcab").save(images / "turned.jpg", exif=exif)
    bad.add("train", "images/turned.jpg", "abcab", "image-rotated")
    Image.new("1", (10_000, 9_000)).save(images / "bomb.png")
    bad.add("train", "images/bomb.png", "abc", "image-bomb")
    Image.effect_noise((4000, 40), 90).save(images / "wide.png")
    bad.add("train", "images/wide.png", "abc", "image-aspect")
    Image.effect_noise((20, 200), 90).save(images / "tall.png")
    bad.add("train", "images/tall.png", "abc", "image-aspect")
    bad.add("train", bad.image("small.png", "abcjj", 12), "abcjj", "image-upscaled")
    Image.new("L", (90, 32), 255).save(images / "blank.png")
    bad.add("val", "images/blank.png", "abc", "image-blank")
    _draw("abcba").save(bad.root.parent / "outside.png")
    bad.add("train", "../outside.png", "abcba", "outside-folder")
    bad.image("Case.png", "fghij")
    bad.add("train", "Images/case.png", "fghij", "letter-case")


def _plant_labels(bad: Planted) -> None:
    labels = [
        ("", "label-empty"),
        ("   ", "label-empty"),
        ("cafe\u0301 d", "label-nfc"),
        (" abc", "label-spaces"),
        ("abc ", "label-spaces"),
        ("ab  cd", "label-spaces"),
        ("ab\x07c", "label-control"),
        ("ab\u200bc", "label-format"),
        ("ab\ue5dcc", "label-private-use"),
        ("ab\ufffdc", "label-damaged"),
        ("abce\u0430", "label-mixed-scripts"),
        ("abc <> d", "label-markup"),
        ('[{"transcription": "abc", "points": []}]', "detection-label"),
        ("abcß", "label-charset"),
        ("ab\tc", "columns"),
    ]
    for i, (text, code) in enumerate(labels):
        bad.add("train", bad.image(f"label_{i:02}.png", f"{chr(97 + i % 10) * 2}{i:02} label"), text, code)
    Image.effect_noise((64, 32), 80).save(bad.root / "images" / "short.png")
    bad.add("train", "images/short.png", "abcdefghij" * 2, "label-too-long")
    Image.effect_noise((64, 32), 70).save(bad.root / "images" / "crowded.png")
    bad.add("train", "images/crowded.png", "abcdefghij", "label-crowded")
    Image.effect_noise((64, 32), 60).save(bad.root / "images" / "repeats.png")
    bad.add("train", "images/repeats.png", "aabbccddee", "label-crowded")


def _plant_sets(bad: Planted) -> None:
    shutil.copy(bad.root / "images" / "train_003.png", bad.root / "images" / "copy.png")
    leak = bad.add("val", "images/copy.png", bad.lines["train"][3].decode().split("\t")[1])
    bad.expected.add(("leak", f"train.txt:4, {leak}"))
    conflict = bad.add("train", "images/train_005.png", "abcde")
    bad.expected.add(("label-conflict", f"train.txt:6, {conflict}"))
    double = bad.add("train", "images/train_006.png", bad.lines["train"][6].decode().split("\t")[1])
    bad.expected.add(("duplicate", f"train.txt:7, {double}"))
    Image.open(bad.root / "images" / "train_007.png").save(bad.root / "images" / "again.jpg", quality=60)
    near = bad.add("val", "images/again.jpg", bad.lines["train"][7].decode().split("\t")[1])
    bad.expected.add(("leak-near", f"train.txt:8, {near}"))
    bad.add("val", bad.image("unseen.png", "abcz"), "abcz", "val-unseen")


def _plant_files(bad: Planted) -> None:
    for part, line, code in (
        ("train", b"images/train_001.png abcde", "columns"),
        ("train", "images/train_001.png\tcafé".encode("latin-1"), "encoding"),
        ("train", b"", "blank-line"),
    ):
        bad.lines[part].append(line)
        bad.expected.add((code, f"{part}.txt:{len(bad.lines[part])}"))
    bad.lines["train"].append(bad.lines["train"][0])  # a blank line at the very end is none
    bad.lines["val"].insert(0, b"\xef\xbb\xbf" + bad.lines["val"].pop(0))
    bad.lines["val"][1] += b"\r"
    (bad.root / "train.txt").write_bytes(b"\n".join(bad.lines["train"]) + b"\n")
    (bad.root / "val.txt").write_bytes(b"\n".join(bad.lines["val"]))
    bad.expected |= {
        ("bom", "val.txt:1"),
        ("crlf", "val.txt:2"),
        ("no-final-newline", f"val.txt:{len(bad.lines['val'])}"),
        ("dict-duplicate", "dict.txt:1, dict.txt:21"),
        ("dict-blank", "dict.txt:22"),
        ("dict-multi", "dict.txt:23"),
        ("dict-unused", "dict.txt"),
    }
    with (bad.root / "dict.txt").open("a", encoding="utf-8") as file:
        file.write("0\n\nch\nQ\n")


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


def test_second_run_opens_no_image_again(clean: Path, tmp_path: Path) -> None:
    assert [_check(clean, tmp_path).decoded, _check(clean, tmp_path).decoded] == [110, 0]


def test_command_line(planted: Planted, clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-dataset", str(planted.root), "--output", str(tmp_path / "bad")]) == 1
    out, err = capsys.readouterr()
    issues = (tmp_path / "bad" / "check_dataset" / "issues.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(out.splitlines()) == len(issues)
    assert re.search(r"^train\.txt:\d+: error: empty label \[label-empty\]$", out, re.MULTILINE)
    assert "failed" in err
    assert main(["check-dataset", str(clean), "--output", str(tmp_path / "good"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["check_pass"] is True
    assert "passed" in err
    assert main(["check-dataset", str(tmp_path / "nowhere"), "--output", str(tmp_path / "none")]) == 1
    assert "no such folder" in capsys.readouterr().err
    failure = json.loads((tmp_path / "none" / "check_dataset_result.json").read_text())
    assert (failure["done_flag"], failure["err_type"]) == (False, "DataError")
    assert main(["check-dataset", "--output", str(tmp_path / "none")]) == 2
    assert main(["check-dataset", str(clean), "--split", "100"]) == 2
    assert main(["check-dataset", str(clean), "--convert-to", "xml"]) == 2
    assert main(["check-dataset", str(clean), "--group", "([a-z]+)"]) == 2


def test_a_charset_by_name_is_the_one_that_training_takes(clean: Path, tmp_path: Path) -> None:
    assert main(["check-dataset", str(clean), "--output", str(tmp_path), "-o", "Global.charset=latin"]) == 0


def test_names_of_any_length_are_copied(tmp_path: Path) -> None:
    name = "x" * 248 + ".png"
    for part in ("train", "val"):
        Image.new("L", (60, 20), 255).save(tmp_path / name)
        (tmp_path / f"{part}.txt").write_text(f"{name}\tab\n")
    report = _check(tmp_path, tmp_path / "out")
    assert report.images == 1 and len(list((tmp_path / "out" / "check_dataset" / "demo_img").iterdir())) == 2


def test_split_fix_convert_and_dictionary_by_command(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "data", ["--output", str(tmp_path / "out")]
    shutil.copytree(clean, root)
    before = {path.name: path.read_bytes() for path in root.glob("*.txt")}
    assert main(["check-dataset", str(root), "--split", "80", *out]) == 0
    assert "88 training and 22 validation lines" in capsys.readouterr().err
    assert main(["check-dataset", str(root), "--undo-split", *out]) == 0
    assert {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()} == before
    (root / "train.txt").write_bytes(b"\xef\xbb\xbf" + before["train.txt"])
    assert main(["check-dataset", str(root), "--fix", "--build-dict", *out]) == 0
    assert (root / "train.txt").read_bytes() == before["train.txt"]
    assert (root / "dict.txt").read_text().startswith(" \n0\n1\n")
    capsys.readouterr()
    assert main(["check-dataset", str(root), "--convert-to", "csv", *out]) == 0
    assert "(table)" in capsys.readouterr().err
    assert (tmp_path / "data_csv" / "train.csv").is_file()


def test_a_conversion_to_lmdb_checks_the_lines_it_was_made_of(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lmdb")
    root, out = tmp_path / "data", ["--output", str(tmp_path / "out")]
    shutil.copytree(clean, root)
    assert main(["check-dataset", str(root), "--convert-to", "lmdb", "--split", "80", *out]) == 2
    assert "then convert to lmdb" in capsys.readouterr().err
    assert main(["check-dataset", str(root), "--convert-to", "lmdb", *out]) == 0
    assert "90 + 20 lines" in capsys.readouterr().err
    assert (tmp_path / "data_lmdb" / "train" / "data.mdb").is_file()
    assert json.loads((tmp_path / "out" / "check_dataset_result.json").read_text())["check_pass"] is True


def test_torch_is_never_loaded(clean: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from ocrx.cli.app import main; code = main(sys.argv[1:]);"
        "sys.exit(code or ('torch' in sys.modules and 'torch was loaded'))"
    )
    command = [sys.executable, "-c", code, "check-dataset", str(clean), "--output", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_page_needs_nothing_from_outside(planted: Planted, tmp_path: Path) -> None:
    report = _check(planted.root, tmp_path)
    page = (tmp_path / "check_dataset" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert not re.search(r"url\(|@import|https?://", page)
    assert '<meta name="viewport"' in page
    thumbnails = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', page)
    with Image.open(io.BytesIO(base64.b64decode(thumbnails[0]))) as image:
        assert image.width <= 480
    order = re.findall(r'<article class="card (\w+)" data-code="([\w-]+)"', page)
    assert len(order) == len(report.issues)
    assert order == [(issue.severity, issue.code) for issue in report.issues]


@pytest.mark.browser
def test_page_filters_in_a_browser(planted: Planted, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here")
    report = _check(planted.root, tmp_path)
    page = (tmp_path / "check_dataset" / "report.html").as_uri()

    def shown(address: str) -> list[str]:
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", address]
        dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        cards = re.findall(r'<article class="card \w+" data-code="([\w-]+)"( hidden="")?', dom)
        assert len(cards) == len(report.issues)
        return [code for code, hidden in cards if not hidden]

    assert len(shown(page)) == len(report.issues)
    only = shown(page + "#label-spaces")
    assert only == ["label-spaces"] * sum(issue.code == "label-spaces" for issue in report.issues)


@pytest.mark.shared
def test_real_sets_give_no_false_errors(shared_data: Path) -> None:
    found = {}
    config = load_config()
    known = recipe_geometry("lcnetv4_tiny", config.Model.architecture, config.Model.params, config.Image.spec())
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
    assert "</html>" in render_report(page, findings.issues, images)


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


def test_label_errors_are_listed_and_shown(clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = _check(clean, tmp_path)
    samples = [Sample(clean / "a.png", "aaa", f"train.txt:{n}") for n in (1, 2)]
    report = replace(report, label_errors=tuple(LabelError(s, "aba", 9.0 / n) for n, s in enumerate(samples, start=1)))
    assert show_check(report, as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "train.txt:1: info: labelled 'aaa', read 'aba', log odds 9.0 [suspect]",
        "train.txt:2: info: labelled 'aaa', read 'aba', log odds 4.5 [suspect]",
    ]
    images = {sample.source: sample.image for sample in read_dataset(clean).samples}
    fields = report.to_dict()["suspects"]
    assert fields[1] == {
        "where": "train.txt:2",
        "image": "a.png",
        "text": "aaa",
        "prediction": "aba",
        "doubt": 4.5,
        "log_odds": 4.5,
    }
    page = render_report(ReportData("x", True, [], None, [], fields), [], images)
    assert page.count('<img src="data:image/jpeg') == 2
    assert "model: aba" in page
