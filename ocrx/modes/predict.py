"""``ocrx predict``: images to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ocrx.config import Config
from ocrx.decoding.factory import decoder_notice
from ocrx.errors import ConfigError, DataError
from ocrx.inference.inputs import Input
from ocrx.inference.opening import calibration_notice, describe, open_model
from ocrx.inference.results import Prediction


@dataclass(frozen=True)
class PredictRun:
    """A prediction that is under way.

    Attributes:
        model: Says which model reads, and on what.
        calibration: Says that the model has no calibration, where it has none.
        results: The predictions, lazily and in order.
    """

    model: str
    calibration: str | None
    results: Iterator[Prediction]


def run(config: Config, inputs: Input | None = None) -> PredictRun:
    """Open the model of ``config.Predict`` and start to read.

    With ``Predict.save_dir`` a JSON file and a picture of each line with at least ``Predict.min_score`` are written
    there, and a JSON file of each failure; where the lines of pages are detected, of each page.

    Args:
        config: The configuration.
        inputs: What to read; default: ``Predict.input``.

    Returns:
        The prediction under way.

    Raises:
        ConfigError: There is nothing to read.
        DataError: ``save_dir`` cannot be a folder.
        OcrxError: Model, runtime, device or the extra ``page`` are missing.
    """
    settings = config.Predict
    source = inputs or settings.input
    if not source:
        raise ConfigError("nothing to read", hint="give images, folders, patterns, URLs, @list.txt or - for stdin")

    model, recognizer = open_model(config)
    results = recognizer.predict(
        source,
        settings.batch_size,
        lines=settings.lines,
        orientation=settings.orientation,
        split_lines=settings.split_lines,
    )
    if settings.save_dir is not None:
        save = _saved_pages if settings.lines == "detect" else _saved
        results = save(results, _create_folder(Path(settings.save_dir)), settings.min_score)
    others = "" if recognizer.others is None else f"lines of low confidence: {', '.join(recognizer.others.names)} too"
    effort = "lines of low confidence: read twice" if recognizer.effort == "high" else ""
    notices = (describe(model, recognizer.backend), decoder_notice(recognizer.decoder), effort, others)
    calibration = calibration_notice(settings.model_dir or str(model), recognizer)
    return PredictRun("; ".join(filter(None, notices)), calibration, results)


def _create_folder(folder: Path) -> Path:
    """Create ``folder`` before a result takes a name such as ``x.png`` for that of a file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: no folder can be made ({error.strerror})", hint="name another --save-dir") from None
    return folder


def _saved(results: Iterator[Prediction], folder: Path, min_score: float) -> Iterator[Prediction]:
    """Save the results as they pass."""
    for result in results:
        if result.error is not None or result.score >= min_score:
            result.save_all(folder)
        yield result


def _saved_pages(results: Iterator[Prediction], folder: Path, min_score: float) -> Iterator[Prediction]:
    """Save pages once all their lines have passed."""
    from ocrx.inference.page_results import group_pages  # only where pages are saved

    for page in group_pages(results):
        kept = tuple(line for line in page.lines if line.score >= min_score)
        replace(page, lines=kept).save_all(folder)
        yield from page.lines or (page.source,)
