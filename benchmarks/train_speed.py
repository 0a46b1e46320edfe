"""Training speed: ocrx's engine and a plain loop over the same network in turn, an epoch each: a table in Markdown.

    python benchmarks/train_speed.py ../shared/data/sroie_lines [--model fine_tune] [--epochs 3] [--threads 2]
    python benchmarks/train_speed.py ../shared/data/captcha_v2 --model crnn --width 100

Both start from the same weights, see the same lines as often, augmented alike, with the same loss, optimizer and
learning rates. The plain loop is what a first training script does: it decodes each image when it is its turn, batches
lines as they come, pads to the longest of them, and computes in float32. The engine is ``ocrx.training.Trainer`` with
the recipe's settings. Epochs alternate, so that a busy moment of the machine does not hit one of them alone; that the
engine reads all images beforehand and saves after each epoch counts, evaluation does not. ``--processor-time`` counts
seconds of the processor, all threads together, for machines that are busy with other work.
"""

from __future__ import annotations

import argparse
import copy
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ocrx.backends.pytorch import TorchBackend
from ocrx.config import Config, load_config
from ocrx.data.formats.layouts import Dataset, read_dataset
from ocrx.data.loading.augment import Augmentation, augment
from ocrx.data.loading.loader import Lines, LineSource, LoaderOptions
from ocrx.data.sample import Sample
from ocrx.evaluation.evaluate import evaluate
from ocrx.imaging.preparation import pad, resize, scale
from ocrx.imaging.reading import read_image
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.tuned_settings import machine
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model
from ocrx.models.ctc_network import CTCNetwork
from ocrx.text.charset import Charset
from ocrx.text.metrics import Metrics
from ocrx.training.loop import Trainer, TrainerParts
from ocrx.training.precision import select_precision
from ocrx.training.pretrained import load_pretrained, resolve_pretrained
from ocrx.training.setup import new_spec
from ocrx.training.step import ProcessContext

CPU = torch.device("cpu")


class PlainLoop:
    """Decode, pad to the longest, step; one after the other, in float32."""

    title = "plain loop, fp32"

    def __init__(self, network: nn.Module, spec: ModelSpec, samples: Sequence[Sample], config: Config) -> None:
        self.network, self.spec, self.samples, self.config = network, spec, samples, config
        charset = Charset.from_spec(spec)
        self.targets = [torch.tensor(charset.encode(sample.text), dtype=torch.int64) for sample in samples]
        self.optimizer = torch.optim.AdamW(network.parameters(), config.Train.rate, (0.9, 0.98), weight_decay=0.01)
        steps = config.Train.epochs_iters * math.ceil(len(samples) / config.Train.batch_size)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1, 20 * (step + 1) / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
        )

    def epoch(self, epoch: int) -> None:
        """Train for one epoch."""
        size = self.config.Train.batch_size
        self.network.train()
        order = np.random.default_rng([self.config.Global.seed, epoch]).permutation(len(self.samples)).tolist()
        for first in range(0, len(order), size):
            self._step(order[first : first + size], epoch)

    def _step(self, numbers: Sequence[int], epoch: int) -> None:
        lines = [self._line(number, epoch) for number in numbers]
        width = max(self.spec.image.min_width, *(line.shape[2] for line in lines))
        images = torch.from_numpy(np.stack([pad(line, width, self.spec.image) for line in lines]))
        log_probs = self.network(images).log_softmax(2).transpose(0, 1)
        targets = [self.targets[number] for number in numbers]
        lengths = torch.tensor([len(target) for target in targets])
        frames = torch.full_like(lengths, log_probs.shape[0])
        losses = F.ctc_loss(log_probs, torch.cat(targets), frames, lengths, reduction="none", zero_infinity=True)
        self.optimizer.zero_grad()
        torch.autograd.backward(losses.mean())
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.schedule.step()

    def _line(self, number: int, epoch: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        pixels = resize(read_image(self.samples[number].image), self.spec.image)
        generator = np.random.default_rng([self.config.Global.seed, epoch, number])
        return scale(augment(pixels, generator, self.config.Train.augment, self.spec.image.max_width), self.spec.image)

    def trained(self) -> nn.Module:
        """The network to read with."""
        return self.network


class Engine:
    """The trainer, stopped after each epoch and sent on."""

    def __init__(self, network: CTCNetwork, spec: ModelSpec, dataset: Dataset, config: Config, output: Path) -> None:
        self.network, self.spec, self.dataset, self.config, self.output = network, spec, dataset, config, output
        self.title = f"ocrx, {str(select_precision(config.Train.precision, CPU)).removeprefix('torch.')}"

    @cached_property
    def trainer(self) -> Trainer:
        """Made when the first epoch starts, so that reading the images is part of it."""
        train = self.config.Train
        source = LineSource(
            Lines(self.dataset.train, self.spec),
            LoaderOptions(
                batch_size=train.batch_size,
                max_pixels=train.max_pixels,
                seed=self.config.Global.seed,
                augmentation=Augmentation(train.augment),
                workers=train.workers if train.workers is not None else 1,
            ),
        )
        parts = TrainerParts(
            self.network,
            self.spec,
            source,
            lambda trained: read(trained, self.spec, self.dataset),
            train,
            self.output,
        )
        # Asked during an update: after the last one of the epoch.
        last = len(source) - 1
        return Trainer(parts, ProcessContext(CPU, lambda line: None, stop=lambda: self.trainer.state.batch == last))

    def epoch(self, epoch: int) -> None:
        """Train for one epoch."""
        self.trainer.run()

    def trained(self) -> nn.Module:
        """The average of the weights, which is what the trainer saves."""
        return self.trainer.average.average


def read(network: nn.Module, spec: ModelSpec, dataset: Dataset) -> Metrics:
    """The validation lines, as ``ocrx evaluate`` reads them."""
    return evaluate(Recognizer(TorchBackend(network, spec, CPU)), dataset.val, batch_size=64).metrics


def configuration(given: argparse.Namespace) -> Config:
    """The recipe with the epochs asked for, and one width for all lines if one is given."""
    options: dict[str, object] = {"Global.dataset_dir": str(given.dataset), "Global.seed": 1}
    options |= {f"Train.{name}": given.epochs for name in ("epochs_iters", "eval_interval", "save_interval")}
    options |= {"Train.workers": given.workers} if given.workers is not None else {}
    if given.width:
        options |= {f"Image.{name}": given.width for name in ("min_width", "max_width", "bucket")}
    return load_config(given.model, options=options)


def timed(loop: PlainLoop | Engine, epoch: int, clock: Callable[[], float]) -> float:
    """Seconds of an epoch."""
    start = clock()
    loop.epoch(epoch)
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", default="fine_tune", help="recipe")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lines", type=int, help="training lines; default: all")
    parser.add_argument("--width", type=int, help="squeeze and pad all lines to this width")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, help="threads that prepare batches in the engine; default: one")
    parser.add_argument("--processor-time", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    config, dataset = configuration(given), read_dataset(given.dataset)
    torch.manual_seed(config.Global.seed)
    with tempfile.TemporaryDirectory() as folder:
        source = config.Train.pretrain_weight_path
        start = resolve_pretrained(source, Path(folder)) if source else None
        spec = new_spec(config, dataset, start)
        dataset = replace(dataset, train=dataset.train[: given.lines])
        network = build_model(spec)
        if start:
            load_pretrained(network, spec, start)
        loops = (
            PlainLoop(copy.deepcopy(network), spec, dataset.train, config),
            Engine(copy.deepcopy(network), spec, dataset, config, Path(folder)),
        )
        clock = time.process_time if given.processor_time else time.perf_counter
        seconds = [[timed(loop, epoch, clock) for loop in loops] for epoch in range(given.epochs)]
    report(loops, seconds, spec, dataset, given)


def report(
    loops: Sequence[PlainLoop | Engine],
    seconds: Sequence[Sequence[float]],
    spec: ModelSpec,
    dataset: Dataset,
    given: argparse.Namespace,
) -> None:
    """Print the table: images per second over all epochs, and of each."""
    parameters = sum(p.numel() for p in loops[0].trained().parameters()) / 1e6
    unit = "images/s of processor time" if given.processor_time else "images/s"
    print(
        f"{given.model}, {parameters:.2f} M parameters, {len(dataset.train)} lines of {given.dataset.name}, "
        f"{given.epochs} epochs, {given.threads} threads, {machine()}\n"
    )
    print(f"| loop | {unit} | of each epoch | times as fast | final CER | exact lines |\n|---|---|---|---|---|---|")
    totals = [sum(column) for column in zip(*seconds, strict=True)]
    for loop, total, column in zip(loops, totals, zip(*seconds, strict=True), strict=True):
        rates = ", ".join(f"{len(dataset.train) / one:.0f}" for one in column)
        metrics = read(loop.trained(), spec, dataset)
        print(
            f"| {loop.title} | {given.epochs * len(dataset.train) / total:.1f} | {rates} | {totals[0] / total:.2f} "
            f"| {metrics.cer:.2%} | {metrics.accuracy:.1%} |"
        )


if __name__ == "__main__":
    main()
