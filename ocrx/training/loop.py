"""The training loop: step, log, evaluate, save, resume.

Everything a step depends on is in ``latest/``: weights, average, optimizer, generators and the position inside
the epoch. A resumed training therefore continues bit for bit on the same hardware.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from ocrx.config import TrainConfig
from ocrx.ctc.loss import ctc_loss
from ocrx.data.loader import Batch
from ocrx.errors import DataError, ModelError
from ocrx.models import build_model
from ocrx.spec import ModelSpec
from ocrx.text.metrics import Metrics
from ocrx.training.checkpoint import Finish, load_state, save_checkpoint
from ocrx.training.freeze import train_mode
from ocrx.training.history import Row, write_history
from ocrx.training.optim import WeightAverage, build_optimizer, learning_rate_factor
from ocrx.training.precision import autocast, select_precision
from ocrx.training.tensorboard import Record, no_record

Log = Callable[[str], None]
Validate = Callable[[nn.Module], Metrics]


class Source(Protocol):
    """Epochs of batches; the same batch for the same (epoch, number), always."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]: ...


@dataclass
class Position:
    """Where a training stands. ``batch`` counts within the epoch, ``step`` over all of it; the sums run since the last
    evaluation."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_cer: float = float("inf")
    best_epoch: int = 0
    finished: bool = False
    loss_sum: float = 0.0
    loss_steps: int = 0
    images: int = 0
    images_seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    position: Position
    rows: tuple[Row, ...]
    interrupted: bool


@dataclass
class _Window:
    """Sums since the last log line."""

    start: float = field(default_factory=time.perf_counter)
    images: int = 0
    steps: int = 0
    loss: float = 0.0
    waited: float = 0.0


class Trainer:
    """Trains ``model`` on ``source`` and keeps ``output/{best_accuracy,latest,epoch_N}``.

    ``validate`` scores a network in eval mode; ``stop`` is asked after every step (a signal came); ``finish`` adds
    the exported model to a new best one.
    """

    def __init__(
        self,
        model: nn.Module,
        spec: ModelSpec,
        source: Source,
        validate: Validate,
        config: TrainConfig,
        *,
        device: torch.device,
        output: Path,
        log: Log,
        stop: Callable[[], bool] = lambda: False,
        finish: Finish | None = None,
    ) -> None:
        self.spec, self.source, self.validate, self.config = spec, source, validate, config
        self.device, self.output, self.log, self.stop, self.finish = device, output, log, stop, finish
        self.record: Record = no_record
        self.precision = select_precision(config.precision, device)
        self.model = model.to(device)
        average = build_model(spec).to(device)
        if config.channels_last:
            self.model.to(memory_format=torch.channels_last)
            average.to(memory_format=torch.channels_last)
        self.average = WeightAverage(self.model, average, config.ema_decay)
        self.optimizer = build_optimizer(self.model, config.rate, config.weight_decay)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)
        self.position = Position()
        self.rows: list[Row] = []
        self.total_steps = config.epochs_iters * len(source)
        warm = config.warmup_steps if config.warmup_steps is not None else max(1, round(0.05 * self.total_steps))
        self.warm = min(0.5, warm / self.total_steps)

    def resume(self, folder: Path) -> None:
        """Continue from a checkpoint folder with its training state."""
        state = load_state(folder)
        try:
            self.model.load_state_dict(state["model"])
            self.average.average.load_state_dict(state["average"])
            self.average.steps = state["average_steps"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
            self.position = Position(**state["position"])
            self.rows = [Row(**row) for row in state["rows"]]
            torch.set_rng_state(state["generator"])
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(state["cuda_generator"], self.device)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            message = str(error).splitlines()[0]
            raise ModelError(f"{folder}: its state does not fit this configuration ({message})") from None

    def evaluate_start(self) -> None:
        """Score the weights that a fine-tuning starts from, as epoch 0; only what is better than them becomes best."""
        self._evaluate()

    def run(self) -> Outcome:
        """Train to the end, or until ``stop`` says so."""
        while not self.position.finished:
            if not self._train_epoch():
                self._save_latest()
                return Outcome(self.position, tuple(self.rows), interrupted=True)
        return Outcome(self.position, tuple(self.rows), interrupted=False)

    def _train_epoch(self) -> bool:
        """The rest of the epoch at hand, its evaluation and its saving; False when stopped inside."""
        place, config = self.position, self.config
        logged = _Window()
        train_mode(self.model)
        batches = self.source.epoch(place.epoch, place.batch)
        clock = time.perf_counter()
        for batch in batches:
            waited = time.perf_counter() - clock
            loss = self._step(batch)
            elapsed = time.perf_counter() - clock
            place.step, place.batch, place.seconds = place.step + 1, place.batch + 1, place.seconds + elapsed
            place.loss_sum, place.loss_steps = place.loss_sum + loss, place.loss_steps + 1
            place.images, place.images_seconds = place.images + len(batch), place.images_seconds + elapsed
            logged.images, logged.steps = logged.images + len(batch), logged.steps + 1
            logged.loss, logged.waited = logged.loss + loss, logged.waited + waited
            if place.step % config.log_interval == 0:
                self._log_step(logged)
                logged = _Window()
            if self._out_of_time():
                break
            if self.stop():
                return False
            clock = time.perf_counter()
        place.epoch, place.batch = place.epoch + 1, 0
        place.finished = self._out_of_time() or place.epoch >= config.epochs_iters
        if place.epoch % config.eval_interval == 0 or place.finished:
            self._evaluate()
        if place.epoch % config.save_interval == 0 and not place.finished:
            save_checkpoint(self.output / f"epoch_{place.epoch}", self.average.average, self.spec)
        self._save_latest()
        return True

    def _done(self) -> float:
        """How much of the training is over, from 0 to 1, by steps or by time, whichever is further."""
        done = self._epochs() / self.config.epochs_iters
        if self.config.max_minutes is not None:
            done = max(done, self.position.seconds / (60 * self.config.max_minutes))
        return min(1.0, done)

    def _out_of_time(self) -> bool:
        return self.config.max_minutes is not None and self.position.seconds >= 60 * self.config.max_minutes

    def _epochs(self) -> float:
        """Epochs done, with the share of the one at hand."""
        return self.position.epoch + min(1.0, self.position.batch / len(self.source))

    def _step(self, batch: Batch) -> float:
        """One update; returns the mean loss."""
        factor = learning_rate_factor(max(self._done(), 0.5 / self.total_steps), self.warm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate * factor
        images = batch.images.to(self.device, non_blocking=True)
        if self.config.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with autocast(self.device, self.precision):
            logits = self.model(images)
        losses = ctc_loss(logits, batch.targets, batch.target_lengths)
        loss = losses.mean()
        value = float(loss.detach())
        if not torch.isfinite(loss):
            named = [s.source for s, one in zip(batch.samples, losses.tolist(), strict=True) if not abs(one) < 1e30]
            raise DataError(
                f"{', '.join(named[:5])}: the loss is not finite at step {self.position.step + 1}",
                hint="run `ocrx check-dataset`, or lower Train.learning_rate",
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # untyped in torch
        if self.config.clip_norm:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update()
        return value

    def _log_step(self, window: _Window) -> None:
        place, elapsed = self.position, time.perf_counter() - window.start
        left = place.seconds / max(self._done(), 1e-9) * (1 - self._done())
        rate = self.optimizer.param_groups[0]["lr"]
        self.record({"train/loss": window.loss / window.steps, "train/learning_rate": rate}, place.step)
        self.log(
            f"epoch {place.epoch + 1}/{self.config.epochs_iters} step {place.step}"
            f" lr {rate:.2e} loss {window.loss / window.steps:.4f}"
            f" | {window.images / elapsed:.0f} images/s, {1000 * elapsed / window.steps:.0f} ms a step,"
            f" waited {100 * window.waited / elapsed:.0f} %, {_peak_memory(self.device)} MB | {_clock(left)} left"
        )

    def _evaluate(self) -> None:
        place = self.position
        metrics = self.validate(self.average.average)
        row = Row(
            epoch=place.epoch,
            step=place.step,
            minutes=round(place.seconds / 60, 3),
            learning_rate=self.optimizer.param_groups[0]["lr"],
            train_loss=place.loss_sum / place.loss_steps if place.loss_steps else float("nan"),
            val_accuracy=metrics.accuracy,
            val_norm_edit_dis=metrics.norm_edit_dis,
            val_cer=metrics.cer,
            images_per_second=round(place.images / max(1e-9, place.images_seconds), 1),
        )
        place.loss_sum, place.loss_steps, place.images, place.images_seconds = 0.0, 0, 0, 0.0
        self.rows.append(row)
        write_history(self.rows, self.output)
        self.record({f"val/{name}": value for name, value in row.validation().items()}, place.step)
        best = (metrics.accuracy, -metrics.cer) >= (place.best_accuracy, -place.best_cer)
        self.log(
            f"epoch {place.epoch} evaluated: exact {metrics.exact}/{metrics.count} = {100 * metrics.accuracy:.2f} %,"
            f" CER {100 * metrics.cer:.2f} %, norm_edit_dis {metrics.norm_edit_dis:.4f}"
            f"{f' (train loss {row.train_loss:.4f})' if place.step else ''}{' - best so far' if best else ''}"
        )
        if best:
            place.best_accuracy, place.best_cer, place.best_epoch = metrics.accuracy, metrics.cer, place.epoch
            measured = ModelSpec(**{**vars(self.spec), "metrics": metrics.to_dict()})
            save_checkpoint(self.output / "best_accuracy", self.average.average, measured, finish=self.finish)

    def _save_latest(self) -> None:
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "average": self.average.average.state_dict(),
            "average_steps": self.average.steps,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "position": asdict(self.position),
            "rows": [asdict(row) for row in self.rows],
            "generator": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            state["cuda_generator"] = torch.cuda.get_rng_state(self.device)
        save_checkpoint(self.output / "latest", self.average.average, self.spec, state=state)


def _peak_memory(device: torch.device) -> int:
    """Peak memory in MB: of the GPU there, else of the process; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
