"""Converts ONNX models to fp16 and int8 with ONNX Runtime's own tools."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from ocrx.arrays import Floats
from ocrx.export.gelu import fuse_gelu

_QUANTIZED = ["Conv", "MatMul", "Gemm"]


def half_onnx(source: Path, target: Path) -> None:
    """Convert weights and computation to fp16; input and output remain fp32.

    Args:
        source: The fp32 ONNX file.
        target: The file to write.
    """
    model = convert_float_to_float16(_with_fp32_weights(source), keep_io_types=True, disable_shape_infer=True)
    onnx.save(model, str(target))


def quantized_onnx(source: Path, target: Path, images: Sequence[Floats], weight_bits: int = 7) -> None:
    """Quantise weights (per channel) and activations to int8.

    The first convolution and the last layer remain fp32: they take little time, and errors there cost most accuracy.
    By default weights use 7 of the 8 bits, because x86-64 without VNNI adds two products in 16 bits (VPMADDUBSW), which
    255 * w1 + 255 * w2 must not exceed; some ARM kernels do the same. ``benchmarks/int8.md`` compares the alternatives.

    Args:
        source: The fp32 ONNX file.
        target: The file to write.
        images: float32 [1, C, H, W] of each line; they determine the ranges of the activations.
        weight_bits: 7, or 8 for processors that add products of int8 in 32 bits.
    """
    model = _with_fp32_weights(source)
    nodes = [node for node in model.graph.node if node.op_type in _QUANTIZED]

    with _quiet(), tempfile.TemporaryDirectory() as work:
        # ONNX Runtime 1.18 does not fully read back a model in memory.
        plain = Path(work, "model.onnx")
        onnx.save(model, str(plain))
        quantize_static(
            str(plain),
            str(target),
            _Images(model.graph.input[0].name, images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTIZED,
            nodes_to_exclude=[node.name for node in (nodes[0], nodes[-1])],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=weight_bits == 7,
        )

    described = {entry.key: entry.value for entry in model.metadata_props}
    written = onnx.load(str(target))
    fuse_gelu(written)
    onnx.helper.set_model_props(written, described)
    onnx.save(written, str(target))


def _with_fp32_weights(source: Path) -> onnx.ModelProto:
    """Read a model and replace weights that are stored in fp16 and cast at run time by fp32 weights.

    The tools would treat the result of a cast as an activation and not quantise it.
    """
    model = onnx.load(str(source))
    stored = {array.name: array for array in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type == "Cast" and node.input[0] in stored]:
        if node.attribute[0].i == onnx.TensorProto.FLOAT:
            weights = onnx.numpy_helper.to_array(stored[node.input[0]]).astype(np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(weights, node.output[0]))
            model.graph.node.remove(node)
    used = {name for node in model.graph.node for name in node.input}
    for name in stored.keys() - used:
        model.graph.initializer.remove(stored[name])
    return model


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self, name: str, images: Sequence[Floats]) -> None:
        self._feeds = iter([{name: image} for image in images])

    def get_next(self) -> dict[str, Floats] | None:
        return next(self._feeds, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the root logger, where the tool recommends a preprocessing that was already done."""
    root = logging.getLogger()
    before = root.disabled
    root.disabled = True
    try:
        yield
    finally:
        root.disabled = before
