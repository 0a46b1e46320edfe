"""A recognizer for ``ray.data`` and other frameworks that map a class over batches of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrx.bulk.locations import absolute
from ocrx.bulk.recognition import image_input
from ocrx.bulk.rows import Row
from ocrx.config import DecodeOptions
from ocrx.errors import ConfigError
from ocrx.inference.inputs import ImageInput, from_array
from ocrx.inference.opening import create_model
from ocrx.inference.results import Prediction

Batch = Mapping[str, npt.NDArray[Any]]


class LineReader:
    """Adds the text of line images to batches of columns.

    The texts are those of ``ocrx bulk``, whatever the batches. What is retried or kept after a crash is up to the
    calling framework.

        dataset.map_batches(LineReader, fn_constructor_kwargs={"column": "image"}, batch_size=256, concurrency=4)
    """

    def __init__(
        self,
        model: str | Path | None = None,
        column: str = "image",
        *,
        options: DecodeOptions | None = None,
        device: str | None = None,
        threads: int | None = 1,
    ) -> None:
        """Open the model; the framework calls this once in each worker.

        Args:
            model: Name of a model, or its folder; by default the embedded one.
            column: The column with paths, URLs, bytes or arrays.
            options: Decoding options.
            device: ``cpu``, ``gpu``, ... ; by default the best available one.
            threads: Processor cores of this worker; None for all.

        Raises:
            OcrxError: The model, its runtime or the device is missing.
        """
        recognizer = create_model(model if model is None else str(model), device=device, threads=threads)
        if options is not None:
            recognizer = recognizer.with_options(options)
        self._reader = recognizer
        self._column = column

    def __call__(self, batch: Batch) -> dict[str, npt.NDArray[Any]]:
        """Read a batch.

        Args:
            batch: Columns of the same length.

        Returns:
            The columns, and in addition ``rec_text``, ``rec_score``, ``confidence`` (NaN without calibration),
            ``warning`` and ``error`` (None if there is none).

        Raises:
            ConfigError: There is no such column.
        """
        if self._column not in batch:
            raise ConfigError(f"column: {self._column!r}; expected one of {', '.join(batch)}")
        found = list(self._read(batch[self._column]))

        confidences = [np.nan if one.confidence is None else one.confidence for one in found]
        return {
            **batch,
            "rec_text": _objects([one.text for one in found]),
            "rec_score": np.array([one.score for one in found], dtype=np.float64),
            "confidence": np.array(confidences, dtype=np.float64),
            "warning": _objects([one.warning for one in found]),
            "error": _objects([one.error for one in found]),
        }

    def _read(self, images: npt.NDArray[Any]) -> Iterator[Prediction]:
        inputs = [_input(number, image) for number, image in enumerate(images)]
        return self._reader.predict_inputs(inputs)


def _input(number: int, image: Any) -> ImageInput:
    """Create the input of a cell: an array, bytes, a path, or bytes and path as in datasets of Hugging Face."""
    if isinstance(image, np.ndarray):
        return ImageInput(partial(from_array, image))
    path = image.get("path") if isinstance(image, Mapping) else image
    content = image.get("bytes") if isinstance(image, Mapping) else image
    name = path if isinstance(path, str) else None
    if not isinstance(content, bytes):
        content = None if name is None else absolute(name)
    return image_input(Row(str(number), name, content))


def _objects(values: Sequence[Any]) -> npt.NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
