from __future__ import annotations

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.lines import draw_line

from ocrx.arrays import Floats
from ocrx.backends import Backend, open_backend
from ocrx.config import Config, load_config
from ocrx.ctc.reference import log_likelihoods
from ocrx.errors import DataError
from ocrx.inference import opening
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.modes import explain, predict

CHARSET = tuple("abc $漢")
SPEC = ModelSpec("any", {}, CHARSET, ImageSpec(height=32), FrameSpec(layers=((4, 4, 0),)), name="scripted")


class Scripted:
    """A back end that reads the same text from every image, the second character with low confidence."""

    spec = SPEC
    name = "scripted"
    threads = parallel = 1
    pixels = None

    def __init__(self, text: str, rival: str, ahead: float) -> None:
        classes = [CHARSET.index(c) + 1 for c in text]
        self.row = np.full((16, len(CHARSET) + 1), -4.0, dtype=np.float32)
        self.row[:, 0] = 6
        for i, c in enumerate(classes):
            self.row[2 * i + 1, [0, c]] = (0, 6)
        self.row[3, CHARSET.index(rival) + 1] = 6 - ahead

    def logits(self, images: Floats) -> Floats:
        return np.repeat(self.row[None], len(images), axis=0)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("L", (128, 64), 255).save(tmp_path / "line.png")
    return tmp_path / "line.png"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(None, (), {"Global.output": str(tmp_path / "out")})


def scripted(monkeypatch: pytest.MonkeyPatch, text: str = "abc", rival: str = "c", ahead: float = 1.0) -> Scripted:
    backend = Scripted(text, rival, ahead)
    monkeypatch.setattr(opening, "find_model", lambda *given, **key: Path("model"))
    monkeypatch.setattr(opening, "open_backend", lambda *given: backend)
    return backend


def test_a_line_is_explained(monkeypatch: pytest.MonkeyPatch, image: Path, config: Config) -> None:
    backend = scripted(monkeypatch)
    seen = explain.run(config, image)
    assert seen.reading.text == seen.found == "abc"
    assert seen.frames == 16
    assert [text for text, _ in seen.candidates[:2]] == ["abc", "acc"]
    assert "'acc'" in seen.verdict
    second = seen.reading.characters[1]
    assert second.text == "b"
    assert second.frames == (3, 3)
    assert second.pixels == (24.0, 32.0)  # frames of 4 pixels, drawn twice as large
    assert second.alternatives[0].text == "c"
    assert second.alternatives[0].probability == pytest.approx(second.probability / math.e, rel=1e-5)
    assert seen.reading.log_likelihood == pytest.approx(float(log_likelihoods(backend.row[None], [[1, 2, 3]])[0]))


def test_the_line_is_read_as_predict_reads_it(
    monkeypatch: pytest.MonkeyPatch, image: Path, model_folder: Path, tmp_path: Path
) -> None:
    asked: list[tuple[object, ...]] = []

    def opened(*given: object) -> Backend:
        asked.append(given)
        return open_backend(model_folder, "onnx")

    monkeypatch.setattr(opening, "open_backend", opened)
    options = {"Predict.model_dir": str(model_folder), "Predict.backend": "onnx", "Predict.precision": "fp32"}
    options |= {"Global.device": "cpu", "Global.output": str(tmp_path)}
    config, said = load_config(None, (), {**options, "Global.threads": 1}), []
    explain.run(config, image, log=said.append)
    told = predict.run(config, str(image)).model
    assert said == [told] and asked[0] == asked[1]
    assert asked[0] == (model_folder, "onnx", "cpu", 1, "fp32")


def test_a_vertical_line_is_explained_as_it_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: Config
) -> None:
    backend = scripted(monkeypatch)
    backend.spec = replace(SPEC, image=replace(SPEC.image, steps=("rotate_tall",)))
    Image.new("L", (64, 128), 255).save(tmp_path / "standing.png")
    seen = explain.run(config, tmp_path / "standing.png")
    assert seen.reading.characters[1].pixels == (24.0, 32.0)


def test_picture_and_json_are_written(monkeypatch: pytest.MonkeyPatch, image: Path, config: Config) -> None:
    scripted(monkeypatch, text="a$漢", rival=" ")
    seen = explain.run(config, image, "a 漢")
    assert seen.picture is not None
    with Image.open(seen.picture) as picture:
        assert picture.format == "PNG"
        assert picture.width > 600
    stored = json.loads((Path(config.Global.output) / "explain.json").read_text(encoding="utf-8"))
    assert stored["reading"]["text"] == "a$漢"
    assert stored["given"]["text"] == "a 漢"
    assert stored["given"]["characters"][1]["text"] == " "


def test_a_file_name_of_any_bytes_is_written(monkeypatch: pytest.MonkeyPatch, image: Path, config: Config) -> None:
    scripted(monkeypatch)
    odd = image.rename(Path(os.fsdecode(os.fsencode(image.parent) + b"/caf\xe9.png")))
    explain.run(config, odd, "acc")
    stored = json.loads((Path(config.Global.output) / "explain.json").read_text(encoding="utf-8"))
    assert os.fsencode(stored["image"]).endswith(b"caf\xe9.png")


def test_the_same_line_gives_the_same_picture(monkeypatch: pytest.MonkeyPatch, image: Path, config: Config) -> None:
    scripted(monkeypatch)
    pictures = [Path(explain.run(config, image, "acc").picture or "").read_bytes() for _ in range(2)]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("abc", "is the given text"),
        ("acc", "1.0 nats less probable"),
        ("a" * 9, "needs 17 frames, the image gives 16"),
        ("", "less probable than the reading"),
    ],
)
def test_verdicts(monkeypatch: pytest.MonkeyPatch, image: Path, config: Config, text: str, verdict: str) -> None:
    scripted(monkeypatch)
    seen = explain.run(config, image, text)
    assert verdict in seen.verdict
    assert seen.given is not None
    assert (seen.given.log_likelihood is None) == (len(text) == 9)


def test_constraints_of_the_configuration_hold(monkeypatch: pytest.MonkeyPatch, image: Path, tmp_path: Path) -> None:
    scripted(monkeypatch)
    options = {"Global.output": str(tmp_path), "Decode.deny": "b"}
    seen = explain.run(load_config(None, (), options), image)
    assert (seen.reading.text, seen.found, seen.matched) == ("abc", "acc", True)


def test_images_that_cannot_be_explained(monkeypatch: pytest.MonkeyPatch, image: Path, config: Config) -> None:
    scripted(monkeypatch)
    with pytest.raises(DataError, match="not in the charset: 'x'"):
        explain.run(config, image, "abx")
    with pytest.raises(DataError, match="no such file"):
        explain.run(config, image.with_name("none.png"))


def test_many_threads_explain_what_one_explains(model_folder: Path, tmp_path: Path) -> None:
    texts = [None, "ab", "hello", "a", None, "abc", "bad", "x"]
    for number in range(len(texts)):
        draw_line(f"line {number}").save(tmp_path / f"{number}.png")

    def explained(run: str, number: int) -> dict[str, object]:
        options = {"Predict.model_dir": str(model_folder), "Global.output": str(tmp_path / run / str(number))}
        seen = explain.run(load_config(None, (), options), tmp_path / f"{number}.png", texts[number])
        assert seen.picture is not None
        with Image.open(seen.picture) as picture:
            picture.load()
        return {**seen.to_dict(), "picture": None}

    serial = [explained("serial", number) for number in range(len(texts))]
    with ThreadPoolExecutor(len(texts)) as threads:
        together = list(threads.map(partial(explained, "together"), range(len(texts))))
    assert together == serial
