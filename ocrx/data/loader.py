"""Samples to batches of tensors: decode once, augment anew each epoch, pad to the batch's width."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ocrx.data.augment import augment
from ocrx.data.batches import BatchPlan, bucket_widths, plan_batches
from ocrx.data.sample import Sample
from ocrx.errors import DataError
from ocrx.images import Floats, Pixels, pad, read_image, resize, scale
from ocrx.report import Progress
from ocrx.spec import ImageSpec, ModelSpec
from ocrx.text.charset import Charset

CACHE_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Batch:
    """Lines of one padded width: images float32 [N, C, H, W]; targets int64, joined; target_lengths int64 [N]."""

    images: torch.Tensor
    targets: torch.Tensor
    target_lengths: torch.Tensor
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)


class Lines:
    """Labelled lines ready for training: resized pixels (kept in memory up to 2 GiB) and encoded labels."""

    def __init__(self, samples: Sequence[Sample], spec: ModelSpec, progress: Progress | None = None) -> None:
        if not samples:
            raise DataError("no lines to train on")
        self.samples = tuple(samples)
        self.image_spec = spec.image
        charset = Charset(spec.charset)
        self.targets = [np.asarray(charset.encode(sample.text), dtype=np.int64) for sample in samples]
        self._kept: dict[int, Pixels] = {}
        self.widths = self._read_all(progress)
        self.buckets = bucket_widths(self.widths, spec.image)

    def _read_all(self, progress: Progress | None) -> list[int]:
        widths, used = [], 0
        with ThreadPoolExecutor() as pool:
            for number, pixels in enumerate(pool.map(self._read, range(len(self.samples)))):
                widths.append(pixels.shape[1])
                used += pixels.nbytes
                if used <= CACHE_BYTES:
                    self._kept[number] = pixels
                if progress:
                    progress(number + 1, len(self.samples))
        return widths

    def _read(self, number: int) -> Pixels:
        return resize(read_image(self.samples[number].image), self.image_spec)

    def pixels(self, number: int) -> Pixels:
        """Resized line, uint8 [H, W] or [H, W, 3]."""
        kept = self._kept.get(number)
        return kept if kept is not None else self._read(number)

    def __len__(self) -> int:
        return len(self.samples)


def collate(
    planes: Sequence[Floats],
    targets: Sequence[npt.NDArray[np.int64]],
    samples: tuple[Sample, ...],
    width: int,
    image: ImageSpec,
) -> Batch:
    """Pad float32 [C, H, w] lines to ``width`` and join their labels."""
    return Batch(
        images=torch.from_numpy(np.stack([pad(line, width, image) for line in planes])),
        targets=torch.from_numpy(np.concatenate(targets)),
        target_lengths=torch.tensor([len(target) for target in targets], dtype=torch.int64),
        samples=samples,
    )


class LineSource:
    """Epochs of batches over stored lines.

    Threads prepare batches ahead of the step: Pillow and NumPy release the interpreter while they work, and
    there is no worker process to start, to feed or to lose.
    """

    def __init__(
        self, lines: Lines, *, batch_size: int, max_pixels: int, seed: int, strength: float, workers: int
    ) -> None:
        self.lines = lines
        self.batch_size = batch_size
        self.max_pixels = max_pixels
        self.seed = seed
        self.strength = strength
        self.workers = workers

    def plans(self, epoch: int) -> list[BatchPlan]:
        """The batches of an epoch, in order; their number is the same in every epoch."""
        height = self.lines.image_spec.height
        return plan_batches(self.lines.buckets, height, self.batch_size, self.max_pixels, self.seed, epoch)

    def __len__(self) -> int:
        return len(self.plans(0))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number ``start`` on."""
        plans = self.plans(epoch)[start:]
        if not self.workers:
            yield from (self.batch(epoch, plan) for plan in plans)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            ahead: deque[Future[Batch]] = deque()
            try:
                for plan in plans:
                    ahead.append(pool.submit(self.batch, epoch, plan))
                    if len(ahead) > 2 * self.workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def batch(self, epoch: int, plan: BatchPlan) -> Batch:
        """One batch; what it holds does not depend on which thread makes it, or when."""
        planes = []
        for number in plan.samples:
            generator = np.random.default_rng([self.seed, epoch, number])
            changed = augment(self.lines.pixels(number), generator, self.strength, plan.width)
            planes.append(scale(changed, self.lines.image_spec))
        samples = tuple(self.lines.samples[number] for number in plan.samples)
        targets = [self.lines.targets[number] for number in plan.samples]
        return collate(planes, targets, samples, plan.width, self.lines.image_spec)
