from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from support.lines import draw_line
from support.training import FAST, assert_equal, trainer, weights
from torch import nn

from ocrx.errors import DataError, ModelError
from ocrx.models.model_io import load_model
from ocrx.text.metrics import Metrics, compute_metrics
from ocrx.training.checkpoint import load_state
from ocrx.training.loop import Trainer, _Window


def test_four_lines_are_overfitted(tmp_path: Path) -> None:
    folder = tmp_path / "lines"
    folder.mkdir()
    words = ["one", "two 22", "three", "four 4"]
    for number, word in enumerate(words):
        # One width for all: a bucket of fewer than 8 lines would be trained at a wider one than it is read at.
        canvas = Image.new("L", (96, 32), 255)
        canvas.paste(draw_line(word))
        canvas.save(folder / f"{number}.png")
    listing = "".join(f"{number}.png\t{word}\n" for number, word in enumerate(words))
    for name in ("train.txt", "val.txt"):
        (folder / name).write_text(listing)
    config = replace(FAST, learning_rate=4e-3, epochs_iters=150, eval_interval=150, save_interval=500, augment=0.0)
    outcome = trainer(folder, tmp_path / "out", replace(config, ema_decay=0.9)).run()
    assert outcome.state.best_accuracy == 1.0
    assert outcome.state.finished and not outcome.interrupted


def test_the_same_seed_gives_the_same_losses(line_folder: Path, tmp_path: Path) -> None:
    first = trainer(line_folder, tmp_path / "a", small=True).run()
    second = trainer(line_folder, tmp_path / "b", small=True).run()
    other = trainer(line_folder, tmp_path / "c", seed=1, small=True).run()
    assert [row.train_loss for row in first.rows] == [row.train_loss for row in second.rows]
    assert [row.train_loss for row in first.rows] != [row.train_loss for row in other.rows]


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_a_resumed_training_equals_an_uninterrupted_one(line_folder: Path, tmp_path: Path, stop: int) -> None:
    whole = trainer(line_folder, tmp_path / "whole", small=True)
    whole.run()
    assert trainer(line_folder, tmp_path / "parts", small=True, stop=stop_after(stop)).run().interrupted
    torch.manual_seed(99)
    again = trainer(line_folder, tmp_path / "parts", seed=0, small=True)
    again.resume(tmp_path / "parts" / "latest")
    assert again.state.step == stop
    outcome = again.run()
    assert outcome.state.finished
    assert_equal(weights(tmp_path / "whole" / "latest"), weights(tmp_path / "parts" / "latest"))
    assert_equal(dict(whole.model.state_dict()), dict(again.model.state_dict()))


def stop_after(count: int) -> Callable[[], bool]:
    """True when asked for the ``count``-th time."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == count

    return stop


@pytest.mark.parametrize(("optimizer", "stop"), [("adamw", 1), ("adam", 3), ("sgd", 4), ("adadelta", 5)])
def test_every_optimizer_resumes_bit_for_bit(line_folder: Path, tmp_path: Path, optimizer: str, stop: int) -> None:
    options = {"optimizer": optimizer, "accumulate": 2, "focal_gamma": 2.0, "schedule": "one_cycle"}
    config = replace(FAST, batch_size=2, eval_interval=3, **options)  # type: ignore[arg-type]  # a table
    whole = trainer(line_folder, tmp_path / "whole", config, small=True)
    before = {name: value.clone() for name, value in whole.model.state_dict().items()}
    whole.run()
    assert not torch.equal(before["head.weight"], whole.model.state_dict()["head.weight"])
    parts = trainer(line_folder, tmp_path / "parts", config, small=True, stop=stop_after(stop))
    assert parts.run().interrupted
    again = trainer(line_folder, tmp_path / "parts", config, small=True)
    again.resume(tmp_path / "parts" / "latest")
    assert again.state.step == stop
    again.run()
    assert_equal(dict(whole.model.state_dict()), dict(again.model.state_dict()))
    assert [row.train_loss for row in whole.rows] == [row.train_loss for row in again.rows]


def test_another_optimizer_cannot_be_resumed(line_folder: Path, tmp_path: Path) -> None:
    trainer(line_folder, tmp_path / "out", small=True).run()
    other = trainer(line_folder, tmp_path / "out", replace(FAST, optimizer="sgd"), small=True)
    with pytest.raises(ModelError, match="saved with the optimizer adamw; expected sgd"):
        other.resume(tmp_path / "out" / "latest")


@pytest.mark.parametrize(
    ("change", "order", "named"),
    [
        ({"accumulate": 2}, {"Train.batch_size": 2}, "Train.accumulate was 1, is 2"),
        ({}, {"Train.batch_size": 3}, "Train.batch_size was 2, is 3"),
    ],
)
def test_an_epoch_goes_on_in_its_own_order_only(
    line_folder: Path, tmp_path: Path, change: dict[str, object], order: dict[str, object], named: str
) -> None:
    """Other batches would skip or repeat lines; from one epoch to the next they may change, and the log says so."""
    config, given = replace(FAST, batch_size=2, epochs_iters=2), {"Train.batch_size": 2}
    wanted = replace(config, **change)  # type: ignore[arg-type]  # a table
    trainer(line_folder, tmp_path / "inside", config, small=True, data_order=given, stop=stop_after(1)).run()
    other = trainer(line_folder, tmp_path / "inside", wanted, small=True, data_order=order)
    with pytest.raises(ModelError, match=f"inside epoch 1.*{named}"):
        other.resume(tmp_path / "inside" / "latest")
    trainer(line_folder, tmp_path / "whole", replace(config, epochs_iters=1), small=True, data_order=given).run()
    other = trainer(line_folder, tmp_path / "whole", wanted, small=True, data_order=order)
    other.resume(tmp_path / "whole" / "latest")
    assert named in other.lines[-1]
    assert other.run().state.epoch == 2


def test_optimizer_state_follows_the_memory_order_of_the_weights(line_folder: Path, tmp_path: Path) -> None:
    trainer(line_folder, tmp_path / "out", replace(FAST, channels_last=True), small=True).run()
    again = trainer(line_folder, tmp_path / "out", replace(FAST, channels_last=False), small=True)
    again.resume(tmp_path / "out" / "latest")
    saved = load_state(tmp_path / "out" / "latest")["optimizer"]["state"]
    orders = 0
    for number, (parameter, values) in enumerate(again.train_step.optimizer.state.items()):
        assert torch.equal(values["exp_avg"], saved[number]["exp_avg"])
        assert values["exp_avg"].stride() == parameter.stride()
        orders += saved[number]["exp_avg"].stride() != parameter.stride()
    assert orders, "the state was saved in another order"


def test_settings_of_the_optimizer_are_those_given_now(line_folder: Path, tmp_path: Path) -> None:
    sgd = replace(FAST, optimizer="sgd")
    trainer(line_folder, tmp_path / "out", replace(sgd, epochs_iters=1), small=True).run()
    again = trainer(line_folder, tmp_path / "out", replace(sgd, weight_decay=0.3, momentum=0.5), small=True)
    again.resume(tmp_path / "out" / "latest")
    groups = again.train_step.optimizer.param_groups
    assert [(group["weight_decay"], group["momentum"]) for group in groups] == [(0.3, 0.5), (0.0, 0.5)]


def test_warm_up_steps_are_steps_where_time_bounds_the_training(line_folder: Path, tmp_path: Path) -> None:
    """A share of the epochs that are never reached would be over at once."""
    config = replace(FAST, epochs_iters=10_000, warmup_steps=100, max_minutes=60)
    run = trainer(line_folder, tmp_path / "out", config, small=True)
    run.state.step, run.state.batch, run.state.seconds = 1, 1, 16.5
    assert run._factor() == pytest.approx(2 / 100, rel=0.01)
    run.state.step = 300
    assert run._factor() == pytest.approx(1, rel=0.01)


def test_a_finished_training_continues_with_more_epochs(line_folder: Path, tmp_path: Path) -> None:
    trainer(line_folder, tmp_path / "out", small=True).run()
    longer = trainer(line_folder, tmp_path / "out", replace(FAST, epochs_iters=5), small=True)
    longer.resume(tmp_path / "out" / "latest")
    assert not longer.state.finished
    assert longer.run().state.epoch == 5


class Clock:
    """What a training takes for the time: it passes by ``tick`` seconds whenever it is asked for."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 1000.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def test_a_log_line_divides_by_its_own_updates(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "perf_counter", Clock(0))
    run = trainer(line_folder, tmp_path / "out", replace(FAST, log_interval=20), small=True)
    run._log_step(_Window(start=time.perf_counter() - 1, images=40, updates=4, steps=4, loss=2.0))
    assert " 250 ms per step" in run.lines[-1]


def test_evaluations_count_as_time_of_the_training(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(0.005)
    monkeypatch.setattr(time, "perf_counter", clock)
    config = replace(FAST, epochs_iters=10_000, save_interval=10_000, max_minutes=0.02)

    def slow(network: nn.Module) -> Metrics:
        clock.now += 0.5
        return compute_metrics([("ab", "ab")])

    outcome = trainer(line_folder, tmp_path / "out", config, small=True, validate=slow).run()
    assert outcome.state.epoch <= 3, "two evaluations take most of the 1.2 seconds"
    assert len(outcome.rows) == outcome.state.epoch, "the last epoch is evaluated once"
    assert outcome.rows[-1].images_per_second > 10, "evaluations do not count into the speed"


def test_latest_is_saved_inside_an_epoch(line_folder: Path, tmp_path: Path) -> None:
    config = replace(FAST, batch_size=2, save_steps=3, epochs_iters=1)
    saved: list[int] = []

    def look() -> bool:
        state = load_state(tmp_path / "out" / "latest") if run.state.step >= 3 else {"train_state": {"step": 0}}
        saved.append(state["train_state"]["step"])
        return False

    run = trainer(line_folder, tmp_path / "out", config, small=True, stop=look)
    steps = len(run.source)
    assert steps > 3
    run.run()
    assert saved == [step // 3 * 3 for step in range(steps)]


def test_a_training_that_met_too_little_memory_resumes_bit_for_bit(line_folder: Path, tmp_path: Path) -> None:
    """The smaller budget is part of the state: after a resume nothing has to fail again."""

    def narrow(run: Trainer) -> list[int]:
        sizes: list[int] = []

        def allocate(module: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            sizes.append(len(inputs[0]))
            if run.model.training and len(inputs[0]) > 2:
                raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes.")

        run.model.register_forward_pre_hook(allocate)
        return sizes

    config = replace(FAST, eval_interval=3)
    whole = trainer(line_folder, tmp_path / "whole", config, small=True)
    narrow(whole)
    whole.run()
    parts = trainer(line_folder, tmp_path / "parts", config, small=True, stop=stop_after(3))
    narrow(parts)
    assert parts.run().interrupted and parts.state.max_pixels is not None
    again = trainer(line_folder, tmp_path / "parts", config, small=True)
    again.resume(tmp_path / "parts" / "latest")
    sizes = narrow(again)
    again.run()
    assert max(sizes) <= 2, "the budget was remembered"
    assert_equal(dict(whole.model.state_dict()), dict(again.model.state_dict()))


def test_a_training_that_gains_nothing_stops_early(line_folder: Path, tmp_path: Path) -> None:
    readings = iter([["xx"], ["ax"], *[["ax"]] * 9])
    config = replace(FAST, epochs_iters=50, patience=3)

    def validate(network: nn.Module) -> Metrics:
        return compute_metrics(zip(["ab"], next(readings), strict=True))

    run = trainer(line_folder, tmp_path / "out", config, small=True, validate=validate)
    outcome = run.run()
    assert outcome.state.finished and not outcome.interrupted
    assert (outcome.state.epoch, outcome.state.best_epoch) == (5, 5), "an equal score is kept but no gain"
    assert "stopped early after epoch 5" in run.lines[-1]
    again = trainer(line_folder, tmp_path / "out", config, small=True)
    again.resume(tmp_path / "out" / "latest")
    assert again.state.finished


def test_what_training_leaves_behind(line_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    trainer(line_folder, output, small=True).run()
    names = {path.name for path in output.iterdir()}
    assert names == {"best_accuracy", "latest", "epoch_1", "epoch_2", "epoch_3", "history.csv", "curves.png"}
    rows = (output / "history.csv").read_text().splitlines()
    assert len(rows) == 4 and rows[0].startswith("epoch,step,minutes")
    _, spec = load_model(output / "best_accuracy")
    assert spec.metrics["count"] == 4


def test_a_finished_run_stays_finished(line_folder: Path, tmp_path: Path) -> None:
    trainer(line_folder, tmp_path / "out", small=True).run()
    again = trainer(line_folder, tmp_path / "out", small=True)
    again.resume(tmp_path / "out" / "latest")
    before = weights(tmp_path / "out" / "latest")
    assert again.run().state.finished
    assert_equal(before, weights(tmp_path / "out" / "latest"))


def test_max_minutes_ends_a_training_with_its_schedule(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "perf_counter", Clock(0.02))
    config = replace(FAST, epochs_iters=10_000, eval_interval=10_000, save_interval=10_000, max_minutes=0.05)
    run = trainer(line_folder, tmp_path / "out", config)
    outcome = run.run()
    assert outcome.state.finished
    assert 3 <= outcome.state.seconds < 3.5
    assert outcome.rows[-1].learning_rate < 0.05 * config.learning_rate, "the schedule has come down"


def test_a_loss_that_is_not_finite_names_the_lines(line_folder: Path, tmp_path: Path) -> None:
    run = trainer(line_folder, tmp_path / "out", small=True)
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(DataError, match=r"train\.txt:\d.*loss is not finite"):
        run.run()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space left on device")])
def test_a_full_disk_leaves_what_was_saved(
    line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    output = tmp_path / "out"
    trainer(line_folder, output, small=True).run()
    before = weights(output / "latest")

    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ocrx.models.model_io.save_file", full)
    with pytest.raises(DataError, match=r"cannot be saved.*No space left"):
        trainer(line_folder, output, small=True).run()
    monkeypatch.undo()
    assert_equal(before, weights(output / "latest"))


@pytest.mark.parametrize("damage", ["half", "empty", "text", "gone"])
def test_a_damaged_state_is_named(line_folder: Path, tmp_path: Path, damage: str) -> None:
    trainer(line_folder, tmp_path / "out", small=True).run()
    state = tmp_path / "out" / "latest" / "state.pt"
    content = state.read_bytes()
    if damage == "gone":
        state.unlink()
    else:
        state.write_bytes({"half": content[: len(content) // 2], "empty": b"", "text": b"hello"}[damage])
    with pytest.raises(ModelError, match=r"state\.pt"):
        trainer(line_folder, tmp_path / "out", small=True).resume(tmp_path / "out" / "latest")
