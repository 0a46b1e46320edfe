"""``ocrx import``: converts official weights into a model folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from torch import nn

from ocrx.errors import ConfigError
from ocrx.export.graph import export_model
from ocrx.model_folder import INFERENCE_DIR, atomic_folder
from ocrx.model_spec import ModelSpec
from ocrx.models.model_io import load_model
from ocrx.zoo.catalog import CATALOG
from ocrx.zoo.importer import ImportReport, check_output, import_weights
from ocrx.zoo.sources import obtain, obtain_url

__all__ = ["ImportReport", "run"]


def run(
    source: str, output: str, *, name: str | None = None, charset: str | None = None, overwrite: bool = False
) -> ImportReport:
    """Convert official weights into a model folder with its ONNX export.

    Args:
        source: A file of weights, a ``.tar`` file, a folder, a hub id, a URL, or the name of an official model.
        output: The new model folder.
        name: The recipe that the weights belong to; detected by default.
        charset: A dictionary file, one character per line.
        overwrite: Replace a model folder.

    Returns:
        The report.

    Raises:
        OcrxError: ``source`` cannot be found or read, or does not fit; nothing was written then.
    """
    by_name = source in CATALOG and CATALOG[source].official and not Path(source).exists()
    if not by_name and "://" not in source:
        dictionary = Path(charset) if charset is not None else None
        return import_weights(
            source, Path(output), name=name, dictionary=dictionary, overwrite=overwrite, finish=_add_onnx
        )

    if name is not None or charset is not None:
        raise ConfigError(
            f"{source}: has its own name and dictionary; expected neither model nor charset",
            hint="to set others, download the file and import that",
        )
    check_output(Path(output), overwrite)
    return _copied(obtain(source) if by_name else obtain_url(source), source, Path(output))


def _copied(cached: Path, source: str, output: Path) -> ImportReport:
    """Copy a model out of the cache."""
    model, spec = load_model(cached)
    with atomic_folder(output) as folder:
        shutil.copytree(cached, folder, dirs_exist_ok=True)
    parameters = sum(p.numel() for p in model.parameters())
    return ImportReport(source, output, spec.name, spec.architecture, spec.classes, parameters, (), None)


def _add_onnx(model: nn.Module, spec: ModelSpec, folder: Path) -> None:
    export_model(model, spec, folder / INFERENCE_DIR)
