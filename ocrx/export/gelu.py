"""Replaces GELU that an exporter wrote out as arithmetic by ONNX Runtime's one operator.

ONNX Runtime does the same when it loads a graph, but not behind the DequantizeLinear nodes of a quantised one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

_DOMAIN = "com.microsoft"


def fuse_gelu(model: onnx.ModelProto) -> int:
    """Replace ``x * (erf(x / sqrt(2)) + 1) * 0.5`` by ``Gelu(x)``.

    Args:
        model: The model, changed in place.

    Returns:
        How many were replaced.
    """
    graph = model.graph
    constants = _scalars(graph)
    users: dict[str, list[onnx.NodeProto]] = {}
    producers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    outputs = {output.name for output in graph.output}
    chains = [_chain(node, producers, users, constants) for node in graph.node if node.op_type == "Erf"]
    found = [
        chain for chain in chains if chain is not None and outputs.isdisjoint(node.output[0] for node in chain[:-1])
    ]
    for chain in found:
        first, last = chain[0], chain[-1]
        place = list(graph.node).index(first)
        name = f"{last.name or last.output[0]}/Gelu"
        for node in chain:
            graph.node.remove(node)
        graph.node.insert(place, helper.make_node("Gelu", [first.input[0]], [last.output[0]], name, domain=_DOMAIN))

    if found and all(entry.domain != _DOMAIN for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return len(found)


def _chain(
    erf: onnx.NodeProto,
    producers: dict[str, onnx.NodeProto],
    users: dict[str, list[onnx.NodeProto]],
    constants: dict[str, float],
) -> Sequence[onnx.NodeProto] | None:
    """The five nodes of a GELU in their order, or None where the arithmetic is another one."""
    divide = producers.get(erf.input[0])
    if divide is None or divide.op_type != "Div" or not _near(constants.get(divide.input[1]), math.sqrt(2)):
        return None
    chain = [divide, erf]
    for operator in ("Add", "Mul", "Mul"):
        following = users.get(chain[-1].output[0], [])
        if len(following) != 1 or following[0].op_type != operator:
            return None
        chain.append(following[0])

    _, _, add, multiply, halve = chain
    other = [name for name in multiply.input if name != add.output[0]]
    wanted = _near(_constant(add, constants), 1) and _near(_constant(halve, constants), 0.5)
    return chain if wanted and other == [divide.input[0]] else None


def _scalars(graph: onnx.GraphProto) -> dict[str, float]:
    """Values of all constants with one element."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    tensors |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items() if math.prod(tensor.dims) == 1}
    return {
        name: float(array.reshape(-1)[0]) for name, array in arrays.items() if np.issubdtype(array.dtype, np.floating)
    }


def _constant(node: onnx.NodeProto, constants: dict[str, float]) -> float | None:
    return next((constants[name] for name in node.input if name in constants), None)


def _near(value: float | None, wanted: float) -> bool:
    return value is not None and math.isclose(value, wanted, rel_tol=1e-5)
