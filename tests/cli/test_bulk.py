"""The command ``ocrx bulk``: exit codes and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocrx.cli.app import main


def test_a_job_and_its_status(
    images: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bulk", str(images), "--output", str(tmp_path / "out"), "--model", str(model_folder), "--json"]
    command += ["--workers", "1", "--shard-size", "4", "--format", "csv"]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    success = json.loads((tmp_path / "out" / "_SUCCESS").read_text())
    assert {name: success[name] for name in ("rows", "errors", "digest")} == report["total"]
    assert main(["bulk", "status", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["done_rows"], found["complete"]) == (report["total"]["rows"], True)
    assert main(["bulk", "status", str(tmp_path / "out")]) == 0
    assert "lines done\t" in capsys.readouterr().out

    (images / "damaged.png").write_bytes(b"\x89PNG")
    command[3] = str(tmp_path / "other")
    assert main(command) == 1
    assert "1 lines are errors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["bulk", "DIR"], 2, "--output: missing"),
        (["bulk", "DIR", "DIR", "--output", "out"], 2, "two inputs"),
        (["bulk", "DIR", "--output", "out", "--shard", "1-2"], 2, "--shard: '1-2'; expected I/N"),
        (["bulk", "DIR", "--output", "out", "--format", "xml"], 2, "format: 'xml'"),
        (["bulk", "DIR/none", "--output", "out"], 1, "no such folder"),
        (["bulk", "DIR", "--output", "out"], 1, "no images"),
        (["bulk", "status", "DIR"], 1, "no bulk job"),
        (["bulk", "nothing://x/y.csv", "--output", "out"], 2, "nothing://x/y.csv: cannot be used"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main([argument.replace("DIR", str(tmp_path / "empty")) for argument in arguments]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
