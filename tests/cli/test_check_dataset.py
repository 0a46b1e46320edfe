"""``ocrx check-dataset`` from its arguments to what it prints."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from support.pages import corners, write_page
from support.planted import Planted

from ocrx.cli.app import main
from ocrx.cli.check_dataset import show
from ocrx.config import load_config
from ocrx.data.sample import Sample
from ocrx.evaluation.label_errors import LabelError
from ocrx.modes.check_dataset import CheckReport, run
from ocrx.results import Issue


def _report(root: Path, output: Path) -> CheckReport:
    return run(load_config(None, [f"Global.dataset_dir={root}", f"Global.output={output}"]))


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


def test_label_errors_are_listed(clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = [Sample(clean / "a.png", "aaa", f"train.txt:{n}") for n in (1, 2)]
    errors = tuple(LabelError(sample, "aba", 9.0 / n, 0.9 / n) for n, sample in enumerate(samples, start=1))
    assert show(replace(_report(clean, tmp_path), label_errors=errors), as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "train.txt:1: info: labelled 'aaa', read 'aba', score 90, log odds 9.0 [suspect]",
        "train.txt:2: info: labelled 'aaa', read 'aba', score 45, log odds 4.5 [suspect]",
    ]


def test_the_report_opens_with_its_summary(planted: Planted, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ocrx", "check-dataset", str(planted.root), "--output", str(tmp_path)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = result.stdout.splitlines()
    assert (result.returncode, lines[0]) == (1, "Check dataset failed !")
    assert re.match(r"\d+ training and \d+ validation lines \(paddlex\), \d+ images; see ", lines[1])
    codes = re.findall(r"\[([\w-]+)\]$", result.stdout, re.MULTILINE)
    assert len(codes) > 50
    blocks = [code for i, code in enumerate(codes) if i == 0 or codes[i - 1] != code]
    assert len(blocks) == len(set(blocks))


def test_the_words_of_paddlex_for_a_good_dataset(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-dataset", str(clean), "--output", str(tmp_path)]) == 0
    assert "Check dataset passed !" in capsys.readouterr().err.splitlines()
    override = ["-o", f"Global.dataset_dir={clean}", "-o", f"Global.output={tmp_path}"]
    assert main(["run", "-c", "lcnetv4_tiny", "-o", "Global.mode=check_dataset", *override]) == 0
    assert "Check dataset passed !" in capsys.readouterr().err.splitlines()


def test_a_terminal_shows_equal_findings_once(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = [Issue("error", "label-empty", f"train.txt:{n}", "empty label", "write the text") for n in range(1, 31)]
    missing = [Issue("error", "image-missing", f"val.txt:{n}", f"{n}.png: no such image", "x") for n in range(1, 9)]
    report = replace(_report(clean, tmp_path), issues=(*empty, *missing))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert show(report, as_json=False) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "error label-empty (30): write the text",
        "  train.txt:1, train.txt:2, train.txt:3 and 27 more: empty label",
        "error image-missing (8): x",
        *(f"  val.txt:{n}: {n}.png: no such image" for n in range(1, 6)),
        f"  3 more in {tmp_path / 'check_dataset' / 'issues.jsonl'}",
    ]
    assert re.search(r"error +label-empty +30 +train\.txt:1 +write the text", err)


def test_the_folder_is_an_argument_or_an_option(clean: Path, tmp_path: Path) -> None:
    assert main(["check-dataset", "--data", str(clean), "--output", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "check_dataset_result.json").read_text())["dataset_path"] == str(clean)


def test_file_names_of_any_bytes_are_reported(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff")
    (tmp_path / "set").mkdir()
    for suffix, content in ((".gt.txt", b" hi "), (".png", b"damaged")):
        try:
            (tmp_path / "set" / (name + suffix)).write_bytes(content)
        except OSError:
            pytest.skip("this file system holds only UTF-8 names")
    command = [sys.executable, "-m", "ocrx", "check-dataset", str(tmp_path / "set"), "--output", str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, check=False)
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr
    assert b"label-spaces" in result.stdout
    assert "image-unreadable" in (tmp_path / "out" / "check_dataset" / "report.html").read_text(encoding="utf-8")


def test_a_label_that_leads_to_no_regular_file_ends(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    Image.effect_noise((64, 32), 60).save(root / "a.png")
    os.mkfifo(root / "fifo.png")
    (root / "train.txt").write_text("a.png\tab\n/dev/zero\tab\nfifo.png\tab\n../../../../../../../dev/zero\tab\n")
    (root / "val.txt").write_text("a.png\tab\n")
    command = [sys.executable, "-m", "ocrx", "check-dataset", str(root), "--output", str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 1
    for line in (2, 3, 4):
        assert re.search(rf"^train\.txt:{line}: error: .*not a regular file", result.stdout, re.MULTILINE)


def test_lines_of_pages_are_cut_split_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "pages"
    boxes = write_page(root / "scan.png")
    rows = [{"transcription": text, "points": corners(box)} for text, box in boxes.items()]
    rows += [{"transcription": "<script>alert(1)</script>", "points": corners((10, 200, 200, 230))}]
    rows += [{"transcription": "###", "points": corners((10, 240, 200, 270))}]
    (root / "Label.txt").write_text(f"pages/scan.png\t{json.dumps(rows)}\n")
    out = tmp_path / "out"
    code = main(["check-dataset", str(root), "--convert-from", "ppocrlabel", "--split", "75", "--output", str(out)])
    err = capsys.readouterr().err
    assert code == 0, err
    assert "converted ppocrlabel to paddlex" in err
    assert "left out 1 (marked as unreadable (###): 1); see" in err
    assert "3 training and 1 validation lines (paddlex)" in err
    assert sorted(path.name for path in root.iterdir()) == ["Label.txt", "scan.png"]
    page = (out / "check_dataset" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
