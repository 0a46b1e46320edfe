"""The same logits from every runtime, and clear words where one is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from support.lines import draw_line

from ocrx.backends import available_cores, choose_backend, open_backend
from ocrx.backends.compiled import CompiledBackend
from ocrx.backends.onnx import OnnxBackend
from ocrx.backends.pytorch import TorchBackend
from ocrx.errors import BackendError, ConfigError, ModelError, OcrxError
from ocrx.evaluation.exporter import export_folder
from ocrx.export.graph import sample_images, trace_script
from ocrx.inference.opening import create_model
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.tuned_settings import TunedSettings, save_tuned_settings
from ocrx.model_spec import FrameSpec, ImageSpec, ModelSpec
from ocrx.models.device import torch_device
from ocrx.models.model_io import load_model

OTHERS = [
    "onnx",
    "torchscript",
    pytest.param("openvino", marks=pytest.mark.skipif(not find_spec("openvino"), reason="openvino is not installed")),
]


@pytest.fixture(scope="module")
def folder(model_folder: Path) -> Path:
    export_folder(model_folder, "torchscript")
    return model_folder


@pytest.mark.parametrize("name", OTHERS)
def test_logits_and_texts_equal_those_of_torch(folder: Path, name: str) -> None:
    expected, found = open_backend(folder, "torch"), open_backend(folder, name, threads=2)
    assert found.name == name
    assert found.spec == expected.spec
    for batch in sample_images(expected.spec):
        left, right = expected.logits(batch), found.logits(batch)
        assert right.dtype == np.float32
        assert left.shape == right.shape == (len(batch), expected.spec.frames.count(batch.shape[3]), 28)
        assert np.abs(left - right).max() < 1e-3 * np.abs(left).max()
    lines = [draw_line(word) for word in ("one", "two two", "three three three", "4")]
    texts = [[p.text for p in Recognizer(backend).predict(lines)] for backend in (expected, found)]
    assert texts[0] == texts[1]


def test_auto_takes_onnx_on_the_processor_and_torch_without_an_export(model_folder: Path, tmp_path: Path) -> None:
    assert open_backend(model_folder, device="cpu").name == "onnx"
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((model_folder / name).read_bytes())
    assert open_backend(tmp_path, device="cpu").name == "torch"


def test_bf16_is_computed_from_the_weights(model_folder: Path) -> None:
    assert open_backend(model_folder, device="cpu", precision="bf16").name == "torch"


def test_the_command_for_a_missing_export_works(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError) as raised:
        open_backend(model_folder, "onnx", precision="int8")
    assert f"ocrx export --model {model_folder} --data DATA --format onnx --precision int8" in str(raised.value.hint)
    monkeypatch.setattr("ocrx.model_folder.EMBEDDED_DIR", model_folder.parent)
    with pytest.raises(ModelError) as raised:
        open_backend(model_folder, "onnx", precision="int8")
    command = "ocrx export --model random --output DIR --data DATA --format onnx --precision int8"
    assert f"`{command}`, then `--model DIR`" in str(raised.value.hint)


@pytest.mark.parametrize(("device", "number"), [("gpu", 0), ("gpu:1", 1), ("cuda:12", 12)])
def test_onnx_runtime_gets_the_number_of_the_gpu(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, device: str, number: int
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    session, asked = ort.InferenceSession, []

    def open_session(model: str, options: ort.SessionOptions, providers: list[object], **others: object) -> object:
        asked.extend(providers)
        return session(model, options, providers=["CPUExecutionProvider"], **others)

    monkeypatch.setattr(ort, "InferenceSession", open_session)
    open_backend(model_folder, "onnx", device)
    assert asked == [("CUDAExecutionProvider", {"device_id": number}), "CPUExecutionProvider"]


def test_threads_are_honoured(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_backend(model_folder, "onnx", threads=3).threads == 3
    before = torch.get_num_threads()
    try:
        open_backend(model_folder, "torch", "cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert available_cores() == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backend": "tensorflow"}, ConfigError, "expected one of auto, torch, torch-compile, onnx"),
        ({"precision": "fp8"}, ConfigError, "expected one of fp32"),
        ({"backend": "torch", "device": "gpu:99"}, BackendError, "no GPU 99"),
        ({"backend": "torch", "device": "toaster"}, ConfigError, "toaster"),
        ({"backend": "onnx", "device": "gpu:99"}, BackendError, "onnx"),
        ({"backend": "onnx", "precision": "int8"}, ModelError, "model.int8.onnx"),
        ({"backend": "torch", "precision": "int8"}, ConfigError, "int8"),
        ({"backend": "torchscript", "precision": "int8"}, ConfigError, "torchscript: precision 'int8'"),
        ({"backend": "onnx", "precision": "bf16"}, ConfigError, "onnx: precision 'bf16'"),
    ],
)
def test_missing_files_are_named(
    model_folder: Path, arguments: dict[str, str], error: type[OcrxError], message: str
) -> None:
    with pytest.raises(error, match=message):
        open_backend(model_folder, **arguments)


def test_a_runtime_that_is_not_installed_is_named(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrx.backends.find_spec", lambda name: None)
    with pytest.raises(BackendError, match="openvino is not installed") as raised:
        open_backend(model_folder, "openvino")
    assert "ocrx[openvino]" in str(raised.value.hint)


def test_files_that_are_not_a_model_are_named(model_folder: Path, tmp_path: Path) -> None:
    for content in (b"", b"text", (model_folder / "inference" / "model.onnx").read_bytes()[:5000]):
        (tmp_path / "model.onnx").write_bytes(content)
        with pytest.raises(ModelError, match=r"model\.onnx"):
            OnnxBackend(tmp_path / "model.onnx")
    foreign = onnx.load(str(model_folder / "inference" / "model.onnx"))
    del foreign.metadata_props[:]
    onnx.save(foreign, str(tmp_path / "model.onnx"))
    with pytest.raises(ModelError, match="not one of ocrx"):
        OnnxBackend(tmp_path / "model.onnx")


def test_images_that_do_not_fit_are_a_named_error(model_folder: Path) -> None:
    with pytest.raises(BackendError, match="onnx"):
        open_backend(model_folder, "onnx").logits(np.zeros((1, 3, 32, 64), dtype=np.float32))


def test_a_live_model_keeps_its_mode(model_folder: Path) -> None:
    model, spec = load_model(model_folder)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    TorchBackend(model, spec).logits(np.ones((2, 1, 32, 64), dtype=np.float32))
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_device_names() -> None:
    assert torch_device("cpu").type == "cpu"
    assert torch_device("auto").type in ("cpu", "cuda", "mps")
    for wrong in ("", "gpu:", "gpu:x", "cpu:0"):
        with pytest.raises(ConfigError):
            torch_device(wrong)


def test_reading_with_onnx_never_imports_torch(model_folder: Path, images: Path) -> None:
    code = (
        "import sys, json; from ocrx.cli.app import main;"
        f"code = main(['predict', {str(images)!r}, '--model', {str(model_folder)!r}, '--jsonl']);"
        "print(json.dumps([code, sorted({m.partition('.')[0] for m in sys.modules})]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 0
    assert len(done.stdout.splitlines()) == 11
    assert "onnxruntime" in modules
    assert not {"torch", "torchvision", "matplotlib", "onnx", "http", "jinja2"} & set(modules)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler here")
@pytest.mark.filterwarnings("default")  # torch's compiler warns of itself
def test_a_compiled_network_gives_the_same_logits() -> None:
    spec = ModelSpec("tiny", {}, ("a",), ImageSpec(height=8), FrameSpec())
    torch.manual_seed(0)
    eager = TorchBackend(torch.nn.Sequential(torch.nn.AvgPool2d((8, 1)), torch.nn.Conv2d(1, 2, 1)).eval(), spec)
    compiled = CompiledBackend(eager)
    for batch in sample_images(spec):
        assert np.abs(compiled.logits(batch) - eager.logits(batch)).max() < 1e-5


@pytest.fixture
def bare(folder: Path, tmp_path: Path) -> Path:
    """Only exports: no weights, no model.onnx."""
    place = tmp_path / "bare"
    place.mkdir()
    for name, source in (("model.json", "model.json"), ("model.pt", "inference/model.pt")):
        shutil.copy(folder / source, place / name)
    return place


def test_auto_takes_what_a_folder_of_exports_holds(folder: Path, bare: Path) -> None:
    shutil.copy(folder / "inference" / "model.onnx", bare / "model.int8.onnx")
    shutil.copy(folder / "inference" / "model.onnx", bare / "model.xml")
    assert choose_backend(bare, "cpu") == ("openvino", "fp32"), "of the precision asked for before another"
    (bare / "model.xml").unlink()
    assert choose_backend(bare, "cpu", "int8") == ("onnx", "int8")
    assert choose_backend(bare, "cpu", "bf16") == ("openvino", "bf16"), "ONNX Runtime has none"
    (bare / "model.pt").unlink()
    assert choose_backend(bare, "cpu") == ("onnx", "int8")
    assert open_backend(bare, device="cpu").name == "onnx"


@pytest.mark.parametrize("path", [".", "model.pt"])
def test_torchscript_is_read_on_request_only_and_with_a_warning(
    bare: Path, path: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(torch.jit, "load", lambda *given, **options: pytest.fail("code from the file was run"))
        with pytest.raises(ModelError, match="a TorchScript file, which runs code") as error:
            open_backend(bare / path, device="cpu")
    assert "--backend torchscript" in str(error.value.hint)
    assert open_backend(bare / path, "torchscript", "cpu").name == "torchscript"
    assert "model.pt: TorchScript runs code from the file" in caplog.text


def test_tuned_settings_that_lie_in_the_folder_do_not_ask_for_torchscript(folder: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(folder, tmp_path / "tuned"))
    save_tuned_settings(place, TunedSettings("torchscript", "fp32", 1, 4, 100.0))
    assert create_model(model_dir=place, use_hpip=True, device="cpu").backend.name == "onnx"
    opened = create_model(model_dir=place, use_hpip=True, device="cpu", backend="torchscript")
    assert (opened.backend.name, opened.batch_size) == ("torchscript", 4)


def test_a_file_that_is_named_is_the_one_that_is_read(folder: Path, bare: Path) -> None:
    assert open_backend(folder / "model.safetensors", device="cpu").name == "torch"
    assert open_backend(folder / "inference" / "model.pt", "torchscript", "cpu").name == "torchscript"
    assert open_backend(folder / "model.json", device="cpu").name == "onnx"
    assert open_backend(folder / "best_accuracy.pdparams", device="cpu").name == "onnx"
    inner = bare / "inference"
    inner.mkdir()
    shutil.copy(folder / "inference" / "model.onnx", inner / "model.onnx")
    (inner / "model.int8.onnx").write_bytes(b"another file")
    assert open_backend(inner / "model.onnx", device="cpu").name == "onnx"
    with pytest.raises(ModelError, match=r"model\.int8\.onnx: cannot be loaded"):
        open_backend(inner / "model.int8.onnx")
    (bare / "model.onnx").write_bytes(b"another file")
    with pytest.raises(ModelError, match=r"bare/model\.onnx: cannot be loaded"):
        open_backend(bare / "model.onnx")
    assert open_backend(inner / "model.onnx", device="cpu").name == "onnx", "not the one above it"


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("inference/model.onnx", {"backend": "torch"}, ConfigError, "read by onnx or openvino; backend 'torch'"),
        ("inference/model.onnx", {"precision": "int8"}, ConfigError, "holds fp32; precision 'int8'"),
        ("notes.txt", {}, ModelError, "not a model file"),
    ],
)
def test_a_file_and_an_option_that_contradict_are_named(
    folder: Path, tmp_path: Path, name: str, options: dict[str, str], error: type[OcrxError], message: str
) -> None:
    place = Path(shutil.copytree(folder, tmp_path / "model"))
    (place / "notes.txt").write_text("text")
    with pytest.raises(error, match=message):
        open_backend(place / name, **options)


def with_charset(spec: ModelSpec, size: int) -> ModelSpec:
    return replace(spec, charset=tuple(chr(0x4E00 + number) for number in range(size)))


@pytest.mark.parametrize("characters", [26, 28])
@pytest.mark.parametrize("symbolic", [False, True])
def test_an_onnx_model_with_another_charset_is_refused(
    model_folder: Path, tmp_path: Path, characters: int, symbolic: bool
) -> None:
    model = onnx.load(str(model_folder / "inference" / "model.onnx"))
    spec = with_charset(open_backend(model_folder, "torch").spec, characters)
    onnx.helper.set_model_props(model, {"ocrx": spec.to_json()})
    if symbolic:
        model.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "classes"
    for folder in (tmp_path, tmp_path / "inference"):
        folder.mkdir(exist_ok=True)
        onnx.save(model, str(folder / "model.onnx"))
        (folder / "model.json").write_text(spec.to_json(), encoding="utf-8")
    readers = ["onnx", "openvino"] if find_spec("openvino") else ["onnx"]
    for reader in readers:
        with pytest.raises(ModelError, match=rf"model\.onnx: its network has 28 classes; expected {characters + 1}"):
            open_backend(tmp_path, reader, "cpu")


def test_torchscript_and_weights_with_another_charset_are_refused(folder: Path, tmp_path: Path) -> None:
    spec = with_charset(open_backend(folder, "torch").spec, 26)
    network, _ = load_model(folder)
    trace_script(network.eval(), spec, torch.float32, tmp_path / "model.pt", {"ocrx.json": spec.to_json()})
    shutil.copy(folder / "model.safetensors", tmp_path / "model.safetensors")
    (tmp_path / "model.json").write_text(spec.to_json(), encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.pt: its network has 28 classes; expected 27"):
        open_backend(tmp_path, "torchscript", "cpu")
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        open_backend(tmp_path, "torch", "cpu")
