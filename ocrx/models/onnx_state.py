"""Reads the weights of a network back from the ONNX file that ocrx exported from its fused form.

Embedded models are stored once, as an ONNX file in half precision. The tracing exporter keeps the names and values of
all weights but those of LSTMs and linear layers, which it rearranges; this module restores the layout that torch uses.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ocrx.arrays import Floats
from ocrx.errors import ModelError

HALF_SUFFIX = ".half"
"""Of the name of a weight that is stored in half precision and cast to fp32 when the file is loaded."""

_TORCH_GATES = (0, 2, 3, 1)  # ONNX stores input, output, forget and cell gate, torch input, forget, cell and output


def read_onnx_state(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights in an ONNX file.

    Args:
        path: The file, of a network in fused form.

    Returns:
        Name in the state dict → float32 tensor; also constants of the graph, which are no weights.

    Raises:
        ModelError: The file is missing or damaged.
    """
    try:
        graph = onnx.load(str(path)).graph
        values = {
            tensor.name.removesuffix(HALF_SUFFIX): numpy_helper.to_array(tensor).astype(np.float32)
            for tensor in graph.initializer
        }
    except Exception as error:  # protobuf and onnx raise many kinds for a damaged file
        raise ModelError(f"{path}: missing, damaged or not ONNX ({type(error).__name__})") from None

    state = dict(values)
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in values:  # equal tensors are stored once
            state[node.output[0]] = values[node.input[0]]
        module = node.name.strip("/").rpartition("/")[0]
        if node.op_type == "LSTM":
            state |= _lstm(module, *(values[name] for name in node.input[1:4]))
        elif node.op_type == "MatMul" and node.input[1] in values:
            state[f"{module}.weight"] = values[node.input[1]].T
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}


def _lstm(module: str, inputs: Floats, recurrent: Floats, bias: Floats) -> dict[str, Floats]:
    """The weights of an LSTM as torch has them, from [D, 4 H, I], [D, 4 H, H] and [D, 8 H]; D = 2 if bidirectional."""
    found = {}
    for direction, suffix in enumerate(("", "_reverse")[: len(inputs)]):
        halves = np.split(bias[direction], 2)
        parts = (inputs[direction], recurrent[direction], *halves)
        for name, part in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), parts, strict=True):
            gates = np.split(part, 4)
            found[f"{module}.{name}_l0{suffix}"] = np.concatenate([gates[gate] for gate in _TORCH_GATES])
    return found
