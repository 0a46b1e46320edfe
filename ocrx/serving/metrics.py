"""Metrics for Prometheus: requests, images, batches and the queue of this server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from ocrx.process import is_running
from ocrx.serving import SHARED_METRICS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LINES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one application."""

    def __init__(self, outstanding: Callable[[], int]) -> None:
        """Create the counters.

        Args:
            outstanding: Returns the number of images that are accepted but not yet read.
        """
        self._outstanding = outstanding
        self._shared = SHARED_METRICS in os.environ
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ocrx_requests_total", "Requests by path and status.", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "ocrx_request_seconds", "Time of a request.", ("path",), buckets=_SECONDS, registry=self._registry
        )
        self._images = Counter(
            "ocrx_images_total", "Images and pages by outcome.", ("outcome",), registry=self._registry
        )
        self._batches = Histogram("ocrx_batch_lines", "Lines of a batch.", buckets=_LINES, registry=self._registry)
        self._queue = Gauge(
            "ocrx_queue_images",
            "Images that are accepted and not yet read.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

        if not self._shared:
            ProcessCollector(registry=self._registry)

    def request_ended(self, path: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            path: The path of its route, not the requested one, which may be anything.
            status: Its status.
            seconds: Its duration.
        """
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)
        # Here, too: with several workers another one may be asked for the page.
        self._queue.set(self._outstanding())

    def images_read(self, read: int, failed: int) -> None:
        """Count the images of a request.

        Args:
            read: Number of images read.
            failed: Number of images that could not be opened.
        """
        self._images.labels("read").inc(read)
        self._images.labels("failed").inc(failed)

    def batch_read(self, lines: int) -> None:
        """Count a batch.

        Args:
            lines: Number of its lines.
        """
        self._batches.observe(lines)
        self._queue.set(self._outstanding())

    def page(self) -> bytes:
        """Render the body of ``GET /metrics``.

        Returns:
            Prometheus's text format, with sums over all worker processes. What dead workers have counted stays in the
            sums; what they had in their queues does not.
        """
        self._queue.set(self._outstanding())
        if not self._shared:
            return generate_latest(self._registry)
        _forget_dead_workers(Path(os.environ[SHARED_METRICS]))
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # prometheus_client has no annotation here
        return generate_latest(together)


def _forget_dead_workers(folder: Path) -> None:
    """Remove the queues of worker processes that have died: their images will never be read."""
    for file in folder.glob("gauge_live*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdecimal() and not is_running(int(process)):
            mark_process_dead(int(process), str(folder))  # type: ignore[no-untyped-call]  # no annotations there
