from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrx.arrays import Floats
from ocrx.cli.app import main
from ocrx.config import DecodeOptions
from ocrx.decoding.ngram_model import NgramModel
from ocrx.errors import ConfigError
from ocrx.inference import opening as inference
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.modes import evaluate


class Scripted:
    """A back end that reads "ab1" from every image, with l nearly as probable as 1."""

    spec = ModelSpec("any", {}, tuple("abl1"), ImageSpec(), FrameSpec(layers=((4, 4, 0),)), name="scripted")
    name = "scripted"
    device = "cpu"
    threads = parallel = 1
    pixels = None

    def logits(self, images: Floats) -> Floats:
        row = np.full((16, 5), -4.0, dtype=np.float32)
        row[:, 0] = 6
        row[1, [0, 1]] = (0, 6)
        row[3, [0, 2]] = (0, 6)
        row[5, [0, 3, 4]] = (0, 5, 6)
        return np.repeat(row[None], len(images), axis=0)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for module in (inference, evaluate):
        monkeypatch.setattr(module, "find_model", lambda *given, **key: tmp_path)
    monkeypatch.setattr(inference, "open_backend", lambda *given, **options: Scripted())
    Image.new("L", (64, 32), 255).save(tmp_path / "line.png")
    return str(tmp_path / "line.png")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "ab1"),
        (["--pattern", "[a-z]+"], "abl"),
        (["--deny", "1"], "abl"),
        (["--allow", "abl"], "abl"),
        (["--pattern", "[a-z]+", "--beam", "3"], "abl"),
        (["-o", "Decode.pattern='[a-z]+'"], "abl"),
    ],
)
def test_predict_under_constraints(
    image: str, capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    assert main(["predict", image, "--jsonl", *options]) == 0
    assert json.loads(capsys.readouterr().out)["rec_text"] == text


def test_predict_with_files(image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, model = tmp_path / "words.txt", tmp_path / "lm.json"
    words.write_text("abl\nbé\n", encoding="utf-8")
    assert main(["predict", image, "--jsonl", "--lexicon", str(words)]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["rec_text"] == "abl"
    assert "1 entry holds characters the model does not know" in " ".join(out.err.split())
    NgramModel.from_texts(["abl"] * 9, 3).save(model)
    assert main(["predict", image, "--jsonl", "--lm", str(model), "--lm-weight", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["rec_text"] == "abl"


def test_a_line_that_cannot_match_is_reported(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", image, "--jsonl", "--pattern", "a{30}"]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out) | {"input_path": ""} == {
        "input_path": "",
        "page_index": None,
        "rec_text": "",
        "rec_score": 0.0,
        "confidence": None,
        "warning": "hardly any contrast: 0 of 255 grey levels",
        "matched": False,
    }
    assert "satisfies" in out.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--pattern", "("], 2, "--pattern"),
        (["--allow", "é"], 2, "--allow"),
        (["--lexicon", "none.txt"], 1, "none.txt"),
        (["--lm", "none.json"], 1, "none.json"),
        (["--lm-weight", "1"], 2, "--lm-weight"),
        (["--beam", "0"], 2, "--beam"),
        (["--lexicon-margin=2"], 2, "--lexicon-margin: needs a lexicon"),
        (["-o", "Decode.lexicon_margin=2"], 2, "Decode.lexicon_margin: needs a lexicon"),
        (["-o", "Decode.lexicon_margin=2"], 2, "add --lexicon"),
    ],
)
def test_wrong_constraints(
    image: str, capsys: pytest.CaptureFixture[str], options: list[str], code: int, message: str
) -> None:
    assert main(["predict", image, *options]) == code
    assert message in capsys.readouterr().err


def test_explain(image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", image, "--text", "abl", "--output", str(tmp_path / "out")]) == 0
    out = capsys.readouterr()
    assert out.out.splitlines()[0].split("\t")[1] == "ab1"
    assert "1.0 nats less probable" in " ".join(out.err.split())
    assert (tmp_path / "out" / "explain.png").is_file()
    assert main(["explain", image, "--json", "--deny", "1", "--output", str(tmp_path / "out")]) == 0
    assert json.loads(capsys.readouterr().out)["found"] == "abl"
    assert main(["explain", image, "--text", "abé", "--output", str(tmp_path / "out")]) == 1


def test_lm_build_and_tune(image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, model = tmp_path / "corpus.txt", tmp_path / "lm.json"
    corpus.write_text("abl\n" * 20, encoding="utf-8")
    (tmp_path / "val.txt").write_text("line.png\tabl\n", encoding="utf-8")
    assert main(["lm", "build", str(corpus), "-o", str(model), "--order", "3", "--prune", "2"]) == 0
    for option, threshold in (("--below", "0.8"), ("--confidence-threshold", "0.9")):
        assert main(["lm", "tune", str(model), str(tmp_path / "val.txt"), option, threshold]) == 0
        assert NgramModel.load(model).confidence_threshold == float(threshold)
    tuned = NgramModel.load(model)
    assert tuned.weight is not None and tuned.confidence_threshold == 0.9
    assert tuned.following("b") == {"l": 20} and NgramModel.from_texts(["abl"] * 20, 3, 2).counts == tuned.counts
    assert main(["predict", image, "--lm", str(model)]) == 0
    assert capsys.readouterr().out.split("\t")[1] == "abl"
    assert main(["lm", "build", str(tmp_path / "none.txt")]) == 1


def test_a_language_model_in_the_model_folder_reads_along(
    image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    NgramModel.from_texts(["abl"] * 20, 3).tuned(1.0, 0.0, 0.9).save(tmp_path / "lm.json.gz")
    (tmp_path / "val.txt").write_text("line.png\tabl\n", encoding="utf-8")
    (tmp_path / "train.txt").write_text("line.png\tabl\n", encoding="utf-8")
    out = ["--output", str(tmp_path / "out"), "--json"]
    for options, text in (([], "abl"), (["--beam", "1"], "ab1"), (["--allow", "ab1l"], "ab1")):
        assert main(["predict", image, "--json", *options]) == 0
        seen = capsys.readouterr()
        assert json.loads(seen.out)[0]["rec_text"] == text
        assert ("language model for lines" in seen.err) == (options == [])
        assert main(["explain", image, *out, *options]) == 0
        assert json.loads(capsys.readouterr().out)["found"] == text
        assert main(["evaluate", str(tmp_path), *out, *options]) == 0
        assert json.loads(capsys.readouterr().out)["metrics"]["acc"] == (text == "abl")


def test_explain_and_lm_read_with_the_model_that_was_trained(
    model_folder: Path, line_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = tmp_path / "tr"
    shutil.copytree(model_folder, trained / "best_accuracy")
    (trained / "config.yaml").write_text(f"Global: {{output: {trained}}}\n", encoding="utf-8")
    NgramModel.from_texts(["ab"] * 9, 2).save(tmp_path / "lm.json")
    image, seen = str(line_folder / "images" / "08.png"), tmp_path / "seen"
    commands = [["predict", image], ["explain", image, "--output", str(seen)]]
    commands += [["lm", "tune", str(tmp_path / "lm.json"), str(line_folder), "--lines", "1", "--beam", "1"]]
    for command in commands:
        assert main([*command, "-c", str(trained / "config.yaml"), "--threads", "1", "--precision", "fp32"]) == 0
        assert f"model {trained / 'best_accuracy'} (random), onnx, 1 thread\n" in capsys.readouterr().err
    assert (seen / "explain.png").is_file()


def test_evaluate_under_constraints(image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "val.txt").write_text("line.png\tabl\n", encoding="utf-8")
    (tmp_path / "train.txt").write_text("line.png\tabl\n", encoding="utf-8")
    for options, accuracy in (([], 0.0), (["--pattern", "[a-z]{3}"], 1.0)):
        arguments = ["evaluate", str(tmp_path), "--model", "any", "--output", str(tmp_path / "out"), "--json"]
        assert main([*arguments, *options]) == 0
        assert json.loads(capsys.readouterr().out)["metrics"]["acc"] == accuracy


def test_the_python_interface() -> None:
    model = inference.Recognizer(Scripted())
    line = Image.new("L", (64, 32), 255)
    texts = [
        next(model.predict(line, **options)).text
        for options in ({}, {"pattern": "[a-z]+"}, {"lexicon": ["abl", "b"]}, {"deny": "1"}, {"allow": "ab"})
    ]
    assert texts == ["ab1", "abl", "abl", "abl", "ab"]
    assert next(model.predict(line, options=DecodeOptions(pattern="[a-z]+"))).text == "abl"
    assert next(model.predict(line, 4, options=DecodeOptions())).text == "ab1"
    with pytest.raises(ConfigError, match="options"):
        model.predict(line, options=DecodeOptions(pattern="[a-z]+"), deny="1")
