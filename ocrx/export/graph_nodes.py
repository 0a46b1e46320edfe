"""Writes ONNX graphs node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Nodes:
    """Nodes in the order in which they run, and the constants that they read. Values are known by their names.

    Attributes:
        nodes: The nodes.
        constants: The constants.
    """

    def __init__(self, prefix: str) -> None:
        """Begin without nodes.

        Args:
            prefix: In front of the names of all values.
        """
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._prefix = prefix

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node.

        Args:
            kind: The ONNX operator.
            *inputs: Its inputs; '' leaves out an optional one.
            **attributes: Its attributes.

        Returns:
            Its output.
        """
        name = f"{self._prefix}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        """Add a constant.

        Args:
            values: An array.

        Returns:
            The constant.
        """
        name = f"{self._prefix}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def whole(self, *values: int) -> str:
        """Add a whole number, or a list of several.

        Args:
            *values: The numbers.

        Returns:
            The constant, int64.
        """
        return self.constant(np.array(values[0] if len(values) == 1 else values, dtype=np.int64))

    def axis(self, number: int) -> str:
        """Add a list of one whole number, as operators take axes.

        Args:
            number: The number.

        Returns:
            The constant, int64 [1].
        """
        return self.constant(np.array([number], dtype=np.int64))

    def real(self, values: Any) -> str:
        """Add a constant of real numbers.

        Args:
            values: A number or an array.

        Returns:
            The constant, float32.
        """
        return self.constant(np.array(values, dtype=np.float32))

    def list_of(self, *numbers: str) -> str:
        """Join whole numbers to a list.

        Args:
            *numbers: The numbers.

        Returns:
            The list.
        """
        first = self.axis(0)
        return self.add("Concat", *(self.add("Unsqueeze", number, first) for number in numbers), axis=0)

    def rounded(self, values: str) -> str:
        """Round numbers as Pillow rounds pixels, halves upwards.

        Args:
            values: The numbers.

        Returns:
            Whole numbers of the same type.
        """
        return self.add("Floor", self.add("Add", values, self.real(0.5)))

    def divided_up(self, number: str, divisor: int) -> str:
        """Divide a whole number, rounded upwards.

        Args:
            number: The number.
            divisor: By what.

        Returns:
            The quotient.
        """
        return self.add("Div", self.add("Add", number, self.whole(divisor - 1)), self.whole(divisor))
