"""``ocrx import``: official weights to an ocrx model folder."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ocrx.export.graph import export_model
from ocrx.model_folder import INFERENCE_DIR
from ocrx.model_spec import ModelSpec
from ocrx.zoo.importer import ImportReport, import_weights

__all__ = ["ImportReport", "run"]


def run(
    source: str, output: str, *, name: str | None = None, charset: str | None = None, overwrite: bool = False
) -> ImportReport:
    """Import ``source`` (a file, a folder or a hub id) into the folder ``output``, with its ONNX file to predict with.

    ``name`` is the recipe that the weights belong to, where trying all is not wanted; ``charset`` a dictionary file.
    Raises ModelError, DataError or ConfigError; then nothing was written.
    """
    dictionary = Path(charset) if charset is not None else None
    return import_weights(source, Path(output), name=name, dictionary=dictionary, overwrite=overwrite, finish=_add_onnx)


def _add_onnx(model: nn.Module, spec: ModelSpec, folder: Path) -> None:
    export_model(model, spec, folder / INFERENCE_DIR)
