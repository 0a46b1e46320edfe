"""Each check of the preflight finds what it is for, in a network or batch that is broken in just that way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.training import FAST, assert_equal, spec_for, trainer
from torch import Tensor, nn

from ocrx.config import load_config
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.loading.augment import Augmentation
from ocrx.data.loading.loader import Batch, Lines, LineSource, LoaderOptions
from ocrx.errors import ConfigError, ModelError
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model
from ocrx.modes import train as mode
from ocrx.training import preflight as module
from ocrx.training.freeze import freeze
from ocrx.training.preflight import preflight

CPU = torch.device("cpu")


class Broken(nn.Module):
    """``inner`` with a change to its logits."""

    def __init__(self, inner: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.change = inner, change

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.change(self.inner(images))
        return logits


class StuckInTraining(nn.BatchNorm2d):
    def train(self, mode: bool = True) -> StuckInTraining:
        self.training = True
        return self


class StuckInEvaluation(nn.BatchNorm2d):
    def train(self, mode: bool = True) -> StuckInEvaluation:
        self.training = False
        return self


class AlwaysLearning(nn.Module):
    """Counts what it sees, whatever the mode."""

    seen: Tensor

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        logits: Tensor = self.inner(images)
        return logits


@pytest.fixture
def spec(line_folder: Path) -> ModelSpec:
    return spec_for(read_dataset(line_folder).train)


@pytest.fixture
def network(spec: ModelSpec) -> nn.Module:
    torch.manual_seed(0)
    return build_model(spec)


@pytest.fixture
def batch(line_folder: Path, spec: ModelSpec) -> Batch:
    lines = Lines(read_dataset(line_folder).train, spec)
    source = LineSource(
        lines, LoaderOptions(batch_size=8, max_pixels=10**6, seed=0, augmentation=Augmentation(0.5), workers=0)
    )
    return next(source.updates(0))[0]


def refused(name: str, message: str, *arguments: object, **options: object) -> None:
    with pytest.raises(ModelError, match=rf"preflight, {name}: .*{message}.*; expected ") as caught:
        preflight(*arguments, **options)  # type: ignore[arg-type]  # only for tests
    assert "Train.preflight=off" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "message", "change"),
    [
        ("batch", r"images of torch.float64", lambda b: replace(b, images=b.images.double())),
        ("batch", r"targets of torch.int32", lambda b: replace(b, targets=b.targets.int())),
        ("batch", r"images of shape", lambda b: replace(b, images=b.images.transpose(2, 3))),
        ("batch", r"padded to \d+ pixels", lambda b: replace(b, images=b.images[..., :-1])),
        ("batch", r"lengths \(8,\)", lambda b: replace(b, targets=b.targets[:-1])),
        ("batch", r"not finite", lambda b: replace(b, images=b.images / 0)),
        ("charset", r"train\.txt:\d+: class 0", lambda b: replace(b, targets=b.targets * 0)),
        ("charset", r"the target says", lambda b: replace(b, samples=b.samples[::-1])),
        ("padding", r"train\.txt:\d+: -1 right", lambda b: replace(b, images=_painted(b))),
    ],
)
def test_a_broken_batch(
    network: nn.Module, spec: ModelSpec, batch: Batch, name: str, message: str, change: Callable[[Batch], Batch]
) -> None:
    refused(name, message, network, spec, change(batch), CPU)


def _painted(batch: Batch) -> Tensor:
    """The padding of the narrowest line in another colour."""
    images, narrowest = batch.images.clone(), int(batch.widths.argmin())
    assert batch.widths[narrowest] < images.shape[3]
    images[narrowest, :, :, int(batch.widths[narrowest]) :] = -1
    return images


@pytest.mark.parametrize(
    ("name", "message", "change"),
    [
        ("frames", r"\d+ frames for \d+ pixels", lambda x: x[:, 1:]),
        ("logits", r"logits of shape", lambda x: x[..., 1:]),
        ("logits", r"not finite", lambda x: x / 0),
        ("repeatable", r"two passes .* differ", lambda x: x + torch.rand(1)),
        ("batch mates", r"alone differ", lambda x: x - x.mean(0)),
        ("reading order", r"at the left depend on column", lambda x: x.flip(1)),
    ],
)
def test_broken_logits(
    network: nn.Module, spec: ModelSpec, batch: Batch, name: str, message: str, change: Callable[[Tensor], Tensor]
) -> None:
    refused(name, message, Broken(network, change), spec, batch, CPU)


def test_a_weight_that_the_loss_does_not_reach(network: nn.Module, spec: ModelSpec, batch: Batch) -> None:
    network.forgotten = nn.Linear(2, 2)
    refused("gradients", r"does not reach forgotten\.weight", network, spec, batch, CPU)
    freeze(network, ["forgotten"])
    preflight(network, spec, batch, CPU)


def test_too_few_frames_for_a_text(network: nn.Module, spec: ModelSpec, batch: Batch) -> None:
    text = "one" * 40
    target = torch.tensor([1 + spec.charset.index(character) for character in text])
    length, rest = int(batch.target_lengths[0]), batch.target_lengths[1:]
    long = replace(
        batch,
        targets=torch.cat([target, batch.targets[length:]]),
        target_lengths=torch.cat([torch.tensor([len(target)]), rest]),
        samples=(replace(batch.samples[0], text=text), *batch.samples[1:]),
    )
    refused("frames", r"train\.txt:\d+: \d+ frames", network, spec, long, CPU)


def test_a_blank_at_the_other_end(
    network: nn.Module, spec: ModelSpec, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blank_last(logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        frames = torch.full_like(lengths, logits.shape[1])
        scores = logits.log_softmax(2).transpose(0, 1)
        return nn.functional.ctc_loss(scores, targets, frames, lengths, blank=logits.shape[2] - 1, reduction="none")

    monkeypatch.setattr(module, "ctc_loss", blank_last)
    refused("blank", r"a loss of", network, spec, batch, CPU)


@pytest.mark.parametrize(
    ("kind", "message"),
    [(StuckInTraining, "in training mode when evaluating"), (StuckInEvaluation, "in evaluation mode when training")],
)
def test_a_part_that_does_not_follow_the_mode(
    network: nn.Module, spec: ModelSpec, batch: Batch, kind: type[nn.BatchNorm2d], message: str
) -> None:
    for part in network.modules():
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(part, name, kind(child.num_features))
    refused("mode", message, network, spec, batch, CPU)


def test_a_part_that_learns_while_evaluating(network: nn.Module, spec: ModelSpec, batch: Batch) -> None:
    refused("mode", "changed seen", AlwaysLearning(network), spec, batch, CPU)


def test_weights_of_another_kind(network: nn.Module, spec: ModelSpec, batch: Batch) -> None:
    refused("device", r"is torch\.float64", network.double(), spec, batch, CPU)
    refused("device", "is on meta", network.float().to("meta"), spec, batch, CPU)


def test_an_accelerator_that_computes_something_else(network: nn.Module, spec: ModelSpec, batch: Batch) -> None:
    class Elsewhere(module._Subject):
        """A device that is not here."""

        def logits(self, images: Tensor | None = None) -> Tensor:
            return self.model(self.batch.images) * 1.1  # type: ignore[no-any-return]  # a module

    subject = Elsewhere(network.eval(), spec, batch, torch.device("meta"))
    assert "CPU and meta differ" in str(module._check_accelerator(subject))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("architecture", ["lcnetv4", "lcnet_lstm"])
def test_a_real_accelerator_agrees(line_folder: Path, batch: Batch, architecture: str) -> None:
    spec = spec_for(read_dataset(line_folder).train, architecture)
    device = torch.device("cuda", 0)
    assert "accelerator" in preflight(build_model(spec).to(device), spec, batch, device)


def test_overfit_finds_a_network_that_cannot_learn(
    network: nn.Module, spec: ModelSpec, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OVERFIT_STEPS", 10)
    preflight(Broken(network, lambda x: 0.01 * x.tanh()), spec, batch, CPU)
    refused(
        "overfit", "bring the loss from", Broken(network, lambda x: 0.01 * x.tanh()), spec, batch, CPU, overfit=True
    )


def test_nothing_is_changed(network: nn.Module, spec: ModelSpec, batch: Batch) -> None:
    freeze(network, ["stem"])
    network.train()
    network.eval().blocks.train()  # type: ignore[union-attr,operator]  # some of both
    before, modes = copy.deepcopy(network.state_dict()), [part.training for part in network.modules()]
    generator = torch.get_rng_state()
    line = preflight(network, spec, batch, CPU, overfit=True)
    assert "overfit" in line and "reading order" in line
    assert torch.equal(generator, torch.get_rng_state())
    assert_equal(before, dict(network.state_dict()))
    assert modes == [part.training for part in network.modules()]
    assert all(p.grad is None for p in network.parameters())


def test_a_training_is_the_same_with_and_without_it(line_folder: Path, tmp_path: Path) -> None:
    once = replace(FAST, epochs_iters=1)
    with_it, without = trainer(line_folder, tmp_path / "a", once), trainer(line_folder, tmp_path / "b", once)
    torch.manual_seed(5)
    preflight(with_it.model, with_it.spec, next(with_it.source.updates(0))[0], CPU)
    with_it.run()
    torch.manual_seed(5)
    without.run()
    assert_equal(dict(with_it.model.state_dict()), dict(without.model.state_dict()))


def test_the_setting(line_folder: Path, tmp_path: Path) -> None:
    values = [f"Global.dataset_dir={line_folder}", f"Global.output={tmp_path / 'out'}", "Global.device=cpu"]
    lines: list[str] = []
    mode.run(load_config("lcnetv4_tiny", [*values, "Train.epochs_iters=1"]), lines.append)
    assert [number for number, line in enumerate(lines) if line.startswith("preflight: ")]
    assert load_config("lcnetv4_tiny", ["Train.preflight=off"]).Train.preflight == "off"
    with pytest.raises(ConfigError, match=r"Train\.preflight: 'all'; expected one of off, basic, overfit"):
        load_config("lcnetv4_tiny", ["Train.preflight=all"])
