"""``ocrx benchmark``: latency and throughput of a model on this machine, by back end and by stage."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ocrx.backends import Backend, available_cores, open_backend
from ocrx.config import BenchmarkConfig, Config
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import BackendError, DataError, OcrxError
from ocrx.evaluation.latency import STAGES, Timing, measure_latency
from ocrx.evaluation.reduced_precision import CHECKED_LINES, PrecisionCheck, make_int8, rendered_samples
from ocrx.files import write_json
from ocrx.inference.discovery import find_model
from ocrx.inference.inputs import ImageInput, Input, iter_inputs
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.tuned_settings import TunedSettings, machine, save_tuned_settings
from ocrx.model_folder import find_model_folder, read_spec

_BACKENDS = ("onnx", "openvino", "torch")  # TorchScript runs code from a file, so it is measured on request only
_PRECISIONS = ("fp32", "bf16", "int8")


@dataclass(frozen=True)
class BenchmarkReport:
    """All measurements.

    Attributes:
        model: The model folder.
        machine: What the measurements depend on, see ``tuned_settings.machine``.
        lines: Where the lines come from.
        timings: The measurements, fastest first.
        skipped: Which measurements were not possible, and why.
        tuned: The settings that were stored, if any.
        tuned_file: The file they were stored in.
    """

    model: str
    machine: str
    lines: str
    timings: tuple[Timing, ...]
    skipped: tuple[str, ...]
    tuned: TunedSettings | None
    tuned_file: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields of ``benchmark.json``.

        Returns:
            Plain values; ``summary`` holds PaddleX's operations in milliseconds, of the fastest measurement.
        """
        return {
            "model": self.model,
            "machine": self.machine,
            "lines": self.lines,
            "summary": summary(self.timings[0]),
            "timings": [timing.to_dict() for timing in self.timings],
            "skipped": list(self.skipped),
            "choice": vars(self.tuned) if self.tuned else None,
        }


def run(config: Config, log: Callable[[str], None], inputs: Input | None = None) -> BenchmarkReport:
    """Measure a model with every back end, precision, number of threads and batch size.

    Writes ``benchmark.json``, ``detail.csv`` and ``summary.csv`` into ``Global.output``. ``Benchmark.tune`` also stores
    the fastest settings, which ``use_hpip`` uses, see ``save_tuned_settings``.

    Args:
        config: The configuration; ``Predict.model_dir`` names the model, ``Benchmark`` what is measured.
        log: Takes a line for each measurement.
        inputs: Images to read; by default the dataset, else rendered lines.

    Returns:
        The report.

    Raises:
        DataError: No line can be read, or nothing can be measured.
        ModelError: There is no such model.
    """
    settings = config.Benchmark
    folder = find_model_folder(find_model(None, config.Predict.model_dir, key="Predict.model_dir"))
    lines, origin = _lines(config, inputs)
    log(f"model {folder} on {machine()}, {len(lines)} lines: {origin}")
    with tempfile.TemporaryDirectory() as work:
        checked = _checked_lines(config, folder, Path(work), log) if settings.tune else []
        timings, skipped = _measure_all(settings, folder, lines, checked, log)
    if not timings:
        raise DataError("nothing could be measured: " + "; ".join(skipped))

    timings.sort(key=lambda timing: timing.ms_per_line)
    # Without texts to compare with, a change is all that can be seen.
    limit = None if checked else settings.max_changed
    tuned = _fastest(timings, limit) if settings.tune else None
    file = save_tuned_settings(folder, tuned) if tuned is not None else None
    report = BenchmarkReport(str(folder), machine(), origin, tuple(timings), tuple(skipped), tuned, file)
    _write(Path(config.Global.output), report)
    return report


def describe_timing(timing: Timing) -> str:
    """Describe a measurement in one line.

    Args:
        timing: The measurement.

    Returns:
        The line.
    """
    setting = f"{timing.backend} {timing.precision}, {timing.threads} threads, batch {timing.batch_size}"
    return f"{setting}: {timing.ms_per_line:.2f} ms per line, {timing.lines_per_second:.0f} lines/s"


def summary(timing: Timing) -> dict[str, float]:
    """Sum up the stages as PaddleX does.

    Args:
        timing: A measurement.

    Returns:
        Milliseconds per line under PaddleX's names: the stages on one thread, and end to end with all threads, which
        overlap the stages.
    """
    before = timing.stage("read") + timing.stage("prepare")
    core = before + timing.stage("network") + timing.stage("decode")
    return {
        "Preprocessing": before,
        "Inference": timing.stage("network"),
        "Postprocessing": timing.stage("decode"),
        "Core": core,
        "End-to-End": timing.ms_per_line,
    }


def _checked_lines(config: Config, folder: Path, work: Path, log: Callable[[str], None]) -> list[Sample]:
    """Lines with known texts, on which a reduced precision has to read as well: of the dataset, else rendered."""
    if config.Global.dataset_dir:
        dataset = read_dataset(Path(config.Global.dataset_dir))
        return list(dataset.val or dataset.train)[:CHECKED_LINES]
    try:
        return rendered_samples(read_spec(folder), min(CHECKED_LINES, 2 * config.Benchmark.lines), work)
    except DataError as error:
        log(f"no lines to check a reduced precision on: {error.message}")
        return []


def _measure_all(
    settings: BenchmarkConfig,
    folder: Path,
    lines: Sequence[ImageInput],
    checked: Sequence[Sample],
    log: Callable[[str], None],
) -> tuple[list[Timing], list[str]]:
    """All measurements, and the reasons why others were not possible."""
    reference = Recognizer(open_backend(folder, device="cpu"))
    texts = [prediction.text for prediction in reference.predict_inputs(lines)]
    timings: list[Timing] = []
    skipped: list[str] = []
    admission = _Admission(settings, folder, checked, log)
    for backend, precision, threads in _settings(settings):
        try:
            admission.prepare(backend, precision)
            opened = open_backend(folder, backend, "cpu", threads, precision)
            admission.check(opened, precision)
        except OcrxError as error:
            skipped.append(f"{backend} {precision}: {error.message}")
            continue

        recognizer = Recognizer(opened)
        for batch_size in settings.batch_sizes:
            timing = measure_latency(
                recognizer, lines, batch_size, seconds=settings.seconds, precision=precision, texts=texts
            )
            log(describe_timing(timing))
            timings.append(timing)
    return timings, list(dict.fromkeys(skipped))


class _Admission:
    """Makes what a reduced precision needs and refuses one that reads worse; both only where settings are tuned."""

    def __init__(
        self, settings: BenchmarkConfig, folder: Path, samples: Sequence[Sample], log: Callable[[str], None]
    ) -> None:
        self._folder, self._samples, self._log = folder, samples, log
        self._max_loss = settings.max_loss
        self._check = PrecisionCheck(folder, samples, settings.max_loss) if samples else None
        self._objections: dict[tuple[str, str], str | None] = {}
        self._made = False

    def prepare(self, backend: str, precision: str) -> None:
        """Export int8 on first use; raises OcrxError if that costs too much accuracy."""
        if precision != "int8" or backend == "torch" or not self._samples or self._made:
            return
        self._made = True
        file = make_int8(self._folder, self._samples, self._max_loss)
        if file is not None:
            self._log(f"made {file}")

    def check(self, backend: Backend, precision: str) -> None:
        """Raise BackendError if a reduced precision loses more accuracy than is allowed."""
        if precision == "fp32" or self._check is None:
            return
        key = (backend.name, precision)
        if key not in self._objections:
            self._objections[key] = self._check.objection(backend, precision)
        if (objection := self._objections[key]) is not None:
            raise BackendError(objection)


def _settings(settings: BenchmarkConfig) -> Iterator[tuple[str, str, int]]:
    cores = available_cores()
    threads = settings.threads or tuple(sorted({1, cores}) if settings.tune else (cores,))
    precisions = _PRECISIONS if settings.tune and settings.precisions == ("fp32",) else settings.precisions
    for backend in settings.backends or _BACKENDS:
        for precision in precisions:
            for number in threads:
                yield backend, precision, number


def _fastest(timings: Sequence[Timing], max_changed: float | None) -> TunedSettings:
    """The fastest settings; those of reduced precision change at most a share of ``max_changed`` of the texts."""
    limit = 1.0 if max_changed is None else max_changed
    equal = [timing for timing in timings if timing.precision == "fp32" or timing.text_mismatch_rate <= limit]
    best = min(equal or timings, key=lambda timing: timing.ms_per_line)
    return TunedSettings(best.backend, best.precision, best.threads, best.batch_size, round(best.lines_per_second, 1))


def _lines(config: Config, inputs: Input | None) -> tuple[list[ImageInput], str]:
    """The lines to read, and where they come from."""
    count = config.Benchmark.lines
    if inputs:
        found, where = list(islice(iter_inputs(inputs), count)), "as given"
    elif config.Global.dataset_dir:
        dataset = read_dataset(Path(config.Global.dataset_dir))
        samples = dataset.val or dataset.train
        found = [item for sample in samples[:: max(1, len(samples) // count)] for item in iter_inputs(sample.image)]
        found, where = found[:count], config.Global.dataset_dir
    else:
        found, where = list(iter_inputs([_rendered(number) for number in range(count)])), "rendered"
    return _readable(found), where


def _readable(inputs: Sequence[ImageInput]) -> list[ImageInput]:
    kept = []
    problem = "no lines"
    for candidate in inputs:
        try:
            candidate.load()
        except DataError as error:
            problem = error.message
            continue
        kept.append(candidate)

    if not kept:
        raise DataError(f"nothing to measure on: {problem}")
    return kept


def _rendered(number: int) -> Image.Image:
    """A line of 3 to 32 characters."""
    text = "The quick brown fox jumps over 13 dogs"[number % 7 : number % 7 + 3 + number * 7 % 30]
    font = ImageFont.load_default(size=24)
    image = Image.new("L", (round(font.getlength(text)) + 8, 36), 255)
    ImageDraw.Draw(image).text((4, 2), text, fill=0, font=font)
    return image


def _write(output: Path, report: BenchmarkReport) -> None:
    write_json(output / "benchmark.json", report.to_dict())
    with (output / "detail.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["backend", "precision", "threads", "batch_size", "operation", "ms_per_line"])
        for timing in report.timings:
            setting = (timing.backend, timing.precision, timing.threads, timing.batch_size)
            rows.writerows([*setting, name, f"{timing.stage(name):.4f}"] for name in STAGES)

    with (output / "summary.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        stages = list(summary(report.timings[0]))
        rows.writerow(["backend", "precision", "threads", "batch_size", *stages, "p50", "p95", "lines/s", "MiB"])
        for timing in report.timings:
            setting = (timing.backend, timing.precision, timing.threads, timing.batch_size)
            ends = (timing.p50_ms, timing.p95_ms, timing.lines_per_second, timing.memory_mib)
            rows.writerow([*setting, *(f"{value:.3f}" for value in (*summary(timing).values(), *ends))])
