"""A network in the form that RapidOCR and PaddleX run: their input, 48 pixels high in BGR, and probabilities.

The host resizes every line to a height of 48 and pads the lines of a batch to one width with zeros, which no pixel ever
gives: a column of zeros is padding. The graph reads each line on its own, without its padding, as ocrx prepares lines:
in the colours and at the height of the model, resized from the line as it was before the host enlarged it, padded to
its own bucket. Its text does not depend on the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper

from ocrx.errors import ModelError
from ocrx.export.graph_nodes import Nodes
from ocrx.export.host_resize import HOST_HEIGHT, resized, restored
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

HOST_IMAGE = ImageSpec(
    height=HOST_HEIGHT,
    order="BGR",
    filter="bilinear_point",
    scale=1 / 255,
    mean=(0.5,),
    std=(0.5,),
    pad=0.0,
    bucket=1,
    min_width=320,
    max_width=100_000,
)
"""How the hosts prepare a line."""

INPUT, OUTPUT = "x", "probabilities"

_LUMA = (7471, 38470, 19595)  # blue, green, red in 65536ths, as Pillow weights them
_NETWORK = "network/"


def host_graph(network: onnx.ModelProto, spec: ModelSpec, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Wrap a network.

    Args:
        network: float32 [N, C, H, W] to logits [N, T, K], as ``export_onnx`` writes it.
        spec: Describes it.
        metadata: Written into the file.

    Returns:
        The model: float32 [N, 3, 48, W], as the hosts prepare lines, to probabilities [N, T, K]; frames behind the end
        of a line hold zeros, of which the hosts take the first class, the blank.

    Raises:
        ModelError: The model's clean-up steps cannot be part of a graph.
    """
    steps = [step for step in spec.image.steps if step != "rotate_tall"]  # hosts turn tall lines themselves
    if steps:
        raise ModelError(f"image.steps: {', '.join(steps)}; no other runtime prepares lines with them")

    outer = Nodes("outer/")
    count = outer.add("Gather", outer.add("Shape", INPUT), outer.whole(0))
    width = outer.add("Gather", outer.add("Shape", INPUT), outer.whole(3))
    widest = _widest(outer, width, spec.image)
    frames = _frame_count(outer, _bucket_width(outer, widest, spec.image), spec.frames)
    body = _line_graph(network, spec, frames)
    outer.nodes.append(helper.make_node("Loop", [count, outer.constant(np.array(True))], [OUTPUT], body=body))

    graph = helper.make_graph(
        outer.nodes,
        "ocrx",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, HOST_IMAGE.height, "width"])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", "frames", spec.classes])],
        outer.constants,
    )
    model = helper.make_model(graph, opset_imports=network.opset_import, ir_version=network.ir_version)
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    return model


def _line_graph(network: onnx.ModelProto, spec: ModelSpec, frames: str) -> onnx.GraphProto:
    """The body of the loop: reads one line of the batch."""
    image = spec.image
    body = Nodes("line/")
    pixels, width = _pixels(body, image)
    if image.height != HOST_IMAGE.height:
        pixels, width = resized(body, restored(body, pixels, width, image.channels), image)

    std = np.broadcast_to(np.array(image.std), image.channels).reshape(-1, 1, 1)
    mean = np.broadcast_to(np.array(image.mean), image.channels).reshape(-1, 1, 1)
    scaled = body.add("Sub", body.add("Mul", pixels, body.real(image.scale / std)), body.real(mean / std))
    missing = body.add("Sub", _bucket_width(body, width, image), width)
    none = body.whole(0)
    pads = body.list_of(none, none, none, none, none, missing)
    padded = body.add("Pad", scaled, pads, body.real(image.pad))

    inner = compose.add_prefix(network, _NETWORK).graph
    first = body.axis(0)
    body.nodes.append(helper.make_node("Unsqueeze", [padded, first], [inner.input[0].name]))
    body.nodes += inner.node
    probabilities = body.add("Squeeze", body.add("Softmax", inner.output[0].name, axis=-1), first)
    behind = body.add("Sub", frames, body.add("Gather", body.add("Shape", probabilities), body.whole(0)))
    body.add("Pad", probabilities, body.list_of(none, none, behind, none), body.real(0.0))
    body.add("Identity", "line/go_on")

    return helper.make_graph(
        body.nodes,
        "line",
        [
            helper.make_tensor_value_info("line/index", TensorProto.INT64, []),
            helper.make_tensor_value_info("line/go_on", TensorProto.BOOL, []),
        ],
        [
            helper.make_tensor_value_info(body.nodes[-1].output[0], TensorProto.BOOL, []),
            helper.make_tensor_value_info(body.nodes[-2].output[0], TensorProto.FLOAT, [None, spec.classes]),
        ],
        [*body.constants, *inner.initializer],
    )


def _pixels(body: Nodes, image: ImageSpec) -> tuple[str, str]:
    """A line without its padding, [C, 48, width] from 0 to 255 in the colours of the model; and its width."""
    padded = body.add("Gather", INPUT, "line/index", axis=0)
    strength = body.add("ReduceSum", body.add("Abs", padded), body.whole(0, 1), keepdims=0)
    columns = body.add("Cast", body.add("Greater", strength, body.real(0.0)), to=TensorProto.INT64)
    width = body.add("Max", body.add("ReduceSum", columns, body.axis(0), keepdims=0), body.whole(1))
    none, last = body.axis(0), body.axis(2)
    cropped = body.add("Slice", padded, none, body.list_of(width), last)
    colours = body.rounded(body.add("Add", body.add("Mul", cropped, body.real(127.5)), body.real(127.5)))

    if image.order == "RGB":
        return body.add("Gather", colours, body.whole(2, 1, 0), axis=0), width
    if image.order == "BGR":
        return colours, width
    weighted = body.add("Mul", colours, body.real(np.array(_LUMA).reshape(3, 1, 1)))
    grey = body.add("ReduceSum", weighted, none, keepdims=1)
    return body.rounded(body.add("Div", grey, body.real(65536.0))), width


def _widest(nodes: Nodes, width: str, image: ImageSpec) -> str:
    """No line of a batch is wider at the height of the model; hosts that round down cut off a part of a pixel."""
    if image.height == HOST_IMAGE.height:
        return width
    most = nodes.add("Add", width, nodes.whole(1))
    scaled = nodes.divided_up(nodes.add("Mul", most, nodes.whole(image.height)), HOST_IMAGE.height)
    return nodes.add("Min", scaled, nodes.whole(image.max_width))


def _bucket_width(nodes: Nodes, width: str, image: ImageSpec) -> str:
    """``ImageSpec.bucket_width``; lines at the height of the host keep their width, however long."""
    bucket = nodes.add("Mul", nodes.divided_up(width, image.bucket), nodes.whole(image.bucket))
    return nodes.add("Max", bucket, nodes.whole(image.min_width))


def _frame_count(nodes: Nodes, width: str, frames: FrameSpec) -> str:
    """``FrameSpec.count``."""
    for kernel, stride, padding in frames.layers:
        moved = nodes.add("Add", width, nodes.whole(2 * padding - kernel))
        width = nodes.add("Add", nodes.add("Div", moved, nodes.whole(stride)), nodes.whole(1))
    return width


def not_one_line(characters: Sequence[str]) -> list[str]:
    """List the characters that a host which stores one per line cannot represent.

    Args:
        characters: The charset.

    Returns:
        Those that are empty or that ``str.splitlines`` splits at.
    """
    return [entry for entry in characters if entry.splitlines() != [entry]]
