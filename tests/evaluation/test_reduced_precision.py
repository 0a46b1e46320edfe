"""Reduced precision is made once, checked on lines with known texts, and refused where it reads worse."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ocrx.arrays import Floats
from ocrx.backends import Backend, open_backend
from ocrx.backends.onnx import OnnxBackend
from ocrx.backends.probe import verify
from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import BackendError
from ocrx.evaluation.reduced_precision import PrecisionCheck, make_int8, rendered_samples
from ocrx.model_folder import local_exports, read_spec


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.int8.*")))


@pytest.fixture
def embedded(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same model as if it were part of the package."""
    monkeypatch.setattr("ocrx.model_folder.EMBEDDED_DIR", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


class Changed(OnnxBackend):
    """Another network by accident."""

    def logits(self, images: Floats) -> Floats:
        return np.roll(super().logits(images), 1, axis=2)


def test_int8_of_an_embedded_model_goes_into_the_cache_and_is_read_from_there(
    embedded: Path, line_folder: Path
) -> None:
    samples = read_dataset(line_folder).train
    before = sorted(embedded.rglob("*"))
    file = make_int8(embedded, samples, 1.0)
    assert file is not None and file.parent == local_exports(embedded) and file.is_file()
    assert sorted(embedded.rglob("*")) == before
    assert make_int8(embedded, samples, 1.0) is None, "it is made once"

    opened = open_backend(embedded, "onnx", "cpu", 1, "int8")
    image = np.zeros((1, 1, opened.spec.image.height, 64), np.float32)
    assert np.array_equal(opened.logits(image), OnnxBackend(file).logits(image))


def test_another_version_of_the_network_does_not_read_it(embedded: Path, line_folder: Path) -> None:
    before = local_exports(embedded)
    model = embedded / "inference" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    assert local_exports(embedded) != before


def test_int8_that_reads_worse_is_not_kept(folder: Path, line_folder: Path) -> None:
    with pytest.raises(BackendError, match="expected a loss of at most"):
        make_int8(folder, read_dataset(line_folder).train, -0.1)
    assert not list(folder.rglob("*int8*"))


def test_a_back_end_that_reads_worse_is_objected_to(folder: Path, line_folder: Path) -> None:
    samples = read_dataset(line_folder).train
    check = PrecisionCheck(folder, samples, 0.003)
    file = folder / "inference" / "model.onnx"
    assert check.objection(OnnxBackend(file), "int8") is None
    if check.accuracy > 0.003:
        assert "in fp32" in str(check.objection(Changed(file), "int8"))
    assert "expected a loss of at most -1" in str(
        PrecisionCheck(folder, samples, -1.0).objection(OnnxBackend(file), "int8")
    )


def test_bf16_that_reads_well_gets_a_probe_which_detects_a_wrong_machine(embedded: Path, line_folder: Path) -> None:
    pytest.importorskip("openvino")
    backend = open_backend(embedded, "openvino", "cpu", 1, "bf16")
    check = PrecisionCheck(embedded, read_dataset(line_folder).train, 1.0)
    assert check.objection(backend, "bf16") is None
    verify(backend, embedded, "cpu", "bf16")

    class Wrong:
        name, spec = "openvino", backend.spec

        def logits(self, images: Floats) -> Floats:
            return -backend.logits(images)

    wrong: Backend = Wrong()  # type: ignore[assignment]
    shutil.rmtree(embedded.parent / "cache" / "ocrx" / "probes", ignore_errors=True)
    with pytest.raises(BackendError, match="computes bf16 wrongly"):
        verify(wrong, embedded, "cpu", "bf16")


def test_rendered_lines_are_in_the_characters_of_the_model(folder: Path, tmp_path: Path) -> None:
    spec = read_spec(folder)
    (tmp_path / "lines").mkdir()
    samples = rendered_samples(spec, 5, tmp_path / "lines")
    assert len(samples) == 5 and all(sample.image.is_file() for sample in samples)
    assert set("".join(sample.text for sample in samples)) <= set(spec.charset)
    (tmp_path / "again").mkdir()
    assert [sample.text for sample in rendered_samples(spec, 5, tmp_path / "again")] == [s.text for s in samples]
