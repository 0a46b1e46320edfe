"""How long reading takes, stage by stage and end to end, in PaddleX's terms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ocrx.backends import lines_at_once
from ocrx.decoding.greedy import greedy
from ocrx.imaging.preparation import prepare
from ocrx.inference.inputs import ImageInput
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.results import Prediction
from ocrx.process import resident_mib

_T = TypeVar("_T")

SINGLES = 50  # lines read alone, for the latency
STAGES = ("read", "prepare", "network", "decode")


@dataclass(frozen=True)
class Stage:
    """One operation on one thread: milliseconds a line."""

    name: str
    ms_per_line: float


@dataclass(frozen=True)
class Timing:
    """Reading from files with one setting.

    ``ms_per_line`` and ``lines_per_second`` are end to end with all threads; ``p50_ms`` and ``p95_ms`` how long a
    single line takes from file to text when nothing else is read; ``memory_mib`` the resident memory of the process.
    ``text_mismatch_rate`` is the share of texts that differ from fp32 in ONNX Runtime or torch.
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
        """All fields; ``changed`` is the name that ``text_mismatch_rate`` had in earlier files."""
        return {**asdict(self), "changed": self.text_mismatch_rate}

    def stage(self, name: str) -> float:
        return next(stage.ms_per_line for stage in self.stages if stage.name == name)


def measure_latency(
    recognizer: Recognizer,
    items: Sequence[ImageInput],
    batch_size: int,
    seconds: float,
    precision: str,
    texts: Sequence[str],
) -> Timing:
    """Read ``items`` for at least ``seconds`` end to end (after a warm-up), then singly, then stage by stage.

    ``texts`` are what full precision reads.
    """
    found = [p.text for p in recognizer.predict_inputs(items, batch_size)]
    count, spent = 0, 0.0
    while not count or spent < seconds:
        start = time.perf_counter()
        count += sum(1 for _ in recognizer.predict_inputs(items, batch_size))
        spent += time.perf_counter() - start
    single = [_timed(partial(_read_alone, recognizer, item))[1] for item in items[:SINGLES]]
    return Timing(
        backend=recognizer.backend.name,
        precision=precision,
        threads=recognizer.backend.threads,
        batch_size=batch_size,
        lines=len(items),
        ms_per_line=spent / count * 1000,
        lines_per_second=count / spent,
        p50_ms=float(np.percentile(single, 50)) * 1000,
        p95_ms=float(np.percentile(single, 95)) * 1000,
        memory_mib=resident_mib(),
        text_mismatch_rate=sum(a != b for a, b in zip(found, texts, strict=True)) / max(1, len(texts)),
        stages=_stages(recognizer, items, batch_size),
    )


def _stages(recognizer: Recognizer, items: Sequence[ImageInput], batch_size: int) -> tuple[Stage, ...]:
    spent = dict.fromkeys(STAGES, 0.0)
    spec = recognizer.spec.image
    images, spent["read"] = _timed(lambda: [item.load() for item in items])
    arrays, spent["prepare"] = _timed(lambda: [prepare(image, spec)[0] for image in images])
    arrays.sort(key=lambda array: array.shape[2])
    start = 0
    while start < len(arrays):
        width = arrays[start].shape[2]
        most = lines_at_once(recognizer.backend, width, batch_size)
        group = [array for array in arrays[start : start + most] if array.shape[2] == width]
        batch = np.stack(group)
        logits, network = _timed(partial(recognizer.backend.logits, batch))
        _, decode = _timed(partial(greedy, logits))
        spent["network"] += network
        spent["decode"] += decode
        start += len(group)
    return tuple(Stage(name, spent[name] / len(items) * 1000) for name in STAGES)


def _read_alone(recognizer: Recognizer, item: ImageInput) -> Prediction:
    return next(recognizer.predict_inputs([item]))


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
