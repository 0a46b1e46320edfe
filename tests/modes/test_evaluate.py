"""``ocrx evaluate``: result file, table of lines, report, exit codes."""

from __future__ import annotations

import html.parser
import json
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import ocrx
from ocrx import create_model
from ocrx.cli.app import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["evaluate", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def half_right(model_folder: Path, line_folder: Path) -> Path:
    """A dataset of which the model reads two of the four validation lines."""
    images = [f"images/{i:02}.png" for i in range(8, 12)]
    found = create_model(model_dir=model_folder, backend="onnx").predict([str(line_folder / name) for name in images])
    texts = [p.text for p in found]
    texts[1] = texts[1][1:] + "q"
    texts[3] = "<b>&\"'"
    (line_folder / "val.txt").write_text("".join(f"{n}\t{t}\n" for n, t in zip(images, texts, strict=True)))
    return line_folder


def test_result_file_lines_and_stdout(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    code, out, err = run(capsys, half_right, "--model", model_folder, "--output", output)
    assert code == 0
    result = json.loads((output / "evaluate_result.json").read_text(encoding="utf-8"))
    assert result["done_flag"] is True
    assert result["metrics"]["acc"] == 0.5 and 0.5 < result["metrics"]["norm_edit_dis"] < 1
    assert result["metrics"]["count"] == 4 and 0 < result["metrics"]["cer"] < 1
    assert {"lenient", "accuracy_ci", "wer"} <= result["metrics"].keys()
    low, high = result["analysis"]["intervals"]["accuracy"]
    assert 0 <= low < 0.5 < high <= 1
    assert out.startswith("metric\tvalue\t95% low\t95% high\naccuracy\t0.5000\t") and "lines\t4" in out
    assert "worst lines" in err and "val.txt:4" in err
    header, *rows = [row.split("\t") for row in (output / "evaluate" / "lines.tsv").read_text("utf-8").splitlines()]
    assert header == ["source", "image", "truth", "prediction", "score", "exact", "error", "confidence", "warning"]
    assert [row[5] for row in rows] == ["1", "0", "1", "0"] and rows[3][2] == "<b>&\"'"


def test_the_result_says_what_reproduces_it(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    def evaluated() -> dict[str, Any]:
        arguments = (half_right, "--model", model, "--compare", model_folder, "--output", tmp_path / "out", "--json")
        assert run(capsys, *arguments)[0] == 0
        found: dict[str, Any] = json.loads((tmp_path / "out" / "evaluate_result.json").read_text("utf-8"))
        return found

    model = shutil.copytree(model_folder, tmp_path / "model")
    first = evaluated()
    made = first["reproduce"]
    assert made["packages"]["numpy"] == version("numpy") and made["ocrx"] == ocrx.__version__
    assert {"python", "platform", "command", "threads"} <= made.keys()
    assert made["devices_used"][0].startswith("cpu (") and made["backend"] == "onnx"
    assert {"model.safetensors", "inference/model.onnx"} <= set(made["weights_fingerprint"])  # exports may lie beside
    assert first["compared"]["weights_fingerprint"] == made["weights_fingerprint"]

    with (model / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    (half_right / "val.txt").write_text((half_right / "val.txt").read_text() + "images/08.png\tanother\n")
    second = evaluated()["reproduce"]
    assert second["dataset_fingerprint"] != made["dataset_fingerprint"]
    changed = {k for k, v in second["weights_fingerprint"].items() if made["weights_fingerprint"][k] != v}
    assert changed == {"model.safetensors"}


def test_an_unreadable_image_is_wrong_named_and_exits_1(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    (half_right / "images" / "08.png").unlink()
    code, out, err = run(capsys, half_right, "-m", model_folder, "--output", tmp_path, "--json")
    assert code == 1
    result = json.loads(out)
    assert result["metrics"]["acc"] == 0.25 and result["analysis"]["unreadable"] == 1
    assert "val.txt:1: " in err and "08.png: no such file" in err


def test_two_models_side_by_side(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    code, out, _ = run(capsys, half_right, "-m", model_folder, "--compare", model_folder, "--output", tmp_path)
    assert code == 0 and "compared\t0.5000\t+0.0000\t+0.0000" in out
    head, *rows = [line.split("\t") for line in out.splitlines()[:-2]]
    assert {row[head.index("second") - 1] for row in rows} == {"compared"}
    result = json.loads((tmp_path / "evaluate_result.json").read_text(encoding="utf-8"))
    assert result["compared"]["only_first"] == result["compared"]["only_second"] == 0
    assert result["compared"]["metrics"]["acc"] == 0.5


def test_without_arguments_the_last_training_is_evaluated(
    capsys: pytest.CaptureFixture[str],
    model_folder: Path,
    half_right: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model_folder, tmp_path / "output" / "best_accuracy")
    (tmp_path / "output" / "config.yaml").write_text(f"Global:\n  dataset_dir: {half_right}\n", encoding="utf-8")
    code, out, _ = run(capsys)
    assert code == 0 and "accuracy\t0.5000" in out


@pytest.fixture
def after_training(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to work in, with ``output`` as a training leaves it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model_folder, tmp_path / "output" / "best_accuracy")
    return tmp_path


BEST = "model output/best_accuracy"


def test_a_configuration_means_what_was_trained_with_it(
    capsys: pytest.CaptureFixture[str], after_training: Path, half_right: Path
) -> None:
    code, _, err = run(capsys, half_right, "-c", "lcnetv4_tiny")
    assert code == 0 and BEST in err
    paddlex = ["run", "-c", "lcnetv4_tiny", "-o", f"Global.dataset_dir={half_right}"]
    for mode in ("evaluate", "export", "predict"):
        more = [f"Global.mode={mode}", f"Predict.input={half_right / 'images'}"]
        assert main([*paddlex, *(part for option in more for part in ("-o", option))]) == 0
        assert BEST in capsys.readouterr().err, mode
    assert main(["predict", str(half_right / "images"), "-c", "lcnetv4_tiny"]) == 0
    assert BEST in capsys.readouterr().err
    assert main(["export", "-c", "lcnetv4_tiny", "--output", "other"]) == 0
    assert BEST in capsys.readouterr().err and Path("other", "model.onnx").is_file()


def test_without_a_configuration_or_a_training_the_embedded_model_reads(
    capsys: pytest.CaptureFixture[str], after_training: Path, half_right: Path
) -> None:
    for arguments in (["evaluate", half_right, "--output", "out"], ["predict", half_right / "images" / "08.png"]):
        assert main([*map(str, arguments)]) == 0
        assert "(printed_latin)" in capsys.readouterr().err
    shutil.rmtree("output")
    Path("beam.yaml").write_text("Decode: {beam: 3}", encoding="utf-8")
    for config in ("beam.yaml", "printed_latin"):
        assert main(["evaluate", str(half_right), "-c", config]) == 0
        assert "(printed_latin)" in capsys.readouterr().err


def test_a_configuration_whose_model_was_not_trained_is_an_error(
    capsys: pytest.CaptureFixture[str], half_right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for mode in ("evaluate", "export"):
        options = ["-c", "lcnetv4_tiny", "-o", f"Global.dataset_dir={half_right}", "-o", f"Global.mode={mode}"]
        for command in ("run", mode):
            assert main([command, *options]) == 2
            err = capsys.readouterr().err
            assert "output/best_accuracy: not found, and no weights are given for lcnetv4_tiny" in err


def test_a_configuration_of_an_official_model_takes_the_official_weights(
    capsys: pytest.CaptureFixture[str],
    half_right: Path,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As PaddleX does: a name is enough for evaluate and export, with or without `ocrx run`."""
    monkeypatch.chdir(tmp_path)
    copied = shutil.copytree(model_folder, tmp_path / "cached")
    asked: list[str] = []
    monkeypatch.setattr("ocrx.zoo.sources.obtain", lambda name: asked.append(name) or copied)
    for mode in ("evaluate", "export"):
        options = ["-c", "PP-OCRv4_mobile_rec", "-o", f"Global.dataset_dir={half_right}", "-o", f"Global.mode={mode}"]
        for command in ("run", mode):
            assert main([command, *options]) == 0, capsys.readouterr().err
            assert f"model {copied}" in capsys.readouterr().err
    assert asked == ["PP-OCRv4_mobile_rec"] * 4


def test_a_model_without_calibration_is_named(
    capsys: pytest.CaptureFixture[str], half_right: Path, model_folder: Path, tmp_path: Path
) -> None:
    assert main(["evaluate", str(half_right), "--model", str(model_folder), "--output", str(tmp_path / "o")]) == 0
    assert "the model has no calibration of its own; --calibrate fits one" in capsys.readouterr().err
    assert main(["evaluate", str(half_right), "--lang", "en", "--output", str(tmp_path / "o")]) == 0
    err = capsys.readouterr().err
    assert "(printed_latin)" in err and "no calibration" not in err


@pytest.mark.parametrize(
    ("dataset", "message"), [("", "no dataset given"), ("missing", "no such folder"), ("empty", "no label file")]
)
def test_without_data_there_is_a_result_file_that_says_so(
    capsys: pytest.CaptureFixture[str],
    model_folder: Path,
    tmp_path: Path,
    dataset: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    code, _, err = run(capsys, *([dataset] if dataset else []), "-m", model_folder, "--output", "out")
    assert code == 1 and message in err
    result = json.loads((tmp_path / "out" / "evaluate_result.json").read_text(encoding="utf-8"))
    assert result["done_flag"] is False and result["err_type"] == "DataError" and message in result["err_msg"]


class Links(html.parser.HTMLParser):
    """Everything a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data")]


def test_the_report_needs_nothing_else_and_escapes_texts(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    run(capsys, half_right, "-m", model_folder, "--output", tmp_path)
    page = (tmp_path / "evaluate" / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert len(links.found) == 2 and all(link.startswith("data:image/png;base64,") for link in links.found)
    assert "<b>&" not in page and "&lt;b&gt;" in page


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_report_opens_in_a_browser(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    run(capsys, half_right, "-m", model_folder, "--compare", model_folder, "--output", tmp_path / "out")
    page = tmp_path / "out" / "evaluate" / "report.html"
    probe = """<script>
    const images = [...document.images];
    document.title = JSON.stringify({loaded: images.filter(i => i.complete && i.naturalWidth > 0).length,
      all: images.length, rows: document.querySelectorAll('#metrics tr').length,
      bars: document.querySelectorAll('svg rect.bin').length, lines: document.querySelectorAll('#worst .line').length,
      wide: document.documentElement.scrollWidth <= window.innerWidth});
    </script>"""
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", probe + "</body>"), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,800", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout
    seen = json.loads(dom.split("<title>")[1].split("</title>")[0])
    assert seen["all"] == seen["loaded"] == seen["lines"] == 2
    assert seen["rows"] == 14 and seen["bars"] >= 2 and seen["wide"]


def test_case_is_ignored_on_request(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    rows = (half_right / "val.txt").read_text(encoding="utf-8").splitlines()
    swapped = [f"{name}\t{text.swapcase()}\n" for name, text in (row.split("\t") for row in rows)]
    (half_right / "val.txt").write_text("".join(swapped), encoding="utf-8")
    arguments = (half_right, "-m", model_folder, "--output", tmp_path, "--json")
    strict, lenient = (json.loads(run(capsys, *arguments, *more)[1]) for more in ((), ("--ignore-case",)))
    assert strict["metrics"]["acc"] == 0 and strict["ignore_case"] is False
    assert lenient["metrics"]["acc"] == 0.5 and lenient["ignore_case"] is True
    assert lenient["metrics"]["cer"] == strict["metrics"]["cer_ci"]
    assert lenient["analysis"]["intervals"]["accuracy"][0] > 0


def test_calibrating_writes_the_confidence_into_the_model(
    capsys: pytest.CaptureFixture[str], model_folder: Path, half_right: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    arguments = (half_right, "-m", folder, "--output", tmp_path / "out")
    code, _, err = run(capsys, *arguments, "--calibrate")
    assert code == 1 and "calibrating needs at least 20" in err
    rows = (half_right / "val.txt").read_text(encoding="utf-8")
    (half_right / "val.txt").write_text(rows * 10, encoding="utf-8")

    before = json.loads(run(capsys, *arguments, "--json")[1])
    assert before["analysis"]["confidence"]["brier_confidence"] is None and before["calibrated"] is None
    code, _, err = run(capsys, *arguments, "--calibrate")
    assert code == 0 and "calibrated on 40 lines" in err
    result = json.loads((tmp_path / "out" / "evaluate_result.json").read_text(encoding="utf-8"))
    assert result["calibrated"]["quality"]["cross_validated"] is True
    assert json.loads((folder / "model.json").read_text(encoding="utf-8"))["calibration"]["lines"] == 40

    code, out, err = run(capsys, *arguments, "--json")
    after = json.loads(out)["analysis"]["confidence"]
    assert code == 0 and after["brier_confidence"] < after["brier_score"] and "of the confidence" in err
    (found,) = create_model(model_dir=folder).predict(str(half_right / "images" / "08.png"))
    assert found.confidence is not None and found.to_dict()["confidence"] == found.confidence


def test_an_embedded_model_is_not_calibrated_in_place(
    capsys: pytest.CaptureFixture[str], half_right: Path, tmp_path: Path
) -> None:
    code, _, err = run(capsys, half_right, "-m", "printed_en", "--output", tmp_path, "--calibrate")
    assert code == 1 and "embedded" in err and "copy its folder" in err


def test_a_terminal_shows_a_table(
    capsys: pytest.CaptureFixture[str],
    model_folder: Path,
    half_right: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    code, out, _ = run(capsys, half_right, "-m", model_folder, "--output", tmp_path)
    head, accuracy = out.splitlines()[:2]
    assert code == 0 and head.split()[:2] == ["metric", "value"] and "\t" not in out
    assert accuracy.split()[:2] == ["accuracy", "0.5000"]
