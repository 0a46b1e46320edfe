"""The command ``ocrx bulk``: exit codes and what it prints."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("twice.csv", [], "column 'id' repeats 1 ids: '7' in rows 0, 1"),
        ("cut.parquet", [], "cut.parquet: damaged or truncated Parquet"),
        ("two.tar", [], "a.png and a.jpg are images of one sample"),
        ("images", ["--ray", "auto"], "auto: needs ray, which is not installed"),
    ],
)
def test_what_cannot_be_read_ends_with_1_before_anything_is_read(
    source: str,
    options: list[str],
    message: str,
    images: Path,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ocrx.bulk.cluster.find_spec", lambda name: None)
    (tmp_path / "twice.csv").write_text("path,id\na.png,7\nb.png,7\n")
    pq.write_table(pa.table({"path": ["a.png"] * 99}), tmp_path / "cut.parquet")
    content = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(content[: len(content) // 2])
    with tarfile.open(tmp_path / "two.tar", "w") as archive:
        for name in ("a.png", "a.jpg"):
            archive.add(images / "00.png", name)

    assert main(["bulk", source, "--output", "out", "--model", str(model_folder), *options]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("out/part-*"))


def test_a_missing_image_is_an_error_row_and_the_others_are_read(
    images: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "lines.csv"
    manifest.write_text("path\nimages/00.png\nimages/gone.png\nimages/00.png\n")
    command = ["bulk", str(manifest), "--output", str(tmp_path / "out"), "--model", str(model_folder)]
    assert main([*command, "--workers", "1", "--format", "jsonl"]) == 1
    assert "1 lines are errors" in capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "out" / "part-00000.jsonl").read_text().splitlines()]
    assert [row["error"] for row in rows] == [None, "images/gone.png: no such file", None]
    assert rows[0]["rec_text"] == rows[2]["rec_text"]
