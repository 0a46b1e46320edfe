"""Pretrained weights: finds the model to fine-tune and loads its weights into the new network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ocrx.errors import ModelError, OcrxError
from ocrx.inference.discovery import find_model
from ocrx.model_folder import SPEC_FILE, find_model_folder
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model
from ocrx.models.model_io import load_model
from ocrx.models.resnet_bilstm import ResNetBiLSTM
from ocrx.zoo.archive import is_tar
from ocrx.zoo.importer import import_weights
from ocrx.zoo.sources import obtain_url
from ocrx.zoo.weight_files import fetch_from_hub

IMPORTED_DIR = "start"


def resolve_pretrained(source: str, output: Path) -> Path:
    """Find the model folder that ``Train.pretrain_weight_path`` means, and import weights that are not in ocrx's form.

    Args:
        source: A model folder or a file in one, the name of a model, a file of official weights (see ``ocrx import``),
            a hub id ``OWNER/NAME``, or the URL of a file of weights. If no dictionary comes with a file, the output
            layer is trained from scratch.
        output: Output folder of the training. A file or hub model is imported into ``output/start``, a ``.tar`` file
            or URL into the cache.

    Returns:
        The model folder.

    Raises:
        ConfigError: The URL is not that of a file of weights.
        ModelError: There is no such model, or it cannot be imported.
    """
    key = "Train.pretrain_weight_path"
    if "://" in source:
        return obtain_url(source, needs_characters=False)
    path = Path(source)

    if _is_hub_id(path):
        path = _from_hub(source)
        if (path / SPEC_FILE).is_file():
            return path
    elif is_tar(path) or not path.is_file() or (path.parent / SPEC_FILE).is_file():
        return find_model_folder(find_model(source, key=key))

    imported = output / IMPORTED_DIR
    import_weights(str(path), imported, overwrite=True, without_characters=True)
    return imported


def _is_hub_id(path: Path) -> bool:
    """Whether a path looks like OWNER/NAME, and there is no folder OWNER here."""
    return (
        re.fullmatch(r"[\w.-]+/[\w.-]+", path.as_posix()) is not None and not path.suffix and not path.parent.exists()
    )


def _from_hub(name: str) -> Path:
    try:
        return fetch_from_hub(name)
    except OcrxError as error:
        message = f"Train.pretrain_weight_path: no folder {name}; on the hub: {error.message}"
        raise type(error)(message, hint=error.hint) from None


def is_backbone(source: str, architecture: str) -> bool:
    """Whether a source means torchvision's weights for the backbone instead of a model.

    Args:
        source: The value of ``Train.pretrain_weight_path``.
        architecture: Name of the architecture.

    Returns:
        True for ``imagenet``, and for a ``.pth`` file with ``resnet_bilstm``.
    """
    return source == "imagenet" or (architecture == "resnet_bilstm" and Path(source).suffix in (".pth", ".pt"))


def load_backbone(model: nn.Module, source: str) -> str:
    """Load torchvision's weights into the backbone of a network.

    Args:
        model: The network, changed in place.
        source: ``imagenet``, or a ``.pth`` file of torchvision.

    Returns:
        One line for the log.

    Raises:
        ModelError: The architecture takes no such weights, or they are missing or do not fit.
    """
    if not isinstance(model, ResNetBiLSTM):
        raise ModelError(f"{source}: weights of torchvision; expected the architecture resnet_bilstm, which takes them")
    model.load_pretrained(source)
    return f"pretrained weights from {source}: the backbone alone, the rest starts from random weights"


def load_pretrained(model: nn.Module, spec: ModelSpec, folder: Path) -> str:
    """Load the weights of another model; rows of the head are mapped by character.

    Rows of new characters keep their random weights. A network in fused form takes the folded weights of a model in
    training form.

    Args:
        model: The network, changed in place.
        spec: Its spec.
        folder: The folder of the pretrained model.

    Returns:
        One line for the log: how many characters were kept, are new, and were dropped.

    Raises:
        ModelError: The networks differ in more than their characters.
    """
    other, other_spec = load_model(folder)
    if spec.params.get("fused") and not other_spec.params.get("fused"):
        other = other.fuse()
    own, given = model.state_dict(), other.state_dict()
    if set(own) != set(given):
        raise ModelError(f"{folder}: {other_spec.architecture} does not fit Model.architecture {spec.architecture}")
    number = {character: i for i, character in enumerate(other_spec.charset, start=1)}
    kept = [i for i, c in enumerate(spec.charset, start=1) if c in number]
    known = [number[c] for c in spec.charset if c in number]
    head = _tensors_of_the_head(spec)

    for name, value in given.items():
        if own[name].shape[1:] != value.shape[1:] or (name not in head and own[name].shape != value.shape):
            raise ModelError(f"{folder}: {name} is {tuple(value.shape)}, expected {tuple(own[name].shape)}")
        if name not in head:
            own[name].copy_(value)
            continue
        own[name][[0, *kept]] = value[[0, *known]]

    model.load_state_dict(own)
    dropped = len(other_spec.charset) - len(kept)
    new = len(spec.charset) - len(kept)
    return f"pretrained weights from {folder}: {len(kept)} characters kept, {new} new, {dropped} dropped"


def _tensors_of_the_head(spec: ModelSpec) -> set[str]:
    """Names of the tensors with one row per class: those whose shape depends on the number of characters."""
    with torch.device("meta"):
        shapes = [
            {name: value.shape for name, value in build_model(one).state_dict().items()}
            for one in (spec, replace(spec, charset=(*spec.charset, "\0")))
        ]
    return {name for name, shape in shapes[0].items() if shapes[1][name] != shape}
