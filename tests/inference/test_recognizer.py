"""Reading: order, laziness, failures, and texts that do not depend on what else is read."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from support.lines import draw_line

from ocrx import create_model
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import BackendError, ConfigError
from ocrx.imaging.preparation import prepare
from ocrx.inference.recognizer import WINDOW, Recognizer
from ocrx.inference.results import Prediction
from ocrx.model_spec import CalibrationSpec, FrameSpec, ImageSpec, ModelSpec
from ocrx.process import resident_mib

SPEC = ModelSpec("fake", {}, ("a", "b", "c"), ImageSpec(), FrameSpec(((8, 8, 0),)))


class Fake:
    """Reads one 'a' at the first frame; remembers what it was given."""

    spec = SPEC
    name = "fake"

    def __init__(self, threads: int = 2, parallel: int = 2, pixels: int | None = None) -> None:
        self.threads, self.parallel, self.pixels = threads, parallel, pixels
        self.batches: list[tuple[int, ...]] = []
        self.running = self.most = 0
        self.lock = threading.Lock()

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.batches.append(images.shape)
        logits = np.zeros((len(images), SPEC.frames.count(images.shape[3]), 4), dtype=np.float32)
        logits[:, :, 0] = 9
        logits[:, 0, 1] = 20
        with self.lock:
            self.running -= 1
        return logits


class FakeArabic(Fake):
    """Reads '1', '9', ' ', 'س', one at each of the first frames."""

    spec = replace(SPEC, charset=("س", " ", "1", "9"), direction="rtl")

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits = np.zeros((len(images), self.spec.frames.count(images.shape[3]), 5), dtype=np.float32)
        logits[:, :, 0] = 9
        for frame, found in enumerate((3, 4, 2, 1)):
            logits[:, frame, found] = 20 + frame
        return logits


def test_right_to_left_lines_come_in_logical_order_with_their_places() -> None:
    image = Image.new("L", (64, 32), 255)
    read = next(Recognizer(FakeArabic()).predict([image]))
    assert read.text == "س 19"
    assert [left for left, _ in read.char_spans] == [24, 16, 0, 8]
    assert read.word_spans == ((24.0, 32.0), (0.0, 16.0))
    assert read.char_scores[0] == max(read.char_scores) and read.char_scores[2] == min(read.char_scores)


@pytest.fixture(scope="module")
def recognizer(model_folder: Path) -> Recognizer:
    return create_model(model_dir=model_folder, backend="onnx", threads=2)


def lines(count: int) -> list[Image.Image]:
    random_words = random.Random(1)
    return [
        draw_line("".join(random_words.choices("abcdefgh 123", k=random_words.randint(1, 30)))) for _ in range(count)
    ]


def test_texts_do_not_depend_on_batch_size_or_order(recognizer: Recognizer) -> None:
    images = lines(60)
    alone = list(recognizer.predict(images, batch_size=1))
    assert len({p.text for p in alone}) > 20
    order = list(range(len(images)))
    for batch_size in (7, 64):
        random.Random(batch_size).shuffle(order)
        together = list(recognizer.predict([images[i] for i in order], batch_size=batch_size))
        for index, found in zip(order, together, strict=True):
            assert found.text == alone[index].text
            assert found.score == pytest.approx(alone[index].score, abs=1e-4)


def test_results_come_in_the_order_of_the_input(recognizer: Recognizer, images: Path) -> None:
    found = [p.input_path for p in recognizer.predict(str(images), batch_size=2)]
    assert found == [*sorted(found[:-1]), str(images / "deep" / "z.PNG")]


def test_a_batch_holds_one_bucket_width_and_at_most_batch_size_lines() -> None:
    backend = Fake()
    images = lines(50)
    assert len(list(Recognizer(backend).predict(images, batch_size=4))) == 50
    widths = {prepare(image, SPEC.image)[0].shape[2] for image in images}
    assert {shape[3] for shape in backend.batches} == widths
    assert max(shape[0] for shape in backend.batches) <= 4
    assert sum(shape[0] for shape in backend.batches) == 50


def test_a_batch_holds_no_more_pixels_than_the_runtime_allows() -> None:
    backend = Fake(pixels=32 * 512)
    assert len(list(Recognizer(backend).predict(lines(50), batch_size=16))) == 50
    assert all(shape[0] == 1 or shape[0] * shape[2] * shape[3] <= 32 * 512 for shape in backend.batches)
    assert max(shape[0] for shape in backend.batches) > 1


def test_a_bad_input_is_one_error_and_the_rest_is_read(recognizer: Recognizer, images: Path) -> None:
    sources = [images / "00.png", "missing.png", b"no image", None, np.zeros((0, 3)), images / "01.jpg", {"img": 3}]
    found = list(recognizer.predict(sources, batch_size=3))
    assert [p.error is None for p in found] == [True, False, False, False, False, True, False]
    assert found[1].input_path == "missing.png" and "missing.png: no such file" in str(found[1].error)
    assert all(p.text == "" and p.score == 0 for p in found if p.error)


def test_nothing_is_read_before_it_is_asked_for() -> None:
    asked = 0

    def endless() -> Iterator[Image.Image]:
        nonlocal asked
        while True:
            asked += 1
            yield draw_line("x")

    results = Recognizer(Fake()).predict(endless(), batch_size=2)
    assert asked == 0
    assert next(results).text == "a"
    assert asked <= 2 + 4
    for _ in range(2000):
        next(results)
    assert asked <= 2001 + 2 * WINDOW
    results.close()
    assert threading.active_count() < 20


def test_an_endless_input_of_failures_is_read_on() -> None:
    found = list(Recognizer(Fake()).predict(["none.png"] * 100, batch_size=3))
    assert len(found) == 100
    assert all(p.error for p in found)


def test_the_network_is_called_from_as_many_threads_as_it_allows() -> None:
    for parallel in (1, 2):
        backend = Fake(threads=2, parallel=parallel)
        list(Recognizer(backend).predict(lines(40), batch_size=1))
        assert backend.most <= parallel


def test_a_failing_network_is_an_error_not_a_result() -> None:
    class Broken(Fake):
        def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            raise BackendError("out of memory")

    for count in (1, 5):
        with pytest.raises(BackendError, match="out of memory"):
            list(Recognizer(Broken()).predict(lines(count)))


def test_characters_lie_in_the_original_image(recognizer: Recognizer) -> None:
    image = draw_line("The quick brown fox").resize((700, 90))
    (found,) = recognizer.predict(image)
    assert len(found.char_spans) == len(found.char_scores) == len(found.text)
    assert found.image_size == (700, 90)
    edges = [edge for span in found.char_spans for edge in span]
    assert min(edges) >= 0 and max(edges) <= 700
    assert all(left <= right for left, right in found.char_spans)
    assert [span[0] for span in found.char_spans] == sorted(span[0] for span in found.char_spans)
    assert found.char_spans[-1][1] > 500
    assert len(found.word_spans) == len(found.text.split())
    assert found.word_spans[0][0] == min(left for left, _ in found.char_spans)
    assert found.to_dict(details=True)["word_spans"] == [list(span) for span in found.word_spans]


class FakeTurning(Fake):
    """A fake whose images are turned where they stand."""

    spec = replace(SPEC, image=replace(SPEC.image, steps=("rotate_tall",)))


def test_a_vertical_line_is_read_and_measured_like_the_horizontal_one() -> None:
    lying = draw_line("characters on end").resize((320, 32))
    standing = lying.transpose(Image.Transpose.ROTATE_270)
    flat, upright = Recognizer(FakeTurning()).predict([lying, standing])
    assert flat.image_size == upright.image_size == upright.open().size == (320, 32)
    assert flat.char_spans == upright.char_spans and 4 < flat.char_spans[0][0] < flat.char_spans[0][1] < 316
    assert (flat.turned, upright.turned) == (False, True)
    assert flat.warning is upright.warning is None
    assert flat.img["res"].tobytes() == upright.img["res"].tobytes()


def test_a_long_vertical_line_is_reported_as_squeezed() -> None:
    (found,) = Recognizer(FakeTurning()).predict(Image.effect_noise((60, 30000), 50))
    assert found.warning == "30000x60 pixels, squeezed to 16% of its width"


def test_a_line_cut_out_of_a_page_is_turned_by_itself() -> None:
    page = Image.new("L", (200, 200), 255)
    page.paste(draw_line("a", height=100), (60, 5))
    page.paste(0, (90, 130, 94, 195))
    lines = list(Recognizer(FakeTurning()).predict(page, split_lines=True))
    assert [line.turned for line in lines] == [False, True]
    assert all(line.open().size == line.image_size for line in lines)


def test_score_is_the_mean_and_min_score_the_least(recognizer: Recognizer) -> None:
    (found,) = recognizer.predict(draw_line("score"))
    assert found.score == pytest.approx(sum(found.char_scores) / len(found.char_scores))
    assert found.min_score == min(found.char_scores)


@pytest.mark.parametrize("size", [(1, 1), (30000, 20), (1, 3000), (3000, 1), (2, 40)])
def test_images_of_any_shape_are_read(recognizer: Recognizer, size: tuple[int, int]) -> None:
    (found,) = recognizer.predict(Image.new("L", size, 128))
    assert found.error is None and "contrast" in str(found.warning)
    assert ("squeezed" in str(found.warning)) == (32 * size[0] / size[1] > 2560)
    assert ("pixels high" in str(found.warning)) == (size[1] < 8)


def test_a_line_longer_than_the_network_reads_is_reported_as_squeezed(recognizer: Recognizer) -> None:
    (found,) = recognizer.predict(Image.effect_noise((30000, 60), 50))
    assert found.warning == "30000x60 pixels, squeezed to 16% of its width"


def test_a_page_causes_a_warning_and_is_cut_on_request(recognizer: Recognizer) -> None:
    page = Image.new("L", (400, 300), 255)
    words = ["first line", "second", "the third one"]
    for row, word in enumerate(words):
        page.paste(draw_line(word, height=40), (20, 30 + 80 * row))
    (whole,) = recognizer.predict(page)
    assert whole.warning is not None and "3 lines" in whole.warning
    single, *cut = recognizer.predict([draw_line("one line"), page], split_lines=True)
    assert single.line_index is None and single.warning is None
    assert [p.line_index for p in cut] == [0, 1, 2]
    for row, found in enumerate(cut):
        assert found.box is not None
        assert 20 + 80 * row < found.box[1] < 60 + 80 * row < found.box[3] < 90 + 80 * row
        assert found.open().size == found.image_size == (found.box[2] - found.box[0], found.box[3] - found.box[1])


def test_split_lines_and_detect_exclude_each_other(recognizer: Recognizer) -> None:
    with pytest.raises(ConfigError, match="split_lines: given together with lines 'detect'") as caught:
        recognizer.predict("x.png", lines="detect", split_lines=True)
    assert "former name" in str(caught.value.hint)


def test_batch_size_must_be_positive(recognizer: Recognizer) -> None:
    with pytest.raises(ConfigError, match="batch_size: 0"):
        recognizer.predict("x.png", batch_size=0)


@pytest.mark.parametrize("size", ["2", 1.5])
def test_batch_size_must_be_a_whole_number(recognizer: Recognizer, size: object) -> None:
    with pytest.raises(ConfigError, match="a whole number"):
        recognizer.predict("x.png", batch_size=size)  # type: ignore[arg-type]  # as a caller might


def test_results_of_one_image_and_of_many_have_the_same_fields(recognizer: Recognizer, images: Path) -> None:
    (alone,) = recognizer.predict(str(images / "00.png"))
    first, *_ = recognizer.predict([str(images / "00.png"), str(images / "01.jpg")])
    assert isinstance(alone, Prediction)
    assert alone.to_dict() == first.to_dict()


def test_memory_stays_flat_over_many_widths(recognizer: Recognizer) -> None:
    random_widths = random.Random(0)
    paper = np.random.default_rng(0).integers(0, 256, (32, 1000), dtype=np.uint8)

    def noise(count: int) -> Iterator[npt.NDArray[np.uint8]]:
        return (paper[:, : 8 + int(992 * random_widths.random() ** 3)] for _ in range(count))

    for _ in recognizer.predict(noise(600), batch_size=8):
        pass
    early = resident_mib()
    for _ in recognizer.predict(noise(1500), batch_size=8):
        pass
    assert resident_mib() - early < 20


@pytest.mark.shared
@pytest.mark.parametrize("name", ["captcha_v2", "typewritten_cs_sk", "plates_zh"])
def test_real_lines_read_the_same_alone_and_in_batches(recognizer: Recognizer, shared_data: Path, name: str) -> None:
    images = [sample.image for sample in read_dataset(shared_data / name).val]
    alone, together = (list(recognizer.predict(images, batch_size=size)) for size in (1, 64))
    assert [p.text for p in alone] == [p.text for p in together]
    assert max(abs(a.score - b.score) for a, b in zip(alone, together, strict=True)) < 1e-4


def test_confidence_is_null_without_a_calibration_and_the_product_with_the_default() -> None:
    image = draw_line("x")
    (plain,) = Recognizer(Fake()).predict(image)
    assert plain.confidence is None and plain.warning is None
    (calibrated,) = Recognizer(Fake(), calibration=CalibrationSpec()).predict(image)
    assert calibrated.confidence == pytest.approx(calibrated.score, abs=1e-6)
    assert calibrated.text == plain.text and calibrated.warning is None


def test_a_line_below_the_familiar_score_gets_a_warning() -> None:
    strict = CalibrationSpec(familiar_score=1.0)
    (found,) = Recognizer(Fake(), calibration=strict).predict(draw_line("x"))
    assert "unlike the lines that the model knows" in str(found.warning)
    (turned,) = Recognizer(Fake(), calibration=strict).predict(draw_line("I").resize((20, 40)))
    assert "turned by 90 degrees" in str(turned.warning)


def test_constraints_lower_the_confidence_but_an_image_stays_familiar() -> None:
    recognizer = Recognizer(Fake(), calibration=CalibrationSpec(familiar_score=0.5))
    (free,) = recognizer.predict(draw_line("x"))
    (bound,) = recognizer.predict(draw_line("x"), lexicon=["bbb"])
    assert free.confidence is not None and bound.confidence is not None
    assert bound.confidence < 0.01 < 0.9 < free.confidence
    assert bound.typical_score == free.typical_score and bound.warning is None


def test_a_spec_brings_its_calibration_and_another_decoder_keeps_it() -> None:
    class Calibrated(Fake):
        spec = replace(SPEC, calibration=CalibrationSpec(bias=-50.0))

    recognizer = Recognizer(Calibrated())
    (found,) = recognizer.predict(draw_line("x"), allow="a")
    assert found.text == "a" and found.confidence is not None and found.confidence < 1e-6


@pytest.mark.parametrize("backend", ["onnx", "torch", "openvino"])
def test_many_threads_read_what_one_reads(model_folder: Path, backend: str) -> None:
    """Eight threads on one recognizer: some alone, some in batches, some under a constraint."""
    pytest.importorskip(backend if backend != "onnx" else "onnxruntime")
    recognizer = create_model(model_dir=model_folder, backend=backend, threads=2)
    images = lines(24)
    tasks: list[dict[str, Any]] = [
        {"batch_size": 5},
        {"batch_size": 1},
        {"pattern": "[a-h ]{1,8}"},
        {"allow": "abc"},
        {"lexicon": ["abc", "bad", "cab"]},
        {"beam": 3},
        {"batch_size": 16},
        {},
    ]
    serial = [list(recognizer.predict(images, **task)) for task in tasks]
    with ThreadPoolExecutor(len(tasks)) as threads:
        together = list(threads.map(lambda task: list(recognizer.predict(images, **task)), tasks))
    for alone, found in zip(serial, together, strict=True):
        assert [p.text for p in found] == [p.text for p in alone]
        assert [p.score for p in found] == pytest.approx([p.score for p in alone], abs=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("backend", ["onnx", "torch", "openvino"])
def test_eight_threads_read_two_thousand_lines_each_as_one_does(backend: str) -> None:
    """The embedded model with its language model, all threads on the same lines, each in an order of its own."""
    pytest.importorskip(backend if backend != "onnx" else "onnxruntime")
    words = [
        "Invoice",
        "total",
        "7,50",
        "Straße",
        "12.00",
        "Nr.",
        "4711",
        "quantity",
        "price",
        "subtotal",
        "Çelik",
        "crème",
        "£9.99",
        "date",
        "24/11/2026",
    ]
    chosen = random.Random(0)
    texts = [" ".join(chosen.choices(words, k=1 + number % 4)) for number in range(2000)]
    images = [draw_line(text, height=20 + number % 13) for number, text in enumerate(texts)]
    recognizer = create_model(backend=backend)
    serial = list(recognizer.predict(images))

    def read(thread: int) -> list[Prediction]:
        found = list(recognizer.predict([*images[thread * 250 :], *images[: thread * 250]], batch_size=1 + 3 * thread))
        start = len(images) - thread * 250
        return [*found[start:], *found[:start]]

    with ThreadPoolExecutor(8) as threads:
        for together in threads.map(read, range(8)):
            assert [p.text for p in together] == [p.text for p in serial]
            assert [p.score for p in together] == pytest.approx([p.score for p in serial], abs=1e-3)


def test_the_network_is_never_entered_by_more_threads_than_it_allows() -> None:
    class Slow(Fake):
        def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            with self.lock:
                self.inside = getattr(self, "inside", 0) + 1
                self.peak = max(getattr(self, "peak", 0), self.inside)
            result = super().logits(images)
            threading.Event().wait(0.005)
            with self.lock:
                self.inside -= 1
            return result

    backend = Slow(threads=2, parallel=2)
    recognizer, images = Recognizer(backend), lines(12)
    readers = [recognizer, recognizer.with_decoder(recognizer.decoder)] * 3
    with ThreadPoolExecutor(len(readers)) as threads:
        assert [len(found) for found in threads.map(lambda r: list(r.predict(images, 2)), readers)] == [12] * 6
    assert 1 <= backend.peak <= 2


def test_arrays_are_rgb_and_on_request_bgr() -> None:
    class Colours(Fake):
        """Reads 'a' where red is the strongest channel, else 'b'."""

        spec = replace(SPEC, image=ImageSpec(order="RGB"))

        def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            logits = super().logits(images)
            red = images[:, 0].mean(axis=(1, 2)) > images[:, 2].mean(axis=(1, 2))
            logits[:, 0, 2] = np.where(red, 0, 30)
            return logits

    recognizer = Recognizer(Colours())
    red = np.zeros((32, 64, 3), dtype=np.uint8)
    red[:, :, 0] = 200
    as_image = Image.fromarray(red)
    assert [p.text for p in recognizer.predict([red, red[:, :, ::-1], as_image])] == ["a", "b", "a"]
    bgr = [red, red[:, :, ::-1], as_image, {"img": red[:, :, ::-1]}]
    assert [p.text for p in recognizer.predict(bgr, channel_order="BGR")] == ["b", "a", "a", "a"]
    with pytest.raises(ConfigError, match="channel_order"):
        recognizer.predict(red, channel_order="GBR")


def test_lines_of_a_page_are_detected_in_order(recognizer: Recognizer) -> None:
    pytest.importorskip("rapidocr")
    page = Image.new("L", (700, 300), 255)
    for row, text in enumerate(["The first line of a page", "and a second that is longer", "the end"]):
        page.paste(draw_line(text, height=40), (40, 30 + 80 * row))
    upright = list(recognizer.predict(page, lines="detect"))
    assert [line.line_index for line in upright] == [0, 1, 2]
    for row, line in enumerate(upright):
        left, top = line.box[0]
        assert 20 < left < 60 and 15 + 80 * row < top < 60 + 80 * row
        assert line.page_size == (700, 300) and line.open().size == line.image_size
        assert line.to_dict()["box"] == [[round(x, 1), round(y, 1)] for x, y in line.box]
        assert line.warning is None

    turned = list(recognizer.predict([page.rotate(180), page], lines="detect"))
    assert [line.line_index for line in turned] == [0, 1, 2] * 2
    assert [round(line.box[0][0] - line.box[1][0]) > 0 for line in turned] == [True] * 3 + [False] * 3
    assert [line.text for line in turned[3:]] == [line.text for line in upright]


def test_a_page_without_text_gives_one_empty_result(recognizer: Recognizer) -> None:
    pytest.importorskip("rapidocr")
    (found,) = recognizer.predict(Image.new("L", (300, 200), 255), lines="detect")
    assert (found.text, found.error, found.warning, found.line_index) == ("", None, "no text found", None)


def test_an_upside_down_line_is_turned_on_request(recognizer: Recognizer) -> None:
    pytest.importorskip("rapidocr")
    line = draw_line("Please turn this line over", height=40)
    upright, turned = recognizer.predict([line, line.transpose(Image.Transpose.ROTATE_180)], orientation="auto")
    assert (turned.text, turned.image_size) == (upright.text, upright.image_size)
    assert upright.box is None and turned.box[0] == line.size and turned.line_index is None
    assert turned.open().tobytes() == upright.open().tobytes()


@pytest.mark.parametrize(("keyword", "value"), [("lines", "page"), ("orientation", "90")])
def test_unknown_layouts_are_refused(recognizer: Recognizer, keyword: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{keyword}: '{value}'; expected one of"):
        recognizer.predict("x.png", **{keyword: value})


def test_detection_without_the_extra_is_an_error_at_once(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrx.pages.networks.find_spec", lambda name: None)
    with pytest.raises(BackendError, match="lines='detect': needs rapidocr"):
        recognizer.predict("x.png", lines="detect")
