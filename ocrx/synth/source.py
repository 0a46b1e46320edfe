"""Training batches of lines that are rendered on the fly and not stored."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import zip_longest
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

import numpy as np
from PIL import Image

from ocrx.arrays import Pixels
from ocrx.config import SynthConfig
from ocrx.ctc.frames import required_frames
from ocrx.data.loading.batches import WHOLE, Share, bucket_widths, lines_per_batch, plan_batches
from ocrx.data.loading.loader import Batch, collate
from ocrx.data.sample import Sample
from ocrx.errors import BackendError
from ocrx.imaging.preparation import resize, scale
from ocrx.model_spec import ModelSpec
from ocrx.synth.generator import LineGenerator
from ocrx.text.charset import Charset

CHUNK = 64  # lines that a process renders at a time
AHEAD = 32  # chunks that are rendered ahead of time

_IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_Rendered = list[tuple[Pixels, str]]


@dataclass(frozen=True)
class SynthOptions:
    """How rendered lines become batches.

    Attributes:
        lines_per_epoch: Lines per epoch, rounded up to whole chunks.
        batch_size: Maximum number of lines per batch.
        max_pixels: Maximum number of padded pixels in a batch of more than 8 lines.
        seed: Seed of the lines and of their order.
        processes: Number of rendering processes.
    """

    lines_per_epoch: int
    batch_size: int
    max_pixels: int
    seed: int
    processes: int


class SynthSource:
    """Epochs of rendered lines, the same for the same (seed, epoch).

    Each of the S micro-batches of an update comes from its own stream: stream s has every S-th chunk of lines. A
    process therefore renders only its own streams, however the S streams are distributed.
    """

    def __init__(self, config: SynthConfig, spec: ModelSpec, options: SynthOptions, share: Share = WHOLE) -> None:
        """Start the rendering processes.

        Args:
            config: The section ``Synth``.
            spec: Spec of the model to train.
            options: How rendered lines become batches.
            share: The micro-batches of this process.
        """
        self.share = share
        self.image_spec = spec.image
        self.charset = Charset.from_spec(spec)
        self.lines_per_epoch = -(-options.lines_per_epoch // CHUNK) * CHUNK
        self.batch_size, self.max_pixels, self.seed = options.batch_size, options.max_pixels, options.seed
        self.processes = max(1, options.processes)

        self._pool = ProcessPoolExecutor(
            self.processes,
            mp_context=_RendererContext(),
            initializer=_start_renderer,
            initargs=(config, options.seed, spec),
        )

    def __len__(self) -> int:
        """Approximate number of updates in an epoch; the true number depends on the widths of the lines."""
        return -(-self.lines_per_epoch // (self.batch_size * self.share.parts))

    def updates(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Iterate over the updates of an epoch.

        Towards the end of an epoch some streams finish before others: such updates have fewer micro-batches.

        Args:
            epoch: Number of the epoch, from 0.
            start: First update to yield, from 0.

        Yields:
            The micro-batches of one update that this process computes.

        Raises:
            BackendError: A rendering process was killed.
        """
        streams = [
            self._stream(epoch, number, start) for number in range(self.share.rank, self.share.parts, self.share.size)
        ]
        for parts in zip_longest(*streams):
            yield [part for part in parts if part is not None]

    def _stream(self, epoch: int, stream: int, start: int) -> Iterator[Batch]:
        """Yield the batches of a stream, from number ``start`` on.

        A batch is emitted when its bucket is full, so that few different shapes occur: every new shape costs the
        set-up of kernels. The remaining lines at the end of the epoch form smaller batches.
        """
        number = 0
        waiting: dict[int, _Rendered] = defaultdict(list)

        for rendered in self._chunks(epoch, stream):
            for line in rendered:
                width = self.image_spec.bucket_width(line[0].shape[1])
                waiting[width].append(line)
                if len(waiting[width]) == lines_per_batch(
                    width, self.image_spec.height, self.batch_size, self.max_pixels
                ):
                    if number >= start:
                        yield self._batch(waiting[width], width)
                    number += 1
                    waiting[width] = []

        rest = [line for width in sorted(waiting) for line in waiting[width]]
        buckets = bucket_widths([pixels.shape[1] for pixels, _ in rest], self.image_spec)
        plans = plan_batches(buckets, self.image_spec.height, self.batch_size, self.max_pixels, self.seed, epoch)
        for plan in plans[max(0, start - number) :]:
            yield self._batch([rest[i] for i in plan.samples], plan.width)

    def close(self) -> None:
        """End the rendering processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _chunks(self, epoch: int, stream: int) -> Iterator[_Rendered]:
        first = epoch * self.lines_per_epoch
        most = max(1, AHEAD // self.share.accumulate)
        ahead: deque[Future[_Rendered]] = deque()

        try:
            for index in range(first + stream * CHUNK, first + self.lines_per_epoch, self.share.parts * CHUNK):
                ahead.append(self._pool.submit(_render, index, CHUNK))
                if len(ahead) > most:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BrokenProcessPool:
            raise BackendError(
                "Train.synth: a rendering process ended",
                hint="a frequent cause is lack of memory: lower Train.workers; the last checkpoint is complete",
            ) from None
        finally:
            for future in ahead:
                future.cancel()  # an epoch that is left early renders no more

    def _batch(self, lines: _Rendered, width: int) -> Batch:
        planes = [scale(pixels, self.image_spec) for pixels, _ in lines]
        targets = [np.asarray(self.charset.encode(text), dtype=np.int64) for _, text in lines]
        samples = tuple(Sample(Path(), text, f"synthetic line {text!r}") for _, text in lines)
        return collate(planes, targets, samples, width, self.image_spec)


class _RendererProcess(SpawnProcess):
    """A process that ignores signals to its process group (Ctrl-C): the training saves first, then ends it."""

    def start(self) -> None:
        if sys.platform == "win32":
            super().start()
            return
        # The child inherits the mask, so that no signal arrives before ``_start_renderer``.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _IGNORED_SIGNALS)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def terminate(self) -> None:
        """Kill the process; the pool calls this for all others when one was killed."""
        self.kill()


class _RendererContext(SpawnContext):
    Process = _RendererProcess


class _Renderer:
    """State of a rendering process."""

    generator: LineGenerator
    spec: ModelSpec


def _start_renderer(config: SynthConfig, seed: int, spec: ModelSpec) -> None:
    for number in _IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Renderer.generator = LineGenerator(config, seed)
    _Renderer.spec = spec


def _end_with_parent() -> None:
    """Exit when the training process has ended, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _render(first: int, count: int) -> _Rendered:
    """Render a chunk of lines, dropping those that have too few frames for their text."""
    lines = (_Renderer.generator.line(index, boxes=False) for index in range(first, first + count))
    resized = ((resize(Image.fromarray(line.image), _Renderer.spec.image), line.text) for line in lines)
    return [(pixels, text) for pixels, text in resized if _has_frames_for(text, pixels.shape[1])]


def _has_frames_for(text: str, width: int) -> bool:
    return _Renderer.spec.frame_count(width) >= required_frames([ord(character) for character in text])
