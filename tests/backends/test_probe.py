"""Reduced precision is checked once a machine, and refused where the machine computes it wrongly."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

from ocrx.backends import Backend, open_backend
from ocrx.backends.probe import Probe, probe_path
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import BackendError, ModelError
from ocrx.evaluation.exporter import export_folder
from ocrx.export.graph import probe_images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ocrx" / "probes"


@pytest.fixture
def int8(model_folder: Path, line_folder: Path, tmp_path: Path) -> Path:
    """A folder that holds nothing but an export in int8."""
    samples = list(read_dataset(line_folder).samples)
    export_folder(model_folder, "onnx", "int8", samples, max_loss=1.0, target=tmp_path / "int8")
    return tmp_path / "int8"


class Shifted:
    """A back end whose logits are wrong by as much as they are large."""

    def __init__(self, backend: Backend, factor: float) -> None:
        self.spec, self.name, self.threads, self.parallel, self.pixels = backend.spec, "shifted", 1, 1, None
        self._backend, self._factor = backend, np.float32(factor)

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self._backend.logits(images) * self._factor


def spoil(folder: Path) -> None:
    """Let the probe expect what no machine computes."""
    path = folder / "model.int8.onnx.probe.safetensors"
    probe = Probe.load(path)
    replace(probe, logits=[logits[:, ::-1].copy() for logits in probe.logits], tolerance=0.1).save(path)


def test_the_error_is_relative_and_the_file_keeps_everything(model_folder: Path, tmp_path: Path) -> None:
    backend = open_backend(model_folder, "onnx")
    probe = Probe.measure(backend, Shifted(backend, 1.1), probe_images(backend.spec))
    assert probe.error(Shifted(backend, 1.1)) == pytest.approx(0.1, rel=1e-3)
    assert probe.tolerance == pytest.approx(0.21, rel=1e-2)
    probe.save(tmp_path / "probe")
    loaded = Probe.load(tmp_path / "probe")
    assert loaded.error(backend) == 0.0 and loaded.tolerance == probe.tolerance
    assert (tmp_path / "probe").stat().st_size < 200_000
    with pytest.raises(BackendError, match="not numbers"):
        Probe.measure(backend, Shifted(backend, np.nan), probe_images(backend.spec))


def test_what_this_machine_computes_wrongly_is_refused(int8: Path, cache: Path) -> None:
    spoil(int8)
    for _ in range(2):
        with pytest.raises(BackendError, match=r"model\.int8\.onnx: onnx .* computes int8 wrongly.*expected") as error:
            open_backend(int8, "onnx", precision="int8")
        assert "--precision fp32" in str(error.value.hint)
    assert not cache.exists()


def test_a_check_that_passed_is_not_computed_again(int8: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_backend(int8, precision="int8")
    assert len(list(cache.iterdir())) == 1
    computed: list[Backend] = []
    monkeypatch.setattr(Probe, "error", lambda self, backend: computed.append(backend) or 0.0)
    open_backend(int8, precision="int8")
    assert not computed
    monkeypatch.setattr("ocrx.backends.probe.processor_features", lambda: ["SSE2"])
    open_backend(int8, precision="int8")
    assert len(computed) == 1, "another processor"
    with (int8 / "model.int8.onnx").open("ab") as file:
        file.write(b"\x9a\x01\x00")  # an empty field of the model
    open_backend(int8, precision="int8")
    assert len(computed) == 2, "another file"
    assert len(list(cache.iterdir())) == 3


def test_a_cache_that_cannot_be_written_only_costs_time(int8: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert open_backend(int8, precision="int8").name == "onnx"


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_a_damaged_probe_is_named(int8: Path, content: bytes) -> None:
    (int8 / "model.int8.onnx.probe.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"probe\.safetensors: damaged"):
        open_backend(int8, precision="int8")


def test_an_export_without_a_probe_is_read_with_a_notice(
    int8: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session, settings = ort.InferenceSession, []
    key = "session.x64quantprecision"

    def open_session(model: str, options: ort.SessionOptions, **others: object) -> object:
        try:
            settings.append(options.get_session_config_entry(key))
        except RuntimeError:
            settings.append(None)
        return session(model, options, **others)

    monkeypatch.setattr(ort, "InferenceSession", open_session)
    with caplog.at_level(logging.WARNING):
        open_backend(int8, precision="int8")
        assert not caplog.records
        (int8 / "model.int8.onnx.probe.safetensors").unlink()
        open_backend(int8, precision="int8")
    assert "exported without a check of int8 arithmetic" in caplog.text
    assert settings == [None, "1"], "slower kernels, which do not overflow, for weights of 8 bits"


@pytest.mark.parametrize(
    ("file", "precision", "probe"),
    [
        ("model.int8.onnx", "int8", "model.int8.onnx.probe.safetensors"),
        ("model.xml", "bf16", "model.bf16.xml.probe.safetensors"),
        ("model.fp16.pt", "fp16", "model.fp16.pt.probe.safetensors"),
    ],
)
def test_each_file_and_precision_has_a_probe_of_its_own(file: str, precision: str, probe: str) -> None:
    assert probe_path(Path("model", file), precision) == Path("model", probe)
