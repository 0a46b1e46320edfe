"""One update of the weights: micro-batches to gradients, the gradients of all processes to one step."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ocrx.config import TrainConfig
from ocrx.ctc.loss import ctc_loss
from ocrx.data.loading.loader import Batch
from ocrx.errors import BackendError, ConfigError, DataError
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.guide import NRTRGuide, guided_losses, two_steps
from ocrx.training.distributed.group import ALONE, Group
from ocrx.training.optim import ExponentialMovingAverage, build_optimizer
from ocrx.training.precision import autocast, select_precision


@dataclass(frozen=True)
class StepResult:
    """What every process knows after an update, and all of them the same.

    ``loss`` is the mean over the ``images`` of all micro-batches, as it is minimised (with the focal weight);
    no images: no process had a micro-batch left. ``seconds`` went by since the last update, on process 0.
    ``stop``: a process was told to stop. ``skipped``: the weights are as before. ``max_pixels``: most padded pixels
    at once from now on, None as the batches come.
    """

    loss: float
    images: int
    seconds: float
    stop: bool
    skipped: bool
    max_pixels: int | None


@dataclass
class _Sums:
    """This process's part of an update; summed over all processes it is the whole."""

    images: float = 0.0
    loss: float = 0.0
    broken: float = 0.0
    stop: float = 0.0
    seconds: float = 0.0
    halved: float = 0.0


class TrainStep:
    """Network, optimizer and average of weights, and what changes them.

    The loss of an update is the mean over all samples of its micro-batches: each micro-batch weighs as many samples
    as it has, wherever it is computed. So N processes do what one does with N times the accumulation, as long as
    batch statistics are those of a micro-batch. Dropout follows (seed, epoch, number of the micro-batch).
    """

    def __init__(
        self,
        model: CTCNetwork,
        average: CTCNetwork,
        config: TrainConfig,
        device: torch.device,
        *,
        seed: int,
        group: Group = ALONE,
        log: Callable[[str], None],
        stop: Callable[[], bool],
        guide: NRTRGuide | None = None,
    ) -> None:
        self.config, self.device, self.seed, self.group, self.log, self.stop = config, device, seed, group, log, stop
        self.precision = select_precision(config.precision, device)
        if config.sync_batch_norm:
            if device.type != "cuda":
                raise ConfigError(
                    f"Train.sync_batch_norm: not possible on {device}; expected GPUs",
                    hint="on CPU the statistics are those of each process's micro-batch: Train.sync_batch_norm=false",
                )
            nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # same names
        self.model = model.to(device)
        average.to(device)
        if config.channels_last:
            self.model.to(memory_format=torch.channels_last)
            average.to(memory_format=torch.channels_last)
        self.guide = guide.to(device) if guide is not None else None
        self.trained = nn.ModuleList([self.model] if guide is None else [self.model, guide])
        group.share_weights(self.trained)
        self.average = ExponentialMovingAverage(self.model, average, config.ema_decay)
        self.optimizer = build_optimizer(self.trained, config)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)
        # The compiled network shares the parameters of the plain one, which is the one that is saved.
        # On CPU it was no faster, and every new width cost a minute.
        self.network = torch.compile(self.model) if config.compile else self.model
        self.guided = two_steps(self.model, compiled=config.compile) if guide is not None else None
        self.clock = time.perf_counter()

    def run(self, parts: Sequence[Batch], epoch: int, number: int, max_pixels: int | None) -> StepResult:
        """One update with this process's ``parts``; ``number`` counts the updates of the epoch.

        Raises DataError that names the samples where loss or gradient is not finite, unless they are to be
        skipped; BackendError when the memory does not suffice for half a batch either.
        """
        numbers = range(self.group.rank, self.group.size * self.config.accumulate, self.group.size)
        seeds = [self._seed(epoch, number * self.group.size * self.config.accumulate + n) for n in numbers]
        kept = [value.clone() for value in self.model.buffers()] if self.config.skip_nonfinite else []
        if self.config.sync_batch_norm and len(set(self.group.gather(len(parts)))) > 1:
            parts = []  # a process without a micro-batch cannot share statistics: the end of the epoch is left out
            self.log(f"epoch {epoch + 1}: its last micro-batches do not suffice for all processes and are left out")
        sums, broken = _Sums(), list[str]()
        halved = self._backward_all(parts, seeds, max_pixels, sums, broken)
        if halved is not None:
            if max_pixels is not None or self.config.sync_batch_norm:
                raise self._too_big(parts)
            max_pixels = halved
            sums, broken = _Sums(halved=1), []
            if self._backward_all(parts, seeds, max_pixels, sums, broken) is not None:
                raise self._too_big(parts)
        now = time.perf_counter()
        sums.seconds, self.clock = (now - self.clock if self.group.is_main else 0.0), now
        sums.stop = float(bool(parts) and self.stop())
        sums = self._exchange(sums)
        if sums.halved:
            max_pixels = min(given for given in self.group.gather(max_pixels) if given is not None)
            self.log(
                f"out of memory: from now on at most {max_pixels} padded pixels at a time; gradients are summed,"
                " batch statistics are those of the smaller pieces"
            )
        skipped = sums.images > 0 and not self._step(sums, parts, broken)
        if skipped:
            for value, before in zip(self.model.buffers(), kept, strict=True):
                value.copy_(before)
        self.optimizer.zero_grad(set_to_none=True)
        loss = sums.loss / sums.images if sums.images else 0.0
        return StepResult(loss, int(sums.images), sums.seconds, sums.stop > 0, skipped, max_pixels)

    def _backward_all(
        self, parts: Sequence[Batch], seeds: Sequence[int], max_pixels: int | None, sums: _Sums, broken: list[str]
    ) -> int | None:
        """Add the gradients of all parts; half of the padded pixels that the memory did not suffice for, else None."""
        tried = 0
        try:
            for part, seed in zip(parts, seeds, strict=False):  # the last update has fewer parts
                torch.manual_seed(seed)
                for piece in part.pieces(max_pixels) if max_pixels else [part]:
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
        """Add the gradient of the summed loss, in units of a full batch so that half precision holds it."""
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
            # a guide's loss is one number for all lines of the batch
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
        parts = [part for part in self.model.modules() if part.training]  # frozen ones keep their statistics exactly
        statistics = [b for part in parts for b in part.buffers(recurse=False) if b.is_floating_point()]
        used = torch.tensor([float(p.grad is not None) for p in trained], device=self.device)
        notes = torch.tensor(list(vars(own).values()), device=self.device)
        gradients = [(torch.zeros_like(p) if p.grad is None else p.grad).float().reshape(-1) for p in trained]
        flat = torch.cat([notes, used, *gradients, *((b.float() * own.images).reshape(-1) for b in statistics)])
        self.group.sum(flat)
        sizes = [p.numel() for p in trained] + [b.numel() for b in statistics]
        summed, anyone, *rest = torch.split(flat, [len(notes), len(used), *sizes])
        sums = _Sums(*summed.tolist())
        for parameter, count, value in zip(trained, anyone.tolist(), rest, strict=False):
            # In the parameter's own memory order: fused optimizers take it for granted.
            parameter.grad = torch.empty_like(parameter).copy_(value.view_as(parameter)) if count else None
        if sums.images:
            for buffer, value in zip(statistics, rest[len(trained) :], strict=True):
                buffer.copy_(value.view_as(buffer) / sums.images)
        return sums

    def _step(self, sums: _Sums, parts: Sequence[Batch], broken: list[str]) -> bool:
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
        # With float16 an overflow is the scaler's to find, which leaves the step out and scales less.
        if not self.scaler.is_enabled() and not torch.isfinite(norm):
            self._refuse("gradient", [sample.source for part in parts for sample in part.samples])
            return False
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update()
        return True

    def _refuse(self, what: str, samples: list[str]) -> None:
        """Say which samples gave a loss or gradient that is not finite: as an error, or in the log."""
        named = [source for sources in self.group.gather(samples) for source in sources]
        message = f"{', '.join(named[:5])}: the {what} is not finite"
        if not self.config.skip_nonfinite:
            hint = "run `ocrx check-dataset`, lower Train.learning_rate, or go on without such: Train.skip_nonfinite"
            raise DataError(message, hint=hint)
        self.log(f"update skipped: {message}")

    def _too_big(self, parts: Sequence[Batch]) -> BackendError:
        shape = max((tuple(part.images.shape) for part in parts), key=np.prod)
        return BackendError(
            f"device {self.device}: out of memory with {shape[0]} lines of {shape[3]}x{shape[2]} pixels",
            hint="lower Train.batch_size and Train.max_pixels, and raise Train.accumulate in return",
        )

    def _seed(self, epoch: int, part: int) -> int:
        """The state of torch's generator at the start of a micro-batch: the same wherever it is computed."""
        return int(np.random.SeedSequence([self.seed, epoch, part]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _is_out_of_memory(error: BaseException) -> bool:
    """Each kind of device has its own error for it; on CPU it is a plain RuntimeError."""
    told = str(error)
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or any(
        words in told for words in ("not enough memory", "can't allocate memory", "out of memory")
    )
