from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest

from ocrx import create_model
from ocrx.backends import Backend, open_backend
from ocrx.cli.app import main
from ocrx.errors import ModelError
from ocrx.evaluation.reduced_precision import PrecisionCheck
from ocrx.inference.recognizer import Recognizer
from ocrx.inference.tuned_settings import TunedSettings, load_tuned_settings, machine, save_tuned_settings

QUICK = ("-o", "Benchmark.seconds=0", "-o", "Benchmark.lines=4", "--batch-size", "2")


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_measurements_as_table_json_and_csv(
    capsys: pytest.CaptureFixture[str], folder: Path, images: Path, tmp_path: Path
) -> None:
    (images / "broken.png").write_bytes(b"no image")
    arguments = ["benchmark", str(images), "-m", str(folder), "--output", str(tmp_path / "out"), *QUICK]
    assert main([*arguments, "--backend", "onnx", "--backend", "torch", "--threads", "1"]) == 0
    out, err = capsys.readouterr()
    head, *rows = [line.split("\t") for line in out.splitlines()]
    assert {row[0] for row in rows} == {"onnx", "torch"} and len(head) == len(rows[0]) == 14
    assert all(float(row[head.index("ms per line")]) > 0 for row in rows)
    assert "4 lines" in err and "lines/s" in err
    report = json.loads((tmp_path / "out" / "benchmark.json").read_text(encoding="utf-8"))
    assert set(report["summary"]) == {"Preprocessing", "Inference", "Postprocessing", "Core", "End-to-End"}
    assert report["timings"][0]["ms_per_line"] <= report["timings"][1]["ms_per_line"]
    assert all(timing["changed"] == timing["text_mismatch_rate"] == 0 for timing in report["timings"])
    detail = list(csv.DictReader((tmp_path / "out" / "detail.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["operation"] for row in detail[:4]] == ["read", "prepare", "network", "decode"]
    assert not (folder / "tuned.json").exists()


def test_the_fastest_settings_are_noted_and_used(
    capsys: pytest.CaptureFixture[str], folder: Path, line_folder: Path, tmp_path: Path
) -> None:
    arguments = ["benchmark", "--data", str(line_folder), "-m", str(folder), "--output", str(tmp_path / "out"), *QUICK]
    assert main([*arguments, "--backend", "onnx", "--threads", "1", "--tune", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["choice"]["backend"] == "onnx"
    assert "--hpip" in err and "not measured: onnx bf16" in err
    made = folder / "inference" / "model.int8.onnx"
    assert f"made {made}" in err and made.is_file(), "int8 is made where there is none"
    tuned = load_tuned_settings(folder)
    assert tuned is not None and (tuned.threads, tuned.batch_size) == (1, 2)
    model = create_model(model_dir=folder, use_hpip=True)
    assert (model.backend.name, model.backend.threads, model.batch_size) == ("onnx", 1, 2)
    assert main(["predict", str(line_folder / "images"), "-m", str(folder), "--hpip"]) == 0


def test_explicit_settings_win_over_tuned_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, str]] = []

    def opened(path: Path, backend: str, device: str, threads: int, precision: str) -> Backend:
        asked.append((backend, threads, precision))
        return open_backend(path, "torch")

    monkeypatch.setattr("ocrx.inference.opening.open_backend", opened)
    save_tuned_settings(folder, TunedSettings("onnx", "int8", 3, 2, 100.0))
    for given in ({}, {"precision": "fp32"}, {"backend": "onnx"}, {"backend": "torch"}, {"precision": "int8"}):
        create_model(model_dir=folder, use_hpip=True, **given)
    create_model(model_dir=folder, use_hpip=True, threads=1)
    tuned = ("onnx", 3, "int8")
    assert asked == [tuned, ("auto", 3, "fp32"), tuned, ("torch", 3, "fp32"), tuned, ("onnx", 1, "int8")]


def test_a_reduced_precision_that_reads_worse_is_not_chosen(
    capsys: pytest.CaptureFixture[str], folder: Path, line_folder: Path, tmp_path: Path
) -> None:
    arguments = ["benchmark", "--data", str(line_folder), "-m", str(folder), "--output", str(tmp_path / "out"), *QUICK]
    strict = ["-o", "Benchmark.max_loss=0", "-o", "Benchmark.precisions=[fp32, bf16]"]

    def worse(self: PrecisionCheck, backend: Backend, precision: str) -> str:
        return f"{precision} reads worse"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrecisionCheck, "objection", worse)
        assert main([*arguments, "--backend", "torch", "--threads", "1", "--tune", *strict]) == 0
    assert "not measured: torch bf16: bf16 reads worse" in capsys.readouterr().err
    tuned = load_tuned_settings(folder)
    assert tuned is not None and tuned.precision == "fp32"


def test_tuned_precision_that_is_gone_is_read_in_fp32_with_a_warning(
    folder: Path, line_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_tuned_settings(folder, TunedSettings("onnx", "int8", 1, 2, 100.0))
    model = create_model(model_dir=folder, use_hpip=True)
    assert (model.backend.name, model.backend.threads, model.batch_size) == ("onnx", 1, 2)
    assert "model.int8.onnx; read in fp32" in caplog.text
    with pytest.raises(ModelError, match=r"int8\.onnx"):
        create_model(model_dir=folder, use_hpip=True, precision="int8")


def test_the_command_line_goes_before_what_was_tuned(
    folder: Path, line_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    submit = Recognizer._submit

    def seen(self: Recognizer, lines: list[Any], batch_size: int, network: Executor) -> Any:
        sizes.append(batch_size)
        return submit(self, lines, batch_size, network)

    monkeypatch.setattr(Recognizer, "_submit", seen)
    save_tuned_settings(folder, TunedSettings("onnx", "int8", 1, 2, 100.0))
    arguments = ["predict", str(line_folder / "images"), "-m", str(folder), "--hpip"]
    assert main([*arguments, "--precision", "fp32"]) == 0  # there is no int8 file
    assert set(sizes) == {2}
    for size in (5, 16):  # 16 is the size without tuning
        sizes.clear()
        assert main([*arguments, "--precision", "fp32", "--batch-size", str(size)]) == 0
        assert set(sizes) == {size}


def test_a_model_without_tuned_settings_reads_with_defaults_and_says_so_once(folder: Path, line_folder: Path) -> None:
    arguments = ["predict", str(line_folder / "images"), "-m", str(folder)]
    code = "import sys; from ocrx.cli.app import main; sys.exit(main(sys.argv[1:]))"
    plain, tuned = (
        subprocess.run([sys.executable, "-c", code, *arguments, *more], capture_output=True, text=True, check=True)
        for more in ((), ("--hpip",))
    )
    assert tuned.stdout == plain.stdout
    assert len(tuned.stderr.splitlines()) == len(plain.stderr.splitlines()) + 1
    assert "never tuned" in tuned.stderr and "never tuned" not in plain.stderr


def test_nothing_is_written_beside_an_embedded_model(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrx.model_folder.EMBEDDED_DIR", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = sorted(folder.rglob("*"))
    arguments = ["benchmark", "-m", str(folder), "--output", str(tmp_path / "out"), *QUICK, "--backend", "onnx"]
    assert main([*arguments, "--tune", "--threads", "1"]) == 0
    assert sorted(folder.rglob("*")) == before
    assert str(tmp_path / "cache" / "ocrx" / "model" / "tuned.json") in capsys.readouterr().err
    assert create_model(model_dir=folder, use_hpip=True).batch_size == 2


def test_settings_for_other_machines_stay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = TunedSettings("onnx", "fp32", 1, 8, 100.0)
    save_tuned_settings(folder, first)
    monkeypatch.setattr("ocrx.inference.tuned_settings.machine", lambda: "another")
    assert load_tuned_settings(folder) is None
    save_tuned_settings(folder, TunedSettings("openvino", "bf16", 2, 1, 200.0))
    monkeypatch.undo()
    assert load_tuned_settings(folder) == first
    assert "cores" in machine()


def test_nothing_to_measure_is_an_error(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    assert main(["benchmark", "none.png", "-m", str(folder), "--output", str(tmp_path), *QUICK]) == 1
    assert "none.png: no such file" in capsys.readouterr().err
    assert main(["benchmark", "-m", str(folder), "--output", str(tmp_path), *QUICK, "--backend", "tensorflow"]) == 1
    assert "expected one of auto" in capsys.readouterr().err


def test_without_lines_some_are_rendered(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    arguments = ["-m", str(folder), "--output", str(tmp_path), *QUICK, "--backend", "onnx"]
    assert main(["benchmark", *arguments]) == 0
    assert "4 lines: rendered" in capsys.readouterr().err
