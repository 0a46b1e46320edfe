"""``ocrx evaluate``: a model against labelled lines, with a report to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.backends import open_backend
from ocrx.config import Config
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.decoding.factory import build_decoder, decoder_notice
from ocrx.errors import DataError
from ocrx.evaluation.analysis import Analysis, Interval, analyse, intervals
from ocrx.evaluation.evaluate import LineResult, evaluate
from ocrx.evaluation.html_report import Comparison, EvaluatedModel, render_report, worst_lines
from ocrx.files import write_file
from ocrx.inference.discovery import find_model
from ocrx.inference.opening import describe
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import bundled_language_model
from ocrx.results import Issue, Progress, write_result
from ocrx.text.charset import Charset
from ocrx.text.metrics import Metrics

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class ModelComparison:
    """A second model on the same lines; ``differences`` are 95 % intervals of its metrics minus the first one's."""

    model: str
    metrics: Metrics
    differences: dict[str, Interval]
    only_first: int
    only_second: int


@dataclass(frozen=True)
class EvaluateReport:
    """``issues`` are what reading the label files found; lines they name are not among the evaluated ones."""

    model: str
    dataset: str
    metrics: Metrics
    analysis: Analysis
    worst: tuple[LineResult, ...]
    failed: tuple[LineResult, ...]
    issues: tuple[Issue, ...]
    compared: ModelComparison | None
    lines_file: Path
    report_file: Path

    def to_dict(self) -> dict[str, Any]:
        """What ``evaluate_result.json`` holds: PaddleX's ``metrics`` first."""
        return {
            "metrics": paddle_metrics(self.metrics),
            "model": self.model,
            "dataset": self.dataset,
            "analysis": self.analysis.to_dict(),
            "compared": asdict(self.compared) | {"metrics": paddle_metrics(self.compared.metrics)}
            if self.compared
            else None,
            "issues": [issue.to_dict() for issue in self.issues],
            "lines": str(self.lines_file),
            "report": str(self.report_file),
        }


def paddle_metrics(metrics: Metrics) -> dict[str, Any]:
    """The metrics under PaddleX's name ``acc`` for the accuracy, the rest under their own."""
    fields = metrics.to_dict()
    return {"acc": fields.pop("accuracy"), **fields}


def run(config: Config, log: Callable[[str], None], progress: Progress | None = None) -> EvaluateReport:
    """Read the validation lines of ``Global.dataset_dir`` (all lines where none are set apart) and compare.

    ``log`` gets one line that says which model reads. Writes ``evaluate_result.json``, ``evaluate/lines.tsv`` and
    ``evaluate/report.html`` into ``Global.output``. Raises DataError where there is nothing to evaluate; other
    OcrxErrors where model, runtime or device are missing.
    """
    settings, output = config.Evaluate, Path(config.Global.output)
    samples, issues = _samples(config.Global.dataset_dir)
    judged = _judge(config, find_model(settings.weight_path, key="Evaluate.weight_path"), samples, log, progress)
    comparison = None
    if settings.compare is not None:
        second = find_model(settings.compare, key="Evaluate.compare")
        comparison = _compare(judged, _judge(config, second, samples, log, progress))
    lines = judged.evaluation.lines
    report = EvaluateReport(
        model=judged.name,
        dataset=config.Global.dataset_dir,
        metrics=judged.evaluation.metrics,
        analysis=judged.analysis,
        worst=tuple(lines[i] for i in worst_lines(lines, settings.worst)),
        failed=tuple(line for line in lines if line.error is not None),
        issues=issues,
        compared=_compared(comparison),
        lines_file=output / "evaluate" / "lines.tsv",
        report_file=output / "evaluate" / "report.html",
    )
    report.lines_file.parent.mkdir(parents=True, exist_ok=True)
    write_file(report.lines_file, _table(lines))
    html = render_report(report.dataset, judged, comparison, settings.worst)
    write_file(report.report_file, html)
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


def _judge(
    config: Config,
    model: Path,
    samples: Sequence[Sample],
    log: Callable[[str], None],
    progress: Progress | None,
) -> EvaluatedModel:
    backend = open_backend(model, config.Evaluate.backend, config.Global.device, config.Global.threads)
    name = describe(model, backend)
    log(name)
    decoder = build_decoder(Charset.from_spec(backend.spec), config.Decode, bundled_language_model(model))
    if decoder_notice(decoder):
        log(decoder_notice(decoder))
    evaluation = evaluate(Recognizer(backend, decoder), samples, config.Evaluate.batch_size, progress)
    return EvaluatedModel(name, evaluation, analyse(evaluation.lines, config.Evaluate.wanted_precision))


def _compare(first: EvaluatedModel, second: EvaluatedModel) -> Comparison:
    pairs = [(a.is_right(), b.is_right()) for a, b in zip(first.evaluation.lines, second.evaluation.lines, strict=True)]
    return Comparison(
        second=second,
        differences=intervals(first.evaluation.lines, second.evaluation.lines),
        only_first=sum(a and not b for a, b in pairs),
        only_second=sum(b and not a for a, b in pairs),
    )


def _compared(comparison: Comparison | None) -> ModelComparison | None:
    if comparison is None:
        return None
    return ModelComparison(
        model=comparison.second.name,
        metrics=comparison.second.evaluation.metrics,
        differences=comparison.differences,
        only_first=comparison.only_first,
        only_second=comparison.only_second,
    )


def _table(lines: Sequence[LineResult]) -> str:
    """Every line: source, image, label, prediction, score, exact, error; TAB, line ends and backslash are escaped."""
    rows = [("source", "image", "truth", "prediction", "score", "exact", "error")]
    for line in lines:
        values = (line.sample.source, str(line.sample.image), line.sample.text, line.prediction, f"{line.score:.4f}")
        rows.append((*values, str(int(line.is_right())), line.error or ""))
    return "".join("\t".join(value.translate(_ESCAPES) for value in row) + "\n" for row in rows)
