"""A package of an extra that is not installed is one error that names the ``pip install``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.lines import draw_line

from ocrx.cli.app import main

# Command without its folders, module that is missing, extra that brings it.
COMMANDS = [
    (["predict", "a.pdf"], "pypdfium2", "pdf"),
    (["predict", "a.png", "--lines", "detect"], "rapidocr", "page"),
    (["predict", "a.png", "--backend", "openvino"], "openvino", "openvino"),
    (["export", "--model", "printed_en", "--format", "openvino", "--output", "out"], "openvino", "openvino"),
    (["check-dataset", "lmdb", "--convert-to", "csv", "--output", "out"], "lmdb", "lmdb"),
    (["check-dataset", "set", "--convert-to", "lmdb", "--output", "out"], "lmdb", "lmdb"),
    (["serve", "--port", "0"], "uvicorn", "serve"),
    (["review", "set", "--no-browser"], "fastapi", "serve"),
    (["bulk", "a.png", "--output", "out"], "pyarrow", "bulk"),
    (["bulk", "a.parquet", "--output", "out", "--format", "csv"], "pyarrow", "bulk"),
    (["bulk", "s3://bucket/a.csv", "--output", "out", "--format", "csv"], "fsspec", "bulk"),
    (["bulk", "a.png", "--output", "out", "--format", "csv", "--ray", "local"], "ray", "ray"),
    (["train", "set", "-c", "printed_en", "-o", "Train.tensorboard=true"], "tensorboard", "tensorboard"),
]


@pytest.mark.parametrize(("arguments", "module", "extra"), COMMANDS)
def test_the_command_that_installs_it_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    module: str,
    extra: str,
) -> None:
    draw_line("one").save(tmp_path / "a.png")
    draw_line("one").convert("RGB").save(tmp_path / "a.pdf")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for name in ("set", "lmdb"):
        (tmp_path / name).mkdir()
    draw_line("one").save(tmp_path / "set" / "a.png")
    for name in ("train.txt", "val.txt"):
        (tmp_path / "set" / name).write_text("a.png\tone\n" * 12)
    (tmp_path / "lmdb" / "data.mdb").write_bytes(bytes(8192))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not there

    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert f"pip install 'ocrx[{extra}]'" in said and "Traceback" not in said
