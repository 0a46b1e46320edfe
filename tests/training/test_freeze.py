"""Frozen parts: named by what the network calls them, not trained, not even their batch statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.training import CPU, FAST, spec_for, trainer
from torch import nn

from ocrx.config import load_config
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import ConfigError
from ocrx.models import build_model
from ocrx.modes import train as mode
from ocrx.training.freeze import freeze, train_mode


@pytest.fixture
def network(line_folder: Path) -> nn.Module:
    return build_model(spec_for(read_dataset(line_folder).train))


@pytest.mark.parametrize("parts", [["stem", "blocks.0"], ["head"]])
def test_frozen_parts_stay_and_the_others_move(line_folder: Path, tmp_path: Path, parts: list[str]) -> None:
    run = trainer(line_folder, tmp_path / "out", replace(FAST, epochs_iters=1))
    count = freeze(run.model, parts)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.run()
    prefixes = tuple(f"{part}." for part in parts)
    moved = {name for name, value in run.model.state_dict().items() if not torch.equal(value, before[name])}
    frozen = {name for name in before if name.startswith(prefixes)}
    assert count == sum(p.numel() for name, p in run.model.named_parameters() if name in frozen)
    assert not moved & frozen, "neither weights nor batch statistics"
    assert {name for name, p in run.model.named_parameters() if name not in frozen} <= moved
    assert all(p.grad is None for name, p in run.model.named_parameters() if name in frozen)
    average = run.average.average.state_dict()
    assert all(torch.equal(average[name], before[name]) for name in frozen)


def test_batch_norms_of_frozen_parts_do_not_learn(network: nn.Module) -> None:
    freeze(network, ["stem"])
    train_mode(network)
    modes = {name.split(".")[0]: m.training for name, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert modes.pop("stem") is False and modes and all(modes.values())


def test_a_missing_part_lists_the_existing_ones(network: nn.Module) -> None:
    with pytest.raises(ConfigError, match=r"no part 'backbone'; expected some of stem, blocks, .*head"):
        freeze(network, ["stem", "backbone"])
    with pytest.raises(ConfigError, match="no part 'block'"):
        freeze(network, ["block"])


def test_something_must_be_left_to_train(network: nn.Module) -> None:
    with pytest.raises(ConfigError, match="left to train"):
        freeze(network, [name for name, _ in network.named_children() if name != "pool"])


def test_a_recurrent_layer_may_be_frozen_above_one_that_is_trained(line_folder: Path) -> None:
    model = build_model(spec_for(read_dataset(line_folder).train, "lcnet_lstm")).to(CPU)
    freeze(model, ["context"])
    train_mode(model)
    assert all(m.training for m in model.modules() if isinstance(m, nn.RNNBase)), "else no gradient passes on a GPU"


def test_the_setting_reaches_the_training(line_folder: Path, tmp_path: Path) -> None:
    values = [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}", "Global.device=cpu"]
    lines: list[str] = []
    with pytest.raises(ConfigError, match="no part 'nose'"):
        mode.run(load_config("lcnetv4_tiny", [*values, "Train.freeze=[nose]"]), lines.append)
    mode.run(load_config("lcnetv4_tiny", [*values, "Train.freeze=[stem]", "Train.epochs_iters=1"]), lines.append)
    assert any("M of them frozen" in line for line in lines)
