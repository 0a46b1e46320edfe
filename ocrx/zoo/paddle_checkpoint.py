"""Reads Paddle checkpoints (``.pdparams``) without executing anything in them."""

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
    """Read the tensors of a Paddle checkpoint.

    Args:
        path: The file, a pickle of arrays by name.

    Returns:
        Arrays by name; batch norm statistics are called ``running_mean`` and ``running_var``, as in PyTorch.

    Raises:
        ModelError: The file is missing, larger than 2 GiB or truncated, or holds anything but arrays by name.
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
            f"{path}: not a plain weight file: {error}; nothing in it was executed",
            hint="expected a dictionary of numeric arrays by name",
        ) from None
    except DamagedError as error:
        raise ModelError(f"{path}: damaged or not a Paddle checkpoint ({error})") from None


def _array(value: Any, name: str, path: Path) -> Array:
    # Since version 2.1, Paddle stores a tensor as (name, array).
    stored = value[1] if isinstance(value, tuple) and len(value) == 2 else value
    if not isinstance(stored, StoredArray):
        raise ModelError(f"{path}: {name} is a {type(stored).__name__}, expected a numeric array")
    try:
        return stored.build()
    except DamagedError as error:
        raise ModelError(f"{path}: damaged: {name} is {error}") from None


def _joined(arrays: dict[str, Array], slices: Any, path: Path) -> dict[str, Array]:
    """Reassemble the large arrays that Paddle stores in slices."""
    try:
        for name, info in slices.items():
            parts = [arrays.pop(part) for part in info["slices"]]
            shape = tuple(info["OriginShape"])
            if sum(part.size for part in parts) != math.prod(shape):
                raise ValueError(f"{name} has the shape {shape}")
            # A small file can list one array as many slices.
            if sum(part.nbytes for part in parts) > MAX_BYTES:
                raise ValueError(f"{name} has more than {MAX_BYTES} bytes")
            arrays[str(name)] = np.concatenate(parts).reshape(shape)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise ModelError(
            f"{path}: damaged: its arrays cannot be reassembled from slices ({type(error).__name__}: {error})"
        ) from None

    return arrays


def _torch_name(name: str) -> str:
    """Translate Paddle's names for batch norm statistics to PyTorch's."""
    return re.sub(r"\._mean$", ".running_mean", re.sub(r"\._variance$", ".running_var", name))
