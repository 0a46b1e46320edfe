"""The micro-batcher: images of many requests share the batches of one network.

As long as a worker is idle an image is opened and read at once. When all are busy, images wait, and a worker that
becomes free takes all waiting lines of one bucket width that fit into a batch. A text does not depend on its batch,
so neither does a response.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from ocrx.backends import lines_at_once
from ocrx.inference.inputs import ImageInput
from ocrx.inference.lines import ONE_LINE, Layout, PreparedLine, load_lines
from ocrx.inference.recognizer import Recognizer, failed_prediction
from ocrx.inference.results import Prediction

_LOG = logging.getLogger(__name__)

_CHUNK = 8  # images that a worker opens at once
_READY_LINES = 128  # lines kept open to find those of one width; also bounds memory
_SMOOTHING = 0.05


class QueueFullError(Exception):
    """Too many images are waiting.

    Attributes:
        retry_after_s: Estimated seconds until there is room again.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("queue full")
        self.retry_after_s = retry_after_s


@dataclass(eq=False)
class Reading:
    """The images of one request while they pass through the batcher.

    Attributes:
        reader: Reads the images; requests with the same reader share batches.
        images: The images.
        done: Called once, by a worker, when all images are read or reading has failed.
        layout: How the lines of an image are found.
        predictions: Predictions for the lines of each image; complete when ``done`` is called.
        error: Internal error that ended the request, if any.
    """

    reader: Recognizer
    images: Sequence[ImageInput]
    done: Callable[[], None]
    layout: Layout = ONE_LINE
    predictions: list[list[Prediction]] = field(default_factory=list)
    error: Exception | None = None
    _next: int = 0
    _missing: list[int] = field(default_factory=list)
    _unread: int = 0
    _ended: bool = False


@dataclass(frozen=True, eq=False)
class _Line:
    reading: Reading
    image: int
    position: int
    line: PreparedLine
    arrival: int


_Bucket: TypeAlias = "tuple[Recognizer, int]"


class Batcher:
    """Workers that open and read images, as many as the back end has threads.

    Attributes:
        workers: Their number.
    """

    def __init__(self, recognizer: Recognizer, queue: int, on_batch: Callable[[int], None] = lambda lines: None):
        """Start the workers.

        Args:
            recognizer: Provides the network, which the readers of all requests share.
            queue: Maximum number of images that are accepted but not yet read.
            on_batch: Called with the number of lines of each batch.
        """
        self.workers = recognizer.backend.threads
        self._backend = recognizer.backend
        self._batch_size = recognizer.batch_size
        self._queue = queue
        self._on_batch = on_batch
        self._seconds_per_image = 0.01

        self._changed = threading.Condition()
        self._waiting: deque[Reading] = deque()
        self._ready: dict[_Bucket, deque[_Line]] = {}
        self._ready_lines = 0
        self._arrivals = 0
        self._outstanding = 0
        self._closed = False

        self._threads = [
            threading.Thread(target=self._work, name=f"ocrx serve {number}", daemon=True)
            for number in range(self.workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def outstanding(self) -> int:
        """Number of images that are accepted but not yet read."""
        return self._outstanding

    def submit(self, reading: Reading) -> None:
        """Accept the images of a request.

        Args:
            reading: The request; it has at least one image.

        Raises:
            QueueFullError: Too many images wait; none of these is read.
        """
        count = len(reading.images)
        with self._changed:
            if self._closed or self._outstanding + count > self._queue:
                raise QueueFullError(self._outstanding * self._seconds_per_image / self.workers)
            reading.predictions = [[] for _ in reading.images]
            reading._missing = [1] * count
            reading._unread = count
            self._outstanding += count
            self._waiting.append(reading)
            self._changed.notify(min(count, self.workers))

    def cancel(self, reading: Reading) -> None:
        """Drop a request: images that are not being read yet will not be read.

        Args:
            reading: The request; nothing happens if it has ended.
        """
        with self._changed:
            self._end(reading)

    def close(self) -> None:
        """Read what was accepted, then end the workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (task := self._next_task()) is not None:
            task()

    def _next_task(self) -> Callable[[], None] | None:
        """Wait for a task: open images while few lines are ready, else read the batch of the oldest waiting line."""
        with self._changed:
            while True:
                if self._waiting and self._ready_lines < _READY_LINES:
                    return self._opening()
                if self._ready:
                    return self._batch()
                if self._closed:
                    return None
                self._changed.wait()

    def _opening(self) -> Callable[[], None]:
        """Take some images of the next request, so that a large request does not block others."""
        reading = self._waiting.popleft()
        first, count = reading._next, len(reading.images)
        share = -(-(count - first) // self.workers)
        last = first + min(_CHUNK, share)
        reading._next = last
        if last < count:
            self._waiting.append(reading)
        return partial(self._open, reading, range(first, last))

    def _batch(self) -> Callable[[], None]:
        key = min(self._ready, key=lambda bucket: self._ready[bucket][0].arrival)
        lines = self._ready[key]
        size = min(len(lines), lines_at_once(self._backend, key[1], self._batch_size))
        batch = [lines.popleft() for _ in range(size)]
        if not lines:
            del self._ready[key]
        self._ready_lines -= size
        return partial(self._read, key[0], batch)

    def _open(self, reading: Reading, indices: Sequence[int]) -> None:
        start = time.perf_counter()
        for index in indices:
            if reading._ended:
                return
            try:
                lines = load_lines([reading.images[index]], reading.reader.spec.image, reading.layout)
            except Exception as error:  # whatever it is, the request gets a response and the worker continues
                self._fail([reading], error)
                return
            self._opened(reading, index, lines)
        self._took(time.perf_counter() - start, len(indices))

    def _opened(self, reading: Reading, index: int, lines: Sequence[PreparedLine]) -> None:
        spec = reading.reader.spec.image
        with self._changed:
            if reading._ended:
                return
            reading.predictions[index] = [failed_prediction(line) for line in lines]
            reading._missing[index] = sum(line.pixels is not None for line in lines)

            for position, line in enumerate(lines):
                if line.pixels is not None:
                    key = (reading.reader, spec.bucket_width(line.pixels.shape[1]))
                    entry = _Line(reading, index, position, line, self._arrivals)
                    self._ready.setdefault(key, deque()).append(entry)
                    self._arrivals += 1
                    self._ready_lines += 1

            if reading._missing[index]:
                self._changed.notify(reading._missing[index])
            finished = not reading._missing[index] and self._image_read(reading)
        if finished:
            reading.done()

    def _read(self, reader: Recognizer, batch: Sequence[_Line]) -> None:
        start = time.perf_counter()
        try:
            predictions = reader.read_lines([entry.line for entry in batch])
            self._on_batch(len(batch))  # may raise, too: counters of several processes are files
        except Exception as error:  # whatever it is, the requests get a response and the worker continues
            self._fail({id(entry.reading): entry.reading for entry in batch}.values(), error)
            return

        finished = []
        with self._changed:
            for entry, prediction in zip(batch, predictions, strict=True):
                reading = entry.reading
                if reading._ended:
                    continue
                reading.predictions[entry.image][entry.position] = prediction
                reading._missing[entry.image] -= 1
                if not reading._missing[entry.image] and self._image_read(reading):
                    finished.append(reading)
        for reading in finished:
            reading.done()
        self._took(time.perf_counter() - start, len(batch))

    def _image_read(self, reading: Reading) -> bool:
        """Count an image as read; returns whether it was the last of its request."""
        reading._unread -= 1
        self._outstanding -= 1
        reading._ended = reading._unread == 0
        return reading._ended

    def _fail(self, readings: Iterable[Reading], error: Exception) -> None:
        """End requests with an error that their images did not cause."""
        _LOG.error("reading failed", exc_info=error)
        ended = []
        with self._changed:
            for reading in readings:
                if not reading._ended:
                    reading.error = error
                    self._end(reading)
                    ended.append(reading)
        for reading in ended:
            reading.done()

    def _end(self, reading: Reading) -> None:
        if reading._ended:
            return
        reading._ended = True
        self._outstanding -= reading._unread
        if reading in self._waiting:
            self._waiting.remove(reading)

        for key, lines in list(self._ready.items()):
            kept = deque(entry for entry in lines if entry.reading is not reading)
            self._ready_lines -= len(lines) - len(kept)
            self._ready[key] = kept
            if not kept:
                del self._ready[key]

    def _took(self, seconds: float, images: int) -> None:
        self._seconds_per_image += _SMOOTHING * (seconds / max(1, images) - self._seconds_per_image)
