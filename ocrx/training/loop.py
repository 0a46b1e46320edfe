"""The training loop: update, log, evaluate, save, resume.

Everything an update depends on is in ``latest/`` or follows from the seed: weights, average, optimizer and the
position within the epoch. A resumed training therefore continues bit for bit on the same hardware.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from ocrx.config import TrainConfig
from ocrx.data.loading.loader import Batch
from ocrx.errors import ModelError, first_line
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.guide import build_guide
from ocrx.process import peak_mib
from ocrx.text.metrics import Metrics
from ocrx.training.checkpoint import FinalizeFolder, carry_best, load_state, remove_partial, save_checkpoint
from ocrx.training.freeze import train_mode
from ocrx.training.history import HistoryRow, write_history
from ocrx.training.optim import SCHEDULES, warm_up, warmup_fraction
from ocrx.training.state import Outcome, TrainState
from ocrx.training.step import Networks, ProcessContext, StepResult, TrainStep
from ocrx.training.tensorboard import Observer

Validate = Callable[[nn.Module], Metrics]
"""Computes the metrics of a network on the validation lines; the network is in evaluation mode."""


class Source(Protocol):
    """Training batches, epoch by epoch; a micro-batch is a pure function of (epoch, number)."""

    def __len__(self) -> int:
        """Updates of an epoch."""
        ...

    def updates(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Iterate over the updates of an epoch.

        Args:
            epoch: Number of the epoch, from 0.
            start: First update to yield, from 0.

        Yields:
            The micro-batches of one update that this process computes.
        """
        ...


@dataclass(frozen=True)
class TrainerParts:
    """What a training consists of.

    Attributes:
        model: The network, with the weights to start from; frozen parts need no gradient.
        spec: Its spec.
        source: The training batches.
        validate: Computes the metrics of a network.
        config: The section ``Train``.
        output: An existing folder for the checkpoints.
        seed: Seed of dropout and of the order of batches.
        data_order: The settings that the order of the lines follows from; within an epoch a training can only be
            resumed with the same ones.
        finalize: Adds files to the folder of a new best model.
        observers: Receive losses and metrics; only those of the main process.
        evaluate_first: Evaluate the initial weights as epoch 0. Only a better model then becomes the best one.
    """

    model: CTCNetwork
    spec: ModelSpec
    source: Source
    validate: Validate
    config: TrainConfig
    output: Path
    seed: int = 0
    data_order: Mapping[str, object] = field(default_factory=dict)
    finalize: FinalizeFolder | None = None
    observers: tuple[Observer, ...] = ()
    evaluate_first: bool = False


@dataclass
class _Window:
    """Sums since the last log line."""

    start: float = field(default_factory=time.perf_counter)
    images: int = 0
    updates: int = 0
    steps: int = 0
    loss: float = 0.0
    waited: float = 0.0


class Trainer:
    """Trains a network and keeps ``output/{best_accuracy,latest,epoch_N}``.

    In a group of processes each has a trainer; the main process writes.

    Attributes:
        train_step: The network, its optimizer and its average.
        state: How far the training has come.
        rows: All evaluations so far.
        data_order: What the order of batches follows from, the number of micro-batches included.
    """

    def __init__(self, parts: TrainerParts, process: ProcessContext) -> None:
        """Build the optimizer, the average and the guide; nothing is written.

        Args:
            parts: What the training consists of.
            process: How this process takes part.

        Raises:
            ConfigError: If the network or the device cannot do what the configuration asks for.
        """
        self.parts, self.config, self.spec, self.source = parts, parts.config, parts.spec, parts.source
        self.output, self.log, self.group, self.device = parts.output, process.log, process.group, process.device
        micro_batches = self.group.size * self.config.accumulate
        self.data_order = {**parts.data_order, "processes x Train.accumulate": micro_batches}

        average = build_model(self.spec)
        guide = build_guide(parts.model, self.spec, self.config.guide)
        self.train_step = TrainStep(Networks(parts.model, average, guide), self.config, process, seed=parts.seed)
        self.model, self.average = self.train_step.model, self.train_step.average
        self.state = TrainState()
        self.rows: list[HistoryRow] = []
        self.total_steps = self.config.epochs_iters * len(self.source)
        self.warm = warmup_fraction(self.config, self.total_steps)

    def resume(self, folder: Path) -> None:
        """Continue from a checkpoint.

        A training that has finished continues if it is given more epochs, minutes or patience. The best model of
        another output is copied.

        Args:
            folder: A checkpoint folder with a training state.

        Raises:
            ModelError: If the state is damaged, or that of another network, optimizer or order of lines.
        """
        saved = self.group.run_on_main(lambda: load_state(folder))
        if self.group.is_main:
            remove_partial(self.output)
        try:
            self.train_step.load_state_dict(saved, str(folder))
            self.state = TrainState(**saved["train_state"])
            self.rows = [HistoryRow(**row) for row in saved["rows"]]
            before = dict(saved["data_order"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"{folder}: its state does not fit this configuration ({first_line(error)})") from None

        self._require_same_order(folder, before)
        if not self.group.run_on_main(lambda: carry_best(folder, self.output)):
            # There is no best model to compare with: the next evaluation saves one.
            self.state = replace(self.state, best_accuracy=-1.0, best_cer=float("inf"), best_epoch=0)
        self.state.finished = self._finished()

    def run(self) -> Outcome:
        """Train to the end, or until a process is asked to stop.

        Returns:
            How the training ended; ``latest/`` holds its state.

        Raises:
            DataError: If a loss is not finite, an image disappeared or a checkpoint cannot be saved.
            BackendError: If the memory does not suffice for half a batch.
            LostProcessError: If another process ended.
        """
        for observer in self.parts.observers:
            observer.start(self.state.step)
        try:
            if self.parts.evaluate_first and not self.state.step:
                self._evaluate()
            self.train_step.take_seconds()
            while not self.state.finished:
                if not self._train_epoch():
                    self._save_latest()
                    return Outcome(self.state, tuple(self.rows), interrupted=True)
        finally:
            for observer in self.parts.observers:
                observer.close()

        return Outcome(self.state, tuple(self.rows), interrupted=False)

    def _require_same_order(self, folder: Path, before: Mapping[str, object]) -> None:
        """Refuse another order within an epoch, which would skip or repeat lines; between epochs log what changed."""
        changed = [
            f"{name} was {value}, is {self.data_order.get(name)}"
            for name, value in before.items()
            if value != self.data_order.get(name)
        ]
        if changed and self.state.batch:
            raise ModelError(
                f"{folder}: saved inside epoch {self.state.epoch + 1}, which other settings would read in another"
                f" order: {'; '.join(changed)}",
                hint="resume with the settings of its config.yaml: --resume without -c and -o",
            )

        if changed:
            self.log(f"changed since epoch {self.state.epoch}: {'; '.join(changed)}")

    def _train_epoch(self) -> bool:
        """Train the rest of the current epoch, evaluate and save; False when stopped inside."""
        state, config = self.state, self.config
        if not self._train_updates():
            return False

        state.epoch, state.batch = state.epoch + 1, 0
        evaluated = state.epoch % config.eval_interval == 0
        if evaluated:
            self._evaluate()
            self._count_time()
        state.finished = self._finished()
        if state.finished and not evaluated:
            self._evaluate()

        if state.epoch % config.save_interval == 0 and self.group.is_main:
            save_checkpoint(self.output / f"epoch_{state.epoch}", self.average.average, self.spec)
        self._save_latest()
        return True

    def _train_updates(self) -> bool:
        """Do the remaining updates of the epoch; False when stopped."""
        state, config = self.state, self.config
        window = _Window()
        train_mode(self.model)
        saved = state.seconds

        # A process without micro-batches left takes part with none until the others have finished.
        updates = chain(self.source.updates(state.epoch, state.batch), repeat(list[Batch]()))
        clock = time.perf_counter()
        for batches in updates:
            window.waited += time.perf_counter() - clock
            self.train_step.learning_rate = config.rate * self._factor()
            result = self.train_step.run(batches, state.epoch, state.batch, state.max_pixels)
            if not result.images:
                break
            self._count(result, window, time.perf_counter() - clock)
            if state.step % config.log_interval == 0:
                self._log_step(window)
                window = _Window()

            if self._out_of_time():
                break
            if result.stop:
                return False
            if self._is_save_due(state.seconds - saved):
                self._save_latest()
                saved = state.seconds
            clock = time.perf_counter()
        return True

    def _is_save_due(self, seconds: float) -> bool:
        """Whether ``latest`` is saved within the epoch now, ``seconds`` after the last time."""
        config = self.config
        by_time = config.save_minutes is not None and seconds >= 60 * config.save_minutes
        return by_time or bool(config.save_steps and self.state.step % config.save_steps == 0)

    def _count(self, result: StepResult, window: _Window, seconds: float) -> None:
        """Count an update that took ``seconds``; ``result.seconds`` also includes the time since the update before."""
        state = self.state
        state.step, state.batch, state.seconds = state.step + 1, state.batch + 1, state.seconds + result.seconds
        state.images, state.images_seconds = state.images + result.images, state.images_seconds + seconds
        state.max_pixels = result.max_pixels
        window.images, window.updates = window.images + result.images, window.updates + 1
        if result.skipped:
            state.skipped += 1
            return

        state.loss_sum, state.loss_steps = state.loss_sum + result.loss, state.loss_steps + 1
        window.loss, window.steps = window.loss + result.loss, window.steps + 1

    def _factor(self) -> float:
        """Factor of the highest learning rate for the next update."""
        planned = SCHEDULES[self.config.schedule](max(self._done(), 0.5 / self.total_steps), self.warm)
        return planned * warm_up(self.config, self.state.step)

    def _done(self) -> float:
        """Completed fraction of the training, 0 to 1: by epochs or by time, whichever is greater."""
        done = self._epochs() / self.config.epochs_iters
        if self.config.max_minutes is not None:
            done = max(done, self.state.seconds / (60 * self.config.max_minutes))
        return min(1.0, done)

    def _count_time(self) -> None:
        """Count the time since the last update as training time; the main process measures it."""
        own = self.train_step.take_seconds()
        self.state.seconds += self.group.share(own)

    def _finished(self) -> bool:
        """Whether all epochs are done, the time is up, or ``patience`` evaluations brought no improvement."""
        state, config = self.state, self.config
        idle = config.patience is not None and state.evals_without_improvement >= config.patience
        return state.epoch >= config.epochs_iters or self._out_of_time() or idle

    def _out_of_time(self) -> bool:
        return self.config.max_minutes is not None and self.state.seconds >= 60 * self.config.max_minutes

    def _epochs(self) -> float:
        """Epochs done, with the share of the current one."""
        return self.state.epoch + min(1.0, self.state.batch / len(self.source))

    def _record(self, values: Mapping[str, float]) -> None:
        for observer in self.parts.observers:
            observer.record(values, self.state.step)

    def _log_step(self, window: _Window) -> None:
        state, elapsed = self.state, time.perf_counter() - window.start
        left = state.seconds / max(self._done(), 1e-9) * (1 - self._done())
        rate, loss = self.train_step.learning_rate, window.loss / max(1, window.steps)
        self._record({"train/loss": loss, "train/learning_rate": rate})
        self.log(
            f"epoch {state.epoch + 1}/{self.config.epochs_iters} step {state.step}"
            f" lr {rate:.2e} loss {loss:.4f}"
            f" | {window.images / elapsed:.0f} images/s, {1000 * elapsed / window.updates:.0f} ms per step,"
            f" waited {100 * window.waited / elapsed:.0f} %, {_peak_memory(self.device)} MB | {_clock(left)} left"
        )

    def _evaluate(self) -> None:
        """Evaluate the averaged weights; save them if they are the best so far."""
        state, config = self.state, self.config
        metrics = self.parts.validate(self.average.average)
        row = HistoryRow(
            epoch=state.epoch,
            step=state.step,
            minutes=round(state.seconds / 60, 3),
            learning_rate=self.train_step.learning_rate,
            train_loss=state.mean_loss,
            val_accuracy=metrics.accuracy,
            val_norm_edit_dis=metrics.norm_edit_dis,
            val_cer=metrics.cer,
            images_per_second=round(state.images / max(1e-9, state.images_seconds), 1),
        )
        state.loss_sum, state.loss_steps, state.images, state.images_seconds = 0.0, 0, 0, 0.0
        self.rows.append(row)

        score, former = (metrics.accuracy, -metrics.cer), state.score
        best = score >= former
        self.log(
            f"epoch {state.epoch} evaluated: exact {metrics.exact}/{metrics.count} = {100 * metrics.accuracy:.2f} %,"
            f" CER {100 * metrics.cer:.2f} %, norm_edit_dis {metrics.norm_edit_dis:.4f}"
            f"{f' (train loss {row.train_loss:.4f})' if state.step else ''}{' - best so far' if best else ''}"
        )
        if best:
            state.best_accuracy, state.best_cer, state.best_epoch = metrics.accuracy, metrics.cer, state.epoch
        state.evals_without_improvement = 0 if score > former else state.evals_without_improvement + 1
        if config.patience is not None and state.evals_without_improvement == config.patience:
            self.log(f"no better score in {config.patience} evaluations: stopped early after epoch {state.epoch}")

        if not self.group.is_main:
            return
        write_history(self.rows, self.output)
        self._record({f"val/{name}": value for name, value in row.validation().items()})
        if best:
            spec = replace(self.spec, metrics=metrics.to_dict())
            save_checkpoint(self.output / "best_accuracy", self.average.average, spec, finalize=self.parts.finalize)

    def _save_latest(self) -> None:
        if not self.group.is_main:
            return
        state: dict[str, Any] = {
            **self.train_step.state_dict(),
            "data_order": self.data_order,
            "train_state": asdict(self.state),
            "rows": [asdict(row) for row in self.rows],
        }
        save_checkpoint(self.output / "latest", self.average.average, self.spec, state=state)


def _peak_memory(device: torch.device) -> int:
    """Peak memory in MiB: of the training GPU, else of the process."""
    return torch.cuda.max_memory_allocated(device) // 2**20 if device.type == "cuda" else int(peak_mib())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
