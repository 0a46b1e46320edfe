"""Stores the fastest settings for a model on a machine, which ``ocrx benchmark --tune`` finds: ``tuned.json``."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.backends import own_cores
from ocrx.backends.processor import processor_name
from ocrx.errors import ModelError
from ocrx.files import read_json, write_json
from ocrx.model_folder import cache_folder, find_model_folder, is_embedded

TUNED_FILE = "tuned.json"


@dataclass(frozen=True)
class TunedSettings:
    """Back end, precision, threads and batch size, with their measured throughput."""

    backend: str
    precision: str
    threads: int
    batch_size: int
    lines_per_second: float


def save_tuned_settings(folder: Path, tuned: TunedSettings) -> Path:
    """Store the settings for this machine; those for other machines are kept.

    Args:
        folder: The model folder.
        tuned: The settings.

    Returns:
        The file: ``tuned.json`` in the folder, or in the user's cache for an embedded model.

    Raises:
        ModelError: The file cannot be written.
    """
    path = _place(folder)
    try:
        write_json(path, {**_read(path), machine(): asdict(tuned)})
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be written ({error.strerror})",
            hint="copy the model folder to a folder that you may write to",
        ) from None
    return path


def load_tuned_settings(model: Path) -> TunedSettings | None:
    """Read the settings for this machine.

    Args:
        model: A model folder or a file in one.

    Returns:
        The settings, or None for a model that was never tuned on this machine.

    Raises:
        ModelError: The file is damaged.
    """
    path = _place(find_model_folder(model))
    entry = _read(path).get(machine())
    if entry is None:
        return None
    try:
        return TunedSettings(**entry)
    except TypeError:
        raise ModelError(f"{path}: damaged", hint="run `ocrx benchmark --tune` again") from None


def machine() -> str:
    """Identify this machine by what tuned settings depend on.

    Returns:
        System, processor and number of cores.
    """
    return f"{platform.system()} {processor_name()}, {own_cores()} cores"


def _place(folder: Path) -> Path:
    """The file of the settings; nothing is written into the installed package."""
    if not is_embedded(folder):
        return folder / TUNED_FILE
    cache = cache_folder()
    if cache is None:
        raise ModelError(f"{folder}: no home folder to store settings in", hint="set XDG_CACHE_HOME to a folder")
    return cache / folder.name / TUNED_FILE


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        data = read_json(path, error=ModelError)
    except ModelError as error:
        raise ModelError(error.message, hint="run `ocrx benchmark --tune` again") from None
    return data if isinstance(data, dict) else {}
