"""``effort="high"``: lines of low confidence are read twice, the others once, and no line depends on another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from support.lines import draw_line

from ocrx import DecodeOptions, create_model
from ocrx.errors import ConfigError
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.second_reading import widen
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec

SPEC = ModelSpec("fake", {}, ("a", "b", "c"), ImageSpec(max_width=128), FrameSpec(((8, 8, 0),)))


class Fake:
    """Reads 'a' in white images; in black ones an uncertain 'a', and a certain 'b' where they are over 64 px wide."""

    spec, name, threads, parallel, pixels = SPEC, "fake", 2, 2, None

    def __init__(self) -> None:
        self.widths: list[int] = []

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.widths += [images.shape[3]] * len(images)
        logits = np.zeros((len(images), SPEC.frames.count(images.shape[3]), 4), dtype=np.float32)
        logits[:, 1:, 0] = 20
        for row, image in zip(logits, images, strict=True):
            white = image[0, 0, 0] > 0
            row[0, 1:3] = (20, 0) if white else (3, 2) if images.shape[3] <= 64 else (2, 6)
        return logits


def black(width: int) -> Image.Image:
    return Image.new("L", (width, 32), 0)


def white(width: int) -> Image.Image:
    return Image.new("L", (width, 32), 255)


def test_uncertain_lines_are_read_a_second_time_and_wider() -> None:
    network = Fake()
    model, images = Recognizer(network), [black(62), white(62), black(30)]
    assert [p.text for p in model.predict(images)] == ["a", "a", "a"]
    assert sorted(network.widths) == [32, 64, 64]
    network.widths.clear()
    assert [p.text for p in model.predict(images, effort="high")] == ["b", "a", "a"]
    assert sorted(network.widths) == [32, 32, 64, 64, 96], "the third stays in its bucket"


def test_scores_are_the_mean_of_both_readings() -> None:
    (found,) = Recognizer(Fake()).predict(black(62), effort="high")
    narrow, wide = (np.exp([1, *row]) / np.exp([0, 0, *row]).sum() for row in ((3, 2), (2, 6)))
    assert found.score == pytest.approx((narrow[2] + wide[2]) / 2, abs=1e-6)
    assert found.char_spans == next(iter(Recognizer(Fake()).predict(black(62)))).char_spans


def test_a_line_reads_the_same_alone_and_in_any_batch() -> None:
    images = [black(62), white(62), black(30), black(60), black(61)]
    model = Recognizer(Fake(), effort="high")
    alone = [next(iter(model.predict(image))).text for image in images]
    for size in (1, 2, 5):
        assert [p.text for p in model.predict(images, batch_size=size)] == alone == ["b", "a", "a", "b", "b"]


def test_constraints_hold_for_both_readings() -> None:
    model = Recognizer(Fake())
    assert next(iter(model.predict(black(62), effort="high", deny="b"))).text == "a"
    assert next(iter(model.predict(black(62), effort="high", lexicon=["a", "c"]))).text == "a"
    assert next(iter(model.predict(black(62), effort="high", lexicon=["b", "c"]))).text == "b"


def test_the_effort_of_the_model_holds_unless_a_call_says_otherwise() -> None:
    model = Recognizer(Fake(), effort="high")
    assert next(iter(model.predict(black(62)))).text == "b"
    assert next(iter(model.predict(black(62), deny="c"))).text == "b"
    assert next(iter(model.predict(black(62), effort="normal"))).text == "a"
    with pytest.raises(ConfigError, match="effort: 'highest'; expected one of normal, high"):
        model.predict(black(62), effort="highest")


def test_effort_alone_keeps_the_decoder_of_the_model() -> None:
    model = create_model("printed_latin", device="cpu")
    assert model.with_options(DecodeOptions(effort="high")).decoder is model.decoder
    assert model.with_options(DecodeOptions(effort="high", beam=1)).decoder is not model.decoder


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_back_ends_agree(backend: str) -> None:
    pytest.importorskip(backend)
    lines = [draw_line(text).resize((90, 14)) for text in ("Total 12.50", "O0l1I|", "rn m vv w", "..,,'`")]
    texts = [
        [p.text for p in create_model("printed_latin", device="cpu", backend=name).predict(lines, effort="high")]
        for name in ("onnx", backend)
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("width", "wider"), [(100, 108), (1, None), (127, 128), (128, None)])
def test_a_line_is_widened_by_eight_percent_within_the_width_of_the_model(width: int, wider: int | None) -> None:
    for shape in ((32, width), (32, width, 3)):
        found = widen(np.zeros(shape, dtype=np.uint8), SPEC.image)
        assert (None if found is None else found.shape) == (None if wider is None else (32, wider, *shape[2:]))
