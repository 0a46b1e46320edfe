"""Metrics for Prometheus."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocrx.serving import SHARED_METRICS


def run(script: str, folder: Path) -> str:
    """Run Python in a process of its own, as a worker of several: what prometheus_client does is set at its import."""
    with worker(script, folder) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        return process.stdout.read()


@contextmanager
def worker(script: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker that has run a script and has said so, and lives on."""
    script = (
        f"import sys; from ocrx.serving.metrics import Metrics\n{script}\nprint('done', flush=True)\nsys.stdin.read()"
    )
    environment = {**os.environ, SHARED_METRICS: str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def test_the_queues_of_all_workers_are_added_up(tmp_path: Path) -> None:
    first, second = "Metrics(lambda: 3).batch_read(1)", "Metrics(lambda: 4).request_ended('/v1/lines', 200, 0.1)"
    with worker(first, tmp_path) as one, worker(second, tmp_path) as other:
        for process in (one, other):
            assert process.stdout is not None and process.stdout.readline() == "done\n"
        page = run("print(Metrics(lambda: 5).page().decode())", tmp_path)
    assert "ocrx_queue_images 12.0" in page
    assert 'ocrx_requests_total{path="/v1/lines",status="200"} 1.0' in page


def test_dead_workers_have_no_queue_but_what_they_counted_stays(tmp_path: Path) -> None:
    run("Metrics(lambda: 4).request_ended('/v1/lines', 200, 0.1)", tmp_path)
    page = run("print(Metrics(lambda: 5).page().decode())", tmp_path)
    assert "ocrx_queue_images 5.0" in page
    assert 'ocrx_requests_total{path="/v1/lines",status="200"} 1.0' in page
