"""Lines restored from what a host makes of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from PIL import Image
from support.lines import draw_line

from ocrx.export.graph_nodes import Nodes
from ocrx.export.host_resize import restored
from ocrx.imaging.preparation import _point_bilinear

Floats = npt.NDArray[np.float32]


def restoring(channels: int) -> ort.InferenceSession:
    """pixels [C, 48, W] to the restored line."""
    body = Nodes("node/")
    width = body.add("Gather", body.add("Shape", "pixels"), body.whole(2))
    line = restored(body, "pixels", width, channels)
    graph = helper.make_graph(
        body.nodes,
        "restored",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [channels, 48, "W"])],
        [helper.make_tensor_value_info(line.pixels, TensorProto.FLOAT, [channels, None, None])],
        body.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def session() -> ort.InferenceSession:
    return restoring(1)


def restore(session: ort.InferenceSession, seen: npt.NDArray[np.uint8]) -> Floats:
    (found,) = session.run(None, {"pixels": seen[None].astype(np.float32)})
    return found[0]


def drawn(text: str, height: int) -> Image.Image:
    """A grey line of a height, as sharp as a scan of it."""
    line = draw_line(text, height=96).convert("L")
    return line.resize((round(line.width * height / line.height), height), Image.Resampling.LANCZOS)


def as_host(line: Image.Image, rounds: str) -> npt.NDArray[np.uint8]:
    """A line at the host's height; hosts round its width up, or for some long lines down."""
    width = 48 * line.width / line.height
    return _point_bilinear(line, (math.ceil(width) if rounds == "up" else math.floor(width), 48))


@pytest.mark.parametrize("rounds", ["up", "down"])
@pytest.mark.parametrize("height", [16, 18, 21, 24, 29, 30, 31, 32, 36, 40, 43, 46])
def test_an_enlarged_line_is_restored(session: ort.InferenceSession, height: int, rounds: str) -> None:
    for text in ("Total 42.50", "a line that is a good deal longer, with 17 words and numbers in it"):
        line = drawn(text, height)
        found = restore(session, as_host(line, rounds))
        assert found.shape == (line.height, line.width)
        off = np.abs(found - np.asarray(line, dtype=np.float32))
        assert off.mean() < 0.4
        assert np.quantile(off, 0.99) <= 5  # near 48, interpolation erases details here and there


@pytest.mark.parametrize("height", [48, 60, 97])
def test_a_line_that_was_not_enlarged_stays(session: ort.InferenceSession, height: int) -> None:
    seen = as_host(drawn("Not enlarged 42.50", height), "up")
    assert np.array_equal(restore(session, seen), seen)


@pytest.mark.parametrize(
    "seen",
    [
        np.full((48, 100), 255, dtype=np.uint8),
        np.zeros((48, 1), dtype=np.uint8),
        np.tile(np.where(np.arange(300) % 7 < 3, 0, 255), (48, 1)).astype(np.uint8),
        np.tile(np.linspace(0, 255, 200), (48, 1)).astype(np.uint8),
        np.asarray(drawn("Blurred", 48).resize((170, 12)).resize((170, 48), Image.Resampling.BILINEAR)),
        _point_bilinear(drawn("Blurred across", 48).resize((170, 12), Image.Resampling.BOX), (170, 48)),
    ],
    ids=["blank", "one column", "bars", "gradient", "blurred", "enlarged across alone"],
)
def test_a_line_that_says_nothing_about_its_height_stays(
    session: ort.InferenceSession, seen: npt.NDArray[np.uint8]
) -> None:
    assert np.array_equal(restore(session, seen), seen)


def test_colours_that_cancel_out_in_grey_are_restored() -> None:
    line = drawn("Red and blue", 30)
    seen = as_host(line, "up").astype(np.float32)
    (found,) = restoring(3).run(None, {"pixels": np.stack([seen, 255 - seen, np.full_like(seen, 128)])})
    expected = np.asarray(line, dtype=np.float32)
    assert np.abs(found - np.stack([expected, 255 - expected, np.full_like(expected, 128)])).mean() < 0.5
