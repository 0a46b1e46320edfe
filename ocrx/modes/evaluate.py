"""``ocrx evaluate``: compares a model with labelled lines and writes a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.backends import Backend
from ocrx.backends.processor import processor_name
from ocrx.config import Config
from ocrx.data.fingerprint import fingerprint
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.decoding.factory import decoder_notice
from ocrx.errors import DataError, ModelError
from ocrx.evaluation.analysis import Analysis, analyse
from ocrx.evaluation.calibration import MIN_LINES, cross_validated_confidence, fit_calibration, store_calibration
from ocrx.evaluation.evaluate import LineResult, evaluate
from ocrx.evaluation.html_report import Comparison, EvaluatedModel, render_report, worst_lines
from ocrx.evaluation.intervals import Interval, intervals
from ocrx.evaluation.reliability import ConfidenceQuality, confidence_quality
from ocrx.files import write_file
from ocrx.inference.discovery import find_model
from ocrx.inference.opening import Runtime, describe, open_recognizer
from ocrx.inference.writers import ESCAPES
from ocrx.model_folder import find_model_folder, is_embedded, weight_fingerprints
from ocrx.model_spec import CalibrationSpec
from ocrx.process import environment
from ocrx.results import Issue, Progress, write_result
from ocrx.text.metrics import Metrics

_COLUMNS = ("source", "image", "truth", "prediction", "score", "exact", "error", "confidence", "warning")


@dataclass(frozen=True)
class ModelComparison:
    """A second model on the same lines; ``differences`` are 95 % intervals of its metrics minus those of the first."""

    model: str
    metrics: Metrics
    differences: dict[str, Interval]
    only_first: int
    only_second: int
    weights_fingerprint: dict[str, str]


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration that was written into the model; ``quality`` is cross-validated on the same lines."""

    folder: str
    calibration: CalibrationSpec
    quality: ConfidenceQuality


@dataclass(frozen=True)
class EvaluateReport:
    """The result of an evaluation.

    Attributes:
        model: Description of the model and its back end.
        dataset: The dataset.
        ignore_case: Whether differences of case were ignored.
        metrics: The headline figures.
        analysis: Analysis of the errors.
        worst: The lines with the most edits.
        failed: Lines whose image could not be read.
        issues: Findings in the label files; the lines they name were not evaluated.
        compared: A second model on the same lines.
        calibrated: The calibration that ``Evaluate.calibrate`` wrote.
        reproduce: What reproduces the figures: command, versions, device, and hashes of the lines and the weights.
        lines_file: Every line as TSV.
        report_file: The report as HTML.
    """

    model: str
    dataset: str
    ignore_case: bool
    metrics: Metrics
    analysis: Analysis
    worst: tuple[LineResult, ...]
    failed: tuple[LineResult, ...]
    issues: tuple[Issue, ...]
    compared: ModelComparison | None
    calibrated: CalibrationReport | None
    reproduce: dict[str, Any]
    lines_file: Path
    report_file: Path

    def to_dict(self) -> dict[str, Any]:
        """Give the fields of ``evaluate_result.json``.

        Returns:
            PaddleX's ``metrics`` first, then what ocrx adds.
        """
        compared = None
        if self.compared is not None:
            compared = asdict(self.compared) | {"metrics": paddle_metrics(self.compared.metrics)}

        return {
            "metrics": paddle_metrics(self.metrics),
            "model": self.model,
            "dataset": self.dataset,
            "ignore_case": self.ignore_case,
            "analysis": self.analysis.to_dict(),
            "compared": compared,
            "calibrated": asdict(self.calibrated) if self.calibrated else None,
            "issues": [issue.to_dict() for issue in self.issues],
            "reproduce": self.reproduce,
            "lines": str(self.lines_file),
            "report": str(self.report_file),
        }


def paddle_metrics(metrics: Metrics) -> dict[str, Any]:
    """Name the metrics as PaddleX does.

    Args:
        metrics: The metrics.

    Returns:
        The accuracy as ``acc``, the rest under their own names.
    """
    fields = metrics.to_dict()
    return {"acc": fields.pop("accuracy"), **fields}


def run(config: Config, log: Callable[[str], None], progress: Progress | None = None) -> EvaluateReport:
    """Read the validation lines of a dataset, or all lines if it is not split, and compare them with their labels.

    Writes ``evaluate_result.json``, ``evaluate/lines.tsv`` and ``evaluate/report.html`` into ``Global.output``; with
    ``Evaluate.calibrate`` also the calibration into the model's folder.

    Args:
        config: The configuration.
        log: Takes one line that describes the model.
        progress: Called with (lines done, lines in all).

    Returns:
        The report.

    Raises:
        DataError: There are no labelled lines, or too few to calibrate on.
        OcrxError: The model, runtime or device is missing, or the model cannot be calibrated in place.
    """
    settings, output = config.Evaluate, Path(config.Global.output)
    samples, issues = _samples(config.Global.dataset_dir)
    model = find_model(settings.weight_path, key="Evaluate.weight_path")
    if settings.calibrate:
        _reject_calibration(model, len(samples))

    evaluated, backend = _evaluate(config, model, samples, log, progress)
    comparison, second = None, None
    if settings.compare is not None:
        second = find_model(settings.compare, key="Evaluate.compare")
        comparison = _compare(evaluated, _evaluate(config, second, samples, log, progress)[0])

    lines = evaluated.evaluation.lines
    report = EvaluateReport(
        model=evaluated.name,
        dataset=config.Global.dataset_dir,
        ignore_case=settings.ignore_case,
        metrics=evaluated.evaluation.metrics,
        analysis=evaluated.analysis,
        worst=tuple(lines[i] for i in worst_lines(lines, settings.worst)),
        failed=tuple(line for line in lines if line.error is not None),
        issues=issues,
        compared=_compared(comparison, second),
        calibrated=_calibrate(find_model_folder(model), lines) if settings.calibrate else None,
        reproduce=_reproduce(config, model, backend, samples),
        lines_file=output / "evaluate" / "lines.tsv",
        report_file=output / "evaluate" / "report.html",
    )

    report.lines_file.parent.mkdir(parents=True, exist_ok=True)
    write_file(report.lines_file, _table(lines))
    write_file(report.report_file, render_report(report.dataset, evaluated, comparison, settings.worst))
    write_result(output, "evaluate", report.to_dict())
    return report


def _samples(dataset_dir: str) -> tuple[tuple[Sample, ...], tuple[Issue, ...]]:
    if not dataset_dir:
        raise DataError("no dataset given", hint="ocrx evaluate DIR, or -o Global.dataset_dir=DIR")
    dataset = read_dataset(Path(dataset_dir))
    samples = dataset.val or dataset.train
    if not samples:
        raise DataError(f"{dataset_dir}: no labelled lines", hint="ocrx check-dataset says what is wrong")
    return samples, dataset.issues


def _evaluate(
    config: Config,
    model: Path,
    samples: Sequence[Sample],
    log: Callable[[str], None],
    progress: Progress | None,
) -> tuple[EvaluatedModel, Backend]:
    settings = config.Evaluate
    runtime = Runtime(settings.backend, config.Global.device, config.Global.threads)
    recognizer = open_recognizer(model, runtime, config.Decode)
    name, notice = describe(model, recognizer.backend), decoder_notice(recognizer.decoder)
    log(name)
    if notice:
        log(notice)

    evaluation = evaluate(recognizer, samples, settings.batch_size, progress, ignore_case=settings.ignore_case)
    return EvaluatedModel(name, evaluation, analyse(evaluation.lines, settings.wanted_precision)), recognizer.backend


def _reproduce(config: Config, model: Path, backend: Backend, samples: Sequence[Sample]) -> dict[str, Any]:
    hardware = processor_name() if backend.device == "cpu" else backend.device
    return {
        **environment(),
        "device": config.Global.device,
        "devices_used": [f"{backend.device} ({hardware})"],
        "backend": backend.name,
        "threads": backend.threads,
        "dataset_fingerprint": fingerprint(samples),
        "weights_fingerprint": weight_fingerprints(model),
    }


def _reject_calibration(model: Path, lines: int) -> None:
    """Raise before the long work if a calibration is impossible."""
    if is_embedded(model):
        raise ModelError(
            f"{model.name}: an embedded model cannot be changed",
            hint="copy its folder, then calibrate the copy: --model DIR",
        )
    if lines < MIN_LINES:
        raise DataError(f"{lines} labelled lines; calibrating needs at least {MIN_LINES}")


def _calibrate(folder: Path, lines: Sequence[LineResult]) -> CalibrationReport:
    calibration = fit_calibration(lines)
    quality = confidence_quality(lines, cross_validated_confidence(lines), cross_validated=True)
    if calibration is None or quality is None:
        raise DataError(f"fewer than {MIN_LINES} lines with any text; too few to calibrate on")
    store_calibration(folder, calibration)
    return CalibrationReport(str(folder), calibration, quality)


def _compare(first: EvaluatedModel, second: EvaluatedModel) -> Comparison:
    pairs = [(a.is_right, b.is_right) for a, b in zip(first.evaluation.lines, second.evaluation.lines, strict=True)]
    return Comparison(
        second=second,
        differences=intervals(first.evaluation.lines, second.evaluation.lines),
        only_first=sum(a and not b for a, b in pairs),
        only_second=sum(b and not a for a, b in pairs),
    )


def _compared(comparison: Comparison | None, model: Path | None) -> ModelComparison | None:
    if comparison is None or model is None:
        return None
    return ModelComparison(
        model=comparison.second.name,
        metrics=comparison.second.evaluation.metrics,
        differences=comparison.differences,
        only_first=comparison.only_first,
        only_second=comparison.only_second,
        weights_fingerprint=weight_fingerprints(model),
    )


def _table(lines: Sequence[LineResult]) -> str:
    """Every line as TSV; TAB, line ends and backslash are escaped."""
    rows = [_COLUMNS]
    for line in lines:
        confidence = line.details.confidence
        rows.append(
            (
                *(line.sample.source, str(line.sample.image), line.sample.text, line.prediction, f"{line.score:.4f}"),
                *(str(int(line.is_right)), line.error or ""),
                *("" if confidence is None else f"{confidence:.4f}", line.details.warning or ""),
            )
        )
    return "".join("\t".join(value.translate(ESCAPES) for value in row) + "\n" for row in rows)
