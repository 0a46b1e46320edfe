"""Weights in int8 that no processor's arithmetic overflows on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import numpy_helper
from support.lines import draw_line
from support.random_net import WORDS

from ocrx.backends.onnx import OnnxBackend
from ocrx.export.quantize import half_onnx, quantized_onnx
from ocrx.imaging.preparation import prepare
from ocrx.model_folder import ONNX_FILE


@pytest.fixture
def original(model_folder: Path) -> Path:
    return model_folder / "inference" / ONNX_FILE


def lines(model: Path) -> list[npt.NDArray[np.float32]]:
    spec = OnnxBackend(model).spec
    return [prepare(draw_line(word), spec.image)[0][None] for word in WORDS]


def overflowing_sum(weights: npt.NDArray[np.int64], inputs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rows of 8-bit products as VPMADDUBSW adds them: two neighbours in 16 bits that saturate, those in 32 bits."""
    products = weights * inputs
    if products.shape[1] % 2:
        products = np.pad(products, ((0, 0), (0, 1)))
    pairs = products.reshape(len(products), -1, 2).sum(axis=2)
    return np.clip(pairs, -(2**15), 2**15 - 1).sum(axis=1)


def int8_weights(model: Path) -> dict[str, npt.NDArray[np.int64]]:
    """Weights of the quantized layers, one row for each output channel."""
    graph = onnx.load(str(model)).graph
    arrays = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays:
            array = arrays[node.input[0]]
            if array.dtype in (np.int8, np.uint8) and array.ndim > 1:
                channel = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
                rows = np.moveaxis(array.astype(np.int64), channel, 0)
                found[node.input[0]] = rows.reshape(len(rows), -1)
    return found


def test_no_weights_overflow_where_products_are_added_in_16_bits(original: Path, tmp_path: Path) -> None:
    quantized_onnx(original, tmp_path / "model.int8.onnx", lines(original))
    layers = int8_weights(tmp_path / "model.int8.onnx")
    assert len(layers) > 5
    for name, weights in layers.items():
        # The worst input for the worst order: the largest weights beside each other, and nothing that lowers the sum.
        ordered = np.sort(weights, axis=1)
        for inputs in (np.where(ordered > 0, 255, 0), np.where(ordered < 0, 255, 0)):
            for rows, values in ((ordered, inputs), (ordered[:, ::-1], inputs[:, ::-1])):
                exact = (rows * values).sum(axis=1)
                assert (overflowing_sum(rows, values) == exact).all(), name


def test_eight_bits_are_used_where_they_are_asked_for(original: Path, tmp_path: Path) -> None:
    for bits, most in ((7, 64), (8, 128)):
        file = tmp_path / f"model{bits}.onnx"
        quantized_onnx(original, file, lines(original), bits)
        largest = max(int(np.abs(weights).max()) for weights in int8_weights(file).values())
        assert most / 2 < largest <= most


def test_the_emulation_sees_an_overflow() -> None:
    weights, inputs = np.array([[127, 127, -128]]), np.array([[255, 255, 255]])
    assert overflowing_sum(weights, inputs) == 32767 - 128 * 255


def test_weights_stored_in_fp16_and_cast_are_quantized_too(original: Path, tmp_path: Path) -> None:
    model = onnx.load(str(original))
    weights = [array for array in model.graph.initializer if array.data_type == onnx.TensorProto.FLOAT]
    for array in weights:
        half = numpy_helper.to_array(array).astype(np.float16)
        model.graph.initializer.append(numpy_helper.from_array(half, f"{array.name}.half"))
        cast = onnx.helper.make_node("Cast", [f"{array.name}.half"], [array.name], to=onnx.TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
        model.graph.initializer.remove(array)
    cast_file = tmp_path / "cast.onnx"
    onnx.save(model, str(cast_file))
    images = lines(original)
    for write, name in ((quantized_onnx, "int8"), (half_onnx, "half")):
        sizes = []
        for source in (original, cast_file):
            target = tmp_path / f"{source.stem}.{name}.onnx"
            arguments = (source, target, images) if write is quantized_onnx else (source, target)
            write(*arguments)  # type: ignore[operator]
            sizes.append(target.stat().st_size)
            assert np.isfinite(OnnxBackend(target).logits(images[0])).all()
        assert sizes[1] == pytest.approx(sizes[0], rel=0.02), name
