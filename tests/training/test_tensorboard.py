from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ocrx.config import Config, load_config
from ocrx.errors import BackendError
from ocrx.modes import train
from ocrx.training import setup, tensorboard
from ocrx.training.tensorboard import TensorBoardWriter


def config(folder: Path, output: Path) -> Config:
    given = {"Global.dataset_dir": str(folder), "Global.output": str(output), "Global.device": "cpu"}
    fast = {"Train.epochs_iters": 2, "Train.batch_size": 8, "Train.log_interval": 1, "Train.tensorboard": True}
    return load_config("lcnetv4_tiny", options={**given, **fast})


def curves(folder: Path) -> dict[str, dict[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_a_training_leaves_its_curves_and_its_models(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "export_onnx", lambda *_: None)  # the slowest part of a short training
    output = tmp_path / "out"
    report = train.run(config(line_folder, output), log=lambda line: None)
    found = curves(output / "tensorboard")
    steps = list(range(1, report.steps + 1))
    assert list(found["train/loss"]) == list(found["train/learning_rate"]) == steps
    assert set(found) >= {"val/accuracy", "val/cer", "val/norm_edit_dis"}
    result = json.loads((output / "train_result.json").read_text())
    assert result["tensorboard_log"] == "tensorboard" and result["done_flag"]
    models = result["models"]
    assert found["val/accuracy"][steps[-1]] == pytest.approx(models["last_1"]["score"])
    assert models["last_1"]["weights"] == "epoch_2/model.safetensors" and models["last_5"] == {}
    for name in ("best", "last_1", "latest"):
        assert (output / models[name]["weights"]).is_file(), "paths are relative to the output"


def test_a_resumed_training_does_not_repeat_its_log(tmp_path: Path) -> None:
    for first, loss in ((0, 1.0), (3, 2.0)):
        writer = TensorBoardWriter(tmp_path)
        writer.start(first)
        for step in range(first + 1, 7):
            writer.record({"train/loss": loss}, step)
        writer.close()
    assert curves(tmp_path)["train/loss"] == {1: 1.0, 2: 1.0, 3: 1.0, 4: 2.0, 5: 2.0, 6: 2.0}


def test_nothing_is_written_before_the_training_starts(tmp_path: Path) -> None:
    writer = TensorBoardWriter(tmp_path)
    writer.record({"train/loss": 1.0}, 1)
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_an_error_before_the_training(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"Train\.tensorboard") as caught:
        train.run(config(line_folder, tmp_path / "out"), log=lambda line: None)
    assert "ocrx[tensorboard]" in str(caught.value.hint) and not (tmp_path / "out").exists()
