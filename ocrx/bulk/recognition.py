"""The reader of bulk jobs: a recognizer, and a description of everything that determines its texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ocrx.backends import available_cores, choose_backend
from ocrx.bulk.locations import file_digest, read_image_bytes
from ocrx.bulk.rows import Reading, Row, storable
from ocrx.config import Config
from ocrx.errors import DataError
from ocrx.imaging.reading import FrameReader
from ocrx.inference.discovery import find_model
from ocrx.inference.inputs import ImageInput
from ocrx.inference.opening import open_model
from ocrx.inference.recognizer import BATCH_SIZE, Recognizer
from ocrx.model_folder import INFERENCE_DIR, SPEC_FILE
from ocrx.version import __version__
from ocrx.zoo.languages import model_for_language

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MODEL_SUFFIXES = (".json", ".gz", ".safetensors", ".onnx", ".data", ".xml", ".bin", ".pt")


@dataclass(frozen=True)
class BulkReading:
    """How the lines of a job are read.

    Attributes:
        config: The configuration of all workers, with model and back end resolved.
        description: Everything that determines a text, as plain values; it identifies the job.
    """

    config: Config
    description: dict[str, Any]

    def open_reader(self) -> RecognizerReader:
        """Open the model, in the worker process.

        Returns:
            The reader.
        """
        return RecognizerReader(open_model(self.config)[1])


def settle_reading(config: Config, workers: int) -> BulkReading:
    """Resolve model and back end once for all workers; no model is loaded.

    Args:
        config: The configuration; its sections Global, Predict and Decode.
        workers: Number of workers that share the cores of this machine.

    Returns:
        The resolved configuration and its description.

    Raises:
        OcrxError: There is no such model, or an option is invalid.
    """
    settings, device = config.Predict, config.Global.device or "auto"
    name = settings.model_dir if settings.lang is None else model_for_language(settings.lang)
    model = find_model(None, name, key="Predict.model_dir").absolute()
    precision = settings.precision or "fp32"
    backend = settings.backend
    if backend == "auto" and model.is_dir():
        backend, precision = choose_backend(model, device, precision)
    settings = replace(
        settings,
        model_dir=str(model),
        lang=None,
        backend=backend,
        precision=precision if settings.precision or backend != "auto" else None,
        batch_size=settings.batch_size or BATCH_SIZE,
        use_hpip=False,  # tuned settings differ between machines
    )
    threads = config.Global.threads or max(1, available_cores() // workers)

    description = {
        "version": __version__,
        "model": _model_digest(model),
        "backend": backend,
        "precision": precision,
        "batch_size": settings.batch_size,
        "decode": _decode_description(config),
    }
    return BulkReading(replace(config, Predict=settings, Global=replace(config.Global, threads=threads)), description)


class RecognizerReader:
    """Reads rows with a recognizer."""

    def __init__(self, recognizer: Recognizer) -> None:
        """Wrap a recognizer.

        Args:
            recognizer: The recognizer.
        """
        self._recognizer = recognizer

    def read(self, rows: Iterable[Row]) -> Iterator[Reading]:
        """Read images; one that cannot be opened gives a reading with an error.

        Args:
            rows: The images; some hundreds are consumed ahead.

        Yields:
            One reading per image, in order.
        """
        inputs = map(image_input, rows)
        for found in self._recognizer.predict_inputs(inputs):
            error = None if found.error is None else storable(found.error)
            yield Reading(found.text, found.score, found.confidence, found.warning, found.matched, error)


def image_input(row: Row) -> ImageInput:
    """Create the image input of a row.

    Args:
        row: The row.

    Returns:
        The input; loading it raises DataError if the image is missing, damaged, or has several pages.
    """
    return ImageInput.of_file(partial(_content, row), row.name, _name(row))


def _name(row: Row) -> str:
    return row.name or f"row {row.id}"


def _content(row: Row) -> bytes:
    """Read the file of a row's image; raises DataError if it is missing or has several pages."""
    name = _name(row)
    if row.image is None:
        raise DataError(f"{name}: no image")
    content = row.image if isinstance(row.image, bytes) else read_image_bytes(row.image, name)
    if content.startswith(_TIFF_MAGIC) and FrameReader(content, name, most=2).count > 1:
        raise DataError(f"{name}: several pages; expected one line image")
    return content


def _model_digest(model: Path) -> str:
    """Hash the files of a model, and the name of the requested file."""
    folder = model if model.is_dir() else model.parent
    if folder.name == INFERENCE_DIR and (folder.parent / SPEC_FILE).is_file():
        folder = folder.parent
    files = [file for place in (folder, folder / INFERENCE_DIR) for file in sorted(place.glob("*"))]
    content = hashlib.sha256(b"" if model.is_dir() else model.name.encode())
    for file in files:
        if file.is_file() and file.suffix in _MODEL_SUFFIXES:
            content.update(f"{file.relative_to(folder).as_posix()} {file_digest(str(file))}\n".encode())
    return content.hexdigest()[:32]


def _decode_description(config: Config) -> dict[str, Any]:
    """Collect the decoding options that are set; files are represented by their hash."""
    options = {name: value for name, value in asdict(config.Decode).items() if value is not None}
    for name in ("lexicon", "lm"):
        if isinstance(options.get(name), str):
            options[name] = file_digest(options[name])
    return options
