"""Metrics for Prometheus."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ocrx.serving import SHARED_METRICS


def run(script: str, folder: Path) -> str:
    """Run Python in a process of its own, as a worker of several: what prometheus_client does is set at its import."""
    script = "from ocrx.serving.metrics import Metrics\n" + script
    environment = {**os.environ, SHARED_METRICS: str(folder)}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, stdout=subprocess.PIPE
    ).stdout.decode()


def test_the_queues_of_all_workers_are_added_up(tmp_path: Path) -> None:
    run("Metrics(lambda: 3).batch_read(1)", tmp_path)
    run("Metrics(lambda: 4).request_ended('/v1/lines', 200, 0.1)", tmp_path)
    page = run("print(Metrics(lambda: 5).page().decode())", tmp_path)
    assert "ocrx_queue_images 12.0" in page
    assert 'ocrx_requests_total{path="/v1/lines",status="200"} 1.0' in page
