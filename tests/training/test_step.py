"""One update: how its micro-batches weigh, and what it does when something breaks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ocrx.config import TrainConfig
from ocrx.data.loading.loader import Batch
from ocrx.data.sample import Sample
from ocrx.errors import BackendError, ConfigError, DataError
from ocrx.models.ctc_network import CTCNetwork
from ocrx.training.step import Networks, ProcessContext, TrainStep

CONFIG = TrainConfig(batch_size=8, precision="fp32", optimizer="sgd", learning_rate=0.1, momentum=0.0)
CPU = torch.device("cpu")


class Net(CTCNetwork):
    """Images [N, 1, 8, W] to logits [N, W, 4]; each column by itself."""

    def __init__(self, dropout: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, 4)
        self.before: Callable[[torch.Tensor], None] = lambda images: None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.before(images)
        logits: torch.Tensor = self.head(self.dropout(self.norm(images))[:, 0].transpose(1, 2))
        return logits


def lines(count: int, first: int = 0, width: int = 6) -> Batch:
    """Lines ``first`` and following of an endless list; number n is called ``train.txt:n``."""
    numbers = range(first, first + count)
    images = [torch.rand(1, 8, width, generator=torch.Generator().manual_seed(n)) for n in numbers]
    lengths = [1 + n % 2 for n in numbers]
    samples = tuple(Sample(Path(), "ab", f"train.txt:{n}") for n in numbers)
    targets, widths = torch.arange(sum(lengths)) % 3 + 1, torch.full((count,), width)
    return Batch(torch.stack(images), targets, torch.tensor(lengths), samples, widths)


def updater(config: TrainConfig = CONFIG, net: Net | None = None, log: list[str] | None = None) -> TrainStep:
    made = net or Net()
    torch.manual_seed(0)
    for parameter in made.parameters():
        nn.init.normal_(parameter)
    say = log.append if log is not None else lambda line: None
    average = Net(norm=isinstance(made.norm, nn.BatchNorm2d))
    return TrainStep(Networks(made, average), config, ProcessContext(CPU, say), seed=3)


def state(of: TrainStep) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in of.model.state_dict().items()}


def test_samples_weigh_the_same_in_small_and_large_micro_batches() -> None:
    whole, divided = updater(), updater(replace(CONFIG, accumulate=2))
    parts = lines(8).pieces(3 * 8 * 6)
    assert [len(part) for part in parts] == [3, 3, 2]
    joined = Batch(
        torch.cat([part.images for part in parts[:2]]),
        torch.cat([part.targets for part in parts[:2]]),
        torch.cat([part.target_lengths for part in parts[:2]]),
        parts[0].samples + parts[1].samples,
        torch.cat([part.widths for part in parts[:2]]),
    )
    left = whole.run([joined], 0, 0, None)
    right = divided.run(parts[:2], 0, 0, None)
    assert left.images == right.images == 6
    assert left.loss == pytest.approx(right.loss, rel=1e-6)
    torch.testing.assert_close(state(whole), state(divided), rtol=1e-6, atol=1e-7)
    left, right = whole.run([lines(5)], 0, 1, None), divided.run([lines(5)], 0, 1, None)
    assert left.loss == pytest.approx(right.loss, rel=1e-6), "the last update of an epoch may have fewer parts"
    torch.testing.assert_close(state(whole), state(divided), rtol=1e-6, atol=1e-7)


def test_pieces_hold_their_own_targets() -> None:
    batch = lines(7)
    pieces = batch.pieces(2 * 8 * 6)
    assert [len(piece) for piece in pieces] == [2, 2, 2, 1]
    assert torch.equal(torch.cat([piece.targets for piece in pieces]), batch.targets)
    assert all(len(piece.targets) == int(piece.target_lengths.sum()) for piece in pieces)
    assert [len(piece) for piece in batch.pieces(1)] == [1] * 7


def test_dropout_follows_the_place_of_a_micro_batch_alone() -> None:
    first, second = updater(net=Net(dropout=0.5)), updater(net=Net(dropout=0.5))
    second.seed = first.seed
    torch.manual_seed(77)
    losses = [first.run([lines(4)], 0, number, None).loss for number in range(3)]
    torch.manual_seed(78)
    assert [second.run([lines(4)], 0, number, None).loss for number in range(3)] == losses
    assert len({updater(net=Net(dropout=0.5)).run([lines(4)], 0, number, None).loss for number in range(3)}) == 3


def spoil(net: Net, source: int) -> None:
    """The network gives nan for the batch that holds this line."""
    wanted = lines(1, source).images[0]

    def look(images: torch.Tensor) -> None:
        for image in images:
            if torch.equal(image, wanted):
                image.fill_(float("nan"))

    net.before = look


def test_a_loss_that_is_not_finite_names_its_line_or_is_skipped() -> None:
    log: list[str] = []
    net = Net(norm=True)
    run = updater(net=net, log=log)
    spoil(net, 2)
    with pytest.raises(DataError, match=r"train.txt:\d, .*: the loss is not finite"):
        run.run([lines(4)], 0, 0, None)
    net = Net(norm=True)
    run = updater(replace(CONFIG, skip_nonfinite=True, accumulate=2), net, log)
    spoil(net, 2)
    before, average = state(run), {k: v.clone() for k, v in run.average.average.state_dict().items()}
    summary = run.run([lines(3, 10), lines(4)], 0, 0, None)
    assert summary.skipped and summary.images == 7
    torch.testing.assert_close(state(run), before, rtol=0, atol=0)
    torch.testing.assert_close(dict(run.average.average.state_dict()), average, rtol=0, atol=0)
    assert "update skipped: train.txt:0, train.txt:1, train.txt:2" in log[-1] and "train.txt:10" not in log[-1]
    assert not run.run([lines(4, 20)], 0, 1, None).skipped


@pytest.mark.parametrize("clip", [0.0, 5.0])
def test_a_gradient_that_is_not_finite_never_reaches_the_weights(clip: float) -> None:
    log: list[str] = []
    run = updater(replace(CONFIG, skip_nonfinite=True, clip_norm=clip), log=log)
    before = state(run)
    handle = run.model.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    assert run.run([lines(4)], 0, 0, None).skipped
    torch.testing.assert_close(state(run), before, rtol=0, atol=0)
    assert "the gradient is not finite" in log[-1]
    handle.remove()
    assert not run.run([lines(4)], 0, 1, None).skipped


def small_memory(net: Net, lines_at_once: int) -> None:
    """More lines at once than this are too many, in the words of torch's allocator."""

    def allocate(images: torch.Tensor) -> None:
        if len(images) > lines_at_once:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes.")

    net.before = allocate


def test_out_of_memory_halves_what_is_computed_at_once_and_changes_no_update() -> None:
    log: list[str] = []
    plain, net = updater(), Net()
    small_memory(net, 4)
    narrow = updater(net=net, log=log)
    expected = plain.run([lines(8)], 0, 0, None)
    summary = narrow.run([lines(8)], 0, 0, None)
    assert summary.max_pixels == 8 * 6 * 8 // 2
    assert "out of memory: from now on at most 192 padded pixels" in log[0]
    assert summary.loss == pytest.approx(expected.loss, rel=1e-6) and summary.images == 8
    torch.testing.assert_close(state(plain), state(narrow), rtol=1e-6, atol=1e-7)
    again = narrow.run([lines(8)], 0, 1, summary.max_pixels)
    assert again.max_pixels == summary.max_pixels and len(log) == 1, "it is done once"


@pytest.mark.parametrize("already", [None, 8 * 6 * 8])
def test_out_of_memory_twice_is_an_error_with_a_way_out(already: int | None) -> None:
    net = Net()
    small_memory(net, 1)
    run = updater(net=net)
    with pytest.raises(BackendError, match="out of memory with 8 lines of 6x8 pixels") as caught:
        run.run([lines(8)], 0, 0, already)
    assert "Train.max_pixels" in str(caught.value.hint)


def test_other_errors_of_the_network_are_not_taken_for_lack_of_memory() -> None:
    net = Net()

    def fail(images: torch.Tensor) -> None:
        raise RuntimeError("shapes do not match")

    net.before = fail
    with pytest.raises(RuntimeError, match="shapes do not match"):
        updater(net=net).run([lines(2)], 0, 0, None)


# onnxscript 0.1, which torch imports here, calls what it has deprecated itself.
@pytest.mark.filterwarnings("ignore:'onnxscript.values:FutureWarning")
def test_a_compiled_network_keeps_the_names_and_results_of_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real compiler takes a minute; that its wrapper leaves no trace is what matters here.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    plain, compiled = updater(), updater(replace(CONFIG, compile=True))
    assert compiled.network is not compiled.model
    for number in range(2):
        assert plain.run([lines(4)], 0, number, None) == replace(
            compiled.run([lines(4)], 0, number, None), seconds=pytest.approx(0, abs=60)
        )
    assert list(state(plain)) == list(state(compiled))
    torch.testing.assert_close(state(plain), state(compiled))


def test_shared_batch_statistics_need_gpus() -> None:
    with pytest.raises(ConfigError, match=r"Train\.sync_batch_norm: not possible on cpu"):
        updater(replace(CONFIG, sync_batch_norm=True))
