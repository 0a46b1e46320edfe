from __future__ import annotations

import pytest
import torch
from torch import nn

from ocrx.config import TrainConfig, load_config
from ocrx.errors import ConfigError
from ocrx.training.optim import SCHEDULES, build_optimizer, warm_up, warmup_fraction


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        ("cosine", [0.0, 0.5, 1.0, 0.5, 0.0]),
        ("one_cycle", [1 / 25, 0.52, 1.0, 0.5, 0.0]),
        ("constant", [0.0, 0.5, 1.0, 1.0, 1.0]),
    ],
)
def test_schedules_rise_and_fall(schedule: str, values: list[float]) -> None:
    found = [SCHEDULES[schedule](done, 0.2) for done in (0.0, 0.1, 0.2, 0.6, 1.0)]
    assert found == pytest.approx(values, abs=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_work_without_a_warm_up(schedule: str) -> None:
    assert SCHEDULES[schedule](0.0, 0.0) == 1.0


def test_one_cycle_is_that_of_torch() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    peak, steps = 0.5, 101
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps, cycle_momentum=False)
    warm = (0.3 * steps - 1) / (steps - 1)  # where torch has its highest rate
    for step in range(steps):
        ours = peak * SCHEDULES["one_cycle"](step / (steps - 1), warm)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-9)
        optimizer.step()
        if step < steps - 1:
            theirs.step()


@pytest.mark.parametrize(
    ("config", "share"),
    [
        (TrainConfig(), 0.05),
        (TrainConfig(schedule="constant"), 0.05),
        (TrainConfig(schedule="one_cycle"), 0.3),
        (TrainConfig(schedule="one_cycle", warmup_steps=10), 0.0),
        (TrainConfig(warmup_steps=0), 0.0),
    ],
)
def test_the_share_of_the_warm_up(config: TrainConfig, share: float) -> None:
    assert warmup_fraction(config, 100) == share


@pytest.mark.parametrize(
    ("steps", "rates"), [(None, [1.0, 1.0, 1.0]), (0, [1.0, 1.0, 1.0]), (4, [0.25, 0.5, 1.0]), (1, [1.0, 1.0, 1.0])]
)
def test_warm_up_steps_are_counted(steps: int | None, rates: list[float]) -> None:
    assert [warm_up(TrainConfig(warmup_steps=steps), step) for step in (0, 1, 50)] == rates


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adamw", torch.optim.AdamW),
        ("adam", torch.optim.Adam),
        ("sgd", torch.optim.SGD),
        ("adadelta", torch.optim.Adadelta),
    ],
)
def test_only_matrices_and_filters_decay(name: str, kind: type[torch.optim.Optimizer]) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    optimizer = build_optimizer(model, TrainConfig(optimizer=name, weight_decay=0.1, momentum=0.7, learning_rate=0.3))
    assert type(optimizer) is kind
    decay = {parameter.ndim: group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}
    assert decay == {4: 0.1, 2: 0.1, 1: 0.0}
    assert {group["lr"] for group in optimizer.param_groups} == {0.3}
    if name == "sgd":
        assert optimizer.param_groups[0]["momentum"] == 0.7


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizer": "adamm"}, "adamw, adam, sgd, adadelta"),
        ({"schedule": "linear"}, "cosine, one_cycle, constant"),
        ({"accumulate": 0}, "Train.accumulate: 0; expected 1 to"),
        ({"momentum": 1.0}, "Train.momentum"),
        ({"focal_gamma": 0.5}, "Train.focal_gamma: 0.5"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, object], message: str) -> None:
    overrides = [f"Train.{name}={value}" for name, value in wrong.items()]
    with pytest.raises(ConfigError, match=message):
        load_config(None, overrides)
