from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.killed import leave_partial_folder

from ocrx.cli.app import main
from ocrx.decoding.ngram_model import NgramModel


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_the_file_lies_beside_the_model_and_is_used(
    capsys: pytest.CaptureFixture[str], folder: Path, line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["export", "-m", str(folder), "--format", "torchscript", "--data", str(line_folder)])
    out, err = capsys.readouterr()
    assert code == 0 and out.strip() == str(folder / "inference" / "model.pt")
    assert "0 texts changed" in err
    result = json.loads((tmp_path / "output" / "export_result.json").read_text(encoding="utf-8"))
    assert result["done_flag"] is True and result["lines"] == 4 and result["texts_changed"] == 0
    assert main(["predict", str(line_folder / "images"), "-m", str(folder), "--backend", "torchscript"]) == 0
    assert "torchscript" in capsys.readouterr().err


def test_an_output_folder_is_a_model_folder_of_its_own(
    capsys: pytest.CaptureFixture[str], folder: Path, line_folder: Path, tmp_path: Path
) -> None:
    assert main(["export", "-m", str(folder), "--output", str(tmp_path / "out")]) == 0
    assert "noise only" in capsys.readouterr().err
    assert main(["predict", str(line_folder / "images" / "00.png"), "-m", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "lm.json.gz").exists()


def test_what_a_killed_export_left_is_removed(folder: Path, tmp_path: Path) -> None:
    for parent, more in ((folder / "inference", ()), (tmp_path, ("--output", str(tmp_path / "out")))):
        left = leave_partial_folder(parent)
        assert main(["export", "-m", str(folder), *more]) == 0
        assert not left.exists() and not list(parent.glob(".partial-*"))


def test_the_language_model_goes_along(
    capsys: pytest.CaptureFixture[str], folder: Path, line_folder: Path, tmp_path: Path
) -> None:
    NgramModel.from_texts(["abc"]).tuned(0.1, 0.0, 0.7).save(folder / "lm.json.gz")
    assert main(["export", "-m", str(folder)]) == 0
    assert not (folder / "inference" / "lm.json.gz").exists()
    assert main(["export", "-m", str(folder), "--output", str(tmp_path / "out")]) == 0
    image = str(line_folder / "images" / "00.png")
    for model in (folder, folder / "inference" / "model.onnx", tmp_path / "out", tmp_path / "out" / "model.onnx"):
        assert main(["predict", image, "-m", str(model)]) == 0
        assert "language model" in capsys.readouterr().err


def test_without_a_model_the_last_training_is_exported(
    capsys: pytest.CaptureFixture[str], folder: Path, line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, "output/best_accuracy")
    Path("output/config.yaml").write_text(f"Global:\n  dataset_dir: {line_folder}\n", encoding="utf-8")
    assert main(["export", "--format", "torchscript"]) == 0
    assert Path(capsys.readouterr().out.strip()) == Path("output/best_accuracy/inference/model.pt")
    assert main(["export", "-o", f"Export.weight_path={folder}", "--output", "named"]) == 0
    assert str(folder) in capsys.readouterr().err


def test_nothing_is_written_into_the_package(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ocrx.inference.discovery.EMBEDDED_DIR", tmp_path)
    monkeypatch.setattr("ocrx.model_folder.EMBEDDED_DIR", tmp_path)
    embedded = folder.rename(tmp_path / "printed_latin")
    before = {path: path.read_bytes() for path in embedded.rglob("*") if path.is_file()}
    for arguments in (["export"], ["export", "-m", "printed_latin"], ["run", "-o", "Global.mode=export"]):
        assert main(arguments) == 2
        assert "ocrx export --model printed_latin --output DIR" in capsys.readouterr().err
    assert main(["export", "--output", "out"]) == 0
    assert {path: path.read_bytes() for path in embedded.rglob("*") if path.is_file()} == before


def test_an_export_is_read_by_its_folder_and_by_its_name(
    capsys: pytest.CaptureFixture[str], folder: Path, line_folder: Path, tmp_path: Path
) -> None:
    out, image = tmp_path / "out", str(line_folder / "images" / "00.png")
    assert main(["export", "-m", str(folder), "--format", "torchscript", "--output", str(out)]) == 0
    more = ["--precision", "int8", "--max-loss", "1", "--data", str(line_folder)]
    assert main(["export", "-m", str(folder), *more]) == 0
    capsys.readouterr()
    script, int8 = ["-m", str(out), "--backend", "torchscript"], ["-m", str(folder / "inference" / "model.int8.onnx")]
    for named, reader in ((script, "torchscript"), (int8, "onnx")):
        assert main(["predict", image, *named]) == 0
        err = capsys.readouterr().err
        assert named[1] in err and reader in err
    assert main(["export", "-m", str(folder / "inference" / "model.int8.onnx")]) == 2
    assert "an export itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--format", "tflite"], 2, "Export.format"),
        (["--precision", "fp8"], 2, "Export.precision"),
        (["--precision", "bf16", "--data", "{data}"], 2, "expected one of fp32, fp16, int8"),
        (["--precision", "int8"], 1, "no lines to compare on"),
        (["--data", "missing"], 1, "no such folder"),
        (["--precision", "int8", "--max-loss", "0", "--data", "{data}"], 0, "MiB"),
    ],
)
def test_failures_are_named_and_recorded(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    line_folder: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    given = [argument.format(data=line_folder) for argument in arguments]
    found = main(["export", "-m", str(folder), "--output", str(tmp_path / "out"), *given])
    assert found == code and message in capsys.readouterr().err
    result = tmp_path / "out" / "export_result.json"
    in_the_configuration = message.startswith("Export.")  # found before there is an output
    assert result.exists() is not in_the_configuration
    if not in_the_configuration:
        assert json.loads(result.read_text(encoding="utf-8"))["done_flag"] is (code == 0)
