"""A model on disk: one folder that describes itself. No torch here, so that ONNX prediction starts fast.

model.json          the ModelSpec
model.safetensors   weights (EMA weights where used)
inference/          the exported model: model.onnx (the spec in its metadata) and model.json
lm.json.gz          a language model that the network is read with, where there is one (`ocrx lm`)
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ocrx.errors import ConfigError, DataError, ModelError
from ocrx.model_spec import ModelSpec

SPEC_FILE = "model.json"
WEIGHTS_FILE = "model.safetensors"
INFERENCE_DIR = "inference"
ONNX_FILE = "model.onnx"
LM_FILE = "lm.json.gz"
EMBEDDED_DIR = Path(__file__).parent / "zoo" / "weights"

_FILE_SUFFIXES = (".pdparams", ".safetensors", ".json", ".onnx")
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def find_model_folder(path: Path) -> Path:
    """The model folder that ``path`` means: the folder itself, or the one around a file in it.

    PaddleX's spellings are understood: ``best_accuracy/best_accuracy.pdparams`` and ``best_accuracy/inference``
    name the folder ``best_accuracy`` even where that file does not exist.
    Raises ModelError that says what is missing.
    """
    folder = path.parent if path.is_file() or path.suffix in _FILE_SUFFIXES else path
    if folder.name == INFERENCE_DIR and (folder.parent / SPEC_FILE).is_file():
        folder = folder.parent
    if not folder.is_dir():
        raise ModelError(f"{path}: no such model folder", hint="train one with `ocrx train`, or see `ocrx models`")
    if not (folder / SPEC_FILE).is_file():
        raise ModelError(f"{path}: not an ocrx model ({folder / SPEC_FILE} is missing)")
    return folder


def bundled_language_model(model: Path) -> Path | None:
    """The language model in a model folder, or beside an exported file or above its folder; None without one."""
    folder = model.parent if model.is_file() else model
    folders = (folder, folder.parent) if folder.name == INFERENCE_DIR else (folder,)
    return next((path for path in (place / LM_FILE for place in folders) if path.is_file()), None)


def reject_url(key: str, source: str, otherwise: str | None = None) -> None:
    """Raise ConfigError for a web address, which the setting ``key`` cannot be; ``otherwise`` is what to do then."""
    if "://" in source:
        setting = f"-o {key}" if "." in key else key
        then = otherwise or f"then give its folder: {setting}=DIR"
        raise ConfigError(
            f"{key}: {source} is not downloaded", hint=f"import it with `ocrx import FILE --output DIR`, {then}"
        )


def cache_folder() -> Path | None:
    """Where files lie that ocrx can make again: ``$XDG_CACHE_HOME/ocrx`` or ``~/.cache/ocrx``; None without a home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ocrx")
    except RuntimeError:
        return None


def is_embedded(folder: Path) -> bool:
    """Whether a model folder is part of the installed package, which nothing is written into."""
    return folder.resolve().is_relative_to(EMBEDDED_DIR.resolve())


def read_spec(folder: Path) -> ModelSpec:
    """The spec of a model folder."""
    path = folder / SPEC_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None
    return ModelSpec.from_json(text, str(path))


def reject_file(target: Path) -> None:
    """Raise DataError where a file stands that a folder is to be written to."""
    if target.exists() and not target.is_dir():
        raise DataError(f"{target}: is a file; expected a folder", hint="name another one")


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Write a folder under another name and put it in place in one step when the block ends well.

    A kill or a full disk at any moment leaves the complete old folder or the complete new one.
    Raises DataError before the block where ``target`` is a file.
    """
    reject_file(target)
    # Beside what a link points at: the link stays, and the data gets onto its disk.
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    partial.mkdir()
    try:
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                _sync(file)
        if target.exists():
            _exchange(partial, target)
        else:
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders atomically where the system can; else move the old one aside first."""
    rename: Callable[..., int] | None = None
    if sys.platform == "linux":
        rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        done = rename(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE)
        if done == 0:
            return
    aside = old.with_name(f".{old.name}.{uuid.uuid4().hex[:8]}.old")
    old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)
