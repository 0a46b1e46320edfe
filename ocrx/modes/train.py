"""``ocrx train``: trains a model on a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ocrx.backends.processor import processor_name
from ocrx.config import Config
from ocrx.process import environment
from ocrx.results import write_result
from ocrx.training.advice import advise
from ocrx.training.distributed.group import Group
from ocrx.training.distributed.launcher import run_in_processes
from ocrx.training.distributed.layout import ProcessLayout, distributed_context
from ocrx.training.output_folder import LOG_FILE, TENSORBOARD_DIR
from ocrx.training.output_lock import locked_output
from ocrx.training.run_log import Log, open_log
from ocrx.training.setup import (
    ShowProgress,
    TrainingSetup,
    build_trainer,
    changed_images,
    open_source,
    prepare_training,
    write_run_files,
)
from ocrx.training.signals import catch_signals
from ocrx.training.state import Outcome
from ocrx.training.step import ProcessContext


@dataclass(frozen=True)
class TrainReport:
    """The result of a training.

    Attributes:
        output: The output folder.
        epochs: Epochs that are complete.
        steps: Updates.
        minutes: Training time, that of resumed parts included.
        best_epoch: Epoch of the best model; 0 means the pretrained weights.
        best_accuracy: Its share of validation lines that are read exactly; -1 before the first evaluation.
        best_cer: Its character error rate.
        interrupted: Whether the training was stopped and can be resumed.
        nothing_to_do: Whether the resumed training had been finished before.
        skipped_updates: Updates that were skipped because loss or gradient was not finite.
        processes: Processes that trained.
        changed_images: Images that disappeared or changed during the training, which used their original content.
        advice: What to try next after a poor result.
    """

    output: Path
    epochs: int
    steps: int
    minutes: float
    best_epoch: int
    best_accuracy: float
    best_cer: float
    interrupted: bool
    nothing_to_do: bool
    skipped_updates: int
    processes: int
    changed_images: int = 0
    advice: str | None = None

    @property
    def evaluated(self) -> bool:
        """Whether there is a best model yet."""
        return self.best_accuracy >= 0

    def to_dict(self) -> dict[str, Any]:
        """Convert the report to JSON-compatible values.

        Returns:
            The fields; ``best_accuracy`` and ``best_cer`` are None before the first evaluation.
        """
        values = {**asdict(self), "output": str(self.output)}
        return values if self.evaluated else {**values, "best_accuracy": None, "best_cer": None}


def run(config: Config, log: Log, progress: ShowProgress = lambda _: nullcontext()) -> TrainReport:
    """Train as configured and write the result into ``Global.output``.

    SIGINT and SIGTERM end the training after the current update and save its state.

    Args:
        config: The configuration.
        log: Takes one line at a time; ``train.log`` gets the same lines with the time.
        progress: Opens a progress display.

    Returns:
        How the training ended.

    Raises:
        OcrxError: If the training cannot start or continue.
    """
    output = Path(config.Global.output)
    with distributed_context(config) as layout, ExitStack() as stack:
        main = layout.group.is_main
        if not main:
            log, progress = lambda line: None, lambda _: nullcontext()
        layout.group.run_on_main(lambda: stack.enter_context(locked_output(output)))

        setup, outcome = _train(config, layout, log, progress)
        report = _report(setup, outcome, layout)
        if main:
            if report.advice:
                log(report.advice)
            write_result(output, "train", _result(setup, report, outcome, layout.devices))
    return report


def _train(config: Config, layout: ProcessLayout, show: Log, progress: ShowProgress) -> tuple[TrainingSetup, Outcome]:
    """Prepare and run a training in this process, or in one process per device."""
    group = layout.group
    setup = group.run_on_main(lambda: prepare_training(config, show, progress))
    with open_log(setup.output / LOG_FILE, show) if group.is_main else nullcontext(show) as log:
        if len(layout.devices) > 1:
            outcome: Outcome = run_in_processes(_work, [setup], config, layout, log)
        else:
            with catch_signals(ignore_repeats=group.size > 1) as stopped:
                outcome = _work(group, layout.devices[0], log, stopped, setup, progress)
    return setup, outcome


def _work(
    group: Group,
    device: torch.device,
    log: Log,
    stopped: Callable[[], bool],
    setup: TrainingSetup,
    progress: ShowProgress = lambda _: nullcontext(),
) -> Outcome:
    """The training as one process runs it."""
    torch.manual_seed(setup.config.Global.seed)
    process = ProcessContext(device, log, group, stopped)
    with open_source(setup, group, progress) as source:
        trainer = build_trainer(setup, source, process)
        if trainer.state.finished:
            return Outcome(trainer.state, tuple(trainer.rows), interrupted=False, nothing_to_do=True)
        if group.is_main:
            write_run_files(setup)
        outcome = trainer.run()
        return replace(outcome, changed_images=changed_images(source, log)) if group.is_main else outcome


def _report(setup: TrainingSetup, outcome: Outcome, layout: ProcessLayout) -> TrainReport:
    state = outcome.state
    return TrainReport(
        output=setup.output,
        epochs=state.epoch,
        steps=state.step,
        minutes=state.seconds / 60,
        best_epoch=state.best_epoch,
        best_accuracy=state.best_accuracy,
        best_cer=state.best_cer,
        interrupted=outcome.interrupted,
        nothing_to_do=outcome.nothing_to_do,
        skipped_updates=state.skipped,
        processes=max(layout.group.size, len(layout.devices)),
        changed_images=outcome.changed_images,
        advice=advise(setup, outcome),
    )


def _result(
    setup: TrainingSetup, report: TrainReport, outcome: Outcome, devices: Sequence[torch.device]
) -> dict[str, Any]:
    """PaddleX's fields, and what reproduces the training. Paths are relative to the output.

    ``last_1`` is the newest of five models; a short training has fewer, and the others are empty, as in PaddleX. A
    training that was stopped is neither done nor failed.
    """
    config = setup.config
    return {
        "done_flag": not report.interrupted,
        "model_name": config.Global.model,
        "label_dict": "label_dict.txt",
        "train_log": LOG_FILE,
        "visualdl_log": "",
        "tensorboard_log": TENSORBOARD_DIR if config.Train.tensorboard else "",
        "config": "config.yaml",
        "models": _models(report, outcome),
        **report.to_dict(),
        "reproduce": {
            **environment(),
            "seed": config.Global.seed,
            "device": config.Global.device,
            "devices_used": [_device_name(device) for device in devices],
            "dataset_fingerprint": setup.dataset_fingerprint,
            "torch": torch.__version__,
        },
    }


def _models(report: TrainReport, outcome: Outcome) -> dict[str, Any]:
    """The saved models with their scores."""
    best: dict[str, Any] = {}
    if report.evaluated:
        best = {"score": report.best_accuracy, "inference": "best_accuracy/inference"}
        best["weights"] = "best_accuracy/model.safetensors"
    latest = {"weights": "latest/model.safetensors"} if (report.output / "latest").is_dir() else {}

    saved = sorted(report.output.glob("epoch_[0-9]*"), key=lambda path: int(path.name.partition("_")[2]), reverse=True)
    scores = {f"epoch_{row.epoch}": row.val_accuracy for row in outcome.rows}
    last: dict[str, dict[str, Any]] = {f"last_{i}": {} for i in range(1, 6)}
    for entry, path in zip(last.values(), saved, strict=False):
        entry |= {"score": scores.get(path.name), "weights": f"{path.name}/model.safetensors"}
    return {**last, "best": best, "latest": latest}


def _device_name(device: torch.device) -> str:
    """The device with the name of its hardware."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({processor_name()})"
