"""Translates the operators of Paddle programs to ONNX nodes; an operator that is not listed is rejected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from ocrx.errors import ModelError
from ocrx.zoo.paddle_graph import GraphBuilder
from ocrx.zoo.paddle_program import Operator

Array = npt.NDArray[np.generic]

Translation = Callable[[GraphBuilder, Operator], None]


def _simple(kind: str) -> Translation:
    def translate(t: GraphBuilder, op: Operator) -> None:
        t.node(kind, [t.input(op)], op.outputs[0])

    return translate


def _binary(kind: str) -> Translation:
    def translate(t: GraphBuilder, op: Operator) -> None:
        left, right = t.inputs(op, "X")[0], t.inputs(op, "Y")[0]
        axis = op.attributes.get("axis", -1)
        missing = t.rank(left) - axis - t.rank(right) if axis >= 0 else 0
        if missing > 0:
            # Paddle can align the second operand at any axis; NumPy and ONNX align it with the last axes.
            value = t.constant(right)
            if value is None:
                raise ModelError(f"the operator {op.type!r} with the axis {axis} for computed values is not supported")
            t.reshape_constant(right, (*value.shape, *(1,) * missing), right)
        t.node(kind, [t.input(op, "X"), t.input(op, "Y")], op.outputs[0])

    return translate


def _convolution(t: GraphBuilder, op: Operator) -> None:
    attributes = op.attributes
    if attributes.get("data_format", "NCHW") not in ("NCHW", "AnyLayout"):
        raise ModelError(f"the operator {op.type!r} in the layout {attributes['data_format']} is not supported")
    if op.inputs.get("Bias") or op.inputs.get("ResidualData"):
        raise ModelError(f"the operator {op.type!r} with a fused bias is not supported")
    strides, dilations = attributes["strides"], attributes["dilations"]

    t.node(
        "Conv",
        [t.input(op, "Input"), t.input(op, "Filter")],
        op.outputs[0],
        strides=strides,
        dilations=dilations,
        group=attributes["groups"],
        **_padding(op),
    )


def _padding(op: Operator) -> dict[str, Any]:
    algorithm = op.attributes.get("padding_algorithm", "EXPLICIT")
    if algorithm == "SAME":
        return {"auto_pad": "SAME_UPPER"}
    if algorithm == "VALID":
        return {"auto_pad": "VALID"}
    # Either (height, width) or (top, bottom, left, right); ONNX expects (top, left, bottom, right).
    pads = list(op.attributes["paddings"])
    top, bottom, left, right = pads if len(pads) == 4 else (pads[0], pads[0], pads[1], pads[1])
    return {"pads": [top, left, bottom, right]}


def _batch_norm(t: GraphBuilder, op: Operator) -> None:
    names = [t.input(op, slot) for slot in ("X", "Scale", "Bias", "Mean", "Variance")]
    t.node("BatchNormalization", names, op.outputs[0], epsilon=op.attributes["epsilon"])


def _layer_norm(t: GraphBuilder, op: Operator) -> None:
    names = [t.input(op, slot) for slot in ("X", "Scale", "Bias")]
    axis = op.attributes["begin_norm_axis"]
    t.node("LayerNormalization", names, op.outputs[0], epsilon=op.attributes["epsilon"], axis=axis)


def _matmul(t: GraphBuilder, op: Operator) -> None:
    names = []
    for slot, setting in (("X", "trans_x"), ("Y", "trans_y")):
        name = t.input(op, slot)
        if op.attributes.get(setting):
            if t.constant(name) is not None:
                raise ModelError(f"the operator {op.type!r} with a transposed weight is not supported")
            rank = t.rank(name)
            name = t.node("Transpose", [name], perm=[*range(rank - 2), rank - 1, rank - 2])
        names.append(name)
    t.node("MatMul", names, op.outputs[0])


def _pool(t: GraphBuilder, op: Operator) -> None:
    attributes = op.attributes
    kernel, kind = list(attributes["ksize"]), attributes["pooling_type"]
    whole = attributes.get("global_pooling") or (attributes.get("adaptive") and kernel == [1, 1])
    if whole:
        t.node("GlobalAveragePool" if kind == "avg" else "GlobalMaxPool", [t.input(op)], op.outputs[0])
        return

    if attributes.get("adaptive"):
        raise ModelError(f"the operator 'pool2d' with the adaptive size {kernel} is not supported")
    settings = {"kernel_shape": kernel, "strides": attributes["strides"], "ceil_mode": int(attributes["ceil_mode"])}
    if kind == "avg":
        settings["count_include_pad"] = int(not attributes.get("exclusive", True))
    t.node("AveragePool" if kind == "avg" else "MaxPool", [t.input(op)], op.outputs[0], **settings, **_padding(op))


def _swish(t: GraphBuilder, op: Operator) -> None:
    if op.attributes.get("beta", 1.0) != 1.0:
        raise ModelError("the operator 'swish' with a beta other than 1 is not supported")
    name = t.input(op)
    t.node("Mul", [name, t.node("Sigmoid", [name])], op.outputs[0])


def _hard_swish(t: GraphBuilder, op: Operator) -> None:
    usual = {"threshold": 6.0, "scale": 6.0, "offset": 3.0}
    if any(op.attributes.get(key, value) != value for key, value in usual.items()):
        raise ModelError("the operator 'hard_swish' with numbers other than 6, 6 and 3 is not supported")
    t.node("HardSwish", [t.input(op)], op.outputs[0])


def _hard_sigmoid(t: GraphBuilder, op: Operator) -> None:
    settings = {"alpha": op.attributes["slope"], "beta": op.attributes["offset"]}
    t.node("HardSigmoid", [t.input(op)], op.outputs[0], **settings)


def _gelu(t: GraphBuilder, op: Operator) -> None:
    if op.attributes.get("approximate"):
        raise ModelError("the operator 'gelu' in its approximate form is not supported")
    name = t.input(op)
    root, one, half = (t.new_constant(np.array(value, np.float32)) for value in (2**0.5, 1.0, 0.5))
    inner = t.node("Add", [t.node("Erf", [t.node("Div", [name, root])]), one])
    t.node("Mul", [t.node("Mul", [name, inner]), half], op.outputs[0])


def _softmax(t: GraphBuilder, op: Operator) -> None:
    t.node("Softmax", [t.input(op)], op.outputs[0], axis=op.attributes.get("axis", -1))


def _dropout(t: GraphBuilder, op: Operator) -> None:
    if op.attributes.get("dropout_implementation", "downgrade_in_infer") == "upscale_in_train":
        t.node("Identity", [t.input(op)], op.outputs[0])
        return
    kept = t.new_constant(np.array(1 - op.attributes["dropout_prob"], np.float32))
    t.node("Mul", [t.input(op), kept], op.outputs[0])


def _scale(t: GraphBuilder, op: Operator) -> None:
    factor, bias = op.attributes["scale"], op.attributes.get("bias", 0.0)
    if op.inputs.get("ScaleTensor") or (bias and not op.attributes.get("bias_after_scale", True)):
        raise ModelError("the operator 'scale' in this form is not supported")
    name = t.input(op)
    scaled = t.node("Mul", [name, t.new_constant(np.array(factor, np.float32))], None if bias else op.outputs[0])
    if bias:
        t.node("Add", [scaled, t.new_constant(np.array(bias, np.float32))], op.outputs[0])


def _assign(t: GraphBuilder, op: Operator) -> None:
    # Copying does not count as a use of a parameter, so ``input`` is not called.
    name = t.inputs(op)[0]
    t.set_alias(op.outputs[0], name)


def _reshape(t: GraphBuilder, op: Operator) -> None:
    name = t.inputs(op)[0]
    sizes = op.inputs.get("ShapeTensor") or op.inputs.get("shape") or op.inputs.get("Shape")

    if not sizes:
        shape = [int(size) for size in op.attributes["shape"]]
        value = t.constant(name)
        if value is not None:
            t.reshape_constant(name, _resolved_shape(shape, value), op.outputs[0])
            return
        t.node("Reshape", [name, t.new_constant(np.array(shape, np.int64))], op.outputs[0])
        return

    if len(sizes) == 1:
        joined = t.inputs(op, next(slot for slot in ("ShapeTensor", "shape", "Shape") if op.inputs.get(slot)))[0]
    else:
        joined = _concatenated_sizes(t, t.inputs(op, "ShapeTensor" if op.inputs.get("ShapeTensor") else "shape"))

    t.node("Reshape", [name, joined], op.outputs[0])


def _resolved_shape(shape: list[int], value: Array) -> list[int]:
    """Replace each 0 in ``shape``, which means to keep that size of ``value``."""
    return [value.shape[index] if size == 0 and index < value.ndim else size for index, size in enumerate(shape)]


def _concatenated_sizes(t: GraphBuilder, names: list[str]) -> str:
    one = t.new_constant(np.array([1], np.int64))
    return t.node("Concat", [t.node("Reshape", [name, one]) for name in names], axis=0)


def _stack(t: GraphBuilder, op: Operator) -> None:
    axis = op.attributes.get("axis", 0)
    axes = t.new_constant(np.array([axis], np.int64))
    parts = [t.node("Unsqueeze", [name, axes]) for name in t.inputs(op)]
    t.node("Concat", parts, op.outputs[0], axis=axis)


def _transpose(t: GraphBuilder, op: Operator) -> None:
    t.node("Transpose", [t.input(op)], op.outputs[0], perm=op.attributes["axis"])


def _change_axes(kind: str) -> Translation:
    def translate(t: GraphBuilder, op: Operator) -> None:
        name, axes = t.inputs(op)[0], [int(axis) for axis in op.attributes["axes"]]
        value = t.constant(name)
        if value is not None:
            changed = np.squeeze(value, tuple(axes)) if kind == "Squeeze" else np.expand_dims(value, tuple(axes))
            t.reshape_constant(name, changed.shape, op.outputs[0])
            return
        t.node(kind, [name, t.new_constant(np.array(axes, np.int64))], op.outputs[0])

    return translate


def _flatten(t: GraphBuilder, op: Operator) -> None:
    name, start, stop = t.input(op), op.attributes["start_axis"], op.attributes["stop_axis"]
    rank = t.rank(name)
    start, stop = start % rank, stop % rank
    if stop != rank - 1:
        raise ModelError("the operator 'flatten' with a stop_axis before the last axis is not supported")
    t.node("Reshape", [name, t.new_constant(np.array([*(0,) * start, -1], np.int64))], op.outputs[0])


def _concat(t: GraphBuilder, op: Operator) -> None:
    axis = op.attributes["axis"]
    axis = axis[0] if isinstance(axis, list) else axis
    t.node("Concat", t.inputs(op), op.outputs[0], axis=int(axis))


def _mean(t: GraphBuilder, op: Operator) -> None:
    if op.attributes.get("reduce_all"):
        raise ModelError("the operator 'reduce_mean' over all axes is not supported")
    dims = op.attributes["dim"]
    axes = [int(axis) for axis in (dims if isinstance(dims, list) else [dims])]
    t.node("ReduceMean", [t.input(op)], op.outputs[0], axes=axes, keepdims=int(op.attributes["keep_dim"]))


def _shape(t: GraphBuilder, op: Operator) -> None:
    t.node("Shape", [t.input(op, "Input")], op.outputs[0])


def _slice(t: GraphBuilder, op: Operator) -> None:
    if any(slot in op.inputs for slot in ("StartsTensor", "StartsTensorList", "EndsTensor", "EndsTensorList")):
        raise ModelError("the operator 'slice' with computed bounds is not supported")
    settings = [t.new_constant(np.array(op.attributes[key], np.int64)) for key in ("starts", "ends", "axes")]
    dropped = op.attributes.get("decrease_axis") or []
    cut = t.node("Slice", [t.input(op, "Input"), *settings], None if dropped else op.outputs[0])
    if dropped:
        t.node("Squeeze", [cut, t.new_constant(np.array(dropped, np.int64))], op.outputs[0])


# Paddle's data type, by number or name → whether it is an integer type.
_INTEGER: Mapping[Any, bool] = {2: True, 3: True, 5: False, "int32": True, "int64": True, "float32": False}


def _is_integer(dtype: Any, op: Operator) -> bool:
    if dtype not in _INTEGER:
        raise ModelError(f"the operator {op.type!r} with the data type {dtype} is not supported")
    return _INTEGER[dtype]


def _fill_constant(t: GraphBuilder, op: Operator) -> None:
    is_integer = _is_integer(op.attributes["dtype"], op)
    text = op.attributes.get("str_value")
    value = float(text) if text else op.attributes["value"]
    shape = [int(size) for size in op.attributes.get("shape", [])]
    if any(size < 0 or size > 4096 for size in shape) or len(shape) > 1:
        raise ModelError(f"the operator 'fill_constant' with the shape {shape} is not supported")
    t.new_constant(
        np.broadcast_to(np.array(value, np.int64 if is_integer else np.float32), shape).copy(), op.outputs[0]
    )


def _cast(t: GraphBuilder, op: Operator) -> None:
    # Integers are sizes here, always of 64 bits.
    is_integer = _is_integer(op.attributes.get("out_dtype", op.attributes.get("dtype")), op)
    t.node("Cast", [t.input(op)], op.outputs[0], to=TensorProto.INT64 if is_integer else TensorProto.FLOAT)


TRANSLATIONS: Mapping[str, Translation] = {
    "conv2d": _convolution,
    "depthwise_conv2d": _convolution,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "matmul_v2": _matmul,
    "elementwise_add": _binary("Add"),
    "elementwise_sub": _binary("Sub"),
    "elementwise_mul": _binary("Mul"),
    "elementwise_div": _binary("Div"),
    "relu": _simple("Relu"),
    "sigmoid": _simple("Sigmoid"),
    "swish": _swish,
    "silu": _swish,
    "hard_swish": _hard_swish,
    "hard_sigmoid": _hard_sigmoid,
    "gelu": _gelu,
    "softmax": _softmax,
    "dropout": _dropout,
    "scale": _scale,
    "assign": _assign,
    "reshape2": _reshape,
    "stack": _stack,
    "transpose2": _transpose,
    "squeeze2": _change_axes("Squeeze"),
    "unsqueeze2": _change_axes("Unsqueeze"),
    "flatten_contiguous_range": _flatten,
    "concat": _concat,
    "reduce_mean": _mean,
    "pool2d": _pool,
    "shape": _shape,
    "slice": _slice,
    "fill_constant": _fill_constant,
    "cast": _cast,
}
