"""What a training tells of itself, and that two of them never share an output."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from ocrx.cli.app import main
from ocrx.config import Config, load_config
from ocrx.errors import DataError
from ocrx.modes import train as mode
from ocrx.results import LOCK_FILE
from ocrx.training import setup
from ocrx.training.output_lock import locked_output

TINY = "Model.params={channels: [8, 8, 8], depths: [1, 1, 1], hidden: 8}"
FAST = ["epochs_iters=1", "batch_size=3", "precision=fp32", "workers=0", "synth.enable=false"]


def settings(data: Path, output: Path) -> list[str]:
    own = [f"Global.dataset_dir={data}", f"Global.output={output}", "Global.device=cpu", TINY]
    return [*own, *(f"Train.{pair}" for pair in FAST)]


def config(data: Path, output: Path, *more: str) -> Config:
    return load_config("printed_en", [*settings(data, output), *more])


def test_a_training_tells_what_it_was(line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "export_onnx", lambda *_: None)  # the slowest part of a short training
    shown: list[str] = []
    report = mode.run(config(line_folder, tmp_path / "out"), shown.append)

    result = json.loads((tmp_path / "out" / "train_result.json").read_text())["reproduce"]
    assert result["packages"]["numpy"] == version("numpy")
    assert result["devices_used"][0].startswith("cpu (")
    assert len(result["dataset_fingerprint"]) == 16

    checked = next(line for line in shown if line.startswith("preflight"))
    assert " passed on cpu " in checked and "lines from train.txt:" in checked and "accelerator" not in checked
    assert report.advice is not None and "fine-tune" in report.advice and shown[-1] == report.advice
    lines = (tmp_path / "out" / "train.log").read_text().splitlines()
    assert lines and all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line) for line in lines)
    assert not (tmp_path / "out" / LOCK_FILE).exists()


def test_a_resume_lists_what_changed(line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "export_onnx", lambda *_: None)
    mode.run(config(line_folder, tmp_path / "out"), lambda line: None)
    shown: list[str] = []
    more = ["Train.resume_path=latest", "Train.epochs_iters=2", "Train.weight_decay=0.5"]
    mode.run(config(line_folder, tmp_path / "out", *more), shown.append)
    told = next(line for line in shown if line.startswith("settings changed"))
    assert "Train.epochs_iters was 1, is 2" in told and "Train.weight_decay was 0.02, is 0.5" in told


@pytest.mark.parametrize("option", [[], ["--overwrite"], ["--resume"]])
def test_a_second_training_in_the_same_output_changes_nothing(
    line_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    output = tmp_path / "out"
    (output / "latest").mkdir(parents=True)
    (output / "latest" / "model.json").write_text("{}")
    (output / "train.log").write_text("of the first training\n")
    overrides = [part for pair in settings(line_folder, output) for part in ("-o", pair)]
    with locked_output(output):
        before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
        assert main(["train", "-c", "printed_en", *overrides, *option]) == 1
        assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before
    assert "a training runs here (process" in capsys.readouterr().err


def test_images_that_disappear_during_training_are_an_error(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "export_onnx", lambda *_: None)

    def log(line: str) -> None:
        if line.startswith("printed_en:"):
            for path in (line_folder / "images").iterdir():
                path.unlink()

    with pytest.raises(DataError, match=r"val\.txt:1 .*disappeared during training"):
        mode.run(config(line_folder, tmp_path / "out"), log)
