"""Builds the ONNX graph that a Paddle program is translated into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocrx.errors import ModelError
from ocrx.zoo.paddle_program import Operator, Program

Array = npt.NDArray[np.generic]

_OPSET = 17


class GraphBuilder:
    """Collects the nodes and constants of an ONNX graph while a Paddle program is translated.

    Attributes:
        used: Names of the parameters that a node reads.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, Array] = dict(program.parameters)
        # A reshaped or copied value keeps the name of its original.
        self._alias: dict[str, str] = {}
        self._count = 0
        self.used: set[str] = set()

    def model(self) -> onnx.ModelProto:
        """Assemble the ONNX model.

        Returns:
            The model, with the constants that its nodes read.
        """
        output = self._name(self._program.output)
        shape: list[str | int | None] = ["n", 3, 48, "w"]
        read = {name for node in self._nodes for name in node.input}
        constants = {name: value for name, value in self._constants.items() if name in read}
        graph = helper.make_graph(
            self._nodes,
            "paddle",
            [helper.make_tensor_value_info(self._program.input, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(value, order="C"), name) for name, value in constants.items()],
        )

        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)

    def input(self, op: Operator, slot: str = "X") -> str:
        """Name the value of a slot and record its use if it is a parameter.

        Args:
            op: The operator.
            slot: Name of the input.

        Returns:
            The name.
        """
        name = self._name(op.inputs[slot][0])
        if name in self._program.parameters:
            self.used.add(name)
        return name

    def inputs(self, op: Operator, slot: str = "X") -> list[str]:
        """Name the values of a slot, without recording a use.

        Args:
            op: The operator.
            slot: Name of the input.

        Returns:
            The names.
        """
        return [self._name(name) for name in op.inputs[slot]]

    def rank(self, name: str) -> int:
        """Determine the number of dimensions of a value.

        Args:
            name: Name of the value.

        Returns:
            The number of dimensions.
        """
        if name in self._constants:
            return self._constants[name].ndim
        return self._program.ranks[name]

    def constant(self, name: str) -> Array | None:
        """Look up a constant.

        Args:
            name: Name of the value.

        Returns:
            The constant; None if the value is computed.
        """
        return self._constants.get(name)

    def node(self, kind: str, inputs: Iterable[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node.

        Args:
            kind: ONNX operator.
            inputs: Names of its inputs.
            output: Name of its output; by default a new name.
            **attributes: The node's attributes.

        Returns:
            Name of the output.
        """
        output = output if output is not None else self._fresh()
        self._nodes.append(
            helper.make_node(kind, list(inputs), [output], name=f"{kind}_{len(self._nodes)}", **attributes)
        )
        return output

    def new_constant(self, value: Array, name: str | None = None) -> str:
        """Add a constant.

        Args:
            value: The constant.
            name: Its name; by default a new name.

        Returns:
            The name.
        """
        name = name if name is not None else self._fresh()
        self._constants[name] = value
        return name

    def set_alias(self, name: str, of: str) -> None:
        """Let a name stand for another value.

        Args:
            name: The name.
            of: The value that it stands for.
        """
        self._alias[name] = of

    def reshape_constant(self, name: str, shape: Iterable[int], output: str) -> None:
        """Reshape a constant in place; in every known network it has only one use.

        Args:
            name: Name of the constant.
            shape: The new shape.
            output: Another name for the result.

        Raises:
            ModelError: The shape does not fit, or the constant is used in two shapes.
        """
        value = self._constants[name]
        try:
            changed = value.reshape(tuple(shape))
        except ValueError as error:
            raise ModelError(f"{name} cannot be reshaped: {error}") from None
        if name in self.used and changed.shape != value.shape:
            raise ModelError(f"the parameter {name} is used in two shapes")
        self._constants[name] = changed
        self.set_alias(output, name)

    def _name(self, name: str) -> str:
        return self._alias.get(name, name)

    def _fresh(self) -> str:
        self._count += 1
        return f"ocrx/{self._count}"
