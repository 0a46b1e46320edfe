"""Layers out of ONNX graphs as Paddle's converter writes them: norms and affines in single nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ocrx.errors import ModelError
from ocrx.models.blocks import Affine
from ocrx.zoo.onnx_weights import OnnxWeights, load_onnx, match_layers, read_graph


def read_onnx(path: Path) -> OnnxWeights:
    return read_graph(load_onnx(path), str(path))


RANDOM = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return RANDOM.uniform(0.5, 1.5, shape).astype(np.float32)


WEIGHTS = {
    "conv": values(4, 3, 1, 1),
    "conv_bias": values(1, 4, 1, 1),
    "gamma": values(4),
    "beta": values(4),
    "mean": values(4),
    "variance": values(4),
    "scale": values(1),
    "shift": values(1),
    "ln_weight": values(6),
    "ln_bias": values(6),
    "attention": np.full(1, 0.25, np.float32),
    "nought": np.zeros(1, np.float32),
    "linear": values(6, 5),
    "linear_bias": values(5),
    "epsilon": np.full((), 1e-5, np.float32),
    "two": np.full((), 2, np.float32),
}


def write(path: Path, leave_out: str = "", extra: str = "") -> Path:
    """Conv, Add, BatchNormalization, affine, layer norm in pieces, a scale of attention, MatMul and Add."""
    steps = [
        ("Conv", ["x", "conv"], "a", {}),
        ("Identity", ["a"], "b", {}),
        ("Add", ["b", "conv_bias"], "c", {}),
        ("BatchNormalization", ["c", "gamma", "beta", "mean", "variance"], "d", {"epsilon": 1e-5}),
        ("Mul", ["scale", "d"], "e", {}),
        ("Add", ["e", "shift"], "f", {}),
        ("ReduceMean", ["f"], "g", {"axes": [-1], "keepdims": 1}),
        ("Sub", ["f", "g"], "h", {}),
        ("Pow", ["h", "two"], "i", {}),
        ("ReduceMean", ["i"], "j", {"axes": [-1], "keepdims": 1}),
        ("Add", ["j", "epsilon"], "k", {}),
        ("Sqrt", ["k"], "l", {}),
        ("Div", ["h", "l"], "m", {}),
        ("Mul", ["m", "ln_weight"], "n", {}),
        ("Add", ["n", "ln_bias"], "o", {}),
        ("Mul", ["o", "attention"], "p", {}),
        ("Add", ["p", "nought"], "q", {}),
        ("MatMul", ["q", "linear"], "r", {}),
        ("Add", ["r", "linear_bias"], "y", {}),
    ]
    nodes = [helper.make_node(kind, ins, [out], **more) for kind, ins, out, more in steps]
    weights = {name: value for name, value in WEIGHTS.items() if name != leave_out}
    weights |= {extra: values(3)} if extra else {}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 2, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 2, 5])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "character", "a\n\u2028\nb\n"
    onnx.save(model, str(path))
    return path


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 1), Affine(), nn.LayerNorm(6), nn.Linear(6, 5))


def test_every_layer_is_read_and_gives_the_same_output(tmp_path: Path) -> None:
    import onnxruntime

    found = read_onnx(write(tmp_path / "net.onnx"))
    assert [layer.kind for layer in found.layers] == ["convolution", "affine", "layer norm", "linear"]
    assert found.characters == ("a", "\u2028", "b")
    used = frozenset().union(*(layer.uses for layer in found.layers))
    assert found.tensors - used == frozenset()
    net = network()
    images = torch.rand(1, 3, 2, 6)
    net.load_state_dict(match_layers(net, images, found.layers))
    # The scale of attention is no weight; it belongs to the operation, here before the linear layer.
    expected = net[3](net[2](net[1](net[0](images))) * 0.25)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    np.testing.assert_allclose(expected.detach().numpy(), session.run(None, {"x": images.numpy()})[0], rtol=1e-4)


def test_what_differs_is_named(tmp_path: Path) -> None:
    layers = read_onnx(write(tmp_path / "net.onnx")).layers
    images = torch.rand(1, 3, 2, 6)
    wider = nn.Sequential(nn.Conv2d(3, 8, 1), Affine(), nn.LayerNorm(6), nn.Linear(6, 5))
    with pytest.raises(
        ModelError, match=r"layer 1 of the file, conv, is a convolution \(4, 3, 1, 1\); .*\(8, 3, 1, 1\)"
    ):
        match_layers(wider, images, layers)
    longer = nn.Sequential(*network(), nn.Linear(5, 5))
    with pytest.raises(ModelError, match=r"ends after 4 layers; layer 4 \(linear\) has no weights"):
        match_layers(longer, images, layers)
    with pytest.raises(ModelError, match="1 layers of the file are left over, first linear"):
        match_layers(network()[:3], images, layers)


def test_a_weight_that_is_computed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"computes the weight 'gamma'"):
        read_onnx(write(tmp_path / "net.onnx", leave_out="gamma"))


def damaged(path: Path, damage: Callable[[onnx.ModelProto], object]) -> Path:
    model = onnx.load(str(write(path)))
    damage(model)
    path.write_bytes(model.SerializeToString())
    return path


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def node(model: onnx.ModelProto, kind: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == kind)


def replaced(model: onnx.ModelProto, name: str, value: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    initializer(model, name).CopyFrom(numpy_helper.from_array(value, name))


def constant(model: onnx.ModelProto) -> None:
    tensor = onnx.TensorProto(data_type=TensorProto.FLOAT, dims=[3], raw_data=b"1234")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["odd"], value=tensor))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda m: initializer(m, "conv").dims.append(7), "the tensor 'conv' cannot be read"),
        (lambda m: setattr(initializer(m, "conv"), "raw_data", b"123"), "the tensor 'conv' cannot be read"),
        (lambda m: setattr(initializer(m, "conv"), "data_type", 99), "the tensor 'conv' cannot be read"),
        (constant, "the tensor 'odd' cannot be read"),
        (lambda m: node(m, "Conv").input.pop(), "the node Conv has 1 inputs"),
        (lambda m: node(m, "MatMul").input.pop(), "the node MatMul has 1 inputs"),
        (lambda m: node(m, "BatchNormalization").input.pop(), "the node BatchNormalization has 4 inputs"),
        (lambda m: node(m, "Identity").input.pop(), "the node Identity has 0 inputs"),
        (lambda m: node(m, "Sqrt").output.pop(), "the node Sqrt has 1 inputs and 0 outputs"),
        (
            lambda m: m.graph.node.append(helper.make_node("LayerNormalization", ["o"], ["z"], "norm")),
            "the node norm has 1 inputs",
        ),
        (lambda m: replaced(m, "gamma", values(3)), "is inconsistent"),
        (lambda m: replaced(m, "conv", values()), "is inconsistent"),
        (lambda m: replaced(m, "linear", values()), "'linear', the weight of a MatMul, has the shape"),
    ],
)
def test_damaged_graphs_are_refused(damage: Callable[[onnx.ModelProto], object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"net\.onnx: .*{message}"):
        read_onnx(damaged(tmp_path / "net.onnx", damage))


def test_a_dictionary_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes().replace("a\n\u2028\nb\n".encode(), b"a\n\xff\xff\xff\nb\n"))
    with pytest.raises(ModelError, match=r"net\.onnx: (damaged|not an ONNX file)"):
        read_onnx(path)


def test_a_copy_of_itself_is_no_endless_loop(tmp_path: Path) -> None:
    copy = helper.make_node("Identity", ["conv"], ["conv"])
    path = damaged(tmp_path / "net.onnx", lambda m: m.graph.node.insert(0, copy))
    assert read_onnx(path).layers[0].name == "conv"


def test_a_bias_of_another_size_is_named(tmp_path: Path) -> None:
    def widened(model: onnx.ModelProto) -> None:
        initializer(model, "ln_bias").CopyFrom(numpy_helper.from_array(values(3, 2), "ln_bias"))
        node(model, "Conv").input.append("wide")
        model.graph.initializer.append(numpy_helper.from_array(values(1), "wide"))
        del model.graph.node[2].input[:]
        model.graph.node[2].input.extend(["b", "b"])

    layers = read_onnx(damaged(tmp_path / "net.onnx", widened)).layers
    with pytest.raises(ModelError, match=r"layer 1 of the file, conv, has a bias \(1,\), not \(4,\)"):
        match_layers(nn.Sequential(nn.Conv2d(3, 4, 1)), torch.rand(1, 3, 2, 6), layers[:1])


def test_unused_tensors_show(tmp_path: Path) -> None:
    found = read_onnx(write(tmp_path / "net.onnx", extra="forgotten"))
    used = frozenset().union(*(layer.uses for layer in found.layers))
    assert found.tensors - used == {"forgotten"}
