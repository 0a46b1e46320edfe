"""Where a fine-tuning starts: which model that is, and how its weights get into the new network."""

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
from ocrx.zoo.importer import import_weights
from ocrx.zoo.sources import obtain_url
from ocrx.zoo.weight_files import fetch_from_hub

IMPORTED_DIR = "start"


def resolve_pretrained(source: str, output: Path) -> Path:
    """The model folder that ``Train.pretrain_weight_path`` means.

    ``source`` is a model folder or a file in one, the name of a model, a file of official weights (see
    ``ocrx import``), a hub id ``OWNER/NAME``, or the web address of a file of weights. What is not an ocrx model yet is
    imported into ``output/start``; from the web, into the cache.
    Raises ConfigError for another address, ModelError where there is no such model.

    Args:
        source: What to start from.
        output: Folder of the training.

    Returns:
        The model folder.
    """
    key = "Train.pretrain_weight_path"
    if "://" in source:
        return obtain_url(source, needs_characters=False)
    path = Path(source)

    if _is_hub_id(path):
        path = _from_hub(source)
        if (path / SPEC_FILE).is_file():
            return path
    elif not path.is_file() or (path.parent / SPEC_FILE).is_file():
        return find_model_folder(find_model(source, key=key))

    imported = output / IMPORTED_DIR
    import_weights(str(path), imported, overwrite=True)
    return imported


def _is_hub_id(path: Path) -> bool:
    """Whether it looks like OWNER/NAME, and no folder of that owner lies here."""
    return (
        re.fullmatch(r"[\w.-]+/[\w.-]+", path.as_posix()) is not None and not path.suffix and not path.parent.exists()
    )


def _from_hub(name: str) -> Path:
    try:
        return fetch_from_hub(name)
    except OcrxError as error:
        message = f"Train.pretrain_weight_path: there is no folder {name}, and as a name on the hub: {error.message}"
        raise type(error)(message, hint=error.hint) from None


def is_backbone(source: str, architecture: str) -> bool:
    """Whether ``source`` names torchvision's weights for a backbone instead of a model.

    These are ``imagenet``, or a ``.pth`` file for ``resnet_bilstm``.

    Args:
        source: What to start from.
        architecture: Name of the architecture.

    Returns:
        True for weights of a backbone.
    """
    return source == "imagenet" or (architecture == "resnet_bilstm" and Path(source).suffix in (".pth", ".pt"))


def load_backbone(model: nn.Module, source: str) -> str:
    """Start the backbone of ``model`` from torchvision's weights; returns what happened in one line.

    Raises ModelError where they cannot be had or do not fit.

    Args:
        model: The network.
        source: What to start from.

    Returns:
        What was loaded, in one line.
    """
    if not isinstance(model, ResNetBiLSTM):
        raise ModelError(f"{source}: weights of torchvision; expected an architecture that takes them, resnet_bilstm")
    model.load_pretrained(source)
    return f"start from {source}: the backbone alone, the rest is learned from nothing"


def load_pretrained(model: nn.Module, spec: ModelSpec, folder: Path) -> str:
    """Start ``model`` from the weights of another one; the head's rows are mapped by character.

    Rows of characters that the other one does not know start as in a fresh network; from the mean of the known rows
    they learned more slowly. A network in its fused form takes the folded weights of one in training form.
    Returns what happened in one line. Raises ModelError if the networks differ elsewhere.

    Args:
        model: The network.
        spec: Describes the model.
        folder: The folder of the other model.

    Returns:
        What was loaded, in one line.
    """
    other, other_spec = load_model(folder)
    if spec.params.get("fused") and not other_spec.params.get("fused"):
        other = other.fuse()
    own, given = model.state_dict(), other.state_dict()
    if set(own) != set(given):
        raise ModelError(f"{folder}: a {other_spec.architecture} does not fit Model.architecture {spec.architecture}")
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
    return f"start from {folder}: {len(kept)} characters kept, {len(spec.charset) - len(kept)} new, {dropped} dropped"


def _tensors_of_the_head(spec: ModelSpec) -> set[str]:
    """Names of the tensors with a row for each class: those that change with the number of characters."""
    with torch.device("meta"):
        shapes = [
            {name: value.shape for name, value in build_model(one).state_dict().items()}
            for one in (spec, replace(spec, charset=(*spec.charset, "\0")))
        ]
    return {name for name, shape in shapes[0].items() if shapes[1][name] != shape}
