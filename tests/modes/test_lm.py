from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrx.arrays import Floats
from ocrx.config import load_config
from ocrx.decoding.ngram_model import NgramModel
from ocrx.errors import ConfigError, DataError
from ocrx.inference import opening
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.modes import lm

CHARSET = tuple("abc")


class Unsteady:
    """A back end that takes b and c for each other in every image, b a little more often."""

    spec = ModelSpec("any", {}, CHARSET, ImageSpec(), FrameSpec(layers=((4, 4, 0),)))
    name = "unsteady"
    threads = parallel = 1
    pixels = None

    def logits(self, images: Floats) -> Floats:
        row = np.full((16, 4), -4.0, dtype=np.float32)
        row[:, 0] = 6
        row[1, [0, 1]] = (0, 6)
        row[3, [0, 2, 3]] = (0, 6, 5.5)
        return np.repeat(row[None], len(images), axis=0)


def read_with(backend: Unsteady, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_model", lambda *given, **key: Path("model"))
    monkeypatch.setattr(opening, "open_backend", lambda *given: backend)


def dataset(folder: Path, texts: list[str]) -> Path:
    (folder / "images").mkdir(parents=True)
    for i in range(len(texts)):
        Image.new("L", (60 + i, 32), 255).save(folder / "images" / f"{i}.png")
    rows = [f"images/{i}.png\t{text}\n" for i, text in enumerate(texts)]
    for part in ("train.txt", "val.txt"):
        (folder / part).write_text("".join(rows), encoding="utf-8")
    return folder


def test_a_corpus_is_a_text_or_the_training_labels(tmp_path: Path) -> None:
    plain = tmp_path / "corpus.txt"
    plain.write_bytes("\ufeffab\r\n\r\nac\r\n".encode())
    report = lm.build([plain, dataset(tmp_path / "data", ["abc"])], tmp_path / "lm.json", order=3)
    assert (report.lines, report.characters, report.order) == (3, 7, 3)
    assert NgramModel.load(tmp_path / "lm.json").characters == {"a", "b", "c", "\x03"}


def test_corpora_that_cannot_be_used(tmp_path: Path) -> None:
    labels = tmp_path / "train.txt"
    labels.write_text("images/0.png\tab\n", encoding="utf-8")
    with pytest.raises(DataError, match="TAB"):
        lm.build([labels], tmp_path / "lm.json")
    with pytest.raises(DataError, match=r"none\.txt"):
        lm.build([tmp_path / "none.txt"], tmp_path / "lm.json")
    labels.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        lm.build([labels], tmp_path / "lm.json")


@pytest.mark.parametrize(("truth", "useful"), [("ac", True), ("ab", False)])
def test_the_weight_is_tuned_on_labelled_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, truth: str, useful: bool
) -> None:
    read_with(Unsteady(), monkeypatch)
    path = tmp_path / "lm.json"
    NgramModel.from_texts(["ac"] * 20, 3).save(path)
    done: list[tuple[int, int]] = []
    report = lm.tune(load_config(), path, dataset(tmp_path / "data", [truth] * 3), progress=lambda *at: done.append(at))
    tuned = NgramModel.load(path)
    assert report.lines == 3
    assert len(report.trials) == len(done) == done[-1][1]
    assert tuned.counts == NgramModel.from_texts(["ac"] * 20, 3).counts
    if useful:
        assert report.beam == (0.5, 0.0)
        assert report.best is not None
        assert report.best.cer == 0
        assert (tuned.weight, tuned.bonus) == (report.best.weight, report.best.bonus)
    else:
        assert report.best is None
        assert (tuned.weight, tuned.bonus) == (0.0, 0.0)


def test_a_model_of_right_to_left_lines_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    backend = Unsteady()
    backend.spec = replace(Unsteady.spec, direction="rtl")
    read_with(backend, monkeypatch)
    path = tmp_path / "lm.json"
    NgramModel.from_texts(["ac"] * 20, 3).save(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="right-to-left"):
        lm.tune(load_config(), path, dataset(tmp_path / "data", ["ac"]))
    assert path.read_bytes() == before
