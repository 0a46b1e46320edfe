"""One update of the weights: gradients of micro-batches, summed over all processes, then one optimizer step."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ocrx.config import TrainConfig
from ocrx.ctc.loss import ctc_loss
from ocrx.data.loading.loader import Batch
from ocrx.errors import BackendError, ConfigError, DataError, ModelError
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.guide import NRTRGuide, guided_losses, two_steps
from ocrx.training.distributed.group import ALONE, Group
from ocrx.training.optim import ExponentialMovingAverage, build_optimizer, load_optimizer, set_learning_rate
from ocrx.training.precision import autocast, select_precision
from ocrx.training.run_log import Log


@dataclass(frozen=True)
class Networks:
    """The networks of a training.

    Attributes:
        model: The network that is trained.
        average: A network of the same kind that holds the moving average of the weights.
        guide: A second decoder on the features of ``model``, None for none.
    """

    model: CTCNetwork
    average: CTCNetwork
    guide: NRTRGuide | None = None


@dataclass(frozen=True)
class ProcessContext:
    """How one process takes part in a training.

    Attributes:
        device: The device that it trains on.
        log: Takes one line for the user.
        group: The processes that train together.
        stop: Whether the training was asked to stop; called after every update.
    """

    device: torch.device
    log: Log
    group: Group = ALONE
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class StepResult:
    """The result of an update; every process has the same one.

    Attributes:
        loss: Mean over the images of all micro-batches, as it is minimised (with the focal weight).
        images: Images of all micro-batches; 0 means that no process had a micro-batch left.
        seconds: Time since the last update, measured by the main process.
        stop: Whether any process was asked to stop.
        skipped: Whether the weights were left unchanged.
        max_pixels: Most padded pixels to compute at once from now on; None sets no limit.
    """

    loss: float
    images: int
    seconds: float
    stop: bool
    skipped: bool
    max_pixels: int | None


@dataclass
class _Sums:
    """One process's part of an update; the sum over all processes describes the whole."""

    images: float = 0.0
    loss: float = 0.0
    broken: float = 0.0
    stop: float = 0.0
    seconds: float = 0.0
    halved: float = 0.0


class TrainStep:
    """The network, its optimizer and the moving average of its weights, and the update that changes them.

    The loss of an update is the mean over all samples of its micro-batches, whichever process computes them. N
    processes are therefore equivalent to one with N times the accumulation, as batch statistics are those of a
    micro-batch. Dropout depends on (seed, epoch, number of the micro-batch) only.

    Attributes:
        model: The trained network, uncompiled and on its device.
        average: Moving average of its weights.
        optimizer: The optimizer over all trained parameters.
        precision: The type of the forward pass.
    """

    def __init__(self, networks: Networks, config: TrainConfig, process: ProcessContext, *, seed: int) -> None:
        """Move the networks to the device and build the optimizer.

        Args:
            networks: The networks; they are changed in place.
            config: The section ``Train``.
            process: How this process takes part.
            seed: Seed of the training.

        Raises:
            ConfigError: If batch statistics are to be shared on a device that cannot.
        """
        self.config, self.seed = config, seed
        self.device, self.group, self.log, self.stop = process.device, process.group, process.log, process.stop
        self.precision = select_precision(config.precision, self.device)

        model, average = networks.model, networks.average
        if config.sync_batch_norm:
            if self.device.type != "cuda":
                raise ConfigError(
                    f"Train.sync_batch_norm: not possible on {self.device}; expected GPUs",
                    hint="on CPU the statistics are those of each process's micro-batch: Train.sync_batch_norm=false",
                )
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # same names
        self.model = model.to(self.device)
        average.to(self.device)
        if config.channels_last:
            self.model.to(memory_format=torch.channels_last)
            average.to(memory_format=torch.channels_last)

        self.guide = networks.guide.to(self.device) if networks.guide is not None else None
        self.trained = nn.ModuleList([self.model] if self.guide is None else [self.model, self.guide])
        self.group.share_weights(self.trained)
        self.average = ExponentialMovingAverage(self.model, average, config.ema_decay)
        self.optimizer = build_optimizer(self.trained, config)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == torch.float16)

        # The compiled network shares the parameters of the plain one, which is the one that is saved.
        self.network = torch.compile(self.model) if config.compile else self.model
        self.guided = two_steps(self.model, compiled=config.compile) if self.guide is not None else None
        self._clock = time.perf_counter()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        set_learning_rate(self.optimizer, rate)

    def take_seconds(self) -> float:
        """Read the clock and restart it.

        Returns:
            Seconds since the last update, or since the last call.
        """
        now = time.perf_counter()
        seconds, self._clock = now - self._clock, now
        return seconds

    def state_dict(self) -> dict[str, Any]:
        """Collect what an update depends on, for ``state.pt``.

        Returns:
            The state, as plain values and tensors.
        """
        return {
            "model": self.model.state_dict(),
            "average": self.average.average.state_dict(),
            "average_steps": self.average.steps,
            "optimizer": self.optimizer.state_dict(),
            "optimizer_name": self.config.optimizer,
            "guide": self.guide.state_dict() if self.guide is not None else None,
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], where: str) -> None:
        """Restore what ``state_dict`` collected.

        Args:
            state: A training state.
            where: Names the checkpoint in errors.

        Raises:
            ModelError: If the state is that of another optimizer.
            KeyError, RuntimeError, TypeError, ValueError: If it does not fit the network.
        """
        if state.get("optimizer_name") != self.config.optimizer:
            raise ModelError(
                f"{where}: saved with the optimizer {state.get('optimizer_name')}; expected {self.config.optimizer}",
                hint=f"resume with Train.optimizer={state.get('optimizer_name')}",
            )

        self.model.load_state_dict(state["model"])
        self.average.average.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        load_optimizer(self.optimizer, state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.guide is not None:
            self.guide.load_state_dict(state["guide"])

    def run(self, batches: Sequence[Batch], epoch: int, number: int, max_pixels: int | None) -> StepResult:
        """Do one update.

        Args:
            batches: This process's micro-batches.
            epoch: Epochs that are complete.
            number: Updates of this epoch that are complete.
            max_pixels: Most padded pixels to compute at once; None sets no limit.

        Returns:
            What happened; the same in every process.

        Raises:
            DataError: If loss or gradient is not finite, unless such updates are skipped; names the samples.
            BackendError: If the memory does not suffice for half a batch either.
        """
        per_update = self.group.size * self.config.accumulate
        seeds = [
            self._seed(epoch, number * per_update + n) for n in range(self.group.rank, per_update, self.group.size)
        ]
        kept = [value.clone() for value in self.model.buffers()] if self.config.skip_nonfinite else []
        if self.config.sync_batch_norm and len(set(self.group.gather(len(batches)))) > 1:
            batches = []  # a process without a micro-batch cannot share statistics
            self.log(f"epoch {epoch + 1}: its last micro-batches do not suffice for all processes and are left out")

        sums, broken, max_pixels = self._backward_within_memory(batches, seeds, max_pixels)
        seconds = self.take_seconds()
        sums.seconds = seconds if self.group.is_main else 0.0
        sums.stop = float(bool(batches) and self.stop())
        sums = self._exchange(sums)
        if sums.halved:
            max_pixels = min(given for given in self.group.gather(max_pixels) if given is not None)
            self.log(
                f"out of memory: from now on at most {max_pixels} padded pixels at a time; gradients are summed,"
                " batch statistics are those of the smaller pieces"
            )

        skipped = sums.images > 0 and not self._step(sums, batches, broken)
        if skipped:
            for value, before in zip(self.model.buffers(), kept, strict=True):
                value.copy_(before)
        self.optimizer.zero_grad(set_to_none=True)
        loss = sums.loss / sums.images if sums.images else 0.0
        return StepResult(loss, int(sums.images), sums.seconds, sums.stop > 0, skipped, max_pixels)

    def _backward_within_memory(
        self, batches: Sequence[Batch], seeds: Sequence[int], max_pixels: int | None
    ) -> tuple[_Sums, list[str], int | None]:
        """Add all gradients, in smaller pieces where memory runs out; sums, bad samples and the new pixel limit."""
        sums, broken = _Sums(), list[str]()
        halved = self._backward_all(batches, seeds, max_pixels, sums, broken)
        if halved is None:
            return sums, broken, max_pixels

        if max_pixels is not None or self.config.sync_batch_norm:
            raise self._too_big(batches)
        sums, broken = _Sums(halved=1), []
        if self._backward_all(batches, seeds, halved, sums, broken) is not None:
            raise self._too_big(batches)
        return sums, broken, halved

    def _backward_all(
        self, batches: Sequence[Batch], seeds: Sequence[int], max_pixels: int | None, sums: _Sums, broken: list[str]
    ) -> int | None:
        """Add the gradients of all micro-batches; None, or half of the pixels that did not fit into memory."""
        tried = 0
        try:
            for batch, seed in zip(batches, seeds, strict=False):  # the last update has fewer
                torch.manual_seed(seed)
                for piece in batch.pieces(max_pixels) if max_pixels else [batch]:
                    tried = piece.images[:, 0].numel()
                    self._backward(piece, sums, broken)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            self.optimizer.zero_grad(set_to_none=True)
        else:
            return None

        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return max(1, min(tried, self.config.max_pixels) // 2)

    def _backward(self, batch: Batch, sums: _Sums, broken: list[str]) -> None:
        """Add the gradient of the summed loss, divided by the batch size so that it stays within half precision."""
        images = batch.images.to(self.device, non_blocking=True)
        if self.config.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with autocast(self.device, self.precision):
            logits, guided = self._read(images, batch)

        losses = ctc_loss(logits, batch.targets, batch.target_lengths, focal_gamma=self.config.focal_gamma)
        loss = losses.sum() + guided
        value = float(loss.detach())
        sums.images += len(batch)
        if np.isfinite(value):
            sums.loss += value
            torch.autograd.backward(self.scaler.scale(loss / self.config.batch_size))
        else:
            sums.broken += 1
            own = [s.source for s, one in zip(batch.samples, losses.tolist(), strict=True) if not abs(one) < 1e30]
            # The loss of a guide is one number for the whole batch.
            broken += own or [sample.source for sample in batch.samples]

    def _read(self, images: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor | float]:
        """Logits, and the guide's weighted loss summed over the lines; 0 without a guide."""
        if self.guide is None or self.guided is None:
            return self.network(images), 0.0
        config, labels = self.config.guide, (batch.targets, batch.target_lengths)
        logits, loss = guided_losses(self.guided, self.guide, images, labels, detach=config.detach)
        return logits, config.weight * len(batch) * loss

    def _exchange(self, own: _Sums) -> _Sums:
        """The sums over all processes; gradients are summed and batch statistics averaged along with them.

        One message for all of it. Values are float32: counts of samples are exact.
        """
        if self.group.size == 1:
            return own
        trained = [p for p in self.trained.parameters() if p.requires_grad]
        modules = [module for module in self.model.modules() if module.training]  # frozen ones keep their statistics
        statistics = [b for module in modules for b in module.buffers(recurse=False) if b.is_floating_point()]
        used = torch.tensor([float(p.grad is not None) for p in trained], device=self.device)
        notes = torch.tensor(list(vars(own).values()), device=self.device)
        gradients = [(torch.zeros_like(p) if p.grad is None else p.grad).float().reshape(-1) for p in trained]
        flat = torch.cat([notes, used, *gradients, *((b.float() * own.images).reshape(-1) for b in statistics)])
        self.group.sum(flat)
        sizes = [p.numel() for p in trained] + [b.numel() for b in statistics]

        summed, anyone, *rest = torch.split(flat, [len(notes), len(used), *sizes])
        sums = _Sums(*summed.tolist())
        for parameter, count, value in zip(trained, anyone.tolist(), rest, strict=False):
            # Fused optimizers require the memory layout of the parameter.
            parameter.grad = torch.empty_like(parameter).copy_(value.view_as(parameter)) if count else None
        if sums.images:
            for buffer, value in zip(statistics, rest[len(trained) :], strict=True):
                buffer.copy_(value.view_as(buffer) / sums.images)
        return sums

    def _step(self, sums: _Sums, batches: Sequence[Batch], broken: list[str]) -> bool:
        """Change the weights, unless something is not finite: then the update is skipped, or an error."""
        if sums.broken:
            self._refuse("loss", broken)
            return False

        scale = self.config.batch_size / sums.images
        gradients = [p.grad for p in self.trained.parameters() if p.grad is not None]
        if scale != 1:
            torch._foreach_mul_(gradients, scale)

        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.trained.parameters(), self.config.clip_norm or float("inf"))
        # In float16 the scaler detects overflows, skips the step and lowers the scale.
        if not self.scaler.is_enabled() and not torch.isfinite(norm):
            self._refuse("gradient", [sample.source for batch in batches for sample in batch.samples])
            return False
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update()
        return True

    def _refuse(self, what: str, samples: list[str]) -> None:
        """Name the samples with a loss or gradient that is not finite: in an error, or in the log."""
        named = [source for sources in self.group.gather(samples) for source in sources]
        message = f"{', '.join(named[:5])}: the {what} is not finite"
        if not self.config.skip_nonfinite:
            hint = (
                "run `ocrx check-dataset`, lower Train.learning_rate, or skip such updates: Train.skip_nonfinite=true"
            )
            raise DataError(message, hint=hint)
        self.log(f"update skipped: {message}")

    def _too_big(self, batches: Sequence[Batch]) -> BackendError:
        shape = max((tuple(batch.images.shape) for batch in batches), key=np.prod)
        return BackendError(
            f"device {self.device}: out of memory with {shape[0]} lines of {shape[3]}x{shape[2]} pixels",
            hint="lower Train.batch_size and Train.max_pixels, and raise Train.accumulate in return",
        )

    def _seed(self, epoch: int, number: int) -> int:
        """Seed of torch's generator for a micro-batch, the same in whichever process computes it."""
        return int(np.random.SeedSequence([self.seed, epoch, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means a lack of memory; each kind of device has its own, and the CPU a plain RuntimeError."""
    message = str(error)
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or any(
        words in message for words in ("not enough memory", "can't allocate memory", "out of memory")
    )
