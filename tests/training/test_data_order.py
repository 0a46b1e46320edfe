"""A training resumes inside an epoch if, and only if, its lines come in the same order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ocrx.config import Config, load_config
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.training_data import TrainingData
from ocrx.training.data_order import current_data_order, data_order_key


def key(folder: Path, *settings: str) -> dict[str, object]:
    config: Config = load_config("printed_en", settings)
    return data_order_key(config, TrainingData(read_dataset(folder), 0))


@pytest.mark.parametrize(
    "change",
    ["Global.seed=7", "Train.batch_size=9", "Train.max_pixels=9999", "Train.concat=0.2", "Train.replay_ratio=0.4"],
)
def test_stored_lines_follow_seed_batches_and_the_lines(line_folder: Path, change: str) -> None:
    stored = "Train.synth.enable=false"
    before = key(line_folder, stored)
    assert key(line_folder, stored, "Train.learning_rate=0.5", "Train.workers=3", "Synth.strength=0") == before
    assert key(line_folder, stored, change) != before
    with (line_folder / "train.txt").open("a") as file:
        file.write("images/08.png\tanother\n")
    assert key(line_folder, stored) != before


@pytest.mark.parametrize("setting", ["Synth.strength=0.3", "Synth.max_length=12", "Synth.fonts=[datasets]"])
def test_rendered_lines_follow_what_is_rendered(line_folder: Path, setting: str) -> None:
    rendered = "Train.synth.enable=true"
    before = key(line_folder, rendered)
    same = ["Synth.count=5", "Synth.val_percent=50", "Synth.workers=2"]
    assert key(line_folder, rendered, *same) == before
    assert key(line_folder, rendered, setting) != before
    assert key(line_folder, rendered, "Train.synth.lines_per_epoch=128") != before


def test_the_text_of_an_earlier_version_means_the_same_settings(line_folder: Path) -> None:
    now = key(line_folder, "Train.synth.enable=true")
    config = load_config("printed_en", ["Train.synth.enable=true"])
    others = {name: value for name, value in now.items() if not name.startswith("Synth.")}

    saved = {**others, "Synth": str(replace(config.Synth, count=7, workers=3))}
    assert current_data_order(saved) == now
    assert current_data_order({**others, "Synth": str(replace(config.Synth, color=0.9))})["Synth.color"] == 0.9
    assert current_data_order(now) == now


@pytest.mark.parametrize("text", ["", "not python (", "f(a=g())", "SynthConfig(charset=open('x'))"])
def test_another_text_is_kept_and_never_run(text: str) -> None:
    saved = {"Global.seed": 1, "Synth": text}
    assert current_data_order(saved) == saved
