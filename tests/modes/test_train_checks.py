"""``train`` looks at the data with the rules of ``check-dataset`` before it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocrx.config import load_config
from ocrx.data.checks.run import CACHE_FILE, run_checks
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import DataError
from ocrx.modes import check_dataset, train
from ocrx.training.setup import new_spec


def test_errors_are_refused_by_line_and_code_before_anything_is_written(line_folder: Path, tmp_path: Path) -> None:
    (line_folder / "images" / "03.png").write_bytes(b"")
    with (line_folder / "train.txt").open("a") as file:
        file.write("images/04.png\t\n")
    output = tmp_path / "out"
    config = load_config("lcnetv4_tiny", [f"Global.dataset_dir={line_folder}", f"Global.output={output}"])
    with pytest.raises(DataError) as info:
        train.run(config, log=lambda line: None)
    assert "train.txt:4: images/03.png: empty file" in info.value.message
    assert "train.txt:9: empty label" in info.value.message
    assert "Train.ignore_checks=[" in (info.value.hint or "")
    assert sorted(path.name for path in output.rglob("*")) == ["check_dataset", "images.npy"]


def test_allowed_lines_that_cannot_be_trained_are_left_out(line_folder: Path, tmp_path: Path) -> None:
    (line_folder / "images" / "03.png").unlink()
    validation = (line_folder / "val.txt").read_text(encoding="utf-8").partition("\t")[0]
    (line_folder / validation).write_bytes(b"no image")
    lines = len((line_folder / "train.txt").read_text(encoding="utf-8").splitlines())
    (line_folder / "dict.txt").write_text("\n".join("abcdefghijklmnopqrstuvwxyz0123456789"), encoding="utf-8")
    settings = [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}", "Train.epochs_iters=1"]
    codes = "label-charset,label-conflict,image-missing,image-unreadable"
    log: list[str] = []
    with (line_folder / "train.txt").open("a", encoding="utf-8") as file:
        file.write("images/04.png\tÄ\n")
    train.run(load_config("lcnetv4_tiny", [*settings, f"Train.ignore_checks=[{codes}]"]), log.append)
    left_out = next(line for line in log if line.startswith("left out"))
    kept = next(line for line in log if "training lines," in line)
    assert left_out.startswith("left out: 2 training lines")
    assert f"; {lines - 1} training lines," in kept
    assert (tmp_path / "out" / "best_accuracy" / "inference" / "model.onnx").is_file()


def test_starting_anew_leaves_nothing_of_the_training_before(line_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    settings = [f"Global.dataset_dir={line_folder}", f"Global.output={output}", "Train.overwrite=true"]
    train.run(load_config("lcnetv4_tiny", [*settings, "Train.epochs_iters=3"]), lambda line: None)
    (output / "notes.txt").write_text("mine")
    train.run(load_config("lcnetv4_tiny", [*settings, "Train.epochs_iters=1"]), lambda line: None)
    assert sorted(path.name for path in output.glob("epoch_*")) == ["epoch_1"]
    assert json.loads((output / "train_result.json").read_text())["models"]["last_2"] == {}
    assert (output / "train.log").read_text().count("training lines,") == 1
    assert (output / "notes.txt").read_text() == "mine"
    start = f"Train.pretrain_weight_path={output / 'best_accuracy'}"
    with pytest.raises(DataError, match="in the output folder, which --overwrite clears"):
        train.run(load_config("lcnetv4_tiny", [*settings, start]), lambda line: None)
    assert (output / "best_accuracy").is_dir()


def test_only_starting_over_clears_anything(line_folder: Path, tmp_path: Path) -> None:
    """The output may be a folder that holds other things, whatever they are called."""
    (tmp_path / "epoch_notes").mkdir()
    (tmp_path / "train.log").write_text("mine\n")
    settings = [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path}", "Train.epochs_iters=1"]
    train.run(load_config("lcnetv4_tiny", settings), lambda line: None)
    assert (tmp_path / "train.log").read_text().startswith("mine\n")
    train.run(load_config("lcnetv4_tiny", [*settings, "Train.overwrite=true"]), lambda line: None)
    assert (tmp_path / "epoch_notes").is_dir(), "no model lies there"


def test_right_to_left_labels_make_a_right_to_left_model(line_folder: Path, tmp_path: Path) -> None:
    config = load_config("lcnetv4_tiny", [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}"])
    assert new_spec(config, read_dataset(line_folder)).direction == "ltr"
    labels = (line_folder / "train.txt").read_text(encoding="utf-8").splitlines()
    labels[0] = labels[0].split("\t")[0] + "\tسنة (1963"
    (line_folder / "train.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (line_folder / "dict.txt").unlink(missing_ok=True)
    spec = new_spec(config, read_dataset(line_folder))
    assert spec.direction == "rtl"
    assert {"س", "(", ")"} <= set(spec.charset)
    assert type(spec).from_json(spec.to_json(), "here") == spec


def test_images_that_were_checked_are_not_opened_again(line_folder: Path, tmp_path: Path) -> None:
    config = load_config("lcnetv4_tiny", [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}"])
    check_dataset.run(config)
    dataset = read_dataset(line_folder)
    assert run_checks(dataset, cache=tmp_path / "out" / CACHE_FILE).scan.decoded == 0
