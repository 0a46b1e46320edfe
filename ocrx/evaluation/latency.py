"""Measures latency and throughput, stage by stage and end to end, in PaddleX's terms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ocrx.decoding.greedy import greedy
from ocrx.imaging.preparation import resize
from ocrx.inference.batching import stack_lines, width_batches
from ocrx.inference.inputs import ImageInput
from ocrx.inference.recognizer import Recognizer
from ocrx.process import resident_mib

_T = TypeVar("_T")

SINGLES = 50  # lines read alone, for the latency
STAGES = ("read", "prepare", "network", "decode")


@dataclass(frozen=True)
class Stage:
    """One stage on one thread, in milliseconds per line."""

    name: str
    ms_per_line: float


@dataclass(frozen=True)
class Timing:
    """The measurement of one setting.

    Attributes:
        backend: Name of the back end.
        precision: Precision of the computation.
        threads: Number of threads.
        batch_size: Lines in a batch.
        lines: Number of lines that were read.
        ms_per_line: Milliseconds per line from file to text, with all threads.
        lines_per_second: The inverse, in lines per second.
        p50_ms: Median latency of a single line from file to text, in milliseconds.
        p95_ms: 95th percentile of that latency.
        memory_mib: Resident memory of the process.
        text_mismatch_rate: Share of texts that differ from those in fp32 with ONNX Runtime or torch.
        stages: The stages on one thread.
    """

    backend: str
    precision: str
    threads: int
    batch_size: int
    lines: int
    ms_per_line: float
    lines_per_second: float
    p50_ms: float
    p95_ms: float
    memory_mib: float
    text_mismatch_rate: float
    stages: tuple[Stage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the fields for ``benchmark.json``.

        Returns:
            All fields; ``changed`` is the name that ``text_mismatch_rate`` had in earlier files.
        """
        return {**asdict(self), "changed": self.text_mismatch_rate}

    def stage(self, name: str) -> float:
        """Look up a stage.

        Args:
            name: One of ``STAGES``.

        Returns:
            Its milliseconds per line.
        """
        return next(stage.ms_per_line for stage in self.stages if stage.name == name)


def measure_latency(
    recognizer: Recognizer,
    inputs: Sequence[ImageInput],
    batch_size: int,
    *,
    seconds: float,
    precision: str,
    texts: Sequence[str],
) -> Timing:
    """Read images end to end after a warm-up, then singly, then stage by stage.

    Args:
        recognizer: The model on the back end to measure.
        inputs: Readable images.
        batch_size: Lines in a batch.
        seconds: Shortest duration of the end-to-end part; all images are read at least once.
        precision: Precision of the back end, for the report.
        texts: Texts of the same images in full precision.

    Returns:
        The measurement.
    """
    found = [prediction.text for prediction in recognizer.predict_inputs(inputs, batch_size)]
    count, spent = 0, 0.0
    while not count or spent < seconds:
        start = time.perf_counter()
        count += sum(1 for _ in recognizer.predict_inputs(inputs, batch_size))
        spent += time.perf_counter() - start

    singles = [_timed(partial(next, recognizer.predict_inputs([item])))[1] for item in inputs[:SINGLES]]
    return Timing(
        backend=recognizer.backend.name,
        precision=precision,
        threads=recognizer.backend.threads,
        batch_size=batch_size,
        lines=len(inputs),
        ms_per_line=spent / count * 1000,
        lines_per_second=count / spent,
        p50_ms=float(np.percentile(singles, 50)) * 1000,
        p95_ms=float(np.percentile(singles, 95)) * 1000,
        memory_mib=resident_mib(),
        text_mismatch_rate=sum(a != b for a, b in zip(found, texts, strict=True)) / max(1, len(texts)),
        stages=_stages(recognizer, inputs, batch_size),
    )


def _stages(recognizer: Recognizer, inputs: Sequence[ImageInput], batch_size: int) -> tuple[Stage, ...]:
    backend, spec = recognizer.backend, recognizer.spec.image
    spent = dict.fromkeys(STAGES, 0.0)
    images, spent["read"] = _timed(lambda: [item.load() for item in inputs])
    lines, spent["prepare"] = _timed(lambda: [resize(image, spec) for image in images])

    for indices in width_batches(lines, backend, batch_size):
        batch, stacking = _timed(partial(stack_lines, [lines[index] for index in indices], spec))
        logits, network = _timed(partial(backend.logits, batch))
        _, decoding = _timed(partial(greedy, logits))
        spent["prepare"] += stacking
        spent["network"] += network
        spent["decode"] += decoding
    return tuple(Stage(name, spent[name] / len(inputs) * 1000) for name in STAGES)


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
