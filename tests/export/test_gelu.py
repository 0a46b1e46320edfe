"""GELU that was written out as arithmetic becomes one operator, and nothing else does."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocrx.export.gelu import fuse_gelu

X = np.linspace(-4, 4, 64, dtype=np.float32).reshape(1, 64)


def model(divisor: float = math.sqrt(2), one: float = 1.0, half: float = 0.5, swapped: bool = False) -> onnx.ModelProto:
    """``y = x * (erf(x / divisor) + one) * half``, twice in a row."""
    nodes = []
    for before, after in (("x", "z"), ("z", "y")):
        product = [f"{after}3", before] if swapped else [before, f"{after}3"]
        nodes += [
            helper.make_node("Div", [before, "divisor"], [f"{after}1"]),
            helper.make_node("Erf", [f"{after}1"], [f"{after}2"]),
            helper.make_node("Add", [f"{after}2", "one"], [f"{after}3"]),
            helper.make_node("Mul", product, [f"{after}4"]),
            helper.make_node("Mul", [f"{after}4", "half"], [after]),
        ]
    values = {"divisor": divisor, "one": one, "half": half}
    graph = helper.make_graph(
        nodes,
        "gelu",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
        [numpy_helper.from_array(np.float32(value), name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def computed(graph: onnx.ModelProto) -> npt.NDArray[np.float32]:
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found: npt.NDArray[np.float32] = session.run(None, {"x": X})[0]
    return found


@pytest.mark.parametrize("swapped", [False, True])
def test_every_gelu_becomes_one_node_with_the_same_values(swapped: bool) -> None:
    graph = model(swapped=swapped)
    before = computed(graph)
    assert fuse_gelu(graph) == 2
    assert [node.op_type for node in graph.graph.node] == ["Gelu", "Gelu"]
    onnx.checker.check_model(graph)
    assert np.abs(computed(graph) - before).max() < 1e-5
    assert fuse_gelu(graph) == 0


@pytest.mark.parametrize("changed", [{"divisor": 1.5}, {"one": 2.0}, {"half": 1.0}])
def test_other_arithmetic_stays(changed: dict[str, float]) -> None:
    graph = model(**changed)
    before = graph.SerializeToString()
    assert fuse_gelu(graph) == 0
    assert graph.SerializeToString() == before


def test_a_part_that_is_used_elsewhere_stays() -> None:
    graph = model()
    graph.graph.output.append(helper.make_tensor_value_info("z2", TensorProto.FLOAT, [1, 64]))
    assert fuse_gelu(graph) == 1
    assert len(graph.graph.node) == 6
