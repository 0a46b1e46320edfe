"""``ocrx models``: where each model would come from, fetching ahead, freeing the cache."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrx.cli.app import app, main
from ocrx.zoo import sources


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OCRX_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "_WHEELS", {})
    return tmp_path


def test_the_source_of_each_model_is_known(cache: Path) -> None:
    (cache / "models" / "PP-OCRv4_mobile_rec").mkdir(parents=True)
    (cache / "models" / "PP-OCRv4_mobile_rec" / "model.json").touch()
    rows = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    places = {row["name"]: row["place"] for row in rows}
    assert places["printed_en"] == "embedded"
    assert places["PP-OCRv4_mobile_rec"] == "cached"
    assert places["korean_PP-OCRv5_mobile_rec"] == "download"
    assert places["crnn"] == places["SVTRv2_tiny"] == "training only"
    assert "download of 14 MB" in CliRunner().invoke(app, ["models", "korean_PP-OCRv5"]).stdout


def test_published_figures_and_confidence(cache: Path) -> None:
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)}
    v4, v5 = rows["PP-OCRv4_mobile_rec"], rows["en_PP-OCRv5_mobile_rec"]
    assert (v4["published_gpu_ms"], v4["published_cpu_ms"]) == ([4.82, 1.2], [16.74, 4.64])
    assert "78.74 % on the set of 3.0-rc0" in v4["source"]
    assert (v5["published_accuracy"], v5["published_mb"], v5["download_mb"]) == (85.25, None, 7.8)
    assert {name: rows[name]["calibrated"] for name in ("printed_latin", "crnn", v4["name"])} == {
        "printed_latin": True,
        "crnn": None,
        v4["name"]: False,
    }
    listed = CliRunner().invoke(app, ["models", "PP-OCRv4_mobile"])
    assert "4.82 / 1.2\t16.74 / 4.64" in listed.stdout and "\tno\t" in listed.stdout
    assert "--calibrate` fits one" in listed.stderr.replace("\n", " ")
    assert "calibrate" not in CliRunner().invoke(app, ["models", "crnn"]).stderr


@pytest.mark.parametrize("width", [60, 120, 400])
def test_a_terminal_shows_names_whole_and_says_what_it_has_no_room_for(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["models", "PP-OCRv5"]) == 0
    shown, said = capsys.readouterr()
    assert "korean_PP-OCRv5_mobile_rec" in shown and "devanagari_PP-OCRv5_mobile_rec" in shown
    plain = re.sub(r"\x1b\[\d*m", "", shown)
    assert "…" not in plain and max(map(len, plain.splitlines())) <= width
    assert ("not shown here" in said) == (width < 400)
    assert ("official weights" in said) == (width < 400)


def test_remove(cache: Path) -> None:
    (cache / "models" / "te_PP-OCRv5_mobile_rec").mkdir(parents=True)
    result = CliRunner().invoke(app, ["models", "--remove", "te_PP-OCRv5_mobile_rec", "--remove", "nothing"])
    assert result.exit_code == 0
    assert not (cache / "models" / "te_PP-OCRv5_mobile_rec").exists()
    assert "te_PP-OCRv5_mobile_rec: removed from the cache" in result.stderr
    assert "nothing: not in the cache" in result.stderr


def test_downloading_a_model_without_downloadable_weights(cache: Path) -> None:
    result = CliRunner().invoke(app, ["models", "--download", "PP-OCRv4_mobil_rec"])
    assert result.exit_code != 0 and "PP-OCRv4_mobile_rec" in str(getattr(result.exception, "hint", result.stderr))
