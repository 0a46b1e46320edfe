"""``ocrx predict``: images to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocrx.config import Config
from ocrx.ctc.decoder import decoder_for, remark_of
from ocrx.errors import ConfigError
from ocrx.inference.inputs import Input
from ocrx.inference.recognizer import create_model, describe, find_model
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
    model = find_model(None, settings.model_dir, key="Predict.model_dir")
    recognizer = create_model(
        model_dir=model,
        device=config.Global.device,
        use_hpip=settings.use_hpip,
        backend=settings.backend,
        threads=config.Global.threads,
        precision=settings.precision,
    )
    decoder = decoder_for(recognizer.charset, config.Decode)
    recognizer = recognizer.with_decoder(decoder)
    results = recognizer.predict(
        source, None if settings.use_hpip else settings.batch_size, split_lines=settings.split_lines
    )
    said = "; ".join(filter(None, (describe(model, recognizer.backend), remark_of(decoder))))
    return PredictRun(said, _saved(results, settings.save_dir))


def _saved(results: Iterator[Prediction], save_dir: str | None) -> Iterator[Prediction]:
    for result in results:
        if save_dir is not None:
            result.save_to_json(save_dir)
            if result.error is None:
                result.save_to_img(save_dir)
        yield result
