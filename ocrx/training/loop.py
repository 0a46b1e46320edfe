"""The training loop: update, log, evaluate, save, resume.

Everything an update depends on is in ``latest/``, or follows from the seed: weights, average, optimizer and the
position inside the epoch. A resumed training therefore continues bit for bit on the same hardware.
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
from ocrx.errors import ModelError
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.guide import build_guide
from ocrx.process import peak_mib
from ocrx.text.metrics import Metrics
from ocrx.training.checkpoint import FinalizeFolder, carry_best, load_state, remove_partial, save_checkpoint
from ocrx.training.distributed.group import ALONE, Group
from ocrx.training.freeze import train_mode
from ocrx.training.history import Row, write_history
from ocrx.training.optim import SCHEDULES, load_optimizer, set_learning_rate, warm_up, warmup_fraction
from ocrx.training.step import StepResult, TrainStep
from ocrx.training.tensorboard import Record, no_record

Log = Callable[[str], None]
Validate = Callable[[nn.Module], Metrics]


class Source(Protocol):
    """Epochs of updates; the same micro-batches for the same (epoch, number), always."""

    def __len__(self) -> int: ...

    def updates(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]: ...


@dataclass
class TrainState:
    """How far a training has come; saved in ``state.pt``.

    Attributes:
        epoch: Epochs that are complete.
        batch: Updates within the current epoch.
        step: Updates over the whole training.
        seconds: Training time so far, evaluations included.
        best_accuracy: Best validation accuracy, -1 before the first evaluation.
        best_cer: Character error rate of the best model.
        best_epoch: Epoch of the best model.
        finished: Whether nothing is left to train.
        loss_sum: Sum of losses since the last evaluation.
        loss_steps: Updates that ``loss_sum`` counts.
        images: Images since the last evaluation.
        images_seconds: Time spent on those images, without evaluations.
        evals_without_improvement: Evaluations since the score last improved.
        skipped: Updates that were skipped because the loss or gradient was not finite.
        max_pixels: Most padded pixels computed at once, see ``StepResult``.
    """

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
    evals_without_improvement: int = 0
    skipped: int = 0
    max_pixels: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    state: TrainState
    rows: tuple[Row, ...]
    interrupted: bool


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
    """Trains ``model`` on ``source`` and keeps ``output/{best_accuracy,latest,epoch_N}``.

    ``validate`` scores a network in eval mode; ``stop`` is asked after every update (a signal came); ``finish`` adds
    the exported model to a new best one. With a ``group`` of processes each has a trainer, and process 0 writes.
    ``data_order`` is what the order of the lines follows from; inside an epoch only the same one can be resumed.
    """

    def __init__(
        self,
        model: CTCNetwork,
        spec: ModelSpec,
        source: Source,
        validate: Validate,
        config: TrainConfig,
        *,
        device: torch.device,
        output: Path,
        log: Log,
        seed: int = 0,
        stop: Callable[[], bool] = lambda: False,
        finish: FinalizeFolder | None = None,
        group: Group = ALONE,
        data_order: Mapping[str, object] | None = None,
    ) -> None:
        self.spec, self.source, self.validate, self.config = spec, source, validate, config
        self.output, self.log, self.finish, self.group = output, log, finish, group
        self.data_order = {**(data_order or {}), "processes x Train.accumulate": group.size * config.accumulate}
        self.record: Record = no_record
        average = build_model(spec)
        guide = build_guide(model, spec, config.guide)
        self.updater = TrainStep(
            model, average, config, device, seed=seed, group=group, log=log, stop=stop, guide=guide
        )
        self.model, self.average, self.device = self.updater.model, self.updater.average, device
        self.precision = self.updater.precision
        self.state = TrainState()
        self.rows: list[Row] = []
        self.total_steps = config.epochs_iters * len(source)
        self.warm = warmup_fraction(config, self.total_steps)

    def resume(self, folder: Path) -> None:
        """Continue from a checkpoint folder with its training state.

        Raises ModelError if the state is damaged or another configuration's. A training that may go on for longer
        than when it finished (epochs, minutes, patience) does so. From another output its best model comes along.
        """
        state = self.group.run_on_main(lambda: load_state(folder))
        if self.group.is_main:
            remove_partial(self.output)
        if state.get("optimizer_name") != self.config.optimizer:
            raise ModelError(
                f"{folder}: its updates are those of {state.get('optimizer_name')}, here {self.config.optimizer}",
                hint=f"resume with Train.optimizer={state.get('optimizer_name')}",
            )
        try:
            self.model.load_state_dict(state["model"])
            self.average.average.load_state_dict(state["average"])
            self.average.steps = state["average_steps"]
            load_optimizer(self.updater.optimizer, state["optimizer"])
            self.updater.scaler.load_state_dict(state["scaler"])
            if self.updater.guide is not None:
                self.updater.guide.load_state_dict(state["guide"])
            self.state = TrainState(**state["train_state"])
            self.rows = [Row(**row) for row in state["rows"]]
            changed = [
                f"{name} was {value}, is {self.data_order.get(name)}"
                for name, value in state["data_order"].items()
                if value != self.data_order.get(name)
            ]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            message = str(error).splitlines()[0]
            raise ModelError(f"{folder}: its state does not fit this configuration ({message})") from None
        if changed and self.state.batch:
            raise ModelError(
                f"{folder}: saved inside epoch {self.state.epoch + 1}, which other settings would read in another"
                f" order: {'; '.join(changed)}",
                hint="go on with the settings of its config.yaml: --resume without -c and -o",
            )
        if changed:
            self.log(f"changed since epoch {self.state.epoch}: {'; '.join(changed)}")
        if not self.group.run_on_main(lambda: carry_best(folder, self.output)):
            # Its best model is not at hand: the next evaluation saves one.
            self.state = replace(self.state, best_accuracy=-1.0, best_cer=float("inf"), best_epoch=0)
        self.state.finished = self._finished()

    def evaluate_pretrained(self) -> None:
        """Score the weights that a fine-tuning starts from, as epoch 0; only what is better than them becomes best."""
        self._evaluate()

    def run(self) -> Outcome:
        """Train to the end, or until ``stop`` says so."""
        self.updater.clock = time.perf_counter()
        while not self.state.finished:
            if not self._train_epoch():
                self._save_latest()
                return Outcome(self.state, tuple(self.rows), interrupted=True)
        return Outcome(self.state, tuple(self.rows), interrupted=False)

    def _train_epoch(self) -> bool:
        """The rest of the epoch at hand, its evaluation and its saving; False when stopped inside."""
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
        """The updates that are left of the epoch; False when stopped."""
        state, config = self.state, self.config
        logged = _Window()
        train_mode(self.model)
        saved = state.seconds
        # A process whose micro-batches are all used goes on with none until the others are through, too.
        updates = chain(self.source.updates(state.epoch, state.batch), repeat(list[Batch]()))
        clock = time.perf_counter()
        for parts in updates:
            logged.waited += time.perf_counter() - clock
            set_learning_rate(self.updater.optimizer, config.rate * self._factor())
            summary = self.updater.run(parts, state.epoch, state.batch, state.max_pixels)
            if not summary.images:
                break
            self._count(summary, logged, time.perf_counter() - clock)
            if state.step % config.log_interval == 0:
                self._log_step(logged)
                logged = _Window()
            if self._out_of_time():
                break
            if summary.stop:
                return False
            due = config.save_minutes is not None and state.seconds - saved >= 60 * config.save_minutes
            if due or (config.save_steps and state.step % config.save_steps == 0):
                self._save_latest()
                saved = state.seconds
            clock = time.perf_counter()
        return True

    def _count(self, summary: StepResult, logged: _Window, seconds: float) -> None:
        """Move on by one update that took ``seconds``; those of the summary hold what came before it, too."""
        state = self.state
        state.step, state.batch, state.seconds = state.step + 1, state.batch + 1, state.seconds + summary.seconds
        state.images, state.images_seconds = state.images + summary.images, state.images_seconds + seconds
        state.max_pixels = summary.max_pixels
        logged.images, logged.updates = logged.images + summary.images, logged.updates + 1
        if summary.skipped:
            state.skipped += 1
            return
        state.loss_sum, state.loss_steps = state.loss_sum + summary.loss, state.loss_steps + 1
        logged.loss, logged.steps = logged.loss + summary.loss, logged.steps + 1

    def _factor(self) -> float:
        """Of the highest learning rate, for the next update."""
        planned = SCHEDULES[self.config.schedule](max(self._done(), 0.5 / self.total_steps), self.warm)
        return planned * warm_up(self.config, self.state.step)

    def _done(self) -> float:
        """How much of the training is over, from 0 to 1, by steps or by time, whichever is further."""
        done = self._epochs() / self.config.epochs_iters
        if self.config.max_minutes is not None:
            done = max(done, self.state.seconds / (60 * self.config.max_minutes))
        return min(1.0, done)

    def _count_time(self) -> None:
        """The time since the last update belongs to the training as well; process 0 tells it."""
        clock = self.updater.clock
        self.state.seconds += self.group.run_on_main(lambda: time.perf_counter() - clock)
        self.updater.clock = time.perf_counter()

    def _finished(self) -> bool:
        """Whether all epochs are done, the time is over, or too many evaluations brought nothing better."""
        state, config = self.state, self.config
        idle = config.patience is not None and state.evals_without_improvement >= config.patience
        return state.epoch >= config.epochs_iters or self._out_of_time() or idle

    def _out_of_time(self) -> bool:
        return self.config.max_minutes is not None and self.state.seconds >= 60 * self.config.max_minutes

    def _epochs(self) -> float:
        """Epochs done, with the share of the one at hand."""
        return self.state.epoch + min(1.0, self.state.batch / len(self.source))

    def _log_step(self, window: _Window) -> None:
        state, elapsed = self.state, time.perf_counter() - window.start
        left = state.seconds / max(self._done(), 1e-9) * (1 - self._done())
        rate, loss = self.updater.optimizer.param_groups[0]["lr"], window.loss / max(1, window.steps)
        self.record({"train/loss": loss, "train/learning_rate": rate}, state.step)
        self.log(
            f"epoch {state.epoch + 1}/{self.config.epochs_iters} step {state.step}"
            f" lr {rate:.2e} loss {loss:.4f}"
            f" | {window.images / elapsed:.0f} images/s, {1000 * elapsed / window.updates:.0f} ms a step,"
            f" waited {100 * window.waited / elapsed:.0f} %, {_peak_memory(self.device)} MB | {_clock(left)} left"
        )

    def _evaluate(self) -> None:
        state, config = self.state, self.config
        metrics = self.validate(self.average.average)
        row = Row(
            epoch=state.epoch,
            step=state.step,
            minutes=round(state.seconds / 60, 3),
            learning_rate=self.updater.optimizer.param_groups[0]["lr"],
            train_loss=state.loss_sum / state.loss_steps if state.loss_steps else float("nan"),
            val_accuracy=metrics.accuracy,
            val_norm_edit_dis=metrics.norm_edit_dis,
            val_cer=metrics.cer,
            images_per_second=round(state.images / max(1e-9, state.images_seconds), 1),
        )
        state.loss_sum, state.loss_steps, state.images, state.images_seconds = 0.0, 0, 0, 0.0
        self.rows.append(row)
        score, former = (metrics.accuracy, -metrics.cer), (state.best_accuracy, -state.best_cer)
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
        self.record({f"val/{name}": value for name, value in row.validation().items()}, state.step)
        if best:
            measured = ModelSpec(**{**vars(self.spec), "metrics": metrics.to_dict()})
            save_checkpoint(self.output / "best_accuracy", self.average.average, measured, finish=self.finish)

    def _save_latest(self) -> None:
        if not self.group.is_main:
            return
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "average": self.average.average.state_dict(),
            "average_steps": self.average.steps,
            "optimizer": self.updater.optimizer.state_dict(),
            "optimizer_name": self.config.optimizer,
            "guide": self.updater.guide.state_dict() if self.updater.guide is not None else None,
            "scaler": self.updater.scaler.state_dict(),
            "data_order": self.data_order,
            "train_state": asdict(self.state),
            "rows": [asdict(row) for row in self.rows],
        }
        save_checkpoint(self.output / "latest", self.average.average, self.spec, state=state)


def _peak_memory(device: torch.device) -> int:
    """Largest memory so far in MiB: of the GPU that trains, else of the process."""
    return torch.cuda.max_memory_allocated(device) // 2**20 if device.type == "cuda" else int(peak_mib())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
