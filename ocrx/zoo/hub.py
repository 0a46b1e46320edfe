"""Downloads official weights from PaddlePaddle's repositories on the Hugging Face hub and from PaddleX's server.

The settings of ``huggingface_hub`` apply (``HF_ENDPOINT``, ``HF_HUB_OFFLINE``, ``HF_TOKEN``). ``OCRX_PADDLEX_URL``
names a mirror of PaddleX's server.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ocrx.errors import ModelError
from ocrx.zoo.catalog import CATALOG
from ocrx.zoo.downloading import Downloaded, MissingError, download

_LOG = logging.getLogger(__name__)

PADDLEX_SERVER = "https://paddle-model-ecology.bj.bcebos.com"
HUB_OWNER = "PaddlePaddle"

# Files of a model on the hub; each row lists alternatives. The settings come first because they are small.
_HUB_FILES = (("inference.yml",), ("inference.json", "inference.pdmodel"), ("inference.pdiparams",))
_SAFETENSORS_FILES = (("preprocessor_config.json",), ("config.json",), ("model.safetensors",))


class UnavailableError(ModelError):
    """A source does not have the model or cannot be reached; another one may."""


def fetch_from_hub(name: str, folder: Path) -> tuple[Path, Downloaded]:
    """Fetch a model in Paddle's inference format from the hub.

    Args:
        name: Name of the model.
        folder: Folder to download into.

    Returns:
        The file or folder to import, and the download of the weights.

    Raises:
        UnavailableError: This source does not have the model, or cannot be reached.
    """
    return _fetch_files(name, name, _HUB_FILES, folder)


def fetch_safetensors(name: str, folder: Path) -> tuple[Path, Downloaded]:
    """Fetch a model from the hub as safetensors.

    Args:
        name: Name of the model.
        folder: Folder to download into.

    Returns:
        The file or folder to import, and the download of the weights.

    Raises:
        UnavailableError: This source does not have the model, or cannot be reached.
    """
    if not CATALOG[name].weights.count("safetensors"):
        raise UnavailableError("not on the hub as safetensors")
    return _fetch_files(name, f"{name}_safetensors", _SAFETENSORS_FILES, folder / "safetensors")


def fetch_from_paddlex(name: str, folder: Path) -> tuple[Path, Downloaded]:
    """Fetch a model from PaddleX's server.

    Args:
        name: Name of the model.
        folder: Folder to download into.

    Returns:
        The file or folder to import, and the download of the weights.

    Raises:
        UnavailableError: This source does not have the model, or cannot be reached.
    """
    url = f"{PADDLEX_SERVER}/paddlex/official_inference_model/paddle3.0.0/{name}_infer.tar"
    announce(name, url)
    try:
        fetched = download(mirrored(url), folder / f"{name}_infer.tar")
    except ModelError as error:
        raise UnavailableError(error.message) from None
    # Record PaddleX's URL, whichever mirror served the file.
    return fetched.path, Downloaded(fetched.path, url, fetched.sha256, fetched.size)


def fetch_settings(name: str, folder: Path) -> None:
    """Fetch a model's ``inference.yml``, which holds its dictionary, from the hub.

    Args:
        name: Name of the model.
        folder: Folder to download into.

    Raises:
        UnavailableError: The hub does not have the file, or cannot be reached.
    """
    _fetch_files(name, name, _HUB_FILES[:1], folder)


def announce(name: str, url: str) -> None:
    """Log the start of a download, with its size and licence.

    Args:
        name: Name of the model.
        url: URL of the download.
    """
    entry = CATALOG.get(name)
    size = f"about {entry.download_megabytes:g} MB" if entry and entry.download_megabytes else "size unknown"
    licence = entry.licence if entry is not None and entry.licence else "licence unknown"
    _LOG.warning("%s: downloading from %s (%s, %s)", name, url, size, licence)


def hub_repository(name: str) -> str:
    """Name the repository of a model on the hub.

    Args:
        name: Name of the model.

    Returns:
        The repository, as ``OWNER/NAME``.
    """
    return f"{HUB_OWNER}/{name}"


def mirrored(url: str) -> str:
    """Point a URL on PaddleX's server to the configured mirror, if there is one.

    Args:
        url: Any URL.

    Returns:
        The URL to request.
    """
    mirror = os.environ.get("OCRX_PADDLEX_URL")
    return url.replace(PADDLEX_SERVER, mirror.rstrip("/"), 1) if mirror and url.startswith(PADDLEX_SERVER) else url


def _fetch_files(
    name: str, repository: str, files: tuple[tuple[str, ...], ...], folder: Path
) -> tuple[Path, Downloaded]:
    """Fetch one file of each row from a repository on the hub; the last row is the weights."""
    from huggingface_hub import constants, get_token, hf_hub_url  # slow to import

    if constants.HF_HUB_OFFLINE:
        raise UnavailableError("HF_HUB_OFFLINE is set")
    folder.mkdir(parents=True, exist_ok=True)
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    fetched = None
    for number, alternatives in enumerate(files):
        missing: ModelError | None = None
        for file in alternatives:
            url = hf_hub_url(f"{HUB_OWNER}/{repository}", file, endpoint=os.environ.get("HF_ENDPOINT"))
            if number == 0:
                announce(name, url.rpartition("/resolve/")[0])
            try:
                fetched = download(url, folder / file, headers=headers)
                missing = None
                break
            except MissingError as error:
                missing = error
            except ModelError as error:
                raise UnavailableError(error.message) from None
        if missing is not None:
            raise UnavailableError(missing.message)
    if fetched is None:
        raise UnavailableError("nothing to fetch")
    return folder, fetched
