"""Exports: every format and precision reads real lines; a mismatch fails and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from support.random_net import random_model

from ocrx.backends import Backend, open_backend
from ocrx.data.formats.layouts import read_dataset
from ocrx.data.sample import Sample
from ocrx.errors import BackendError, ConfigError, DataError
from ocrx.evaluation.evaluate import evaluate
from ocrx.evaluation.exporter import export_folder
from ocrx.export.graph import check_parity, export_model, export_onnx, sample_images
from ocrx.inference.opening import create_model
from ocrx.inference.recognizer import Recognizer
from ocrx.model_spec import ImageSpec, ModelSpec
from ocrx.models import accepted_heights, build_model, frame_spec
from ocrx.models.model_io import save_model

needs_openvino = pytest.mark.skipif(not find_spec("openvino"), reason="openvino is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def samples(model_folder: Path, line_folder: Path) -> list[Sample]:
    """Lines labelled with what the model reads, so that its accuracy is 1."""
    dataset = read_dataset(line_folder)
    found = create_model(model_dir=model_folder, backend="torch").predict([s.image for s in dataset.samples])
    return [Sample(s.image, p.text, s.source) for s, p in zip(dataset.samples, found, strict=True)]


@pytest.mark.parametrize("architecture", ["cnn_bilstm", "lcnetv4"])
def test_onnx_takes_any_batch_and_width_and_holds_the_spec(architecture: str, tmp_path: Path) -> None:
    height = accepted_heights(architecture, {})[0]
    image = ImageSpec(height=height, min_width=64)
    params = {"hidden": 16} if architecture == "cnn_bilstm" else {"neck": "lightsvtr", "width_stride": 8}
    spec = ModelSpec(architecture, params, ("a", "é", " "), image, frame_spec(architecture, params, image))
    model = build_model(spec).train()
    assert export_onnx(model, spec, tmp_path / "model.onnx") < 1e-3
    assert model.training
    stored = {entry.key: entry.value for entry in onnx.load(str(tmp_path / "model.onnx")).metadata_props}
    assert ModelSpec.from_json(stored["ocrx"], "test") == spec
    assert (tmp_path / "model.json").read_text(encoding="utf-8") == spec.to_json()


@pytest.mark.parametrize(
    ("form", "precision"),
    [
        ("onnx", "fp32"),
        ("onnx", "fp16"),
        ("onnx", "int8"),
        ("torchscript", "fp32"),
        ("torchscript", "bf16"),
        pytest.param("openvino", "fp32", marks=needs_openvino),
        pytest.param("openvino", "fp16", marks=needs_openvino),
        pytest.param("openvino", "bf16", marks=needs_openvino),
        pytest.param("openvino", "int8", marks=needs_openvino),
    ],
)
def test_every_format_and_precision_is_read_back(
    model_folder: Path, samples: list[Sample], tmp_path: Path, form: str, precision: str
) -> None:
    done = export_folder(model_folder, form, precision, samples, max_loss=1.0, target=tmp_path / "out")
    assert done.file.is_file() and done.bytes > 100_000
    assert done.lines == len(samples) and done.accuracy_before == 1.0
    backend = "torchscript" if form == "torchscript" else form
    opened = open_backend(tmp_path / "out", backend, "cpu", 1, precision)
    read = evaluate(Recognizer(opened), samples)
    assert read.metrics.accuracy == done.accuracy
    # With random weights every rounding shows in the texts, so it is the logits that are compared.
    largest = max(float(np.abs(opened.logits(image)).max()) for image in sample_images(opened.spec))
    assert done.largest_difference / largest < {"fp32": 1e-4, "fp16": 0.03, "bf16": 0.3, "int8": 0.6}[precision]
    assert not list((tmp_path / "out").glob(".export-*"))
    probes = list((tmp_path / "out").glob("*.probe.safetensors"))
    assert [path.name.startswith(f"model.{precision}.") for path in probes] == ([] if precision == "fp32" else [True])


def test_too_large_a_loss_fails_and_leaves_nothing(model_folder: Path, samples: list[Sample], tmp_path: Path) -> None:
    wrong = [Sample(s.image, s.text, s.source) for s in samples]
    with pytest.raises(BackendError, match="expected a loss of at most"):
        export_folder(model_folder, "onnx", "int8", wrong, max_loss=0.0, target=tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".export-*"))


def test_another_model_is_not_overwritten(model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_folder(model_folder, "onnx", target=out)
    export_folder(model_folder, "onnx", target=out)
    other = json.loads((out / "model.json").read_text(encoding="utf-8"))
    other["charset"][:2] = other["charset"][1::-1]
    (out / "model.json").write_text(json.dumps(other), encoding="utf-8")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(ConfigError, match="holds another model"):
        export_folder(model_folder, "onnx", target=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_network_with_an_lstm_is_read_in_fp16(line_folder: Path, tmp_path: Path) -> None:
    image = ImageSpec()
    params = {"hidden": 16}
    spec = ModelSpec("lcnet_lstm", params, ("a", "b"), image, frame_spec("lcnet_lstm", params, image))
    torch.manual_seed(0)
    (tmp_path / "lstm").mkdir()
    save_model(build_model(spec), spec, tmp_path / "lstm")
    # ONNX Runtime ends the process where it fails.
    code = (
        "import sys; from pathlib import Path; from ocrx.data.formats.layouts import read_dataset;"
        "from ocrx.evaluation.exporter import export_folder; folder, data = map(Path, sys.argv[1:]);"
        "done = export_folder(folder, 'onnx', 'fp16', read_dataset(data).val, 1.0);"
        "print(done.file.name, done.largest_difference < 0.05)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "lstm"), str(line_folder)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["model.fp16.onnx", "True"]), done.stderr


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_lines_that_cannot_be_read_are_named(model_folder: Path, tmp_path: Path, precision: str) -> None:
    lost = [Sample(tmp_path / "lost.png", "text", "train.txt:1")]
    with pytest.raises(DataError, match=r"lost\.png: cannot be read, nor any other of 1"):
        export_folder(model_folder, "onnx", precision, lost, target=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_reduced_precision_needs_lines(model_folder: Path) -> None:
    with pytest.raises(DataError, match="no lines to compare on"):
        export_folder(model_folder, "onnx", "int8")


def test_a_precision_a_format_does_not_have_is_named(model_folder: Path, samples: list[Sample]) -> None:
    with pytest.raises(ConfigError, match="expected one of fp32, fp16, int8"):
        export_folder(model_folder, "onnx", "bf16", samples)


def test_a_mismatch_is_an_error_with_its_size(model_folder: Path) -> None:
    right = open_backend(model_folder, "torch")

    class Wrong:
        spec, name, threads, parallel, pixels = right.spec, "wrong", 1, 1, None

        def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            return right.logits(images) + np.float32(50)

    with pytest.raises(BackendError, match="differs from torch by 50"):
        check_parity(right, Wrong(), sample_images(right.spec), "wrong")


def test_training_exports_with_images_that_cannot_be_read(line_folder: Path, tmp_path: Path) -> None:
    model, spec = random_model()
    images = [line_folder / "images" / "00.png", line_folder / "missing.png"]
    assert export_model(model, spec, tmp_path, images) < 1e-2
    assert (tmp_path / "model.onnx").is_file()
    assert not any(parameter.grad is not None for parameter in model.parameters())
    assert torch.is_grad_enabled()


class Altered:
    """A back end for which one class of one frame is more likely than all others by ``margin`` (a logit)."""

    def __init__(self, backend: Backend, margin: float) -> None:
        self.spec, self.name, self.threads, self.parallel, self.pixels = backend.spec, "altered", 1, 1, None
        self._backend, self._margin = backend, margin

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits = self._backend.logits(images)
        logits[:, 3, 5] = -np.inf
        logits[:, 3, 5] = logits[:, 3].max(axis=1) + self._margin
        return logits


@pytest.mark.parametrize(("margin", "mismatch"), [(-1e-3, False), (-9.0, True)])
def test_a_text_that_only_rounding_decides_is_no_mismatch(
    model_folder: Path,
    samples: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    margin: float,
    mismatch: bool,
) -> None:
    opened = open_backend(model_folder, "torch")
    monkeypatch.setattr("ocrx.evaluation.exporter.TorchBackend", lambda *given: Altered(opened, 1e-3))
    monkeypatch.setattr("ocrx.evaluation.exporter.OnnxBackend", lambda *given: Altered(opened, margin))
    if mismatch:
        with pytest.raises(BackendError, match="altered differs"):
            export_folder(model_folder, "onnx", "fp32", samples, target=tmp_path / "out")
        return
    done = export_folder(model_folder, "onnx", "fp32", samples, target=tmp_path / "out")
    assert done.texts_changed == done.lines and 0.0015 < done.largest_difference < 0.0025
