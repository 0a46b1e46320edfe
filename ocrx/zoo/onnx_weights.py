"""Reads the layers of an ONNX graph and assigns their weights to one of our networks.

Exporters rename and fold tensors, so names are no guide. Layers are matched by order of execution, kind and shape with
the layers of a network in inference form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from ocrx.errors import ModelError
from ocrx.models.blocks import Affine

Array = npt.NDArray[np.float32]
Kind = Literal["convolution", "linear", "layer norm", "affine"]

# Number of inputs that a node must have; the others are optional.
_MIN_INPUTS = {
    "Conv": 2,
    "MatMul": 2,
    "Gemm": 2,
    "LayerNormalization": 2,
    "BatchNormalization": 5,
    "Identity": 1,
    "Cast": 1,
}

# Nodes that keep all values and change at most their type or shape.
_TRANSPARENT = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class Layer:
    """One layer with weights.

    Attributes:
        kind: What the layer computes.
        weight: Its weight in PyTorch's layout.
        bias: Its bias, if it has one.
        name: Name of the weight in the file.
        uses: Names of all tensors in the file that are part of the layer.
    """

    kind: Kind
    weight: Array
    bias: Array | None
    name: str
    uses: frozenset[str]


@dataclass(frozen=True)
class OnnxWeights:
    """The layers and the dictionary of an ONNX file.

    Attributes:
        layers: Layers with weights, in order of execution.
        characters: The dictionary in the metadata; empty if there is none.
        tensors: Names of the float tensors with more than one number.
    """

    layers: tuple[Layer, ...]
    characters: tuple[str, ...]
    tensors: frozenset[str]


def load_onnx(path: Path) -> onnx.ModelProto:
    """Load an ONNX file.

    Args:
        path: The file.

    Returns:
        The model.

    Raises:
        ModelError: The file is damaged or holds no graph.
    """
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf and onnx raise many types of error for a damaged file
        raise ModelError(f"{path}: not an ONNX file ({type(error).__name__})") from None
    if not model.graph.node:
        raise ModelError(f"{path}: not an ONNX file (it contains no graph)")
    return model


def read_graph(model: onnx.ModelProto, where: str) -> OnnxWeights:
    """Read the layers and the dictionary of an ONNX model.

    Args:
        model: A model with at least one node.
        where: Name of the model in errors.

    Returns:
        Layers, dictionary and names of the tensors.

    Raises:
        ModelError: The graph is inconsistent or has no weights.
    """
    try:
        graph = _Graph(model.graph)
        layers = tuple(graph.layers())
    except ModelError as error:
        raise ModelError(f"{where}: {error.message}") from None
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise ModelError(f"{where}: the ONNX graph is inconsistent ({error})") from None

    if not layers:
        raise ModelError(f"{where}: an ONNX file without weights")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    dictionary = metadata.get("character", "")
    if not isinstance(dictionary, str):  # protobuf gives bytes where a text is not UTF-8
        raise ModelError(f"{where}: damaged: its dictionary is not UTF-8")
    # Scalars are mostly constants of an operation; scalar weights are listed in ``Layer.uses``.
    tensors = frozenset(name for name, value in graph.constants.items() if value.dtype == np.float32 and value.size > 1)
    return OnnxWeights(layers, _lines(dictionary), tensors)


def _lines(text: str) -> tuple[str, ...]:
    # str.splitlines would also split at characters that occur in dictionaries, such as U+2028.
    lines = text.split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)


def _check_arity(nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        least = _MIN_INPUTS.get(node.op_type, 0)
        if len(node.input) < least or not node.output:
            raise ModelError(
                f"damaged: the node {node.name or node.op_type} has {len(node.input)} inputs and "
                f"{len(node.output)} outputs; expected at least {least} and 1"
            )


def _values(tensor: onnx.TensorProto, name: str) -> npt.NDArray[Any]:
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # an unknown type or a wrong number of bytes raises many types of error
        raise ModelError(f"damaged: the tensor {name!r} cannot be read ({type(error).__name__}: {error})") from None


class _Graph:
    """The nodes of a graph, its constants, and the nodes that read each value."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        _check_arity(graph.node)
        self.nodes = [node for node in graph.node if node.op_type != "Constant"]
        self.constants = {tensor.name: _values(tensor, tensor.name) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
                self.constants[node.output[0]] = _values(node.attribute[0].t, node.output[0])

        self.origin: dict[str, str] = {}

        for node in self.nodes:
            # If a damaged graph wrote a value twice, the value could become its own origin.
            copies = node.op_type in ("Identity", "Cast") and node.output[0] not in self.constants
            if copies and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]
                self.origin[node.output[0]] = node.input[0]

        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def layers(self) -> Iterable[Layer]:
        for node in self.nodes:
            if node.op_type == "Conv" and node.input[1] in self.constants:
                yield self._convolution(node)
            elif node.op_type in ("MatMul", "Gemm") and node.input[1] in self.constants:
                yield self._linear(node)
            elif node.op_type == "LayerNormalization":
                yield self._layer("layer norm", node.input[1], node.input[2:3])
            elif node.op_type == "Mul" and self._constant_of(node) is not None:
                layer = self._scale_and_shift(node)
                if layer is not None:
                    yield layer

    def _convolution(self, node: onnx.NodeProto) -> Layer:
        weight = self._array(node.input[1])
        bias = self._array(node.input[2]) if len(node.input) > 2 else np.zeros(len(weight), np.float32)
        uses = {self._name(name) for name in node.input[1:]}
        follower = self._sole_reader(node)

        if follower is not None and follower.op_type == "Add":
            name = self._constant_of(follower)
            if name is not None and self.constants[name].size == len(weight):
                bias = bias + self._array(name).reshape(-1)
                uses.add(self._name(name))
                follower = self._sole_reader(follower)

        if follower is not None and follower.op_type == "BatchNormalization":
            gamma, beta, mean, variance = (self._array(name) for name in follower.input[1:5])
            epsilon = next((a.f for a in follower.attribute if a.name == "epsilon"), 1e-5)
            factor = gamma / np.sqrt(variance + np.float32(epsilon))
            weight = weight * factor.reshape(-1, 1, 1, 1)
            bias = (bias - mean) * factor + beta
            uses |= {self._name(name) for name in follower.input[1:5]}

        return Layer("convolution", weight, bias, self._name(node.input[1]), frozenset(uses))

    def _linear(self, node: onnx.NodeProto) -> Layer:
        weight = self._array(node.input[1])
        if weight.ndim < 2:
            raise ModelError(
                f"damaged: {node.input[1]!r}, the weight of a {node.op_type}, has the shape {weight.shape}"
            )

        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        bias = self._array(node.input[2]) if len(node.input) > 2 else None
        uses = {self._name(name) for name in node.input[1:]}
        follower = self._sole_reader(node)

        if bias is None and follower is not None and follower.op_type == "Add":
            name = self._constant_of(follower)
            if name is not None and self.constants[name].shape == weight.shape[1:]:
                bias = self._array(name)
                uses.add(self._name(name))

        weight = weight if transposed else np.ascontiguousarray(weight.T)
        return Layer("linear", weight, bias, self._name(node.input[1]), frozenset(uses))

    def _scale_and_shift(self, node: onnx.NodeProto) -> Layer | None:
        """Read a multiplication and an addition of constants: the end of a layer norm, or a scalar affine layer."""
        scale = self._constant_of(node)
        follower = self._sole_reader(node)
        if scale is None or follower is None or follower.op_type != "Add":
            return None
        shift = self._constant_of(follower)
        if shift is None or self.constants[shift].size != self.constants[scale].size:
            return None
        if self.constants[scale].size > 1:
            return self._layer("layer norm", scale, [shift])
        # Exporters write the attention scale with a shift of exactly 0; a learned shift never is.
        return None if float(self.constants[shift].reshape(())) == 0 else self._layer("affine", scale, [shift])

    def _layer(self, kind: Kind, weight: str, bias: Iterable[str]) -> Layer:
        names = [weight, *bias]
        values = [self._array(name).reshape(-1) for name in names]
        uses = frozenset(self._name(name) for name in names)
        return Layer(kind, values[0], values[1] if len(values) > 1 else None, self._name(weight), uses)

    def _sole_reader(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        readers = self.readers.get(node.output[0], [])
        if len(readers) != 1:
            return None
        reader = readers[0]
        return self._sole_reader(reader) if reader.op_type in _TRANSPARENT else reader

    def _constant_of(self, node: onnx.NodeProto) -> str | None:
        """Name the only float constant among a node's inputs; None if there is none or more than one."""
        names = [name for name in node.input if name in self.constants and self.constants[name].dtype == np.float32]
        return names[0] if len(names) == 1 else None

    def _array(self, name: str) -> Array:
        if name not in self.constants:
            raise ModelError(f"the ONNX graph computes the weight {name!r}; only constant weights can be read")
        return np.asarray(self.constants[name], dtype=np.float32)

    def _name(self, name: str) -> str:
        while name in self.origin:
            name = self.origin[name]
        return name


def match_layers(network: nn.Module, images: Tensor, layers: Iterable[Layer]) -> dict[str, Tensor]:
    """Build the state dict of a network from the layers of a file.

    Args:
        network: The network in inference form.
        images: Any valid input, [N, C, H, W]; the network is run once to find the order of its layers.
        layers: Layers of the file, in order of execution.

    Returns:
        The state dict.

    Raises:
        ModelError: The layers differ from the network's; the message names the first difference.
    """
    own = _executed(network, images)
    given = list(layers)
    state = network.state_dict()

    for index, (name, module) in enumerate(own):
        kind = _KINDS[type(module)]
        if index >= len(given):
            raise ModelError(f"the file ends after {len(given)} layers; layer {name} ({kind}) has no weights")
        layer = given[index]
        weight = "scale" if kind == "affine" else "weight"
        expected = tuple(state[f"{name}.{weight}"].shape)
        if layer.kind != kind or layer.weight.shape != expected:
            raise ModelError(
                f"layer {index + 1} of the file, {layer.name}, is a {layer.kind} {layer.weight.shape}; "
                f"that of the network, {name}, is a {kind} {expected}"
            )
        state[f"{name}.{weight}"] = torch.from_numpy(layer.weight.copy())
        if f"{name}.bias" in state:
            size = tuple(state[f"{name}.bias"].shape)
            bias = layer.bias if layer.bias is not None else np.zeros(size, np.float32)
            if bias.shape != size:
                raise ModelError(f"layer {index + 1} of the file, {layer.name}, has a bias {bias.shape}, not {size}")
            state[f"{name}.bias"] = torch.from_numpy(bias.copy())
        elif layer.bias is not None and np.any(layer.bias):
            raise ModelError(f"layer {index + 1} of the file, {layer.name}, has a bias; that of the network has none")

    unset = [name for name, value in state.items() if value.is_meta]
    if unset:
        raise ModelError(f"this architecture cannot be read from an ONNX file: no layer provides {unset[0]}")
    if len(given) > len(own):
        raise ModelError(f"{len(given) - len(own)} layers of the file are left over, first {given[len(own)].name}")
    return state


_KINDS: dict[type[nn.Module], Kind] = {
    nn.Conv2d: "convolution",
    nn.Linear: "linear",
    nn.LayerNorm: "layer norm",
    Affine: "affine",
}


def _executed(network: nn.Module, images: Tensor) -> list[tuple[str, nn.Module]]:
    """List the layers of ``network`` that have weights, in order of execution."""
    order: list[tuple[str, nn.Module]] = []
    handles = [
        module.register_forward_hook(lambda module, _args, _out, name=name: order.append((name, module)))
        for name, module in network.named_modules()
        if type(module) in _KINDS
    ]

    try:
        with torch.no_grad():
            network.eval()(images)
    finally:
        for handle in handles:
            handle.remove()

    return order
