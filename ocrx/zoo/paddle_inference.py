"""Reads Paddle's inference format without Paddle: a program and its parameters.

The parameters are stored one after another in ``inference.pdiparams``, sorted by name. Nothing in the files is
executed: a program is data, and only ``ocrx.zoo.paddle_to_onnx`` interprets it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError, Message

from ocrx.errors import ModelError
from ocrx.files import read_bytes
from ocrx.zoo.paddle_pir import read_pir
from ocrx.zoo.paddle_program import Program
from ocrx.zoo.paddle_protobuf import program_messages, read_program_desc
from ocrx.zoo.plain_pickle import DamagedError, RefusedError, load_plain_pickle

Array = npt.NDArray[np.generic]

MAX_PROGRAM_BYTES = 64 * 1024**2
MAX_PARAMETER_BYTES = 2 * 1024**3


def read_program(path: Path) -> Program:
    """Read a program and its parameters.

    Args:
        path: ``inference.pdmodel`` or ``inference.json``, with ``inference.pdiparams`` beside it.

    Returns:
        The program.

    Raises:
        ModelError: A file is missing, damaged or too large, or the files do not belong together.
    """
    data = _bytes(path, MAX_PROGRAM_BYTES)
    try:
        header = read_pir(data) if path.suffix == ".json" else read_program_desc(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}") from None
    except (DecodeError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a Paddle program, or damaged ({type(error).__name__}: {error})"[:300]) from None

    weights = path.with_suffix(".pdiparams")
    parameters = _read_parameters(weights, header.shapes)
    _check_info(weights.with_suffix(".pdiparams.info"), parameters)
    return Program(header.operators, parameters, header.ranks, header.input, header.output)


def _bytes(path: Path, limit: int) -> bytes:
    if not path.exists():
        raise ModelError(f"{path}: no such file; Paddle's inference format needs it")
    return read_bytes(path, max_bytes=limit, error=ModelError)


# Numbers of Paddle's VarType.Type.
_NUMPY_TYPES = {4: np.float16, 5: np.float32, 6: np.float64}


def _read_parameters(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Read the parameters, which are stored in the order of their names."""
    data = memoryview(_bytes(path, MAX_PARAMETER_BYTES))
    message = program_messages()["TensorDesc"]
    parameters: dict[str, Array] = {}
    offset = 0

    try:
        for name in sorted(shapes):
            parameters[name], offset = _read_tensor(data, offset, message)
            if parameters[name].shape != shapes[name]:
                raise ValueError(f"{name} has the shape {parameters[name].shape}, the program declares {shapes[name]}")
    except (struct.error, DecodeError, ValueError, KeyError, OverflowError) as error:
        raise ModelError(f"{path}: damaged, or not the parameters of this program ({error})"[:300]) from None

    if offset != len(data):
        raise ModelError(f"{path}: {len(data) - offset} bytes are left over after the {len(shapes)} parameters")
    return parameters


def _read_tensor(data: memoryview, offset: int, message: type[Message]) -> tuple[Array, int]:
    """Read the array at ``offset``; returns it and the offset of the next."""
    version, levels = struct.unpack_from("<IQ", data, offset)
    offset += 12
    if version != 0 or levels > 8:
        raise ValueError("unknown version")
    for _ in range(levels):
        (size,) = struct.unpack_from("<Q", data, offset)
        offset += 8 + size

    version, size = struct.unpack_from("<Ii", data, offset)
    offset += 8
    if version != 0 or not 0 <= size <= 1024:
        raise ValueError("unknown version")
    described: Any = message.FromString(bytes(data[offset : offset + size]))
    offset += size

    kind = _NUMPY_TYPES.get(described.data_type)
    if kind is None:
        raise ValueError(f"data type {described.data_type}; expected 16, 32 or 64-bit floats")
    shape = tuple(described.dims)
    if any(length < 0 for length in shape):
        raise ValueError("negative size")
    count = math.prod(shape)
    end = offset + count * np.dtype(kind).itemsize
    if end > len(data):
        raise ValueError("the file ends too early")
    array = np.frombuffer(data[offset:end], dtype=kind).reshape(shape).astype(np.float32)
    return array, end


def _check_info(path: Path, parameters: Mapping[str, Array]) -> None:
    """Raise ModelError if the optional ``.info`` file does not list every parameter."""
    if not path.is_file():
        return
    try:
        listed = load_plain_pickle(_bytes(path, MAX_PROGRAM_BYTES))
    except (RefusedError, DamagedError) as error:
        raise ModelError(f"{path}: damaged ({error})") from None
    # It also lists values that only training needs.
    if isinstance(listed, dict) and (strange := sorted(set(parameters) - set(map(str, listed)))):
        raise ModelError(f"{path}: belongs to another network: {strange[0]} is not in it")
