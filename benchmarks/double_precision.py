"""Evaluates the ONNX graph of a PP-OCR recogniser in double precision, node by node, with PyTorch.

ONNX Runtime computes convolutions in single precision only. This gives what the same graph, with the same constants,
computes without rounding of any consequence, and is the reference of ``official_weights.py precision``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # its usual name
from onnx import helper, numpy_helper
from torch import Tensor

Attributes = dict[str, Any]


class DoubleGraph:
    """An ONNX graph whose floats are all of double precision."""

    def __init__(self, path: Path) -> None:
        self._graph = onnx.load(str(path)).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in self._graph.initializer}
        for node in self._graph.node:
            if node.op_type == "Constant":
                constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self._constants = {name: _double(torch.from_numpy(value.copy())) for name, value in constants.items()}

    @property
    def operators(self) -> list[str]:
        """Kinds of the operators that compute something with floats."""
        moving = {"Constant", "Cast", "Concat", "Reshape", "Shape", "Slice", "Squeeze", "Transpose"}
        return sorted({node.op_type for node in self._graph.node} - moving)

    def change_weights(self, seed: int) -> None:
        """Change every constant by at most half a unit in the last place of single precision.

        Args:
            seed: Of the random numbers.
        """
        generator = torch.Generator().manual_seed(seed)
        for name, value in self._constants.items():
            if value.is_floating_point() and value.numel() > 1:
                noise = torch.rand(value.shape, generator=generator, dtype=torch.float64) * 2 - 1
                self._constants[name] = value * (1 + noise * 2**-24)

    def run(self, images: np.ndarray[Any, Any], single: str = "") -> np.ndarray[Any, Any]:
        """Compute the first output.

        Args:
            images: The input [N, C, H, W].
            single: Kind of the operators that are computed in single precision.

        Returns:
            The output, float64.
        """
        values = dict(self._constants)
        values[self._graph.input[0].name] = torch.from_numpy(images).double()
        for node in self._graph.node:
            if node.op_type == "Constant":
                continue
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            inputs = [values[name] if name else None for name in node.input]
            if node.op_type == single:
                inputs = [_single(value) if value is not None else None for value in inputs]
            values[node.output[0]] = _double(_OPERATORS[node.op_type](attributes, *inputs))
        return values[self._graph.output[0].name].numpy()


def _double(value: Tensor) -> Tensor:
    return value.double() if value.is_floating_point() else value


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _conv(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads = a.get("pads", [0, 0, 0, 0])
    padded = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
    return F.conv2d(padded, weight, bias, stride=tuple(a.get("strides", (1, 1))), groups=a.get("group", 1))


def _batch_norm(a: Attributes, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, shift, eps=a.get("epsilon", 1e-5))


def _cast(a: Attributes, x: Tensor) -> Tensor:
    return x.double() if a["to"] in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE) else x.long()


def _reshape(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape.tolist())])


def _slice(a: Attributes, x: Tensor, *bounds: Tensor) -> Tensor:
    parts = [slice(None)] * x.ndim
    for start, end, axis, *step in zip(*(bound.tolist() for bound in bounds), strict=True):
        parts[axis] = slice(start, end, *step)
    return x[tuple(parts)]


def _squeeze(a: Attributes, x: Tensor) -> Tensor:
    return x.squeeze(tuple(a["axes"]))


def _average_pool(a: Attributes, x: Tensor) -> Tensor:
    return F.avg_pool2d(x, tuple(a["kernel_shape"]), tuple(a["strides"]))


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": lambda a, x, y: x + y,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": lambda a, x, low, high: x.clamp(low, high),
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Conv": _conv,
    "Div": lambda a, x, y: x / y if x.is_floating_point() else x // y,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda a, x: (a["alpha"] * x + a["beta"]).clamp(0, 1),
    "MatMul": lambda a, x, y: x @ y,
    "Mul": lambda a, x, y: x * y,
    "Pow": lambda a, x, y: x**y,
    "ReduceMean": lambda a, x: x.mean(tuple(a["axes"]), keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda a, x: x.relu(),
    "Reshape": _reshape,
    "Shape": lambda a, x: torch.tensor(x.shape),
    "Sigmoid": lambda a, x: x.sigmoid(),
    "Slice": _slice,
    "Softmax": lambda a, x: x.softmax(a.get("axis", -1)),
    "Sqrt": lambda a, x: x.sqrt(),
    "Squeeze": _squeeze,
    "Sub": lambda a, x, y: x - y,
    "Transpose": lambda a, x: x.permute(*a["perm"]),
}
