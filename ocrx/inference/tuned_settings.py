"""The fastest way to read with a model on a machine, as ``ocrx benchmark --tune`` found it: ``tuned.json``."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocrx.backends import own_cores
from ocrx.errors import ModelError
from ocrx.model_folder import find_model_folder, is_embedded
from ocrx.results import write_json

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
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "ocrx", folder.name, TUNED_FILE)


def machine() -> str:
    """Processor and number of cores: what tuned settings depend on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{platform.system()} {name}, {own_cores()} cores"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: damaged ({error})", hint="run `ocrx benchmark --tune` again") from None
    return data if isinstance(data, dict) else {}
