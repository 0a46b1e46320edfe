from __future__ import annotations

import json

import pytest

from ocrx.cli.app import main
from ocrx.version import __version__


def test_the_report_names_versions_and_hardware(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ocrx"] == __version__
    assert report["cores"] >= 1 and report["processor"] and "cpu" in report["devices"]
    assert report["packages"]["numpy"] and "onnx" in report["backends"] and report["embedded_models"]


def test_rows_in_a_pipe_are_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    rows = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert rows["ocrx"] == __version__
