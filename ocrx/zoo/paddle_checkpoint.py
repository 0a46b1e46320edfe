"""Reads a Paddle checkpoint, a ``.pdparams`` file, without running anything in it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrx.errors import ModelError
from ocrx.files import read_bytes
from ocrx.zoo.plain_pickle import DamagedError, RefusedError, StoredArray, load_plain_pickle

Array = npt.NDArray[np.generic]

MAX_BYTES = 2 * 1024**3


def read_pdparams(path: Path) -> dict[str, Array]:
    """The tensors of a Paddle checkpoint by their names in the network.

    Args:
        path: The file: a pickle of arrays by name.

    Returns:
        The arrays; a batch norm's statistics are called ``running_mean`` and ``running_var`` as in PyTorch.

    Raises:
        ModelError: The file is missing, larger than 2 GiB, truncated, or holds anything but arrays by name.
    """
    tree = _load(path)
    if not isinstance(tree, dict):
        raise ModelError(f"{path}: holds a {type(tree).__name__}, expected arrays by name")

    named = {str(name): value for name, value in tree.items()}
    named.pop("StructuredToParameterName@@", None)
    slices = named.pop("UnpackBigParamInfor@@", {})

    arrays = {name: _array(value, name, path) for name, value in named.items()}
    return {_torch_name(name): array for name, array in _joined(arrays, slices, path).items()}


def _load(path: Path) -> Any:
    try:
        return load_plain_pickle(read_bytes(path, max_bytes=MAX_BYTES, error=ModelError))
    except RefusedError as error:
        raise ModelError(
            f"{path}: not a plain file of weights: {error}; nothing in it was executed",
            hint="only arrays of numbers by name are read",
        ) from None
    except DamagedError as error:
        raise ModelError(f"{path}: damaged or not a Paddle checkpoint ({error})") from None


def _array(value: Any, name: str, path: Path) -> Array:
    # Paddle 2.1 and later store (name, array) for a tensor.
    stored = value[1] if isinstance(value, tuple) and len(value) == 2 else value
    if not isinstance(stored, StoredArray):
        raise ModelError(f"{path}: {name} is a {type(stored).__name__}, expected an array of numbers")
    try:
        return stored.build()
    except DamagedError as error:
        raise ModelError(f"{path}: damaged: {name} is {error}") from None


def _joined(arrays: dict[str, Array], slices: Any, path: Path) -> dict[str, Array]:
    """The arrays with those that Paddle cut into slices, because they were big, put together again."""
    try:
        for name, info in slices.items():
            parts = [arrays.pop(part) for part in info["slices"]]
            shape = tuple(info["OriginShape"])
            if sum(part.size for part in parts) != math.prod(shape):
                raise ValueError(f"{name} has the shape {shape}")
            # A small array may stand in many slices.
            if sum(part.nbytes for part in parts) > MAX_BYTES:
                raise ValueError(f"{name} has more than {MAX_BYTES} bytes")
            arrays[str(name)] = np.concatenate(parts).reshape(shape)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise ModelError(
            f"{path}: damaged: its arrays cannot be put together from slices ({type(error).__name__}: {error})"
        ) from None

    return arrays


def _torch_name(name: str) -> str:
    """Paddle's names of a batch norm's statistics as PyTorch calls them."""
    return re.sub(r"\._mean$", ".running_mean", re.sub(r"\._variance$", ".running_var", name))
