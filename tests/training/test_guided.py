"""The guide in a training: it learns, resumes with it, pulls the backbone, and is not in what is saved for use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.training import FAST, assert_equal, trainer, weights

from ocrx.config import GuideConfig, TrainConfig, load_config, recipe_names
from ocrx.errors import ConfigError, DataError
from ocrx.modes import train as mode
from ocrx.training.checkpoint import load_state

SMALL = GuideConfig(weight=1.0, dims=32, layers=1)
GUIDED = replace(FAST, guide=SMALL, epochs_iters=2)


def test_it_is_trained_and_saved_to_resume_but_not_in_the_model(line_folder: Path, tmp_path: Path) -> None:
    run = trainer(line_folder, tmp_path / "out", GUIDED)
    assert run.train_step.guide is not None
    before = {name: value.clone() for name, value in run.train_step.guide.state_dict().items()}
    run.run()
    after = load_state(tmp_path / "out" / "latest")["guide"]
    assert_equal(dict(run.train_step.guide.state_dict()), after)
    assert not any(torch.equal(before[name], value) for name, value in after.items() if value.ndim > 1)
    plain = trainer(line_folder, tmp_path / "plain", FAST).model.state_dict()
    assert weights(tmp_path / "out" / "best_accuracy").keys() == plain.keys()


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_resumed_guided_training_equals_an_uninterrupted_one(
    line_folder: Path, tmp_path: Path, stop_after: int
) -> None:
    whole = trainer(line_folder, tmp_path / "whole", GUIDED)
    whole.run()
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == stop_after

    trainer(line_folder, tmp_path / "parts", GUIDED, stop=stop).run()
    again = trainer(line_folder, tmp_path / "parts", GUIDED, seed=0)
    again.resume(tmp_path / "parts" / "latest")
    again.run()
    assert again.train_step.guide is not None and whole.train_step.guide is not None
    assert_equal(dict(whole.model.state_dict()), dict(again.model.state_dict()))
    assert_equal(dict(whole.train_step.guide.state_dict()), dict(again.train_step.guide.state_dict()))


@pytest.mark.parametrize(
    ("guide", "moves"),
    [
        (replace(SMALL, weight=1e-30), False),
        (SMALL, True),
        (replace(SMALL, weight=1e-30, detach=False), True),
        (GuideConfig(), True),
    ],
)
def test_the_losses_that_train_the_backbone(line_folder: Path, tmp_path: Path, guide: GuideConfig, moves: bool) -> None:
    """From the guide alone, from both where nothing is detached, from CTC without a guide; never from nobody."""
    config = replace(FAST, guide=guide, epochs_iters=1, optimizer="sgd", weight_decay=0.0, learning_rate=0.1)
    run = trainer(line_folder, tmp_path / "out", config)
    before = {name: value.clone() for name, value in run.model.named_parameters()}
    run.train_step.run(next(run.source.updates(0)), 0, 0, None)
    moved = {
        name.split(".")[0] for name, value in run.model.named_parameters() if (value - before[name]).abs().max() > 1e-9
    }
    assert "head" in moved and ("stem" in moved) is moves


def test_a_network_that_takes_none_is_an_error(line_folder: Path, tmp_path: Path) -> None:
    values = [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}", "Global.device=cpu"]
    with pytest.raises(ConfigError, match=r"Train\.guide\.weight: 1, but crnn takes no guide; expected 0"):
        mode.run(load_config("crnn", [*values, "Train.guide.weight=1", "Train.preflight=off"]), lambda line: None)


def test_recipes_have_it_where_paddleocr_does() -> None:
    guided = {name for name in recipe_names() if load_config(name).Train.guide.weight}
    assert guided == {
        name for name in recipe_names() if "PP-OCR" in name or name in ("ch_SVTRv2_rec", "ch_RepSVTR_rec")
    }
    assert TrainConfig().guide.weight == 0


@pytest.mark.parametrize(
    ("value", "message"),
    [("weight=-1", "expected 0 to 1,000"), ("dims=100", "expected a multiple of 32"), ("layers=0", "expected 1 to 64")],
)
def test_wrong_settings_are_refused(value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("PP-OCRv4_mobile_rec", [f"Train.guide.{value}"])


def test_a_compiled_network_is_the_one_that_is_guided(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def compiled(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def call(*inputs: torch.Tensor) -> torch.Tensor:
            calls.append(getattr(function, "__name__", "network"))
            return function(*inputs)

        return call

    monkeypatch.setattr(torch, "compile", compiled)
    run = trainer(line_folder, tmp_path / "out", replace(GUIDED, compile=True, epochs_iters=1))
    run.run()
    assert calls == ["extract_features", "read_features"] * len(run.source)


def test_a_broken_guide_names_the_lines(line_folder: Path, tmp_path: Path) -> None:
    run = trainer(line_folder, tmp_path / "out", GUIDED)
    assert run.train_step.guide is not None
    with torch.no_grad():
        run.train_step.guide.head.weight.fill_(float("nan"))
    with pytest.raises(DataError, match=r"train\.txt:\d.*loss is not finite"):
        run.run()
