"""Lines that another script's model reads: only those that need it, and whatever else is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from support.print import typeset

from ocrx import create_model
from ocrx.config import DecodeOptions
from ocrx.inference.other_scripts import OtherScripts
from ocrx.inference.recognizer import Recognizer
from ocrx.model_folder import EMBEDDED_DIR, read_spec
from ocrx.model_spec import CalibrationSpec, FrameSpec, ImageSpec, ModelSpec
from ocrx.zoo.embedded import DEFAULT, other_scripts

SPEC = ModelSpec(
    "main", {}, ("a", "b", "1"), ImageSpec(), FrameSpec(((8, 8, 0),)), name="main", calibration=CalibrationSpec()
)


class Reader:
    """Reads one character at the first frame; ``certainties`` are its logits for black and for white images."""

    name, threads, parallel, pixels = "fake", 2, 2, None

    def __init__(self, name: str, charset: str, character: str, certainties: tuple[float, float]) -> None:
        self.spec = replace(SPEC, name=name, charset=tuple(charset))
        self.number, self.certainties = charset.index(character) + 1, certainties
        self.lines = 0

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.lines += len(images)
        shape = (len(images), self.spec.frames.count(images.shape[3]), len(self.spec.charset) + 1)
        logits = np.zeros(shape, dtype=np.float32)
        logits[:, 1:, 0] = 20
        logits[:, 0, self.number] = [self.certainties[int(image.mean() > 0)] for image in images]
        return logits


def image(white: bool, width: int = 64) -> Image.Image:
    return Image.new("L", (width, 32), 255 if white else 0)


def automatic(main: Reader, *others: Reader) -> Recognizer:
    models = OtherScripts(lambda: [Recognizer(other) for other in others], [other.spec.name for other in others])
    return Recognizer(main, others=models)


def test_only_lines_of_low_confidence_are_read_again() -> None:
    main, other = Reader("main", "ab1", "a", (1.0, 20.0)), Reader("greek", "αβ1", "β", (20.0, 20.0))
    found = list(automatic(main, other).predict([image(True), image(False), image(True)]))
    assert [(p.text, p.model) for p in found] == [("a", "main"), ("β", "greek"), ("a", "main")]
    assert other.lines == 1
    assert found[1].confidence is not None and found[1].confidence > 0.99
    assert found[1].to_dict()["model"] == "greek"


def test_models_are_opened_once_and_only_when_a_line_needs_them() -> None:
    opened = []

    def opening() -> list[Recognizer]:
        opened.append(1)
        return [Recognizer(Reader("greek", "αβ1", "β", (20.0, 20.0)))]

    model = Recognizer(Reader("main", "ab1", "a", (1.0, 20.0)), others=OtherScripts(opening, ["greek"]))
    assert [p.text for p in model.predict([image(True)] * 3)] == ["a"] * 3
    assert not opened
    assert [p.text for p in model.predict([image(False)] * 3, beam=2)] == ["β"] * 3
    assert [p.text for p in model.predict([image(False)] * 3)] == ["β"] * 3
    assert len(opened) == 1


def test_the_most_confident_reading_wins() -> None:
    main, less, more = (
        Reader("main", "ab1", "a", (2.2, 2.2)),
        Reader("greek", "αβ1", "β", (2.0, 4.0)),
        Reader("cyrillic", "яю1", "я", (1.0, 5.0)),
    )
    found = list(automatic(main, less, more).predict([image(True), image(False)]))
    assert [(p.text, p.model) for p in found] == [("я", "cyrillic"), ("a", "main")]


def test_what_the_main_model_can_write_it_keeps() -> None:
    main, other = Reader("main", "ab1", "a", (1.0, 1.0)), Reader("greek", "αβ1", "1", (20.0, 20.0))
    assert [p.text for p in automatic(main, other).predict([image(False)])] == ["a"]


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_texts_do_not_depend_on_the_batch(batch_size: int) -> None:
    main, other = Reader("main", "ab1", "a", (1.0, 20.0)), Reader("greek", "αβ1", "β", (20.0, 20.0))
    colours = [n % 3 == 0 for n in range(40)]
    images = [image(white, 40 + n) for n, white in enumerate(colours)]
    found = list(automatic(main, other).predict(images, batch_size=batch_size))
    assert [p.text for p in found] == ["a" if white else "β" for white in colours]


def test_constraints_hold_for_all_models_and_leave_out_those_that_cannot_satisfy_them() -> None:
    main, other = Reader("main", "ab1", "a", (1.0, 1.0)), Reader("greek", "αβ1", "β", (20.0, 20.0))
    model = automatic(main, other)
    assert [p.text for p in model.predict([image(False)], options=DecodeOptions(deny="1"))] == ["β"]
    assert [p.text for p in model.predict([image(False)], pattern=".")] == ["β"]
    assert [p.text for p in model.predict([image(False)], pattern="[ab]")] == ["a"]
    assert [p.text for p in model.predict([image(False)], allow="a")] == ["a"]


def test_an_image_that_cannot_be_read_is_an_error_of_its_own() -> None:
    main, other = Reader("main", "ab1", "a", (1.0, 1.0)), Reader("greek", "αβ1", "β", (20.0, 20.0))
    found = list(automatic(main, other).predict([image(False), b"no image"]))
    assert found[0].text == "β" and found[1].error


def test_the_embedded_models_of_other_scripts_take_images_as_the_default_does_and_are_calibrated() -> None:
    assert set(other_scripts()) == {"printed_greek", "printed_cyrillic"}
    assert DEFAULT not in other_scripts()
    for name in other_scripts():
        spec = read_spec(EMBEDDED_DIR / name)
        assert spec.image == read_spec(EMBEDDED_DIR / DEFAULT).image
        assert spec.calibration is not None


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_scripts_are_found_line_by_line(backend: str) -> None:
    texts = ["Die Größe beträgt 12,50 €", "Η ημέρα ήταν καλή, είπε ο Γιώργος.", "Съешь ещё этих мягких булок"]
    found = list(create_model(lang="auto", device="cpu", backend=backend).predict([typeset(text) for text in texts]))
    assert [p.text for p in found] == texts
    assert [p.model for p in found] == ["printed_latin", "printed_greek", "printed_cyrillic"]
