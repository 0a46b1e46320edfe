"""Reads a Paddle ``.pdparams`` file without running anything in it.

Such a file is a pickle. Only what numpy arrays in dictionaries need is allowed; any other name in it is refused
before it is looked up, so no code can run.
"""

from __future__ import annotations

import _codecs
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrx.errors import ModelError

Array = npt.NDArray[np.generic]


def _reconstruct(kind: type, shape: tuple[int, ...], code: bytes) -> Array:
    """An empty array; the pickle then sets its type, shape and bytes. Subclasses of ndarray are not needed."""
    if kind is not np.ndarray:
        raise _Refused("it holds an array of an unknown class")
    return np.empty(0, dtype=np.uint8)


def _from_buffer(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Array:
    """An array out of its bytes (pickle protocol 5)."""
    flat: Array = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


_ALLOWED: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "numpy._core.numeric._frombuffer": _from_buffer,
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "collections.OrderedDict": OrderedDict,
    "builtins.tuple": tuple,
    "__builtin__.tuple": tuple,
    "_codecs.encode": _codecs.encode,
}


class _Refused(pickle.UnpicklingError):
    """The file asks for something that is not an array."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _ALLOWED.get(f"{module}.{name}")
        if found is None:
            raise _Refused(f"it asks for {module}.{name}")
        return found


def read_pdparams(path: Path) -> dict[str, Array]:
    """The tensors of a Paddle checkpoint by their names in the network.

    Raises ModelError if the file is missing, truncated, or holds anything but arrays; nothing in it is executed.
    """
    try:
        with path.open("rb") as file:
            # Python 2's pickles hold bytes that only latin1 keeps.
            tree = _Unpickler(file, encoding="latin1").load()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except _Refused as error:
        raise ModelError(
            f"{path}: not a plain file of weights: {error}; nothing in it was executed",
            hint="only numpy arrays by name are read",
        ) from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ModelError(f"{path}: damaged or not a Paddle checkpoint ({type(error).__name__}: {error})") from None
    if not isinstance(tree, dict):
        raise ModelError(f"{path}: holds a {type(tree).__name__}, expected arrays by name")
    return _joined({str(name): value for name, value in tree.items()}, path)


def _joined(tree: dict[str, Any], path: Path) -> dict[str, Array]:
    """Arrays by name: big ones that Paddle cut into slices are put together again."""
    tree.pop("StructuredToParameterName", None)
    slices = tree.pop("UnpackBigParamInfor", {})
    try:
        for name, info in slices.items():
            parts = [tree.pop(part) for part in info["slices"]]
            tree[str(name)] = np.concatenate(parts).reshape(info["OriginShape"])
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(
            f"{path}: damaged: its arrays cannot be put together from slices ({type(error).__name__}: {error})"
        ) from None
    tensors: dict[str, Array] = {}
    for name, value in tree.items():
        # Paddle 2.1 and later store (name, array) for a tensor.
        array = value[1] if isinstance(value, tuple) and len(value) == 2 else value
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise ModelError(f"{path}: {name} is a {type(array).__name__}, expected an array of numbers")
        tensors[_torch_name(name)] = array
    return tensors


def _torch_name(name: str) -> str:
    """Paddle's names of a batch norm's statistics as PyTorch calls them."""
    return re.sub(r"\._mean$", ".running_mean", re.sub(r"\._variance$", ".running_var", name))
