"""``ocrx predict``: images to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ocrx.config import Config
from ocrx.errors import ConfigError
from ocrx.inference.backends import Backend
from ocrx.inference.inputs import Input
from ocrx.inference.recognizer import create_model, find_model
from ocrx.inference.results import Prediction


@dataclass(frozen=True)
class PredictRun:
    """A prediction that is under way. ``model`` says what reads; ``results`` come lazily, in order."""

    model: str
    results: Iterator[Prediction]


def run(config: Config, inputs: Input | None = None) -> PredictRun:
    """Open the model that ``config.Predict`` names and read ``inputs`` (default: ``Predict.input``).

    With ``Predict.save_dir`` a JSON file and a picture of each line are written there.
    Raises ConfigError without anything to read; OcrxError where model, runtime or device are missing.
    """
    settings = config.Predict
    source = inputs or settings.input
    if not source:
        raise ConfigError("nothing to read", hint="give images, folders, patterns, URLs, @list.txt or - for stdin")
    folder = find_model(None, settings.model_dir)
    recognizer = create_model(
        model_dir=folder,
        device=config.Global.device,
        use_hpip=settings.use_hpip,
        backend=settings.backend,
        threads=config.Global.threads,
    )
    results = recognizer.predict(source, settings.batch_size, split_lines=settings.split_lines)
    return PredictRun(describe(folder, recognizer.backend), _saved(results, settings.save_dir))


def describe(folder: Path, backend: Backend) -> str:
    """Which model reads, and on what: one line for stderr."""
    name = f" ({backend.spec.name})" if backend.spec.name else ""
    threads = f"{backend.threads} thread{'s' if backend.threads != 1 else ''}"
    return f"model {folder}{name}, {backend.name}, {threads}"


def _saved(results: Iterator[Prediction], save_dir: str | None) -> Iterator[Prediction]:
    for result in results:
        if save_dir is not None:
            result.save_to_json(save_dir)
            if result.error is None:
                result.save_to_img(save_dir)
        yield result
