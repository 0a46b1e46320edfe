"""The fastest way to read with a model on a machine, as ``ocrx benchmark --tune`` found it: ``tuned.json``."""

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
    """Back end, precision, threads and batch size, and how fast they were."""

    backend: str
    precision: str
    threads: int
    batch_size: int
    lines_per_second: float


def save_tuned_settings(folder: Path, tuned: TunedSettings) -> Path:
    """Write ``tuned.json`` for a model folder; settings for other machines stay. Raises ModelError if it cannot."""
    path = _place(folder)
    try:
        write_json(path, {**_read(path), machine(): asdict(tuned)})
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be written ({error.strerror})", hint="copy the model folder to a place of yours"
        ) from None
    return path


def load_tuned_settings(model: Path) -> TunedSettings | None:
    """What was found for this machine and a model folder, or a file in one; None where it was never tuned."""
    path = _place(find_model_folder(model))
    entry = _read(path).get(machine())
    if entry is None:
        return None
    try:
        return TunedSettings(**entry)
    except TypeError:
        raise ModelError(f"{path}: damaged", hint="run `ocrx benchmark --tune` again") from None


def _place(folder: Path) -> Path:
    """In the folder itself; for an embedded model in the user's cache, because an installation is not written into."""
    if not is_embedded(folder):
        return folder / TUNED_FILE
    cache = cache_folder()
    if cache is None:
        raise ModelError(f"{folder}: no home folder to keep settings in", hint="set XDG_CACHE_HOME to a folder")
    return cache / folder.name / TUNED_FILE


def machine() -> str:
    """Processor and number of cores: what tuned settings depend on."""
    return f"{platform.system()} {processor_name()}, {own_cores()} cores"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        data = read_json(path, error=ModelError)
    except ModelError as error:
        raise ModelError(error.message, hint="run `ocrx benchmark --tune` again") from None
    return data if isinstance(data, dict) else {}
