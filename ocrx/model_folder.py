"""A model on disk: one folder that describes itself. Imports no torch, so that prediction with ONNX starts fast.

model.json          the ModelSpec
model.safetensors   the weights (the moving average of them, if the training kept one); embedded models have none, as
                    their ONNX file holds them
inference/          the exported model: model.onnx (with the spec in its metadata) and model.json
lm.json.gz          a bundled language model that decoding uses by default, if there is one (``ocrx lm``)
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ocrx.errors import DataError, ModelError
from ocrx.files import MAX_JSON_BYTES, file_digest, partial_folder, read_bytes
from ocrx.model_spec import ModelSpec

SPEC_FILE = "model.json"
WEIGHTS_FILE = "model.safetensors"
INFERENCE_DIR = "inference"
ONNX_FILE = "model.onnx"
LM_FILE = "lm.json.gz"
EMBEDDED_DIR = Path(__file__).parent / "zoo" / "weights"

_WEIGHT_SUFFIXES = (".safetensors", ".onnx", ".xml", ".bin", ".pt")
_FILE_SUFFIXES = (".pdparams", ".safetensors", ".json", ".onnx")
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def find_model_folder(path: Path) -> Path:
    """Find the model folder that a path means.

    Args:
        path: The folder, or a file in it. PaddleX's spellings are understood: both
            ``best_accuracy/best_accuracy.pdparams``, which need not exist, and ``best_accuracy/inference`` mean the
            folder ``best_accuracy``.

    Returns:
        The folder, which holds a ``model.json``.

    Raises:
        ModelError: There is no such folder, or it holds no model.
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
    """Find the language model that a model bundles.

    Args:
        model: A model folder, or an exported file.

    Returns:
        The language model in the folder, beside the exported file, or in the folder above ``inference``; None if
        there is none.
    """
    folder = model.parent if model.is_file() else model
    folders = (folder, folder.parent) if folder.name == INFERENCE_DIR else (folder,)
    return next((path for path in (place / LM_FILE for place in folders) if path.is_file()), None)


def weights_file(folder: Path) -> Path | None:
    """Find the file that holds the weights of a model for torch.

    Args:
        folder: The model folder.

    Returns:
        ``model.safetensors``; where it is missing, the ONNX file of a network in fused form, which holds the same
        weights; None if there is neither.

    Raises:
        ModelError: ``model.json`` is missing or not a spec.
    """
    weights, exported = folder / WEIGHTS_FILE, folder / INFERENCE_DIR / ONNX_FILE
    if weights.is_file():
        return weights
    fused = exported.is_file() and read_spec(folder).params.get("fused") is True
    return exported if fused else None


def weight_fingerprints(model: Path) -> dict[str, str]:
    """Hash what a model reads with: weights, exported networks and the bundled language model.

    Args:
        model: A model folder, or a file in one.

    Returns:
        Path within the folder → first 16 hexadecimal digits of a SHA-256, in the order of the names.
    """
    folder = model.parent if model.is_file() else model
    places = (folder, folder / INFERENCE_DIR)
    files = [model] if model.is_file() else [file for place in places for file in place.glob("model*.*")]
    read = {file for file in files if file.suffix in _WEIGHT_SUFFIXES and file.is_file()}
    if (language_model := bundled_language_model(model)) is not None:
        read.add(language_model)
    return {os.path.relpath(file, folder): file_digest(file)[:16] for file in sorted(read)}


def cache_folder() -> Path | None:
    """Find the folder for files that ocrx can make again.

    Returns:
        ``$XDG_CACHE_HOME/ocrx`` or ``~/.cache/ocrx``, whether it exists or not; None if the user has no home.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ocrx")
    except RuntimeError:
        return None


def is_embedded(folder: Path) -> bool:
    """Check whether a model is part of the installed package, which must not be written to.

    Args:
        folder: The model folder.

    Returns:
        True for an embedded model.
    """
    return folder.resolve().is_relative_to(EMBEDDED_DIR.resolve())


def local_exports(folder: Path) -> Path | None:
    """Find the folder for exports that ocrx itself makes of a model.

    Args:
        folder: The model folder.

    Returns:
        Its folder ``inference``; for an embedded model one in the user's cache, which is named after the network so
        that another version of the package does not read it. None if the user has no home.
    """
    if not is_embedded(folder):
        return folder / INFERENCE_DIR
    cache = cache_folder()
    return None if cache is None else cache / folder.name / file_digest(folder / INFERENCE_DIR / ONNX_FILE)[:16]


def export_places(folder: Path) -> Iterator[Path]:
    """List the folders in which exports of a model may lie.

    Args:
        folder: The model folder.

    Yields:
        The model folder, its folder ``inference``, and ``local_exports`` where that is another one.
    """
    yield folder
    yield folder / INFERENCE_DIR
    if is_embedded(folder) and (folder / INFERENCE_DIR / ONNX_FILE).is_file():
        made = local_exports(folder)
        if made is not None:
            yield made


def read_spec(folder: Path) -> ModelSpec:
    """Read the spec of a model folder.

    Args:
        folder: The model folder.

    Returns:
        The spec.

    Raises:
        ModelError: ``model.json`` is missing, unreadable or not a spec.
    """
    path = folder / SPEC_FILE
    content = read_bytes(path, max_bytes=MAX_JSON_BYTES, error=ModelError)
    return ModelSpec.from_json(content, str(path))


def reject_file(target: Path) -> None:
    """Refuse to write a folder where a file exists.

    Args:
        target: The folder to be written.

    Raises:
        DataError: ``target`` is a file.
    """
    if target.exists() and not target.is_dir():
        raise DataError(f"{target}: is a file; expected a folder", hint="name another one")


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Write a folder under another name and put it in place in one step when the block ends well.

    A kill or a full disk at any moment leaves the complete old folder or the complete new one.

    Args:
        target: The folder to create or replace. If it is a link, the folder that it points to is replaced.

    Yields:
        The empty folder to write to.

    Raises:
        DataError: ``target`` is a file; raised before the block runs.
    """
    reject_file(target)
    # The link stays, and the data is written on the disk that it points to.
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)

    with partial_folder(target.parent) as partial:
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                _sync(file)

        if target.exists():
            _exchange(partial, target)
        else:
            partial.rename(target)


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, old: Path) -> None:
    """Swap two folders atomically if the system can; otherwise move the old one aside first."""
    rename: Callable[..., int] | None = None
    if sys.platform == "linux":
        rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        done = rename(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old), _RENAME_EXCHANGE)
        if done == 0:
            return

    aside = old.with_name(f".{old.name}.{os.urandom(4).hex()}.old")
    old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)
