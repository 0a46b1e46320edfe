"""Undoes what a host's resizing does to a line, and resizes the line as the model wants it; as nodes of a graph.

A host enlarges most lines to a height of 48 by OpenCV's linear interpolation. Shrunk from there to the height of the
model, a line would be blurred twice. But interpolation that enlarges is a linear map with an inverse, so the line is
restored first. Every original height has a map of its own. The right one explains the columns of the line up to the
rounding of pixels; all others leave far more unexplained. A line that no height explains was shrunk by the host or has
48 pixels, and is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from ocrx.arrays import Float64s
from ocrx.export.graph_nodes import Nodes
from ocrx.model_spec import ImageSpec

HOST_HEIGHT = 48

_HEIGHTS = range(4, HOST_HEIGHT)
_NOISE = 0.5  # mean square of grey levels that rounding explains; it is 0.1 to 0.2 for the true height
_EQUAL = (1.5, 0.02)  # heights explain alike up to this many times the least unexplained part, plus this
_MISSING = 1.0  # mean square of grey levels that the right width may leave of the mean of all rows
_STEPS = 6  # of the iteration along the line
_LEAST = 0.25  # share of an error that one plain step removes at least, but for what interpolation has nearly erased


@dataclass(frozen=True)
class Line:
    """A line inside the graph.

    Attributes:
        pixels: [C, height, width], 0 to 255.
        width: Its width.
        height: Its height.
        choice: Index of the height in the tables of this module.
    """

    pixels: str
    width: str
    height: str
    choice: str


def restored(body: Nodes, pixels: str, width: str, channels: int) -> Line:
    """Add nodes that restore a line as it was before the host enlarged it.

    Args:
        body: The graph.
        pixels: [C, 48, width], 0 to 255.
        width: Its width.
        channels: C.

    Returns:
        The line.
    """
    heights = body.whole(*_HEIGHTS, HOST_HEIGHT)
    choice = _explaining_height(body, pixels, width, channels)
    choice, narrow = _explaining_width(body, pixels, width, channels, choice)
    height = body.add("Gather", heights, choice)
    inverse = body.add("Gather", body.real(_inverses()), choice)
    rows = body.add("MatMul", _first(body, inverse, height, 0), pixels)

    planes = body.add("Unsqueeze", rows, body.axis(0))
    line, _ = _narrowed(body, planes, width, narrow, (body.whole(channels), height))
    line = body.add("Squeeze", line, body.axis(0))
    whole = body.add("Clip", body.rounded(line), body.real(0.0), body.real(255.0))
    return Line(whole, narrow, height, choice)


def resized(body: Nodes, line: Line, image: ImageSpec) -> tuple[str, str]:
    """Add nodes that resize a line as Pillow's bilinear filter does: first along it, then across.

    Args:
        body: The graph.
        line: The line.
        image: The image spec of the model.

    Returns:
        [C, height of the model, width], and that width.
    """
    scaled = body.add("Mul", line.width, body.whole(image.height))
    one = body.whole(1)
    target = body.add("Div", body.add("Sub", body.add("Add", scaled, line.height), one), line.height)
    target = body.add("Min", target, body.whole(image.max_width))
    given, wanted = (body.add("Cast", number, to=TensorProto.FLOAT) for number in (line.width, target))

    step = body.add("Div", given, wanted)
    reach = body.add("Max", step, body.real(1.0))
    none, half = body.whole(0), body.real(0.5)
    columns, centres = (
        body.add("Add", body.add("Cast", body.add("Range", none, end, one), to=TensorProto.FLOAT), half)
        for end in (line.width, target)
    )
    centres = body.add("Mul", centres, step)
    distance = body.add("Sub", body.add("Unsqueeze", columns, body.axis(1)), centres)
    triangle = body.add("Relu", body.add("Sub", body.real(1.0), body.add("Abs", body.add("Div", distance, reach))))

    total = body.add("ReduceSum", triangle, body.axis(0), keepdims=1)
    along = body.rounded(body.add("MatMul", line.pixels, body.add("Div", triangle, total)))
    across = body.add("Gather", body.real(_shrinking(image.height)), line.choice)
    across = _first(body, across, line.height, 1)
    return body.rounded(body.add("MatMul", across, along)), target


def _explaining_height(body: Nodes, pixels: str, width: str, channels: int) -> str:
    """Index of the height that the line had.

    The products of all rows with each other say how much of the columns a linear map leaves unexplained, for every
    height at once. The smallest height that explains as much as any other is the one.
    """
    double, first, across = body.add("Cast", pixels, to=TensorProto.DOUBLE), body.axis(0), body.axis(1)
    total = body.add("ReduceSum", double, across, keepdims=1)
    # Every height explains a constant; without it the numbers are small enough for exact sums.
    columns = body.add("Sub", double, body.add("Div", total, body.constant(np.float64(HOST_HEIGHT))))
    products = body.add("MatMul", columns, body.add("Transpose", columns, perm=[0, 2, 1]))
    products = body.add("ReduceSum", products, first, keepdims=0)

    left = body.add("Mul", body.add("Cast", body.real(_unexplained()), to=TensorProto.DOUBLE), products)
    unexplained = body.add("ReduceSum", left, body.whole(1, 2), keepdims=0)
    count = body.add("Cast", body.add("Mul", width, body.whole(channels)), to=TensorProto.DOUBLE)
    share = body.add("Cast", body.add("Div", unexplained, count), to=TensorProto.FLOAT)
    least = body.add("ReduceMin", share, keepdims=0)
    alike = body.add("Add", body.add("Mul", least, body.real(_EQUAL[0])), body.real(_EQUAL[1]))
    good = body.add("LessOrEqual", share, body.add("Min", alike, body.real(_NOISE)))

    places = body.whole(*range(len(_HEIGHTS)))
    nothing = body.whole(len(_HEIGHTS))
    smallest = body.add("ReduceMin", body.add("Where", good, places, nothing), keepdims=0)
    # Columns that even the first height explains, such as those of a blank line, say nothing.
    return body.add("Where", body.add("Equal", smallest, body.whole(0)), nothing, smallest)


def _explaining_width(body: Nodes, pixels: str, width: str, channels: int, choice: str) -> tuple[str, str]:
    """Index of the height, and the width that the line had.

    Hosts round the width up or down; the mean of all rows says which. Where neither width explains it, the line was
    only blurred across, and is taken as it is.
    """
    height = body.add("Gather", body.whole(*_HEIGHTS, HOST_HEIGHT), choice)
    product = body.add("Mul", width, height)
    down = body.add("Max", body.add("Div", product, body.whole(HOST_HEIGHT)), body.whole(1))
    up = body.divided_up(product, HOST_HEIGHT)

    total = body.add("ReduceSum", pixels, body.axis(1), keepdims=1)
    mean = body.add("Unsqueeze", body.add("Mul", total, body.real(1 / HOST_HEIGHT)), body.axis(0))
    one_row = (body.whole(channels), body.whole(1))
    less, more = (_narrowed(body, mean, width, narrow, one_row)[1] for narrow in (down, up))
    narrow = body.add("Where", body.add("Less", more, less), up, down)

    count = body.add("Cast", body.add("Mul", width, body.whole(channels)), to=TensorProto.FLOAT)
    missing = body.add("Div", body.add("Min", less, more), count)
    explained = body.add("LessOrEqual", missing, body.real(_MISSING))
    return (
        body.add("Where", explained, choice, body.whole(len(_HEIGHTS))),
        body.add("Where", explained, narrow, width),
    )


def _narrowed(body: Nodes, planes: str, width: str, narrow: str, size: tuple[str, str]) -> tuple[str, str]:
    """[1, C, rows, narrow] whose interpolation comes nearest to ``planes``, and the sum of squares of what is missing.

    The line is narrowed by interpolation and enlarged again; what is missing then is narrowed and added.
    ``size``: C and the number of rows.
    """
    one = body.whole(1)
    small, large = (body.list_of(one, *size, columns) for columns in (narrow, width))
    line = _interpolated(body, planes, small)
    for weight in _relaxation():
        missing = body.add("Sub", planes, _interpolated(body, line, large))
        correction = body.add("Mul", _interpolated(body, missing, small), body.real(weight))
        line = body.add("Add", line, correction)
    missing = body.add("Sub", planes, _interpolated(body, line, large))
    return line, body.add("ReduceSum", body.add("Mul", missing, missing), keepdims=0)


def _interpolated(body: Nodes, planes: str, size: str) -> str:
    return body.add("Resize", planes, "", "", size, mode="linear", coordinate_transformation_mode="half_pixel")


def _relaxation() -> list[float]:
    """Weights of the corrections that leave least of all errors after all steps together (Chebyshev iteration).

    Large and small ones take turns, so that rounding does not grow in between.
    """
    centre, half = (1 + _LEAST) / 2, (1 - _LEAST) / 2
    roots = np.cos(np.pi * (2 * np.arange(_STEPS) + 1) / (2 * _STEPS))
    weights = (1 / (centre + half * roots)).tolist()
    return [weights.pop(0 if step % 2 == 0 else -1) for step in range(_STEPS)]


def _first(body: Nodes, values: str, count: str, axis: int) -> str:
    """The first entries of values along an axis."""
    return body.add("Slice", values, body.axis(0), body.list_of(count), body.axis(axis))


def _enlarging(height: int) -> Float64s:
    """float64 [48, height]: OpenCV's linear interpolation."""
    place = (np.arange(HOST_HEIGHT) + 0.5) * height / HOST_HEIGHT - 0.5
    before = np.floor(place).astype(int)
    weights: Float64s = np.zeros((HOST_HEIGHT, height))
    for neighbour, weight in ((before, before + 1 - place), (before + 1, place - before)):
        np.add.at(weights, (np.arange(HOST_HEIGHT), neighbour.clip(0, height - 1)), weight)
    return weights


def _inverses() -> Float64s:
    """float64 [heights, 48, 48]: restores columns; only the first rows, as many as the height, mean something."""
    found: Float64s = np.zeros((len(_HEIGHTS) + 1, HOST_HEIGHT, HOST_HEIGHT))
    for index, height in enumerate(_HEIGHTS):
        found[index, :height] = np.linalg.pinv(_enlarging(height))
    found[-1] = np.eye(HOST_HEIGHT)
    return found


def _unexplained() -> Float64s:
    """float64 [heights, 48, 48]: times the products of columns, the mean square that a height leaves unexplained."""
    found: Float64s = np.zeros((len(_HEIGHTS), HOST_HEIGHT, HOST_HEIGHT))
    for index, height in enumerate(_HEIGHTS):
        enlarging = _enlarging(height)
        found[index] = (np.eye(HOST_HEIGHT) - enlarging @ np.linalg.pinv(enlarging)) / (HOST_HEIGHT - height)
    return found


def _shrinking(wanted: int) -> Float64s:
    """float64 [heights, wanted, 48]: Pillow's bilinear filter from each height."""
    found: Float64s = np.zeros((len(_HEIGHTS) + 1, wanted, HOST_HEIGHT))
    for index, height in enumerate((*_HEIGHTS, HOST_HEIGHT)):
        step = height / wanted
        centres = (np.arange(wanted) + 0.5) * step
        distance = np.abs(np.arange(height) + 0.5 - centres[:, None]) / max(1.0, step)
        triangle = np.maximum(0.0, 1 - distance)
        found[index, :, :height] = triangle / triangle.sum(axis=1, keepdims=True)
    return found
