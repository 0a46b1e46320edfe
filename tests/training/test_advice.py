"""What is said after a training that ended with a poor model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.config import load_config
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.training_data import TrainingData
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.training.advice import advise
from ocrx.training.history import HistoryRow
from ocrx.training.setup import TrainingSetup
from ocrx.training.state import Outcome, TrainState


def setup_of(folder: Path, *settings: str, pretrained: Path | None = None) -> TrainingSetup:
    config = load_config("lcnetv4_tiny", settings)
    spec = ModelSpec("lcnetv4", {}, tuple("abc"), ImageSpec(), FrameSpec(((3, 2, 1), (3, 2, 1))))
    return TrainingSetup(config, TrainingData(read_dataset(folder), 0), spec, None, pretrained, "0")


def outcome(accuracy: float, *, loss: float = 2.0, step: int = 9999, interrupted: bool = False) -> Outcome:
    row = HistoryRow(3, step, 1.0, 1e-3, loss, accuracy, 0.5, 0.5, 10.0)
    return Outcome(TrainState(epoch=3, step=step, best_accuracy=accuracy), (row,), interrupted)


@pytest.mark.parametrize(
    ("ended", "given"),
    [(outcome(0.5), False), (outcome(0.49), True), (outcome(0.0), True), (outcome(-1.0), False)],
)
def test_only_a_poor_result_gets_advice(line_folder: Path, ended: Outcome, given: bool) -> None:
    assert (advise(setup_of(line_folder), ended) is not None) is given


def test_an_interrupted_training_gets_none(line_folder: Path) -> None:
    assert advise(setup_of(line_folder), outcome(0.1, interrupted=True)) is None


def test_advice_follows_the_cause(line_folder: Path) -> None:
    fresh = setup_of(line_folder, "Train.synth.enable=false", "Train.pretrain_weight_path=null")
    learned = str(advise(fresh, outcome(0.1, loss=0.2)))
    assert "add lines" in learned and "--resume" not in learned
    short = str(advise(fresh, outcome(0.1, step=100)))
    assert "100 updates are few: continue with --resume -o Train.epochs_iters=12" in short
    assert "8 lines are few for fresh weights" in short and "-c fine_tune" in short

    tuned = setup_of(line_folder, "Train.synth.enable=false", pretrained=Path("model"))
    assert "fine_tune" not in str(advise(tuned, outcome(0.1, step=100)))
    assert "inspect the misread lines" in str(advise(tuned, outcome(0.1)))
