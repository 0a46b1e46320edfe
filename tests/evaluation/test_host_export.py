"""Model folders exported for other pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrx.data.formats.layouts import read_dataset
from ocrx.errors import BackendError
from ocrx.evaluation import host_export
from ocrx.evaluation.host_export import export_for_host


def test_a_folder_is_exported_compared_and_checked(model_folder: Path, line_folder: Path, tmp_path: Path) -> None:
    samples = read_dataset(line_folder).train
    done = export_for_host(model_folder, "rapidocr", samples, tmp_path / "out")
    assert done.exported.file == tmp_path / "out" / "rapidocr.onnx" and done.exported.file.is_file()
    assert done.exported.lines == len(samples) and done.exported.largest_difference < 0.05
    assert done.exported.accuracy is not None and done.exported.accuracy_before is not None
    assert str(tmp_path / "out" / "rapidocr.onnx") in done.example


def test_a_host_that_reads_otherwise_is_an_error_and_leaves_nothing(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_export, "read_in_host", lambda host, files, lines: ["nothing of it"] * len(lines))
    with pytest.raises(BackendError, match="rapidocr: reads 'nothing of it' where the file gives"):
        export_for_host(model_folder, "rapidocr", (), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_the_host_the_file_alone_is_checked(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_export, "read_in_host", lambda host, files, lines: None)
    done = export_for_host(model_folder, "paddlex", (), tmp_path / "out")
    assert not done.checked and done.exported.accuracy is None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["inference.onnx", "inference.yml"]
