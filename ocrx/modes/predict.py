"""``ocrx predict``: images to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ocrx.config import Config
from ocrx.decoding.factory import decoder_notice
from ocrx.errors import ConfigError, DataError
from ocrx.inference.inputs import Input
from ocrx.inference.opening import describe, open_model
from ocrx.inference.results import Prediction


@dataclass(frozen=True)
class PredictRun:
    """A prediction that is under way. ``model`` says what reads; ``results`` come lazily, in order."""

    model: str
    results: Iterator[Prediction]


def run(config: Config, inputs: Input | None = None) -> PredictRun:
    """Open the model that ``config.Predict`` names and read ``inputs`` (default: ``Predict.input``).

    With ``Predict.save_dir`` a JSON file and a picture of each line with ``Predict.min_score`` are written there.
    Raises ConfigError without anything to read; DataError where ``save_dir`` cannot be a folder; OcrxError where
    model, runtime or device are missing.
    """
    settings = config.Predict
    source = inputs or settings.input
    if not source:
        raise ConfigError("nothing to read", hint="give images, folders, patterns, URLs, @list.txt or - for stdin")
    model, recognizer = open_model(config)
    results = recognizer.predict(source, settings.batch_size, split_lines=settings.split_lines)
    if settings.save_dir is not None:
        results = _saved(results, _made(Path(settings.save_dir)), settings.min_score)
    said = "; ".join(filter(None, (describe(model, recognizer.backend), decoder_notice(recognizer.decoder))))
    return PredictRun(said, results)


def _made(folder: Path) -> Path:
    """``folder``, made here: a result would take a name such as ``x.png`` for that of a file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: no folder can be made ({error.strerror})", hint="name another --save-dir") from None
    return folder


def _saved(results: Iterator[Prediction], folder: Path, min_score: float) -> Iterator[Prediction]:
    for result in results:
        if result.error is not None:
            result.save_to_json(folder)
        elif result.score >= min_score:
            result.save_to_json(folder)
            result.save_to_img(folder)
        yield result
