"""Checks before the first epoch: what training assumes about its batches, its network and its loss.

An error names the check that failed. The checks of the network use the first four lines of the batch. Weights, batch
statistics, modes and random generators are left as they were.

batch            shapes, types and padded width match the model's spec
charset          each target encodes the label of its own line, in classes of the charset and without the blank
padding          every pixel to the right of a line has the padding value
blank            logits that are certain of the labels give a loss of 0 and decode to the labels
frames           the network returns as many frames as the spec says, and enough for each text
device           all weights are float32 and on the training device
mode             training mode reaches every trained module, evaluation mode all; reading then changes no state
logits           their shape is [lines, frames, classes], and they are finite
repeatable       two passes over a batch give the same logits
batch mates      a line gives the same logits alone as in its batch
reading order    frames on the left depend on pixels further left than frames on the right do
gradients        the loss has a finite gradient for every trained weight
accelerator      the device and the CPU give the same logits
overfit          on request: a copy of the network can memorise the first lines
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ocrx.ctc.frames import required_frames
from ocrx.ctc.loss import ctc_loss
from ocrx.data.loading.loader import Batch
from ocrx.decoding.greedy import greedy
from ocrx.errors import ModelError
from ocrx.model_spec import ModelSpec
from ocrx.text.charset import BLANK, Charset
from ocrx.text.normalize import normalize
from ocrx.training.freeze import train_mode

LINES = 4
# Largest difference allowed: a share of the variation of logits between frames, plus a share of the largest logit.
TOLERANCE, ROUNDING = 1e-2, 1e-5
DEVICE_TOLERANCE, DEVICE_ROUNDING = 2e-2, 1e-3  # TF32 has a mantissa of 10 bits
# A network that returns only blanks stays above 3 nats a character.
OVERFIT_STEPS, OVERFIT_RATE, OVERFIT_LOSS = 400, 2e-3, 0.5


@dataclass(frozen=True)
class _Subject:
    """What is checked: lines of a batch, on the CPU, and the network on its device."""

    model: nn.Module
    spec: ModelSpec
    batch: Batch
    device: torch.device

    @property
    def labels(self) -> list[list[int]]:
        """The classes of each line."""
        return [part.tolist() for part in torch.split(self.batch.targets, self.batch.target_lengths.tolist())]

    def logits(self, images: Tensor | None = None) -> Tensor:
        images = self.batch.images if images is None else images
        result: Tensor = self.model(images.to(self.device))
        return result.float()


def preflight(model: nn.Module, spec: ModelSpec, batch: Batch, device: torch.device, *, overfit: bool = False) -> str:
    """Run the checks of this module's docstring on the first lines of a batch.

    Args:
        model: The network on its device, its untrained parts frozen. It is not changed.
        spec: Its spec.
        batch: A batch of the training.
        device: The device of the network; one other than the CPU is compared with the CPU.
        overfit: Also train a copy of the network on the lines until it has learned them.

    Returns:
        One line that lists the checks, the lines they used and the device.

    Raises:
        ModelError: A check failed; the message says which, what was found and what was expected.
    """
    started = time.perf_counter()
    subject = _Subject(model, spec, batch, device)
    done = [_checked(subject, name, check) for name, check in _OF_THE_BATCH.items()]
    subject = _Subject(model, spec, _first_lines(batch, LINES), device)
    checks = {name: check for name, check in _OF_THE_NETWORK.items() if name != "accelerator" or device.type != "cpu"}

    with _untouched(model, device):
        done += [_checked(subject, name, check) for name, check in checks.items()]
        if overfit:
            done.append(_checked(subject, "overfit", _check_overfit))

    return (
        f"preflight: {len(done)} checks passed on {device} in {time.perf_counter() - started:.1f} s, with"
        f" {len(subject.batch)} lines from {subject.batch.samples[0].source} on ({', '.join(done)})"
    )


def _checked(subject: _Subject, name: str, check: Callable[[_Subject], str | None]) -> str:
    wrong = check(subject)
    if wrong is not None:
        raise ModelError(
            f"preflight, {name}: {wrong}",
            hint="training would learn something other than the labels show; to train anyway: -o Train.preflight=off",
        )
    return name


def _check_batch(subject: _Subject) -> str | None:
    batch, image = subject.batch, subject.spec.image
    count, width = len(batch), batch.images.shape[-1]
    if batch.images.shape != (count, image.channels, image.height, width):
        expected = f"{(count, image.channels, image.height)} and a width"
        return f"images of shape {tuple(batch.images.shape)}; expected {expected}"

    if image.bucket_width(width) != width:
        return f"images padded to {width} pixels; expected a bucket width, {image.bucket_width(width)}"
    for name, given, kind in (
        ("images", batch.images.dtype, torch.float32),
        ("targets", batch.targets.dtype, torch.int64),
        ("target lengths", batch.target_lengths.dtype, torch.int64),
    ):
        if given != kind:
            return f"{name} of {given}; expected {kind}"

    if batch.target_lengths.shape != (count,) or batch.targets.shape != (int(batch.target_lengths.sum()),):
        shapes = f"targets {tuple(batch.targets.shape)}, lengths {tuple(batch.target_lengths.shape)}"
        return f"{shapes}; expected {count} lengths that add up to the number of targets"

    if not torch.isfinite(batch.images).all():
        return "an image has values that are not finite; expected finite values"
    return None


def _check_charset(subject: _Subject) -> str | None:
    charset = Charset.from_spec(subject.spec)
    for sample, label in zip(subject.batch.samples, subject.labels, strict=True):
        outside = [number for number in label if not 0 < number < subject.spec.classes]
        if outside:
            return f"{sample.source}: class {outside[0]}; expected 1 to {subject.spec.classes - 1} (0 is the blank)"
        # Two orders of a right-to-left text can encode to the same classes.
        if charset.decode(label) != normalize(sample.text) and charset.encode(sample.text) != label:
            return f"{sample.source}: the target says {charset.decode(label)!r}; expected the label {sample.text!r}"
    return None


def _check_padding(subject: _Subject) -> str | None:
    batch, value = subject.batch, subject.spec.image.pad
    for sample, image, width in zip(batch.samples, batch.images, batch.widths.tolist(), strict=True):
        found = image[:, :, width:]
        if (found != value).any():
            return f"{sample.source}: {found[found != value][0]:g} right of the line; expected the padding {value:g}"
    return None


def _check_blank(subject: _Subject) -> str | None:
    labels = subject.labels
    paths = torch.zeros(len(labels), max(map(required_frames, labels)) + 1, dtype=torch.int64)

    for path, label in zip(paths, labels, strict=True):
        place = 0
        for before, number in zip([BLANK, *label], label, strict=False):
            place += number == before
            path[place] = number
            place += 1

    certain = 50.0 * nn.functional.one_hot(paths, subject.spec.classes).float()
    loss = ctc_loss(certain, subject.batch.targets, subject.batch.target_lengths).max().item()
    if not abs(loss) < 1e-2:
        return f"a loss of {loss:.3g} for logits that are certain of the labels; expected 0"
    read = [list(decoded.classes) for decoded in greedy(certain.numpy())]
    if read != labels:
        return f"logits that are certain of {labels[0]} decode to {read[0]}; expected the same"
    return None


def _check_frames(subject: _Subject) -> str | None:
    width = subject.batch.images.shape[-1]
    with torch.no_grad():
        given, expected = subject.logits().shape[1], subject.spec.frames.count(width)
    if given != expected:
        return f"{given} frames for {width} pixels; expected {expected}, from the spec"
    for sample, label in zip(subject.batch.samples, subject.labels, strict=True):
        if required_frames(label) > given:
            return f"{sample.source}: {given} frames; expected at least {required_frames(label)} for {sample.text!r}"
    return None


def _check_device(subject: _Subject) -> str | None:
    for name, value in subject.model.state_dict().items():
        if value.device.type != subject.device.type:
            return f"{name} is on {value.device}; expected {subject.device}"
        if value.is_floating_point() and value.dtype != torch.float32:
            return f"{name} is {value.dtype}; expected torch.float32 (the training step lowers the precision)"
    return None


def _check_mode(subject: _Subject) -> str | None:
    model = subject.model
    train_mode(model)

    for name, module in model.named_modules():
        trained = [p for p in module.parameters() if p.requires_grad]
        if trained and not module.training:
            return f"{name or 'the network'} is in evaluation mode when training; expected training mode"

    model.eval()
    for name, module in model.named_modules():
        if module.training:
            return f"{name or 'the network'} is in training mode when evaluating; expected evaluation mode"

    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        subject.logits()
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    return f"reading a batch changed {changed[0]}; expected no change in evaluation mode" if changed else None


def _check_logits(subject: _Subject) -> str | None:
    images = subject.batch.images
    with torch.no_grad():
        logits = subject.logits()
    expected = (len(images), subject.spec.frames.count(images.shape[-1]), subject.spec.classes)
    if tuple(logits.shape) != expected:
        return f"logits of shape {tuple(logits.shape)}; expected [lines, frames, classes], {expected}"
    return None if torch.isfinite(logits).all() else "logits that are not finite; expected finite values"


def _check_repeatable(subject: _Subject) -> str | None:
    with torch.no_grad():
        first, second = subject.logits(), subject.logits()
    return _compared(first, second, subject.device, "two passes over the same batch")


def _check_batch_mates(subject: _Subject) -> str | None:
    with torch.no_grad():
        together, alone = subject.logits(), subject.logits(subject.batch.images[:1])
    return _compared(together[:1], alone, subject.device, "a line in its batch and alone")


def _check_reading_order(subject: _Subject) -> str | None:
    """Compare the pixels that the first and the last quarter of the frames depend on, by their gradients.

    In training mode, because the initial running statistics of batch norms let little of the image through.
    """
    network = copy.deepcopy(subject.model)
    network.train()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((2, *subject.batch.images.shape[1:]), generator=generator).mul(2).sub(1)
    images = images.to(subject.device).requires_grad_()
    logits = network(images)
    weighted = logits * torch.randn(logits.shape, generator=generator).to(subject.device)
    quarter = max(1, logits.shape[1] // 4)
    centres = []

    for frames in (slice(None, quarter), slice(-quarter, None)):
        (gradient,) = torch.autograd.grad(weighted[:, frames].sum(), images, retain_graph=True)
        columns = gradient.double().abs().sum((0, 1, 2))
        places = torch.arange(len(columns), device=columns.device)
        centres.append(float((columns * places).sum() / columns.sum()))

    left, right = centres

    if left > right:
        return (
            f"frames at the left depend on column {left:.0f}, those at the right on {right:.0f}; expected the left"
            " frames further left"
        )

    return None


def _check_gradients(subject: _Subject) -> str | None:
    named = [(name, p) for name, p in subject.model.named_parameters() if p.requires_grad]
    with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers have no gradient in evaluation mode
        loss = ctc_loss(subject.logits(), subject.batch.targets, subject.batch.target_lengths).mean()
        gradients = torch.autograd.grad(loss, [p for _, p in named], allow_unused=True)

    if not torch.isfinite(loss):
        return f"a loss of {loss.item():g}; expected a finite value"
    for (name, _), gradient in zip(named, gradients, strict=True):
        if gradient is None:
            return f"the loss does not reach {name}; expected a gradient for every trained weight"
        if not torch.isfinite(gradient).all():
            return f"the gradient of {name} is not finite; expected finite values"

    return None


def _check_accelerator(subject: _Subject) -> str | None:
    with torch.no_grad():
        here = subject.logits().cpu()
        there = copy.deepcopy(subject.model).cpu()(subject.batch.images)
    return _compared(there, here, subject.device, f"CPU and {subject.device}")


def _check_overfit(subject: _Subject) -> str | None:
    network = copy.deepcopy(subject.model)
    train_mode(network)
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], OVERFIT_RATE)
    images, losses = subject.batch.images.to(subject.device), []

    for _ in range(OVERFIT_STEPS):
        loss = ctc_loss(network(images), subject.batch.targets, subject.batch.target_lengths).sum()
        losses.append(loss.item() / len(subject.batch.targets))
        if losses[-1] < OVERFIT_LOSS:
            return None
        optimizer.zero_grad()
        torch.autograd.backward(loss / len(images))
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()

    return (
        f"{len(images)} lines bring the loss from {losses[0]:.3g} to {min(losses):.3g} nats a character in "
        f"{OVERFIT_STEPS} steps; expected {OVERFIT_LOSS}"
    )


def _compared(one: Tensor, other: Tensor, device: torch.device, what: str) -> str | None:
    share, rounding = (TOLERANCE, ROUNDING) if device.type == "cpu" else (DEVICE_TOLERANCE, DEVICE_ROUNDING)
    varying = (one - one.mean(1, keepdim=True)).abs().max().item()
    allowed = share * varying + rounding * one.abs().max().item()
    difference = (one - other).abs().max().item()
    return None if difference <= allowed else f"{what} differ by {difference:.3g}; expected at most {allowed:.3g}"


def _first_lines(batch: Batch, count: int) -> Batch:
    lengths = batch.target_lengths[:count]
    targets = batch.targets[: int(lengths.sum())]
    return Batch(batch.images[:count], targets, lengths, batch.samples[:count], batch.widths[:count])


@contextmanager
def _untouched(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Restore random generators and modes at the end."""
    modes = {module: module.training for module in model.modules()}
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(0)
        try:
            yield
        finally:
            for module, training in modes.items():
                module.training = training


_OF_THE_BATCH: dict[str, Callable[[_Subject], str | None]] = {
    "batch": _check_batch,
    "charset": _check_charset,
    "padding": _check_padding,
}
# The order matters: "mode" leaves the network in evaluation mode for the checks after it.
_OF_THE_NETWORK: dict[str, Callable[[_Subject], str | None]] = {
    "blank": _check_blank,
    "device": _check_device,
    "mode": _check_mode,
    "frames": _check_frames,
    "logits": _check_logits,
    "repeatable": _check_repeatable,
    "batch mates": _check_batch_mates,
    "reading order": _check_reading_order,
    "gradients": _check_gradients,
    "accelerator": _check_accelerator,
}
