"""ONNX models in fp16 and int8, with ONNX Runtime's own tools."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from ocrx.arrays import Floats

_QUANTIZED = ["Conv", "MatMul", "Gemm"]


def half_onnx(source: Path, target: Path) -> None:
    """``source`` with weights and computation in fp16; input and output stay fp32."""
    model = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True, disable_shape_infer=True)
    onnx.save(model, str(target))


def quantized_onnx(source: Path, target: Path, images: Sequence[Floats]) -> None:
    """``source`` with int8 weights (per channel) and activations whose ranges come from ``images``.

    The first convolution and the last layer stay in fp32: they hold little work, and errors there cost most.
    """
    model = onnx.load(str(source))
    nodes = [node for node in model.graph.node if node.op_type in _QUANTIZED]
    with _quiet():
        quantize_static(
            model,
            str(target),
            _Images(model.graph.input[0].name, images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTIZED,
            nodes_to_exclude=[node.name for node in (nodes[0], nodes[-1])],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
    described = {entry.key: entry.value for entry in model.metadata_props}
    written = onnx.load(str(target))
    onnx.helper.set_model_props(written, described)
    onnx.save(written, str(target))


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self, name: str, images: Sequence[Floats]) -> None:
        self._feeds = iter([{name: image} for image in images])

    def get_next(self) -> dict[str, Floats] | None:
        return next(self._feeds, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """The tool advises on the root logger to preprocess models that are preprocessed already."""
    root = logging.getLogger()
    before = root.disabled
    root.disabled = True
    try:
        yield
    finally:
        root.disabled = before
