"""Turns samples into batches of tensors: decodes images once, augments in each epoch, pads to the batch width."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise, zip_longest
from pathlib import Path

import numpy as np
import torch

from ocrx.arrays import Floats, Ints, Pixels
from ocrx.data.loading.augment import NO_AUGMENTATION, Augmentation, augment
from ocrx.data.loading.augment.concat import choose_partners, join_pixels, joined_width
from ocrx.data.loading.augment.geometric import flip_vertical
from ocrx.data.loading.batches import WHOLE, BatchPlan, Share, bucket_widths, plan_batches
from ocrx.data.loading.replay import epoch_lines
from ocrx.data.sample import Sample
from ocrx.errors import ConfigError, DataError
from ocrx.imaging.preparation import pad, resize, scale
from ocrx.imaging.reading import read_image
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.results import Progress
from ocrx.text.charset import Charset

CACHE_BYTES = 2 * 2**30
THREAD_PREFIX = "ocrx-loader"


@dataclass(frozen=True)
class Batch:
    """Lines of one padded width.

    Attributes:
        images: float32 [N, C, H, W].
        targets: int64 [S], the classes of all lines, concatenated.
        target_lengths: int64 [N], with sum S.
        samples: The N lines.
        widths: int64 [N], widths in pixels before padding.
    """

    images: torch.Tensor
    targets: torch.Tensor
    target_lengths: torch.Tensor
    samples: tuple[Sample, ...]
    widths: torch.Tensor

    def __len__(self) -> int:
        return len(self.samples)

    def pieces(self, max_pixels: int) -> list[Batch]:
        """Divide the lines into smaller batches.

        Args:
            max_pixels: Most padded pixels of a batch of more than one line.

        Returns:
            The batches.
        """
        count = -(-self.images[:, 0].numel() // max_pixels)
        rows = [int(part[0]) for part in np.array_split(np.arange(len(self)), min(count, len(self)))]
        first = [0, *self.target_lengths.cumsum(0).tolist()]

        return [
            Batch(
                self.images[start:end],
                self.targets[first[start] : first[end]],
                self.target_lengths[start:end],
                self.samples[start:end],
                self.widths[start:end],
            )
            for start, end in pairwise([*rows, len(self)])
        ]


class Lines:
    """Labelled lines ready for training: resized pixels, cached up to 2 GiB, and encoded labels."""

    def __init__(self, samples: Sequence[Sample], spec: ModelSpec, progress: Progress | None = None) -> None:
        if not samples:
            raise DataError("no lines to train on")
        self.samples = tuple(samples)
        self.spec, self.image_spec = spec, spec.image
        self.charset = Charset.from_spec(spec)
        self.targets = [np.asarray(self.charset.encode(sample.text), dtype=np.int64) for sample in samples]
        self._kept: dict[int, Pixels] = {}
        # What the files were when they were read first: size, time of change, and a checksum of the resized pixels.
        self._files = np.zeros((len(self.samples), 2), np.int64)
        self._checksums = np.zeros(len(self.samples), np.uint32)
        self.widths = self._read_all(progress)
        self.buckets = bucket_widths(self.widths, spec.image)

    def _read_all(self, progress: Progress | None) -> list[int]:
        widths, used = [], 0
        with ThreadPoolExecutor() as pool:
            for number, pixels in enumerate(pool.map(self._read_first, range(len(self.samples)))):
                widths.append(pixels.shape[1])
                used += pixels.nbytes
                if used <= CACHE_BYTES:
                    self._kept[number] = pixels
                if progress:
                    progress(number + 1, len(self.samples))
        return widths

    def _read(self, number: int) -> Pixels:
        return resize(read_image(self.samples[number].image), self.image_spec)

    def _read_first(self, number: int) -> Pixels:
        self._files[number] = _file_state(self.samples[number].image)
        pixels = self._read(number)
        self._checksums[number] = _checksum(pixels)
        return pixels

    def _read_again(self, number: int) -> Pixels:
        """An image that is not kept; one that another program has replaced would not have the planned width."""
        sample = self.samples[number]
        try:
            pixels, reason = self._read(number), f"{sample.image}: changed during training"
        except DataError as error:
            pixels, reason = None, error.message
        if pixels is None or _checksum(pixels) != self._checksums[number]:
            raise DataError(
                f"{sample.source}: {reason}; expected the image that the training began with",
                hint="put it back and resume with --resume",
            )
        return pixels

    def changed(self) -> list[Sample]:
        """Find the lines whose image files are no longer those that were read first.

        Returns:
            Lines whose image has disappeared, cannot be read any more or shows something else.
        """
        found = []
        for number, sample in enumerate(self.samples):
            if np.array_equal(self._files[number], _file_state(sample.image)):
                continue
            try:
                self._read_again(number)
            except DataError:
                found.append(sample)
        return found

    def pixels(self, number: int) -> Pixels:
        """Get the resized pixels of a line, from the cache or from its file.

        Args:
            number: Number of the line, from 0.

        Returns:
            uint8 [H, W] or [H, W, 3].

        Raises:
            DataError: The image is not kept in memory, and disappeared or changed; names it.
        """
        kept = self._kept.get(number)
        return kept if kept is not None else self._read_again(number)

    def labelled(self, number: int, behind: int) -> tuple[Sample, Ints]:
        """Get the label of a line, or of two joined lines.

        Args:
            number: Number of the line.
            behind: Number of the line appended to it after a space, or -1.

        Returns:
            The sample, and its classes int64 [L].
        """
        sample, target = self.samples[number], self.targets[number]
        if behind < 0:
            return sample, target
        source = f"{sample.source} + {self.samples[behind].source}"
        target = np.concatenate([target, self.charset.encode(" "), self.targets[behind]])
        return Sample(sample.image, self.charset.decode(target.tolist()), source), target

    def __len__(self) -> int:
        return len(self.samples)


def _checksum(pixels: Pixels) -> int:
    return zlib.crc32(pixels.tobytes())


def _file_state(path: Path) -> tuple[int, int]:
    """Size and time of the last change of a file; -1 twice for one that is missing."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def collate(
    planes: Sequence[Floats],
    targets: Sequence[Ints],
    samples: tuple[Sample, ...],
    width: int,
    image: ImageSpec,
) -> Batch:
    """Pad lines to one width and stack them.

    Args:
        planes: Prepared lines, float32 [C, H, w].
        targets: Classes of each line, int64 [L].
        samples: The lines.
        width: Padded width in pixels.
        image: How the model takes its images.

    Returns:
        The batch.
    """
    return Batch(
        images=torch.from_numpy(np.stack([pad(line, width, image) for line in planes])),
        targets=torch.from_numpy(np.concatenate(targets)),
        target_lengths=torch.tensor([len(target) for target in targets], dtype=torch.int64),
        samples=samples,
        widths=torch.tensor([line.shape[2] for line in planes], dtype=torch.int64),
    )


@dataclass(frozen=True)
class LoaderOptions:
    """How stored lines become batches.

    Attributes:
        batch_size: Most lines of a batch.
        max_pixels: Most padded pixels of a batch of more than 8 lines.
        seed: Seed of order and augmentation.
        workers: Threads that prepare batches ahead; 0 prepares each batch when it is needed.
        augmentation: How much lines are changed.
        concat: Share of the lines to which another one is appended.
        flip: Share of the lines that are mirrored top to bottom.
        replayed: How many lines, at the end, are replayed ones. An epoch holds a part of them.
        replay_ratio: Share of replayed lines in each epoch.
    """

    batch_size: int
    max_pixels: int
    seed: int
    workers: int
    augmentation: Augmentation = NO_AUGMENTATION
    concat: float = 0.0
    flip: float = 0.0
    replayed: int = 0
    replay_ratio: float = 0.0


class LineSource:
    """Epochs of batches over stored lines.

    Threads prepare batches ahead of the training step. Pillow and NumPy release the interpreter lock while they work,
    so worker processes are not needed.
    """

    def __init__(self, lines: Lines, options: LoaderOptions, share: Share = WHOLE) -> None:
        """Store the lines and options; nothing is prepared yet.

        Args:
            lines: The stored lines.
            options: How they become batches.
            share: Which micro-batches this process takes.

        Raises:
            ConfigError: If lines are to be joined but the charset has no space.
        """
        if options.concat and " " not in lines.charset.characters:
            raise ConfigError(
                "Train.concat: the charset has no space to join lines with; expected one",
                hint="add a line with a space to dict.txt, or set Train.concat to 0",
            )
        self.lines, self.options, self.share = lines, options, share

    def plans(self, epoch: int) -> list[BatchPlan]:
        """Plan the batches of an epoch, in order.

        Their number is the same in every epoch, except that it varies slightly where lines are joined.

        Args:
            epoch: Number of the epoch, from 0.

        Returns:
            The batches.
        """
        image, widths = self.lines.image_spec, list(self.lines.widths)
        partners: dict[int, int] = {}
        if self.options.concat:
            key = (self.options.seed, epoch)
            partners = choose_partners(self.lines.widths, self.lines.targets, self.lines.spec, self.options.concat, key)

        for first, second in partners.items():
            widths[first] = joined_width(widths[first], self.lines.widths[second], image.height)
        numbers = self._numbers(epoch)
        buckets = bucket_widths([widths[number] for number in numbers], image)
        plans = []

        for plan in plan_batches(
            buckets, image.height, self.options.batch_size, self.options.max_pixels, self.options.seed, epoch
        ):
            samples = tuple(numbers[i] for i in plan.samples)
            joined = tuple(partners.get(number, -1) for number in samples) if partners else ()
            plans.append(BatchPlan(plan.width, samples, joined))

        return plans

    def _numbers(self, epoch: int) -> Sequence[int]:
        """The lines of an epoch."""
        if not self.options.replayed:
            return range(len(self.lines))
        buckets = [self.lines.image_spec.bucket_width(width) for width in self.lines.widths]
        return epoch_lines(
            buckets, len(buckets) - self.options.replayed, self.options.replay_ratio, self.options.seed, epoch
        )

    @cached_property
    def _updates(self) -> int:
        return -(-len(self.plans(0)) // self.share.parts)

    def __len__(self) -> int:
        """Updates in an epoch; the last one may have fewer micro-batches than the others."""
        return self._updates  # asked after every update

    def updates(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Iterate over the updates of an epoch.

        Args:
            epoch: Number of the epoch, from 0.
            start: First update to yield, from 0.

        Yields:
            The micro-batches of one update that this process computes; possibly none of the last update.
        """
        plans = self.plans(epoch)[start * self.share.parts :]
        own = self._batches(epoch, plans[self.share.rank :: self.share.size])
        for _ in range(0, len(plans), self.share.parts):
            yield list(islice(own, self.share.accumulate))

    def _batches(self, epoch: int, plans: list[BatchPlan]) -> Iterator[Batch]:
        if not self.options.workers:
            yield from (self.batch(epoch, plan) for plan in plans)
            return

        with ThreadPoolExecutor(self.options.workers, thread_name_prefix=THREAD_PREFIX) as pool:
            ahead: deque[Future[Batch]] = deque()
            try:
                for plan in plans:
                    ahead.append(pool.submit(self.batch, epoch, plan))
                    if len(ahead) > 2 * self.options.workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def batch(self, epoch: int, plan: BatchPlan) -> Batch:
        """Prepare one batch, as a pure function of the arguments.

        Args:
            epoch: Number of the epoch, from 0.
            plan: The lines of the batch.

        Returns:
            The batch.
        """
        planes, targets, samples = [], [], []
        for number, behind in zip_longest(plan.samples, plan.joined, fillvalue=-1):
            pixels = self.varied(number, epoch, behind, plan.width)
            planes.append(scale(pixels, self.lines.image_spec))
            sample, target = self.lines.labelled(number, behind)
            samples.append(sample)
            targets.append(target)
        return collate(planes, targets, tuple(samples), plan.width, self.lines.image_spec)

    def varied(self, number: int, epoch: int, behind: int, max_width: int) -> Pixels:
        """Augment a line for an epoch.

        Args:
            number: Number of the line.
            epoch: Number of the epoch, from 0.
            behind: Number of the line appended on the right, or -1.
            max_width: Largest width of the result in pixels.

        Returns:
            uint8 [H, W] or [H, W, 3].
        """
        generator = np.random.default_rng([self.options.seed, epoch, number])
        pixels = self.lines.pixels(number)
        if behind >= 0:
            pixels = join_pixels(pixels, self.lines.pixels(behind), generator)
        if self.options.flip and generator.random() < self.options.flip:
            pixels = flip_vertical(pixels)
        return augment(pixels, generator, self.options.augmentation, max_width)
