"""Saves and loads a network and its spec. Safetensors and JSON only: loading runs no code."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ocrx.errors import ModelError
from ocrx.model_folder import SPEC_FILE, WEIGHTS_FILE, find_model_folder, read_spec, weights_file
from ocrx.model_spec import ModelSpec
from ocrx.models import build_model
from ocrx.models.ctc_network import CTCNetwork
from ocrx.models.onnx_state import read_onnx_state


def save_model(model: nn.Module, spec: ModelSpec, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write ``model.safetensors`` and ``model.json``.

    Args:
        model: The network.
        spec: Its spec.
        folder: An existing folder.
        dtype: Type of the stored floating-point weights, e.g. ``torch.float16`` for half the size; None keeps theirs.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    state = {name: _plain(value, dtype) for name, value in model.state_dict().items()}
    path = folder / WEIGHTS_FILE
    try:
        save_file(state, str(path))
    except SafetensorError as error:
        raise _as_os_error(error, path) from None
    (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")


def _as_os_error(error: SafetensorError, path: Path) -> OSError:
    """What the system said when safetensors could not write a file, as Python would have raised it."""
    number = re.search(r"\(os error (\d+)\)", str(error))
    code = int(number[1]) if number else errno.EIO
    return OSError(code, os.strerror(code) if number else str(error), str(path))


def load_model(path: Path) -> tuple[CTCNetwork, ModelSpec]:
    """Load the network of a model folder.

    Args:
        path: The model folder, or a file in it.

    Returns:
        The network, float32, in evaluation mode on the CPU; and its spec.

    Raises:
        ModelError: The weights are missing or damaged, or do not fit the spec.
    """
    folder = find_model_folder(path)
    spec = read_spec(folder)
    model = build_model(spec)
    file = weights_file(folder) or folder / WEIGHTS_FILE
    state = read_onnx_state(file) if file.suffix == ".onnx" else read_weights(file)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if file.suffix == ".onnx":  # beside the weights it holds constants of the graph
        state = {name: value for name, value in state.items() if name in expected}
    found = {name: tuple(value.shape) for name, value in state.items()}

    if expected != found:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        first = wrong[0]
        raise ModelError(
            f"{file}: does not fit {SPEC_FILE}: {first} is {found.get(first)}, "
            f"expected {expected.get(first)} ({len(wrong)} tensors differ)"
        )

    model.load_state_dict(state)
    model.eval()
    return model, spec


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file.

    Args:
        path: The file.

    Returns:
        Name → tensor; floating-point tensors as float32.

    Raises:
        ModelError: The file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing", hint="the folder holds no trained weights")
    try:
        state = load_file(str(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: damaged or not safetensors ({error})") from None
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _plain(value: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    value = value.detach().cpu().contiguous(memory_format=torch.contiguous_format)
    return value.to(dtype) if dtype is not None and value.is_floating_point() else value.clone()
